"""Verifiers that need a library: JSON Schema (jsonschema) and quantities with units (pint)."""

from herokit_structured.quantity import Quantity
from herokit_structured.schema import JsonSchema

__all__ = ["JsonSchema", "Quantity"]

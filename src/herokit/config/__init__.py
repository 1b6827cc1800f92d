"""Scheme files and the parameters that they name: reading, building, describing, JSON schema."""

from herokit.config.builder import build, describe
from herokit.config.schema import scheme_schema
from herokit.config.scheme import Scheme, build_scheme, load_scheme, scheme_table

__all__ = ["Scheme", "build", "build_scheme", "describe", "load_scheme", "scheme_schema", "scheme_table"]

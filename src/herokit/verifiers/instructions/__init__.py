"""Verifiable instructions: the constraints of IFEval, one function each, and the verifier that asks them."""

from herokit.verifiers.instructions import formats, keywords, lengths, shapes
from herokit.verifiers.instructions.registry import CONSTRAINTS, ArgumentError, Constraint, constraint, find
from herokit.verifiers.instructions.verifier import IFEval

__all__ = [
    "CONSTRAINTS",
    "ArgumentError",
    "Constraint",
    "IFEval",
    "constraint",
    "find",
    "formats",
    "keywords",
    "lengths",
    "shapes",
]

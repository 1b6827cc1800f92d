"""Instruction following: the checkable instructions of IFEval and the verifier that checks them.

`constraint` registers further instructions.
"""

from herokit.verifiers.instructions import constraints as _builtin  # noqa: F401 - registers the constraints
from herokit.verifiers.instructions.registry import CONSTRAINTS, ArgumentError, Constraint, constraint, get_constraint
from herokit.verifiers.instructions.verifier import IFEval

__all__ = ["CONSTRAINTS", "ArgumentError", "Constraint", "IFEval", "constraint", "get_constraint"]

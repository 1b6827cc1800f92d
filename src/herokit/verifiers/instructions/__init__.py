"""Instruction following: the checkable instructions of IFEval and the verifier that checks them.

`constraint` registers further instructions.
"""

from herokit.verifiers.instructions import constraints as _builtin  # noqa: F401 - registers the constraints
from herokit.verifiers.instructions.registry import constraint

__all__ = [
    "constraint",
]

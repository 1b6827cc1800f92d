"""herokit-code: unit tests and stdin/stdout tests for Python programs, in a sandbox."""

from herokit_code.cases import Case, ExpressionCase, ScriptCase, StdoutCase
from herokit_code.sandbox import Limits, sandbox_problem
from herokit_code.verifier import CodeVerifier

__all__ = [
    "Case",
    "CodeVerifier",
    "ExpressionCase",
    "Limits",
    "ScriptCase",
    "StdoutCase",
    "sandbox_problem",
]

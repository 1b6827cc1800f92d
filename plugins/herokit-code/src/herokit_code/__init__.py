"""herokit-code: unit tests and stdin/stdout tests for Python programs, in a sandbox."""

from herokit_code.cases import Case, ExpressionCase, ScriptCase, StdoutCase, read_cases
from herokit_code.sandbox import Limits, RunResult, run_program, sandbox_problem
from herokit_code.verifier import CodeVerifier

__all__ = [
    "Case",
    "CodeVerifier",
    "ExpressionCase",
    "Limits",
    "RunResult",
    "ScriptCase",
    "StdoutCase",
    "read_cases",
    "run_program",
    "sandbox_problem",
]

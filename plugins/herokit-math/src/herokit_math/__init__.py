"""Math verifier of herokit: extracts the final answer of a completion and compares it with the reference."""

from herokit_math.quantity_comparison import Policy
from herokit_math.report import Disagreement, Explanation, Report, evaluate, explain
from herokit_math.verifier import MathVerifier

__all__ = ["Disagreement", "Explanation", "MathVerifier", "Policy", "Report", "evaluate", "explain"]

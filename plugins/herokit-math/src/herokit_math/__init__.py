"""The math verifier of herokit: finds the final answer in a completion and decides whether it is the reference."""

from herokit_math.equivalence_policy import Policy
from herokit_math.report import Disagreement, Explanation, Report, evaluate, explain
from herokit_math.verifier import MathVerifier

__all__ = ["Disagreement", "Explanation", "MathVerifier", "Policy", "Report", "evaluate", "explain"]

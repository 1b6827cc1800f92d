"""The math verifier of herokit."""

from herokit_math.verifier import MathVerifier

__all__ = ["MathVerifier"]

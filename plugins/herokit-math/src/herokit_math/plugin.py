"""What herokit-math offers to herokit, by name."""

from herokit.hookspecs import Register, hookimpl


@hookimpl
def herokit_register(register: Register) -> None:
    """Offer the verifier ``math``."""
    register.verifier("math", "herokit_math:MathVerifier")

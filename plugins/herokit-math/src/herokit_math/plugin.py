"""Entry point of the plugin: registers the verifier under its name; imports no backend."""

from herokit.hookspecs import Register, hookimpl

__all__ = ["herokit_register"]


@hookimpl
def herokit_register(register: Register) -> None:
    """Register the verifier ``math``."""
    register.verifier("math", "herokit_math:MathVerifier")

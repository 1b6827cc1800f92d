"""Entry point of the plugin: registers the verifier under its name; imports nothing of it."""

from herokit.hookspecs import Register, hookimpl

__all__ = ["herokit_register"]


@hookimpl
def herokit_register(register: Register) -> None:
    """Register the verifier ``code``."""
    register.verifier("code", "herokit_code:CodeVerifier")

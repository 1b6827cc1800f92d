"""Entry point of the plugin: registers the verifiers under their names; imports no backend."""

from herokit.hookspecs import Register, hookimpl

__all__ = ["herokit_register"]


@hookimpl
def herokit_register(register: Register) -> None:
    """Register the verifiers ``json-schema`` and ``quantity``."""
    register.verifier("json-schema", "herokit_structured.schema:JsonSchema")
    register.verifier("quantity", "herokit_structured.quantity:Quantity")

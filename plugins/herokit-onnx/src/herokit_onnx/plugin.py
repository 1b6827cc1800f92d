"""Registers the plugin under the entry point ``onnx``. A file of its own, because the entry point names it."""

from herokit.hookspecs import Register, hookimpl

__all__ = ["herokit_register"]


@hookimpl
def herokit_register(register: Register) -> None:
    """Register the reward model ``onnx`` and the command ``export-rm``."""
    register.reward_model("onnx", "herokit_onnx:OnnxRewardModel")
    register.command("export-rm", "herokit_onnx.command:export_rm")

"""What herokit finds under the entry point ``onnx``."""

from herokit.hookspecs import Register, hookimpl


@hookimpl
def herokit_register(register: Register) -> None:
    """Offer the reward model ``onnx``."""
    register.reward_model("onnx", "herokit_onnx:OnnxRewardModel")

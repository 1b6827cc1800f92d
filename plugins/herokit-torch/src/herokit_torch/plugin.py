"""What herokit finds under the entry point ``torch``."""

from herokit.hookspecs import Register, hookimpl


@hookimpl
def herokit_register(register: Register) -> None:
    """Offer the reward model ``torch``."""
    register.reward_model("torch", "herokit_torch:TorchRewardModel")

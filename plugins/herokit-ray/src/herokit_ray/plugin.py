"""Registers the plugin under the entry point ``ray``. A file of its own, because the entry point names it."""

from herokit.hookspecs import Register, hookimpl

__all__ = ["herokit_register"]


@hookimpl
def herokit_register(register: Register) -> None:
    """Register the sources ``ray-verifier`` and ``ray-reward-model``, and the engine ``ray``."""
    register.verifier("ray-verifier", "herokit_ray:RayVerifier")
    register.reward_model("ray-reward-model", "herokit_ray:RayRewardModel")
    register.engine("ray", "herokit_ray.engine:RayEngine")

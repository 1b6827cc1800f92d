"""Verifiers and reward models in pools of Ray actors."""

from herokit_ray.sources import RayRewardModel, RayVerifier

__all__ = ["RayRewardModel", "RayVerifier"]

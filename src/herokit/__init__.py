"""Composable rewards for reinforcement learning of language models."""

from herokit.types import Groups, RewardModel, Sample, Scores, Signals, Status, Verdict, Verifier

__all__ = ["Groups", "RewardModel", "Sample", "Scores", "Signals", "Status", "Verdict", "Verifier"]

"""What is wrong with a training run, from its rollouts: `diagnose` gives one word for the run and one for each group."""

from herokit.diagnosis.findings import Thresholds, Word
from herokit.diagnosis.log import RewardLog
from herokit.diagnosis.run import Diagnosis, diagnose

__all__ = ["Diagnosis", "RewardLog", "Thresholds", "Word", "diagnose"]

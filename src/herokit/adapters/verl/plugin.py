"""verl's entry point (group ``verl.plugins``): a scheme file in verl without a line of Python.

Does nothing unless ``HEROKIT_SCHEME`` names a scheme file. Then, in every process that imports verl, each trainer
combines that scheme's rewards (`herokit.adapters.verl.trainer.replace_trainers`), and `compute_score` is what
``reward.custom_reward_function.path=pkg://herokit.adapters.verl.plugin`` finds.
"""

import logging
import os
from typing import Any

from herokit.adapters.verl.functions import ComputeScore
from herokit.adapters.verl.trainer import replace_trainers
from herokit.config.scheme import load_scheme

SCHEME = "HEROKIT_SCHEME"
"""The environment variable that names the scheme file; Ray's runtime environment must carry it to the workers."""


def _start(path: str) -> ComputeScore:
    rewarder = load_scheme(path).rewarder()
    replace_trainers(rewarder)
    return ComputeScore(rewarder)


def __getattr__(name: str) -> Any:
    if name == "compute_score":
        raise AttributeError(
            f"{__name__}.compute_score needs the environment variable {SCHEME}, the scheme file's path"
        )
    raise AttributeError(name)


if os.environ.get(SCHEME):
    try:
        compute_score = _start(os.environ[SCHEME])
    except Exception:
        logging.getLogger(__name__).exception("herokit: verl cannot use %s=%s", SCHEME, os.environ[SCHEME])
        raise

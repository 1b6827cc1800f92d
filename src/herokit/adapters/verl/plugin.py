"""verl's entry point (group ``verl.plugins``): a scheme file in verl without Python code.

A module of its own, because importing it has an effect. It does nothing unless ``HEROKIT_SCHEME`` names a scheme file.
Then, in every process that imports verl, each trainer combines the rewards of that scheme (`herokit.adapters.verl.install`),
and `compute_score` is what ``reward.custom_reward_function.path=pkg://herokit.adapters.verl.plugin`` loads.
"""

import logging
import os
from typing import Any

from herokit.adapters.common.base import to_rewarder
from herokit.adapters.verl.functions import RewardFunction
from herokit.adapters.verl.trainer import install

__all__ = ["SCHEME_VARIABLE"]

SCHEME_VARIABLE = "HEROKIT_SCHEME"
"""The environment variable that names the scheme file; Ray's runtime environment must pass it to the workers."""


def _start(path: str) -> RewardFunction:
    rewarder = to_rewarder(path, takes_credit=True)
    install(rewarder)
    return RewardFunction(rewarder)


def __getattr__(name: str) -> Any:
    if name == "compute_score":
        raise AttributeError(
            f"{__name__}.compute_score needs the environment variable {SCHEME_VARIABLE}, the path of a scheme file"
        )
    raise AttributeError(name)


if os.environ.get(SCHEME_VARIABLE):
    try:
        compute_score = _start(os.environ[SCHEME_VARIABLE])
    except Exception:
        logging.getLogger(__name__).exception(
            "herokit: verl cannot use %s=%s", SCHEME_VARIABLE, os.environ[SCHEME_VARIABLE]
        )
        raise

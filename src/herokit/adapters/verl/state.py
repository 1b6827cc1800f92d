"""The rewarder of this process for verl, and its state in every checkpoint of verl."""

from pathlib import Path
from typing import Any

from herokit.adapters.common.base import load_state, save_state
from herokit.errors import ConfigError
from herokit.rewarder import Rewarder

__all__ = ["ESTIMATOR_NAME", "CheckpointCallback", "set_default_rewarder"]

ESTIMATOR_NAME = "herokit"
"""The name of the estimator in ``algorithm.adv_estimator``."""

_PROCESS_REWARDER: dict[str, Rewarder] = {}
"""The rewarder of this process, under `ESTIMATOR_NAME`; empty before `set_default_rewarder`."""


def set_default_rewarder(rewarder: Rewarder) -> Rewarder:
    """Set the rewarder of this process unless there is one, and return the one in use.

    verl may load the same reward file twice; both loads then use the first rewarder.
    """
    return _PROCESS_REWARDER.setdefault(ESTIMATOR_NAME, rewarder)


class CheckpointCallback:
    """Saves the state of the registered rewarder with every checkpoint, and loads it when a run resumes.

    Set ``trainer.checkpoint_callback_class=herokit.adapters.verl.CheckpointCallback``. verl has no hook for loading: it
    creates the callback before anything else, with the config that says where the run resumes, and the state is loaded
    there.

    Args:
        config: verl's whole config.

    Raises:
        ConfigError: no rewarder is registered, scores are packed and another estimator is configured, or the saved state
            belongs to another chain.
    """

    def __init__(self, config: Any = None) -> None:
        if ESTIMATOR_NAME not in _PROCESS_REWARDER:
            raise ConfigError(
                "verl: no rewarder to save; call herokit.adapters.verl.install or herokit.adapters.verl.register in a "
                "module that VERL_USE_EXTERNAL_MODULES names"
            )
        self.rewarder = _PROCESS_REWARDER[ESTIMATOR_NAME]
        _check_estimator(config)
        folder = None if config is None else _resume_folder(config)
        if folder is not None:
            load_state(self.rewarder, folder)

    def on_save(self, trainer: Any, global_step: int, checkpoint_dir: str, **kwargs: Any) -> None:  # noqa: ARG002 - verl's signature
        """Write the state into the checkpoint; verl calls this."""
        save_state(self.rewarder, checkpoint_dir)


def _check_estimator(config: Any) -> None:
    from verl.trainer.ppo import core_algos

    configured = None if config is None else config.algorithm.adv_estimator
    packing = getattr(core_algos.ADV_ESTIMATOR_REGISTRY.get(ESTIMATOR_NAME), "packing", None)
    if configured not in (None, ESTIMATOR_NAME) and packing is not None:
        raise ConfigError(
            f"verl: algorithm.adv_estimator={configured} would read packed scores as rewards; set it to "
            f"{ESTIMATOR_NAME}, or use herokit.adapters.verl.install without Packing"
        )


def _resume_folder(config: Any) -> str | None:
    """Return the checkpoint's folder that verl will resume from, None for a fresh start."""
    trainer = config.trainer
    if trainer.resume_mode == "resume_path":
        return str(trainer.resume_from_path)
    if trainer.resume_mode == "disable":
        return None
    from verl.utils.checkpoint.checkpoint_manager import find_latest_ckpt_path

    folder = find_latest_ckpt_path(str(Path(trainer.default_local_dir).absolute()))
    return None if folder is None else str(folder)

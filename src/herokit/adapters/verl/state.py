"""verl: the rewarder's state beside every checkpoint, through verl's checkpoint callback."""

from pathlib import Path
from typing import Any

from herokit.adapters.common.base import load_state, save_state
from herokit.adapters.verl.functions import HERE, NAME, Estimator
from herokit.errors import ConfigError


class SaveState:
    """Saves the registered rewarder's state with every checkpoint, and loads it when a run resumes.

    Set ``trainer.checkpoint_callback_class=herokit.adapters.verl.state.SaveState``. verl has no hook for loading; it makes the
    callback before anything else, with the config that says where the run resumes, and there the state is loaded.

    Args:
        config: verl's whole config.

    Raises:
        ConfigError: no rewarder is kept, scores are packed and another estimator is configured, or the saved state is of
            another chain.
    """

    def __init__(self, config: Any = None) -> None:
        if NAME not in HERE:
            raise ConfigError(
                "verl: no rewarder to save; call herokit.adapters.verl.functions.register, or verl_trainer.replace_trainers, in a "
                "module that is named in VERL_USE_EXTERNAL_MODULES"
            )
        self.rewarder = HERE[NAME]
        _check_estimator(config)
        folder = None if config is None else _resumed(config)
        if folder is not None:
            load_state(self.rewarder, folder)

    def on_save(self, trainer: Any, global_step: int, checkpoint_dir: str, **passed: Any) -> None:  # noqa: ARG002 - verl's signature
        """Write the state beside the checkpoint; verl calls this."""
        save_state(self.rewarder, checkpoint_dir)


def _check_estimator(config: Any) -> None:
    from verl.trainer.ppo import core_algos

    chosen = None if config is None else config.algorithm.adv_estimator
    found = core_algos.ADV_ESTIMATOR_REGISTRY.get(NAME)
    if chosen not in (None, NAME) and isinstance(found, Estimator) and found.packing is not None:
        raise ConfigError(
            f"verl: algorithm.adv_estimator={chosen} would read packed scores as rewards; set it to {NAME}, or use "
            "herokit.adapters.verl.trainer.replace_trainers without Packing"
        )


def _resumed(config: Any) -> str | None:
    """Return the checkpoint's folder that verl will resume from, None for a fresh start."""
    trainer = config.trainer
    if trainer.resume_mode == "resume_path":
        return str(trainer.resume_from_path)
    if trainer.resume_mode == "disable":
        return None
    from verl.utils.checkpoint.checkpoint_manager import find_latest_ckpt_path

    found = find_latest_ckpt_path(str(Path(trainer.default_local_dir).absolute()))
    return None if found is None else str(found)

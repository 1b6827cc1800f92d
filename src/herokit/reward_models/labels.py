"""Which of several outputs of a model is the score: one by name or number, or a weighted sum of several."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from herokit.errors import ConfigError

__all__ = ["Label", "LabelError", "check_label", "label_names", "label_weights", "select_label"]

Label: TypeAlias = str | int | Mapping[str, float] | None
"""The output that is the score: its name, its number from 0, or a weight for each of several names; None expects one."""

_MAX_NAMES = 8
"""Names that a message lists."""


class LabelError(Exception):
    """The outputs of a model do not have the label, or are several without one."""


def check_label(label: object, owner: str) -> None:
    """Check the setting.

    Raises:
        ConfigError: it is no `Label`.
    """
    is_number = isinstance(label, int) and not isinstance(label, bool) and label >= 0
    is_weights = isinstance(label, Mapping) and bool(label) and all(isinstance(w, int | float) for w in label.values())
    if not (label is None or is_number or is_weights or (isinstance(label, str) and label)):
        raise ConfigError(
            f"{owner}: label = {label!r}; expected the name of an output, its number from 0, or weights by name"
        )


def label_names(config: Any) -> list[str] | None:
    """Return the names of a head's outputs, in order, as a config of transformers has them; None if it has none.

    Example:
        >>> from types import SimpleNamespace
        >>> label_names(SimpleNamespace(id2label={1: "helpful", 0: "safe"}))
        ['safe', 'helpful']
    """
    names = getattr(config, "id2label", None) or {}
    return [str(names[number]) for number in sorted(names)] or None


def label_weights(names: Sequence[str], label: Label) -> dict[int, float]:
    """Return position -> weight of the outputs that make the score.

    Args:
        names: of the outputs, in the model's order; ``LABEL_0``, ``LABEL_1`` where it names none.
        label: the setting.

    Raises:
        LabelError: several outputs and no label, or a label that is none of them.

    Example:
        >>> label_weights(["safe", "helpful"], "helpful"), label_weights(["LABEL_0"], None)
        ({1: 1.0}, {0: 1.0})
        >>> label_weights(["safe", "helpful"], {"helpful": 0.7, "safe": 0.3})
        {1: 0.7, 0: 0.3}
    """
    shown = ", ".join(names[:_MAX_NAMES]) + (", ..." if len(names) > _MAX_NAMES else "")
    if label is None:
        if len(names) != 1:
            raise LabelError(
                f"gives {len(names)} numbers per sample, expected one ({shown}); set label to one of them, or to weights"
            )
        return {0: 1.0}
    wanted = dict(label) if isinstance(label, Mapping) else {label: 1.0}
    weights = {}
    for name, weight in wanted.items():
        position = name if isinstance(name, int) else names.index(name) if name in names else len(names)
        if position >= len(names):
            raise LabelError(f"label = {name!r}, but the outputs are {shown or 'none'}")
        weights[position] = float(weight)
    return weights


def select_label(values: Sequence[float], names: Sequence[str] | None, label: Label) -> float:
    """Return the score of one sample from its outputs.

    Args:
        values: one number per output.
        names: of the outputs; None where the model names none.
        label: the setting.

    Raises:
        LabelError: as `label_weights`.

    Example:
        >>> select_label([0.5, 2.0], None, 1), select_label([0.5, 2.0], ["a", "b"], {"a": 1.0, "b": 0.5})
        (2.0, 1.5)
    """
    weights = label_weights(names if names is not None else [f"LABEL_{k}" for k in range(len(values))], label)
    return sum(weight * values[position] for position, weight in weights.items())

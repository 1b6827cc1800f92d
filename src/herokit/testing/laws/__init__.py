"""The laws: universal ones apply to everything of a kind, claimable ones where they are claimed.

The attributes of this package are the laws themselves: ``from herokit.testing.laws import verifier_dominates``.
"""

from herokit.errors import ConfigError, check_choice, did_you_mean
from herokit.testing.law import Law, TargetKind
from herokit.testing.laws import (
    answers,
    execution,
    hacking,
    invariance,
    model_details,
    purity,
    reward,
    reward_models,
    trainer,
)
from herokit.testing.laws.answers import *  # noqa: F403 - every law, by the `__all__` of its module
from herokit.testing.laws.execution import *  # noqa: F403
from herokit.testing.laws.hacking import *  # noqa: F403
from herokit.testing.laws.invariance import *  # noqa: F403
from herokit.testing.laws.model_details import *  # noqa: F403
from herokit.testing.laws.purity import *  # noqa: F403
from herokit.testing.laws.reward import *  # noqa: F403
from herokit.testing.laws.reward_models import *  # noqa: F403
from herokit.testing.laws.trainer import *  # noqa: F403

__all__ = ["LAWS", "get_law", "list_laws"]
__all__ += invariance.__all__
__all__ += purity.__all__
__all__ += reward.__all__
__all__ += trainer.__all__
__all__ += answers.__all__
__all__ += execution.__all__
__all__ += hacking.__all__
__all__ += reward_models.__all__
__all__ += model_details.__all__

LAWS: tuple[Law, ...] = tuple(
    value
    for module in (invariance, purity, reward, trainer, answers, execution, hacking, reward_models, model_details)
    for value in vars(module).values()
    if isinstance(value, Law)
)
"""All laws, in the order in which they are defined."""


def list_laws(kind: TargetKind | None = None, *, universal: bool | None = None) -> tuple[Law, ...]:
    """Return the laws of one kind or of all kinds: all of them, the universal or the claimable ones.

    Raises:
        ConfigError: there is no such kind.

    Example:
        >>> [law.name for law in list_laws("combiner", universal=True)][:2]
        ['row_permutation_equivariance', 'group_label_invariance']
    """
    if kind is not None:
        check_choice("kind", kind, TargetKind)
    return tuple(law for law in LAWS if (kind is None or kind in law.kinds) and universal in (None, law.universal))


def get_law(name: str) -> Law:
    """Return a law by name.

    Raises:
        ConfigError: no law of that name; the message suggests the nearest one.

    Example:
        >>> get_law("bounded").universal
        False
    """
    for law in LAWS:
        if law.name == name:
            return law
    raise ConfigError(f"unknown law {name!r}; {did_you_mean(name, [law.name for law in LAWS])}")

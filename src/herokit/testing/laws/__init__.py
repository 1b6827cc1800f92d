"""The laws: universal ones apply to everything of a kind, claimable ones where they are claimed.

The attributes of this package are the laws themselves: ``from herokit.testing.laws import verifier_dominates``.
"""

from herokit.errors import ConfigError, did_you_mean
from herokit.testing.law import Law, TargetKind
from herokit.testing.laws import hacking, invariance, purity, reward, sources, trainer
from herokit.testing.laws.hacking import *  # noqa: F403 - every law, by the `__all__` of its module
from herokit.testing.laws.invariance import *  # noqa: F403
from herokit.testing.laws.purity import *  # noqa: F403
from herokit.testing.laws.reward import *  # noqa: F403
from herokit.testing.laws.sources import *  # noqa: F403
from herokit.testing.laws.trainer import *  # noqa: F403

__all__ = ["LAWS", "get_law", "list_laws"]
__all__ += invariance.__all__
__all__ += purity.__all__
__all__ += reward.__all__
__all__ += trainer.__all__
__all__ += sources.__all__
__all__ += hacking.__all__

LAWS: tuple[Law, ...] = tuple(
    value
    for module in (invariance, purity, reward, trainer, sources, hacking)
    for value in vars(module).values()
    if isinstance(value, Law)
)
"""All laws, in the order in which they are defined."""


def list_laws(kind: TargetKind | None = None, *, universal: bool | None = None) -> tuple[Law, ...]:
    """Return the laws of one kind or of all kinds: all of them, the universal or the claimable ones.

    Example:
        >>> [law.name for law in list_laws("combiner", universal=True)][:2]
        ['row_permutation_equivariance', 'group_label_invariance']
    """
    return tuple(law for law in LAWS if kind in (None, law.kind) and universal in (None, law.universal))


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

"""What steps and sources say about themselves, put together for what is checked; see `herokit.tags`."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from herokit.combiners import Chain, Combiner, chain
from herokit.combiners.base import is_step
from herokit.tags import tags_of
from herokit.testing.law import Law
from herokit.testing.laws import LAWS
from herokit.testing.targets import check_name
from herokit.types import RewardModel, Verifier

__all__ = ["claimed_laws", "known_failures", "known_source_failures"]


def known_source_failures(source: object) -> dict[str, str]:
    """Return the laws that a source, or one inside it, may violate by design: law -> reason.

    Example:
        >>> from herokit.verifiers import ExactMatch, RougeL
        >>> sorted(known_source_failures(RougeL())), known_source_failures(ExactMatch())
        (['hack_does_not_pay'], {})
    """
    return _known_failures(_walk(source, lambda part: isinstance(part, Verifier | RewardModel)))


def known_failures(combiner: Combiner[Any]) -> dict[str, str]:
    """Return the laws that a combiner may violate by design: law -> reason, from its steps.

    Example:
        >>> from herokit import hero
        >>> sorted(known_failures(hero()))
        ['affine_invariant_in_score', 'robust_to_score_noise']
    """
    return _known_failures(_walk(chain(combiner), is_step))


def claimed_laws(value: object) -> list[Law]:
    """Return the laws that a source or a step claims, with its parameters; of a chain, those of its only step.

    Raises:
        ConfigError: it claims what is no law.

    Example:
        >>> from herokit.verifiers import FunctionCall
        >>> [law.name for law in claimed_laws(FunctionCall())]
        ['missing_reference_abstains']
    """
    if isinstance(value, Chain):
        return claimed_laws(value.steps[0]) if len(value.steps) == 1 else []
    laws = {law.name: law for law in LAWS}
    claims = tags_of(value).claims
    for name in claims:
        check_name(f"law in the claims of {type(value).__name__}", name, list(laws))
    return [laws[name].with_params(**params) if params else laws[name] for name, params in claims.items()]


def _known_failures(parts: Iterator[Any]) -> dict[str, str]:
    reasons: dict[str, str] = {}
    for part in parts:
        for law, reason in tags_of(part).known_failures.items():
            check_name(f"law in the tags of {type(part).__name__}", law, [each.name for each in LAWS])
            reasons.setdefault(law, reason)
    return reasons


def _walk(value: Any, belongs: Any) -> Iterator[Any]:
    """Yield a step or a source, and those inside it."""
    yield value
    parts: list[Any] = list(value.steps) if isinstance(value, Chain) else []
    if is_dataclass(value) and not isinstance(value, Chain):
        for field in fields(value):
            inside = getattr(value, field.name, None)
            parts += list(inside) if isinstance(inside, tuple | list) else [inside]
    for part in parts:
        if belongs(part):
            yield from _walk(part, belongs)

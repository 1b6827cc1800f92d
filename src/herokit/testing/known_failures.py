"""What steps and sources say about themselves, put together for what is checked; see `herokit.tags`."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from herokit.combiners import Chain
from herokit.combiners.base import is_step
from herokit.tags import tags_of
from herokit.testing.law import Law
from herokit.testing.laws import LAWS
from herokit.testing.targets import check_name
from herokit.types import RewardModel, Verifier

__all__ = ["claimed_laws", "known_failures"]


def known_failures(value: object) -> dict[str, str]:
    """Return the laws that a step, a chain or a source, or one inside it, may violate by design: law -> reason.

    Raises:
        ConfigError: one of them names what is no law.

    Example:
        >>> from herokit import hero
        >>> from herokit.verifiers import ExactMatch, RougeL
        >>> sorted(known_failures(hero()))
        ['affine_invariant_in_score', 'robust_to_score_noise']
        >>> sorted(known_failures(RougeL())), known_failures(ExactMatch())
        (['hack_does_not_pay'], {})
    """
    reasons: dict[str, str] = {}
    for part in _walk(value):
        for law, reason in tags_of(part).known_failures.items():
            check_name(f"law in the known failures of {type(part).__name__}", law, [each.name for each in LAWS])
            reasons.setdefault(law, reason)
    return reasons


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


def _walk(value: object) -> Iterator[Any]:
    """Yield a step or a source, and those inside it."""
    yield value
    inside = [getattr(value, field.name, None) for field in fields(value)] if is_dataclass(value) else []
    for each in inside:
        parts = each.values() if isinstance(each, Mapping) else each if isinstance(each, tuple | list) else [each]
        for part in parts:
            if is_step(part) or isinstance(part, Verifier | RewardModel):
                yield from _walk(part)

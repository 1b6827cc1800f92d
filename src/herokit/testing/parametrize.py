"""`@parametrize_with_laws`: one pytest case a law and a thing."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import pytest

from herokit.combiners import Combiner
from herokit.testing.asked import ModelSubject, VerifierSubject
from herokit.testing.check import combiner_subject
from herokit.testing.law import Law, Of
from herokit.testing.laws import list_laws
from herokit.testing.search import QUICK, Profile, Subject, search
from herokit.types import RewardModel, Verifier


def parametrize_with_laws(
    things: Iterable[Combiner[Any] | Verifier | RewardModel],
    *,
    claims: Iterable[Law] = (),
    expected_failures: Mapping[str, str] | None = None,
    profile: Profile = QUICK,
    **settings: Any,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Run a test once for each thing and law; the test calls ``law()``, which raises `AssertionError` where it breaks.

    Args:
        things: combiners, verifiers or reward models, of one kind.
        claims: laws they are said to keep beside the universal ones.
        expected_failures: law -> why it breaks by design; a strict xfail.
        profile: how long to look.
        settings: ``signals``, ``trainer`` and ``backends`` of a combiner, ``answer_format`` and ``timeout`` of a verifier,
            ``tolerance`` of a reward model: see `check_combiner`, `check_verifier`, `check_reward_model`.

    Example:
        >>> from herokit import hero
        >>> from herokit.testing.laws import verifier_dominates
        >>> @parametrize_with_laws([hero()], claims=[verifier_dominates])
        ... def test_hero(law):
        ...     law()
    """
    cases = []
    for thing in things:
        of, make = _kind(thing)
        for law in (*list_laws(of, universal=True), *claims):
            reason = (expected_failures or {}).get(law.name)
            marks = [pytest.mark.xfail(reason=reason, strict=True, raises=AssertionError)] if reason else []
            trial = partial(_try, make, thing, law, profile, settings)
            cases.append(pytest.param(trial, id=f"{type(thing).__name__}-{law}", marks=marks))

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        marked: Callable[..., None] = pytest.mark.parametrize("law", cases)(test)
        return marked

    return decorate


def _try(make: Callable[..., Subject], thing: Any, law: Law, profile: Profile, settings: Mapping[str, Any]) -> None:
    """Try one law of one thing."""
    (found,) = search([law], make(thing, **settings), profile)
    if found.broken:
        raise AssertionError(f"{found.broken.message}\n{found.broken.counterexample}\nIn training: {law.consequence}")


def _kind(thing: Any) -> tuple[Of, Callable[..., Subject]]:
    if hasattr(thing, "combine"):
        return "combiner", combiner_subject
    return ("verifier", VerifierSubject) if isinstance(thing, Verifier) else ("reward model", ModelSubject)

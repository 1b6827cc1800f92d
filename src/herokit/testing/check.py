"""Checking a combiner against the laws; results come back as data."""

from collections.abc import Iterable, Mapping
from typing import Any

from herokit.combiners import Combiner, produces_advantage
from herokit.errors import ConfigError, did_you_mean
from herokit.testing.asked import ModelSubject, VerifierSubject
from herokit.testing.backends import find_backends
from herokit.testing.batches import Kind
from herokit.testing.law import Law
from herokit.testing.laws import list_laws
from herokit.testing.results import Outcome, Report, Result
from herokit.testing.samples import ANSWER_FORMATS, AnswerFormat
from herokit.testing.search import QUICK, Finding, Profile, Subject, search
from herokit.testing.subjects import CombinerSubject, subject_of
from herokit.trainers import find_trainer
from herokit.types import RewardModel, Verifier

ADVANTAGES = "It makes advantages: the trainer must take them as they are, or it normalizes them once more."
"""What the trainer laws assume of a chain that centres or standardizes."""


def check_combiner(
    combiner: Combiner[Any],
    *,
    claims: Iterable[Law] = (),
    expected_failures: Mapping[str, str] | None = None,
    signals: Mapping[str, Kind] | None = None,
    trainer: str = "dr-grpo",
    backends: tuple[str, ...] | None = None,
    profile: Profile = QUICK,
    name: str = "",
) -> Report:
    """Check a combiner against the universal laws and those it claims.

    Args:
        combiner: a chain or a single step.
        claims: laws it is said to keep beside the universal ones; `list_laws` lists them, `Law.where` sets their
            parameters.
        expected_failures: law -> why it breaks by design; strict: a law that is kept after all is reported.
        signals: what each signal it reads holds; by default a name that starts with ``verifier`` is 0 or 1 and any
            other is a score.
        trainer: whose normalization the trainer laws assume, a key of `herokit.trainers.TRAINERS`.
        backends: names of array libraries; by default every installed one but jax, which compiles each shape anew.
        profile: how long to look.
        name: what the report is called; the combiner's repr by default.

    Raises:
        ConfigError: an expected failure names a law that is not checked; no such trainer.

    Example:
        >>> from herokit.combiners import Interpolate, Select, chain
        >>> from herokit.testing.laws import verifier_dominates
        >>> blend = chain(Select("rm"), Interpolate("verifier", weight=0.2))
        >>> report = check_combiner(blend, claims=[verifier_dominates], backends=("numpy",))
        >>> [result.law for result in report.failures]
        ['verifier_dominates']
        >>> len(report["verifier_dominates"].counterexample.columns["reward"])  # a pair of rollouts shows it
        2
    """
    subject = combiner_subject(combiner, signals=signals, trainer=trainer, backends=backends)
    laws = (*list_laws("combiner", universal=True), *claims)
    return check(subject, laws, expected_failures or {}, profile, name or repr(combiner))


def combiner_subject(
    combiner: Combiner[Any],
    *,
    signals: Mapping[str, Kind] | None = None,
    trainer: str = "dr-grpo",
    backends: tuple[str, ...] | None = None,
) -> CombinerSubject:
    """Make a combiner a subject, with trainer and array libraries by name."""
    return subject_of(combiner, signals, trainer=find_trainer(trainer), backends=find_backends(backends))


def check_verifier(
    verifier: Verifier,
    *,
    claims: Iterable[Law] = (),
    expected_failures: Mapping[str, str] | None = None,
    answer_format: AnswerFormat = ANSWER_FORMATS["plain"],
    timeout: float = 5.0,
    profile: Profile = QUICK,
    name: str = "",
) -> Report:
    """Check a verifier against the universal laws and those it claims.

    Args:
        verifier: the verifier; it is not closed.
        claims: laws it is said to keep beside the universal ones.
        expected_failures: law -> why it breaks by design; strict.
        answer_format: what answers look like to it: `herokit.testing.samples.PLAIN`, `MATH`, or one of your own.
        timeout: wall seconds it may spend on one hostile completion.
        profile: how long to look.
        name: what the report is called; the verifier's repr by default.

    Example:
        >>> from herokit import Verdict
        >>> class Within:
        ...     def verify(self, samples):
        ...         return [Verdict(float(s.reference in s.completion)) for s in samples]
        >>> check_verifier(Within(), profile=Profile(max_examples=20)).failures[0].law
        'near_miss_rejected'
    """
    laws = (*list_laws("verifier", universal=True), *claims)
    return check(
        VerifierSubject(verifier, answer_format, timeout),
        laws,
        expected_failures or {},
        profile,
        name or repr(verifier),
    )


def check_reward_model(
    model: RewardModel,
    *,
    claims: Iterable[Law] = (),
    expected_failures: Mapping[str, str] | None = None,
    tolerance: float = 1e-4,
    profile: Profile = QUICK,
    name: str = "",
) -> Report:
    """Check a reward model against the universal laws and those it claims.

    Args:
        model: the reward model; it is not closed.
        claims: laws it is said to keep beside the universal ones.
        expected_failures: law -> why it breaks by design; strict.
        tolerance: how far scores may differ where only batching differs, relative to the larger one or 1.
        profile: how long to look.
        name: what the report is called; the model's repr by default.

    Example:
        >>> class Length:
        ...     def score(self, samples):
        ...         return [float(len(s.completion)) for s in samples]
        >>> [result.law for result in check_reward_model(Length(), profile=Profile(max_examples=20)).failures]
        ['reward_model_pickle_round_trip']
    """
    laws = (*list_laws("reward model", universal=True), *claims)
    return check(ModelSubject(model, tolerance), laws, expected_failures or {}, profile, name or repr(model))


def check(
    subject: Subject,
    laws: Iterable[Law],
    expected_failures: Mapping[str, str],
    profile: Profile,
    name: str,
    *,
    excused: Mapping[str, str] | None = None,
) -> Report:
    """Try every law on a subject.

    Args:
        subject: what to try them on.
        laws: the laws.
        expected_failures: law -> why it breaks by design; strict.
        profile: how long to look.
        name: what the report is called.
        excused: law -> why it may break by design; not strict.

    Raises:
        ConfigError: an expected failure names a law that is not among them.
    """
    laws = tuple(laws)
    names = [law.name for law in laws]
    for expected in expected_failures:
        if expected not in names:
            raise ConfigError(f"no law {expected!r} is checked here; {did_you_mean(expected, names)}")
    excused = excused or {}
    found = search(laws, subject, profile, known={*expected_failures, *excused})
    results = []
    for one in found:
        excuse = excused.get(one.law.name) if one.broken else None
        results.append(result(one, expected_failures.get(one.law.name, excuse)))
    return Report(name, tuple(results), note_of(subject))


def note_of(subject: Subject) -> str:
    """Return what a reader of the results must know of a subject."""
    steps = subject.thing.steps if isinstance(subject, CombinerSubject) else ()
    return ADVANTAGES if any(map(produces_advantage, steps)) else ""


def result(found: Finding, reason: str | None) -> Result:
    """Say what became of a law, given what the search found and whether it was expected to break."""
    law = found.law
    outcome: Outcome
    if found.broken is not None:
        outcome = "failed" if reason is None else "xfailed"
    elif reason is not None:
        outcome = "xpassed"
    else:
        outcome = "passed" if found.checked else "skipped"
    return Result(
        str(law),
        law.statement,
        outcome,
        law.universal,
        message=found.broken.message if found.broken else found.moot if outcome == "skipped" else "",
        consequence=law.consequence if found.broken else "",
        reason=reason or "",
        counterexample=found.broken.counterexample if found.broken else None,
        checked=found.checked,
        measured={law.measures[0]: found.measured} if law.measures and found.measured is not None else {},
        timed_out=found.cut,
        seconds=found.seconds,
    )

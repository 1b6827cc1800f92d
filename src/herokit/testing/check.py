"""Check a scheme, a chain, a step, a verifier, a reward model or a reward function against the laws."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from herokit.combiners import Combiner
from herokit.combiners.base import produces_advantage
from herokit.config import Scheme
from herokit.errors import ConfigError
from herokit.sources.functions import FunctionRewardModel
from herokit.sources.signatures import Style
from herokit.testing.batches import SignalKind
from herokit.testing.cases import format_of_cases
from herokit.testing.known_failures import claimed_laws, known_failures
from herokit.testing.law import Law, Report, TargetKind
from herokit.testing.laws import get_law, list_laws
from herokit.testing.samples import AnswerFormat
from herokit.testing.search import QUICK, Profile, Watch, try_laws
from herokit.testing.subjects import CombinerSubject, Subject
from herokit.testing.targets import Checkable, CheckTarget, check_name, kind_of_source, resolve_target
from herokit.testing.text_subjects import AnswerSubject, RewardModelSubject
from herokit.types import RewardModel, Verifier

__all__ = [
    "check_combiner",
    "check_laws",
    "check_reward_function",
    "check_reward_model",
    "check_verifier",
    "close",
    "parametrize_with_laws",
]

ADVANTAGE_NOTE = "It produces advantages: the trainer must use them unchanged, or it normalizes them again."


def check_combiner(
    combiner: Scheme | Combiner[Any] | str,
    *,
    claims: Iterable[Law | str] = (),
    expected_failures: Mapping[str, str] | None = None,
    signals: Mapping[str, SignalKind] | None = None,
    trainer: str = "dr-grpo",
    backends: tuple[str, ...] | None = None,
    profile: Profile = QUICK,
    name: str = "",
) -> Report:
    """Check a chain against the universal laws and those that it claims.

    Args:
        combiner: a chain, a step, a `Scheme` (its chain is checked) or a name; see `resolve_target`.
        claims: further laws that it must satisfy; `list_laws` returns them, `Law.with_params` sets their parameters.
        expected_failures: law -> why it fails by design; strict: a law that passes is reported.
        signals: what each signal holds; by default what the scheme's sources return, else a name that starts with
            ``verifier`` is binary, ``tokens`` is a cost and any other is a score.
        trainer: the trainer whose normalization the trainer laws use, a key of `herokit.trainers.TRAINERS`.
        backends: names of array libraries; by default all that are installed except jax, which compiles each shape.
        profile: how long to search.
        name: the report's name; by default the repr of the chain.

    Raises:
        ConfigError: the target has no chain, an expected failure is not among the laws, or there is no such trainer.

    Example:
        >>> from herokit.combiners import Interpolate, Select, chain
        >>> from herokit.testing.laws import verifier_dominates
        >>> blend = chain(Select("rm"), Interpolate("verifier", weight=0.2))
        >>> report = check_combiner(blend, claims=[verifier_dominates], backends=("numpy",))
        >>> [result.law for result in report.failures]
        ['verifier_dominates']
        >>> len(report["verifier_dominates"].violation.columns["reward"])  # two rollouts show it
        2
    """
    target = resolve_target(combiner)
    if target.combiner is None:
        raise ConfigError(f"{target.name} is a {target.kind}: use check_{target.kind.replace(' ', '_')}")
    subject = target.subject(signals=signals or target.signals, trainer=trainer, backends=backends)
    laws = _with_claims("combiner", claims, target.combiner)
    title = name or (combiner if isinstance(combiner, str) else repr(target.combiner))
    return check_laws(subject, laws, profile, title, expected_failures)


def check_verifier(
    verifier: Scheme | Verifier | str,
    *,
    claims: Iterable[Law | str] = (),
    expected_failures: Mapping[str, str] | None = None,
    answer_format: AnswerFormat | str = "plain",
    domain: str = "",
    timeout: float = 5.0,
    profile: Profile = QUICK,
    name: str = "",
) -> Report:
    """Check a verifier against the universal laws and those that it claims.

    Args:
        verifier: a verifier, a name (see `resolve_target`) or a `Scheme` with one verifier. An object is not closed.
        claims: further laws that it must satisfy, or their names.
        expected_failures: law -> why it fails by design; strict.
        answer_format: how answers look: ``"plain"``, ``"math"``, or your own.
        domain: what the answers are, a key of `herokit.testing.domains.DOMAINS`, or ``"auto"``; by default
            what the verifier or else the format says.
        timeout: seconds that it may spend on one expensive completion.
        profile: how long to search.
        name: the report's name; by default the repr of the verifier.

    Raises:
        ConfigError: the target is or has no single verifier, or an expected failure is not among the laws.

    Example:
        >>> from herokit import Verdict
        >>> class Contains:
        ...     def verify(self, samples):
        ...         return [Verdict(float(s.reference in s.final_text)) for s in samples]
        >>> check_verifier(Contains(), profile=Profile(max_examples=20)).failures[0].law
        'near_miss_rejected'
    """
    source = _only_source(resolve_target(verifier), "verifier")
    subject = CheckTarget("", sources={"verifier": source}).subject(
        answer_format=answer_format, domain=domain, timeout=timeout
    )
    laws = _with_claims("verifier", claims, source)
    try:
        return _check_source(source, subject, laws, profile, name or repr(source), expected_failures)
    finally:
        if isinstance(verifier, str):
            close(source)


def check_reward_function(  # noqa: PLR0913 - what a check depends on
    function: Callable[..., Any] | str,
    *,
    style: Style | None = None,
    cases: Iterable[Sequence[Any]] = (),
    claims: Iterable[Law | str] = (),
    expected_failures: Mapping[str, str] | None = None,
    answer_format: AnswerFormat | str = "auto",
    domain: str = "",
    timeout: float = 5.0,
    profile: Profile = QUICK,
    name: str = "",
) -> Report:
    """Check a reward function of TRL, verl, OpenRLHF or verifiers, or a plain one, against the laws.

    Its rewards may have any range; a right answer must get more than a wrong one.

    Args:
        function: the function, or its place: ``"my_rewards.py:accuracy"``.
        style: whose signature it has; None goes by the names of its parameters, see `herokit.sources.functions`.
        cases: rows ``(prompt, reference, right completion, wrong completion)`` of your own, from which the laws make theirs.
        claims: further laws that it must satisfy, or their names.
        expected_failures: law -> why it fails by design; strict.
        answer_format: how completions give answers; ``"auto"`` asks which format is paid.
        domain: what the answers are, a key of `herokit.testing.domains.DOMAINS`, or ``"auto"``.
        timeout: seconds that it may spend on one expensive completion.
        profile: how long to search.
        name: the report's name; by default that of the function.

    Raises:
        ConfigError: it is no reward function, or it takes no reference: then it is checked by `check_reward_model`.

    Example:
        >>> def accuracy(completion, reference):
        ...     return 1.0 if reference in completion else -1.0
        >>> report = check_reward_function(accuracy, profile=Profile(max_examples=20))
        >>> report["right_above_wrong"].outcome, report["hack_does_not_pay"].outcome
        ('failed', 'failed')
    """
    if isinstance(function, str):
        source = _only_source(resolve_target(function), "reward function")
    else:
        source = FunctionRewardModel(function, style)
    if kind_of_source(source) != "reward function":
        raise ConfigError(f"{name or function!r} takes no reference: use check_reward_model")
    if rows := list(cases):
        answer_format = format_of_cases(rows)
    subject = CheckTarget("", sources={"function": source}).subject(
        answer_format=answer_format, domain=domain, timeout=timeout
    )
    laws = (*list_laws("reward function", universal=True), *_find_laws(claims))
    title = name or (function if isinstance(function, str) else getattr(function, "__name__", repr(function)))
    return check_laws(subject, laws, profile, title, expected_failures)


def check_reward_model(
    reward_model: Scheme | RewardModel | str,
    *,
    claims: Iterable[Law | str] = (),
    expected_failures: Mapping[str, str] | None = None,
    tolerance: float = 1e-4,
    profile: Profile = QUICK,
    name: str = "",
) -> Report:
    """Check a reward model against the universal laws and those that it claims.

    Args:
        reward_model: a reward model, a name (see `resolve_target`) or a `Scheme` with one reward model. An object is
            not closed.
        claims: further laws that it must satisfy, or their names.
        expected_failures: law -> why it fails by design; strict.
        tolerance: the allowed difference between scores of the same sample in other batches, relative to the larger
            score or 1.
        profile: how long to search.
        name: the report's name; by default the repr of the reward model.

    Raises:
        ConfigError: the target is or has no single reward model, or an expected failure is not among the laws.

    Example:
        >>> class Length:
        ...     def score(self, samples):
        ...         return [float(len(s.completion_text)) for s in samples]
        >>> [result.law for result in check_reward_model(Length(), profile=Profile(max_examples=20)).failures]
        ['reward_model_pickle_round_trip']
    """
    source = _only_source(resolve_target(reward_model), "reward model")
    laws, subject = _with_claims("reward model", claims, source), RewardModelSubject(source, tolerance)
    try:
        return _check_source(source, subject, laws, profile, name or repr(source), expected_failures)
    finally:
        if isinstance(reward_model, str):
            close(source)


def _find_laws(claims: Iterable[Law | str]) -> list[Law]:
    """Return laws that are given as such or by name."""
    given = [claims] if isinstance(claims, Law | str) else claims
    return [get_law(law) if isinstance(law, str) else law for law in given]


def _read_reasons(expected_failures: Mapping[str, str] | None) -> Mapping[str, str]:
    """Return why laws fail by design."""
    reasons = {} if expected_failures is None else expected_failures
    if not isinstance(reasons, Mapping):
        raise ConfigError(
            f"expected_failures must have a reason for each law, {{'near_miss_rejected': 'near misses count'}}, got {reasons!r:.100}"
        )
    return reasons


def _with_claims(kind: TargetKind, claims: Iterable[Law | str], value: object) -> tuple[Law, ...]:
    """Return the universal laws, the given ones, and those that the object itself claims."""
    given = _find_laws(claims)
    own = [law for law in claimed_laws(value) if law.name not in {each.name for each in given}]
    return (*list_laws(kind, universal=True), *given, *own)


def _check_source(
    source: object,
    subject: Subject,
    laws: Iterable[Law],
    profile: Profile,
    name: str,
    expected_failures: Mapping[str, str] | None,
) -> Report:
    """Check a source; what it says that it fails by design may fail."""
    expected = _read_reasons(expected_failures)
    reasons = {**known_failures(source), **expected}
    return check_laws(subject, laws, profile, name, reasons, must_fail=list(expected))


def check_laws(
    subject: Subject,
    laws: Iterable[Law],
    profile: Profile,
    name: str,
    expected_failures: Mapping[str, str] | None = None,
    *,
    must_fail: Collection[str] | None = None,
    claimed: Collection[str] | None = None,
    watch: Watch | None = None,
) -> Report:
    """Try laws on a subject.

    Args:
        subject: what to try them on.
        laws: the laws.
        profile: how long to search.
        name: the report's name.
        expected_failures: law -> why it fails by design.
        must_fail: the expected failures that must be among the laws and must fail; by default all.
        claimed: the laws that somebody claims, which must be tried; by default all that are not universal.
        watch: is told when a law begins and ends.

    Raises:
        ConfigError: an expected failure is not among the laws, or has no reason.
    """
    laws, reasons = tuple(laws), _read_reasons(expected_failures)
    must_fail = list(reasons) if must_fail is None else must_fail
    claimed = [law.name for law in laws if not law.universal] if claimed is None else claimed
    for name_of_law in must_fail:
        check_name("expected failure", name_of_law, [law.name for law in laws])
    for law, reason in reasons.items():
        if not reason.strip():
            raise ConfigError(f"the expected failure {law!r} has no reason; say why it fails by design")
    if watch is not None:
        watch.plan(Report(name, (), _note(subject), kind_of_subject(subject), _options(subject)), laws)
    results = try_laws(
        laws,
        subject,
        profile,
        expected_failures=reasons,
        must_fail=must_fail,
        claimed=claimed,
        watch=watch,
    )
    return Report(name, tuple(results), _note(subject), kind_of_subject(subject), _options(subject))


def kind_of_subject(subject: Subject) -> TargetKind:
    """Return which laws apply to a subject."""
    if isinstance(subject, CombinerSubject):
        return "combiner"
    return subject.kind if isinstance(subject, AnswerSubject) else "reward model"


def _options(subject: Subject) -> Mapping[str, str]:
    """Return the options that choose the answers of a subject."""
    return subject.answer_format.options if isinstance(subject, AnswerSubject) else {}


def _note(subject: Subject) -> str:
    """Return what a reader must know to interpret the results."""
    if isinstance(subject, CombinerSubject):
        return ADVANTAGE_NOTE if any(map(produces_advantage, subject.combiner.steps)) else ""
    if isinstance(subject, AnswerSubject):
        answer_format = subject.answer_format
        written = answer_format.write(answer_format.reference)
        return f"Answers: {answer_format.name}, written as {written!r:.200}."
    return ""


def parametrize_with_laws(
    targets: Iterable[Checkable],
    *,
    claims: Iterable[Law | str] = (),
    expected_failures: Mapping[str, str] | None = None,
    profile: Profile = QUICK,
    **options: Any,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Run a test once for each target and law; the test calls ``law()``, which raises `AssertionError` on a violation.

    Args:
        targets: schemes, chains, steps, verifiers, reward models or names; see `resolve_target`. Of a scheme the chain
            is checked.
        claims: further laws that they must satisfy, or their names.
        expected_failures: law -> why it fails by design; a strict xfail.
        profile: how long to search.
        options: see `CheckTarget.subject`.

    Example:
        >>> from herokit import hero
        >>> from herokit.testing.laws import verifier_dominates
        >>> @parametrize_with_laws([hero()], claims=[verifier_dominates])
        ... def test_hero(law):
        ...     law()
    """
    import pytest

    cases, claimed, reasons = [], _find_laws(claims), _read_reasons(expected_failures)
    for target in map(resolve_target, targets):
        for law in (*list_laws(target.kind, universal=True), *claimed):
            reason = reasons.get(law.name)
            marks = [pytest.mark.xfail(reason=reason, strict=True, raises=AssertionError)] if reason else []
            trial = partial(_assert_law, law, target, profile, options)
            cases.append(pytest.param(trial, id=f"{target.name}-{law}", marks=marks))

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        parametrized: Callable[..., None] = pytest.mark.parametrize("law", cases)(test)
        return parametrized

    return decorate


def _assert_law(law: Law, target: CheckTarget, profile: Profile, options: Mapping[str, Any]) -> None:
    (result,) = try_laws([law], target.subject(**options), profile)
    if result.violation is not None:
        raise AssertionError(f"{result.violation}\nIn training: {law.consequence}")


def _only_source(target: CheckTarget, kind: TargetKind) -> Any:
    """Return the target's only source of a kind."""
    protocol = {"verifier": Verifier, "reward model": RewardModel, "reward function": FunctionRewardModel}[kind]
    names = [name for name, source in target.sources.items() if isinstance(source, protocol)]
    if not names and (target.combiner is None or not target.sources):
        raise ConfigError(f"{target.name} is a {target.kind}: use check_{target.kind.replace(' ', '_')}")
    if len(names) != 1:
        raise ConfigError(f"{target.name}: expected one {kind}, got {', '.join(names) or 'none'}")
    return target.sources[names[0]]


def close(source: object) -> None:
    """Close a source that can be closed."""
    close = getattr(source, "close", None)
    if callable(close):
        close()

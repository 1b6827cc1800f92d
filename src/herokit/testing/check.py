"""Check a scheme, a chain, a step, a verifier or a reward model against the laws."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeAlias

from herokit.combiners import Chain, Combiner, chain, is_step, produces_advantage
from herokit.config import Scheme, build, load_scheme
from herokit.config.objects import is_place, load_object
from herokit.config.scheme import SCHEME_SUFFIXES
from herokit.errors import ConfigError, boundary, did_you_mean
from herokit.testing.backends import find_backends
from herokit.testing.batches import SignalKind
from herokit.testing.known_failures import known_failures, known_source_failures
from herokit.testing.law import Law, Report, TargetKind
from herokit.testing.laws import list_laws
from herokit.testing.samples import ANSWER_FORMATS, DOMAINS, AnswerFormat
from herokit.testing.search import QUICK, Profile, try_laws
from herokit.testing.subjects import CombinerSubject, RewardModelSubject, Subject, VerifierSubject
from herokit.trainers import find_trainer
from herokit.types import RewardModel, Verifier

__all__ = [
    "CheckTarget",
    "Checkable",
    "check_combiner",
    "check_laws",
    "check_reward_model",
    "check_scheme",
    "check_verifier",
    "parametrize_with_laws",
    "resolve_target",
]

Checkable: TypeAlias = Scheme | Combiner[Any] | Verifier | RewardModel | str
"""What can be checked: an object, or a name of `resolve_target`."""

ADVANTAGE_NOTE = "It produces advantages: the trainer must use them unchanged, or it normalizes them again."

EXPECTED = "a scheme, a chain, a step, a verifier or a reward model"

SCAN_SHARE = 0.4
"""The share of the time budget for trying examples; the rest is for shrinking and slow starts."""

NUM_SHRUNK = 8
"""The budget for shrinking is divided by this number of failures."""


@dataclass(frozen=True, slots=True)
class CheckTarget:
    """What is checked.

    Attributes:
        name: how the user named it.
        combiner: the chain; None if the target is a source.
        signals: what the signals of the combiner hold, as far as the sources tell.
        sources: name -> verifier or reward model.
    """

    name: str
    combiner: Chain | None = None
    signals: Mapping[str, SignalKind] = field(default_factory=dict)
    sources: Mapping[str, Verifier | RewardModel] = field(default_factory=dict)

    @property
    def kind(self) -> TargetKind:
        """The kind of laws that apply: to the chain, or else to the source."""
        if self.combiner is not None:
            return "combiner"
        return "verifier" if isinstance(next(iter(self.sources.values())), Verifier) else "reward model"

    def subject(self, **options: Any) -> Subject:
        """Return what the laws of `kind` are tried on.

        Args:
            options: ``signals``, ``trainer`` and ``backends`` of a combiner, ``answer_format``, ``domain`` and ``timeout``
                of a verifier, ``tolerance`` of a reward model; see `check_combiner`, `check_verifier`, `check_reward_model`.
        """
        if self.combiner is not None:
            return _combiner_subject(self.combiner, **{"signals": self.signals, **options})
        (source,) = self.sources.values()
        if isinstance(source, Verifier):
            return _verifier_subject(source, **options)
        return RewardModelSubject(source, **options)


def resolve_target(target: Checkable) -> CheckTarget:
    """Return the chain and the sources of a target.

    Args:
        target: a `Scheme`, a chain, a step, a verifier, a reward model, or a name: a scheme file (``hero.toml``), a
            registered name (``hero-advantage``), or an object in a Python file or module (``my_reward.py:scheme``,
            ``my_package.rewards:scheme``), which may be a class or function that returns one when called without
            arguments.

    Raises:
        ConfigError: there is no such file, name or attribute, or the object is something else.
        PluginError: importing or calling it raised.

    Example:
        >>> resolve_target("hero-advantage").combiner.steps[-1].relative
        True
    """
    if not isinstance(target, str):
        return _object_target(type(target).__name__, target)
    if target.endswith(SCHEME_SUFFIXES):
        return _object_target(target, load_scheme(target))
    if not is_place(target):
        return _object_target(target, build({"use": target}))
    value = load_object(target)
    is_target = isinstance(value, Scheme | Verifier | RewardModel) or is_step(value)
    if isinstance(value, type) or (callable(value) and not is_target):  # a class of verifiers has their methods too
        with boundary(f"calling {target}"):
            value = value()
    return _object_target(target, value)


def _object_target(name: str, value: object) -> CheckTarget:
    if isinstance(value, type):
        raise ConfigError(f"expected {EXPECTED}, got the class {value.__name__}; did you mean {value.__name__}(...)?")
    if isinstance(value, Scheme):
        kinds: dict[str, SignalKind] = {
            key: "binary" if isinstance(source, Verifier) else "score" for key, source in value.sources.items()
        }
        return CheckTarget(name, value.combiner, kinds, value.sources)
    if is_step(value):
        return CheckTarget(name, chain(value))
    if isinstance(value, Verifier | RewardModel):
        return CheckTarget(name, sources={"source": value})
    raise ConfigError(f"{name}: expected {EXPECTED}, got {type(value).__name__}")


def check_combiner(
    combiner: Scheme | Combiner[Any] | str,
    *,
    claims: Iterable[Law] = (),
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
    subject = _combiner_subject(target.combiner, signals=signals or target.signals, trainer=trainer, backends=backends)
    laws = (*list_laws("combiner", universal=True), *claims)
    title = name or (combiner if isinstance(combiner, str) else repr(target.combiner))
    return check_laws(subject, laws, profile, title, expected_failures)


def check_verifier(
    verifier: Scheme | Verifier | str,
    *,
    claims: Iterable[Law] = (),
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
        claims: further laws that it must satisfy.
        expected_failures: law -> why it fails by design; strict.
        answer_format: how answers look: ``"plain"``, ``"math"``, or your own.
        domain: what the answers are, a key of `herokit.testing.samples.DOMAINS`; by default what the format says.
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
    subject = _verifier_subject(source, answer_format=answer_format, domain=domain, timeout=timeout)
    laws = (*list_laws("verifier", universal=True), *claims)
    try:
        return check_laws(subject, laws, profile, name or repr(source), expected_failures)
    finally:
        if isinstance(verifier, str):
            _close(source)


def check_reward_model(
    reward_model: Scheme | RewardModel | str,
    *,
    claims: Iterable[Law] = (),
    expected_failures: Mapping[str, str] | None = None,
    tolerance: float = 1e-4,
    profile: Profile = QUICK,
    name: str = "",
) -> Report:
    """Check a reward model against the universal laws and those that it claims.

    Args:
        reward_model: a reward model, a name (see `resolve_target`) or a `Scheme` with one reward model. An object is
            not closed.
        claims: further laws that it must satisfy.
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
    laws = (*list_laws("reward model", universal=True), *claims)
    try:
        return check_laws(RewardModelSubject(source, tolerance), laws, profile, name or repr(source), expected_failures)
    finally:
        if isinstance(reward_model, str):
            _close(source)


def check_scheme(
    target: Checkable,
    *,
    trainer: str = "dr-grpo",
    budget: float = 60.0,
    answer_format: str = "math",
    domain: str = "",
    xfail: Mapping[str, str] | None = None,
) -> Iterator[Report]:
    """Check a scheme's chain and its sources against all laws: what `herokit check` does; yields one report for each.

    Args:
        target: what to check; see `resolve_target`.
        trainer: the trainer whose normalization follows the chain.
        budget: wall seconds for everything, approximately.
        answer_format: how answers look to its verifiers: ``"math"`` or ``"plain"``.
        domain: what the answers are: ``"integers"``, ``"decimals"``, ``"expressions"``, ``"choice"`` or ``"short-text"``.
        xfail: law -> why it may fail by design, besides the known failures of the steps; not strict.

    Raises:
        ConfigError: no such target, answer format, domain, trainer or law.
    """
    for law in xfail or {}:
        _check_name("law", law, [law.name for law in list_laws()])
    _check_name("answer format", answer_format, list(ANSWER_FORMATS))
    _check_name("domain", domain, ["", *DOMAINS])
    resolved = resolve_target(target)
    share = budget / (len(resolved.sources) + (resolved.combiner is not None))
    profile = Profile(
        max_examples=int(min(300, 20 + 5 * share)),
        seconds=SCAN_SHARE * share,
        shrink_seconds=(1 - SCAN_SHARE) * share / NUM_SHRUNK,
    )
    if resolved.combiner is not None:
        subject = resolved.subject(trainer=trainer)
        allowed = {**known_failures(resolved.combiner), **(xfail or {})}
        yield check_laws(subject, list_laws("combiner"), profile, resolved.name, allowed, strict=False)
    fewer = replace(profile, max_examples=min(100, profile.max_examples))
    for name, source in resolved.sources.items():
        title = f"{resolved.name}: sources.{name}" if resolved.combiner is not None else resolved.name
        part = CheckTarget(title, sources={name: source})
        options = {"answer_format": answer_format, "domain": domain} if part.kind == "verifier" else {}
        subject = part.subject(**options)
        allowed = {**known_source_failures(source), **(xfail or {})}
        yield check_laws(subject, list_laws(part.kind), fewer, title, allowed, strict=False)
        _close(source)


def check_laws(
    subject: Subject,
    laws: Iterable[Law],
    profile: Profile,
    name: str,
    expected_failures: Mapping[str, str] | None = None,
    *,
    strict: bool = True,
) -> Report:
    """Try laws on a subject.

    Args:
        subject: what to try them on.
        laws: the laws.
        profile: how long to search.
        name: the report's name.
        expected_failures: law -> why it fails by design.
        strict: whether an expected failure must be among the laws and must fail.

    Raises:
        ConfigError: an expected failure is not among the laws.
    """
    laws = tuple(laws)
    if strict:
        for law in expected_failures or {}:
            _check_name("expected failure", law, [law.name for law in laws])
    results = try_laws(laws, subject, profile, expected_failures=expected_failures, strict=strict)
    steps = subject.combiner.steps if isinstance(subject, CombinerSubject) else ()
    return Report(name, tuple(results), ADVANTAGE_NOTE if any(map(produces_advantage, steps)) else "")


def parametrize_with_laws(
    targets: Iterable[Checkable],
    *,
    claims: Iterable[Law] = (),
    expected_failures: Mapping[str, str] | None = None,
    profile: Profile = QUICK,
    **options: Any,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Run a test once for each target and law; the test calls ``law()``, which raises `AssertionError` on a violation.

    Args:
        targets: schemes, chains, steps, verifiers, reward models or names; see `resolve_target`. Of a scheme the chain
            is checked.
        claims: further laws that they must satisfy.
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

    cases = []
    for target in map(resolve_target, targets):
        for law in (*list_laws(target.kind, universal=True), *claims):
            reason = (expected_failures or {}).get(law.name)
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


def _combiner_subject(
    combiner: Chain,
    *,
    signals: Mapping[str, SignalKind],
    trainer: str = "dr-grpo",
    backends: tuple[str, ...] | None = None,
) -> CombinerSubject:
    return CombinerSubject.from_combiner(
        combiner, signals, trainer=find_trainer(trainer), backends=find_backends(backends)
    )


def _verifier_subject(
    verifier: Verifier, *, answer_format: AnswerFormat | str = "plain", domain: str = "", timeout: float = 5.0
) -> VerifierSubject:
    if isinstance(answer_format, str):
        _check_name("answer format", answer_format, list(ANSWER_FORMATS))
        answer_format = ANSWER_FORMATS[answer_format]
    if domain:
        _check_name("domain", domain, list(DOMAINS))
        answer_format = answer_format.with_domain(DOMAINS[domain])
    return VerifierSubject(verifier, answer_format, timeout)


def _only_source(target: CheckTarget, kind: TargetKind) -> Any:
    """Return the target's only source of a kind."""
    protocol = Verifier if kind == "verifier" else RewardModel
    names = [name for name, source in target.sources.items() if isinstance(source, protocol)]
    if len(names) != 1:
        raise ConfigError(f"{target.name}: expected one {kind}, got {', '.join(names) or 'none'}")
    return target.sources[names[0]]


def _check_name(what: str, name: str, names: list[str]) -> None:
    if name not in names:
        raise ConfigError(f"unknown {what} {name!r}; {did_you_mean(name, names)}")


def _close(source: object) -> None:
    close = getattr(source, "close", None)
    if callable(close):
        close()

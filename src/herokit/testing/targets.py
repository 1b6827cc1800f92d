"""What is checked, by the name that the user gave it, and what the laws are tried on."""

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from dis import get_instructions
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from herokit.combiners import Chain, Combiner, chain
from herokit.combiners.base import is_step
from herokit.config import Scheme, build, load_scheme
from herokit.config.objects import is_place, load_object
from herokit.config.scheme import SCHEME_SUFFIXES
from herokit.errors import ConfigError, boundary, did_you_mean
from herokit.files.inputs import is_rollout_file
from herokit.samples import as_samples
from herokit.sources.evaluation_metrics import find_metric
from herokit.sources.functions import FunctionRewardModel
from herokit.sources.signatures import bind_arguments, find_style
from herokit.tags import tags_of
from herokit.testing.backends import find_backends
from herokit.testing.batches import SignalKind
from herokit.testing.domains import DOMAINS
from herokit.testing.law import TargetKind
from herokit.testing.samples import (
    ANSWER_FORMATS,
    FORMAT_NAMES,
    AnswerFormat,
    detect_domain,
    detect_format,
    formats_of,
)
from herokit.testing.subjects import CombinerSubject, Subject
from herokit.testing.text_subjects import AnswerSubject, RewardFunctionSubject, RewardModelSubject, VerifierSubject
from herokit.trainers import find_trainer
from herokit.types import RewardModel, Sample, Scores, Verifier

__all__ = ["CheckTarget", "Checkable", "check_name", "kind_of_source", "resolve_target"]

Checkable: TypeAlias = Scheme | Combiner[Any] | Verifier | RewardModel | Callable[..., Any] | str
"""What can be checked: an object, a reward function, or a name of `resolve_target`."""

EXPECTED = "a scheme, a chain, a step, a verifier, a reward model or a reward function"

AUTO = "auto"
"""The answer format and the domain that are found out by asking which one is paid."""


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
        return kind_of_source(next(iter(self.sources.values())))

    def subject(self, **options: Any) -> Subject:
        """Return what the laws of `kind` are tried on.

        Args:
            options: ``signals``, ``trainer`` and ``backends`` of a combiner, ``answer_format``, ``domain`` and ``timeout``
                of a verifier or a reward function, ``tolerance`` of a reward model; see `check_combiner`,
                `check_verifier`, `check_reward_model`.
        """
        if self.combiner is not None:
            return _combiner_subject(self.combiner, **{"signals": self.signals, **options})
        (source,) = self.sources.values()
        source = _with_messages(source)
        if self.kind == "reward model":
            return RewardModelSubject(source, **options)  # type: ignore[arg-type]
        return _answer_subject(source, self.kind, **options)


def resolve_target(target: Checkable) -> CheckTarget:
    """Return the chain and the sources of a target.

    Args:
        target: a `Scheme`, a chain, a step, a verifier, a reward model, a reward function (see
            `herokit.sources.functions`), a rubric of verifiers, or a name: a scheme file (``hero.toml``), a registered
            name (``hero-advantage``), or an object in a Python file or module (``my_rewards.py:accuracy``,
            ``my_package.rewards:scheme``, ``my_package.rewards.scheme``), which may be a class or function that returns
            one when called without arguments.

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
    if is_rollout_file(Path(target)):
        raise ConfigError(
            f"{target} holds rollouts; write --rollouts {target} to diagnose the run, or name a reward and --cases {target}"
        )
    if "." in target and not is_place(target):
        target = ":".join(target.rsplit(".", 1))
    if not is_place(target):
        return _object_target(target, build({"use": target}))
    value = load_object(target)
    is_target = isinstance(value, Scheme | Verifier | RewardModel) or is_step(value)
    if isinstance(value, type) or (callable(value) and not is_target and _is_factory(value)):
        with boundary(f"calling {target}"):  # a class of verifiers has their methods too
            value = value()
    return _object_target(target, value)


def _is_reward_function(value: Callable[..., Any]) -> bool:
    try:
        find_style(value)
    except ConfigError:
        return False
    return True


def _is_factory(value: Callable[..., Any]) -> bool:
    """Return whether something is called without arguments and is no reward function."""
    parameters = inspect.signature(value).parameters.values()
    optional = all(p.default is not p.empty or p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters)
    return optional and not _is_reward_function(value)


def _rubric_function(rubric: Any) -> Callable[..., Awaitable[float]]:
    """Return the reward of a rubric of verifiers: the weighted sum of its functions, each called with what it takes."""

    async def reward(prompt: Any, completion: Any, answer: Any, state: Any, info: Any, task: Any) -> float:
        passed = {
            "prompt": prompt,
            "completion": completion,
            "answer": answer,
            "state": state,
            "info": info,
            "task": task,
            "parser": getattr(rubric, "parser", None),
        }
        total = 0.0
        for function, weight in zip(rubric.funcs, rubric.weights, strict=True):
            value = bind_arguments(function, passed)()
            total += weight * float(await value if inspect.isawaitable(value) else value)
        return total

    return reward


def _object_target(name: str, value: object) -> CheckTarget:
    if isinstance(value, type):
        raise ConfigError(f"expected {EXPECTED}, got the class {value.__name__}; did you mean {value.__name__}(...)?")
    value = find_metric(value) or value
    if isinstance(value, Scheme):
        kinds: dict[str, SignalKind] = {
            key: "binary" if isinstance(source, Verifier) else "score" for key, source in value.sources.items()
        }
        return CheckTarget(name, value.combiner, kinds, value.sources)
    if is_step(value):
        return CheckTarget(name, chain(value))
    if isinstance(value, Verifier | RewardModel):
        return CheckTarget(name, sources={"source": value})
    if hasattr(value, "funcs") and hasattr(value, "weights"):
        value = _rubric_function(value)
    if inspect.isroutine(value) or (callable(value) and _is_reward_function(value)):
        return CheckTarget(name, sources={"source": FunctionRewardModel(value)})
    raise ConfigError(f"{name}: expected {EXPECTED}, got {type(value).__name__}")


@dataclass(frozen=True, slots=True)
class MessagesFunction(FunctionRewardModel):
    """A reward function that takes messages only; it gets each text as the message that a trainer makes of it."""

    def score(self, samples: Sequence[Sample | Mapping[str, Any]], /) -> Scores:
        """Return the scores."""
        return FunctionRewardModel.score(self, [_as_messages(sample) for sample in as_samples(samples)])


def _as_messages(sample: Sample) -> Sample:
    prompt, completion = sample.prompt, sample.completion
    return replace(
        sample,
        prompt=[{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt,
        completion=[{"role": "assistant", "content": completion}] if isinstance(completion, str) else completion,
    )


def _with_messages(source: Verifier | RewardModel) -> Verifier | RewardModel:
    """Return a function of TRL that fails on a text and not on messages as one that gets messages."""
    if not isinstance(source, FunctionRewardModel) or source.style != "trl":
        return source
    sample = [Sample("What is 40 + 1?", "41", 0, "41")]
    with_messages = MessagesFunction(source.function, source.style)
    for candidate in (source, with_messages):
        with suppress(Exception):
            candidate.score(sample)
            return candidate
    return source


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


def kind_of_source(source: Verifier | RewardModel) -> TargetKind:
    """Return which laws apply to a source: a reward function that takes no reference is a reward model.

    Example:
        >>> from herokit.sources import as_reward_model
        >>> kind_of_source(as_reward_model(lambda completion, reference: completion == reference))
        'reward function'
        >>> kind_of_source(as_reward_model(lambda completion: -len(completion)))
        'reward model'
        >>> kind_of_source(as_reward_model(lambda completions, **kwargs: [len(text) for text in completions]))
        'reward model'
    """
    if isinstance(source, FunctionRewardModel):
        return "reward function" if _reads_reference(source) else "reward model"
    return "verifier" if isinstance(source, Verifier) else "reward model"


def _reads_reference(source: FunctionRewardModel) -> bool:
    """Return whether a function reads a reference; one that only takes any keyword must use them in its code."""
    names = set(inspect.signature(source.function).parameters)
    named = source.names_reference or not names.isdisjoint(("state", "info", "sample"))
    return source.reads_reference and (named or _uses_keywords(source.function))


def _uses_keywords(function: Callable[..., Any]) -> bool:
    """Return whether the code of a function mentions its ``**`` parameter; True if the code cannot be seen."""
    parameters = inspect.signature(function).parameters.values()
    name = next((p.name for p in parameters if p.kind is p.VAR_KEYWORD), None)
    inner = inspect.unwrap(function.func if isinstance(function, partial) else function)
    code = getattr(inner if inspect.isroutine(inner) else type(inner).__call__, "__code__", None)
    if code is None or name not in code.co_varnames:
        return True
    loaded = [step.argval for step in get_instructions(code) if step.opname.startswith("LOAD")]
    mentioned = {value for values in loaded for value in (values if isinstance(values, tuple) else (values,))}
    return not mentioned.isdisjoint((name, "locals", "vars", "eval", "exec"))


def _answer_subject(
    source: Any,
    kind: TargetKind,
    *,
    answer_format: AnswerFormat | str | None = None,
    domain: str = "",
    timeout: float = 5.0,
) -> AnswerSubject:
    """Return a verifier or a reward function with its answers; None is the format plain, or for a function auto."""
    make = VerifierSubject if kind == "verifier" else RewardFunctionSubject
    if isinstance(answer_format, AnswerFormat):
        answers = answer_format.with_domain(DOMAINS[domain]) if domain else answer_format
        return make(source, answers, timeout)
    answer_format = answer_format or ("plain" if kind == "verifier" else AUTO)
    check_name("answer format", answer_format, [AUTO, *FORMAT_NAMES])
    check_name("domain", domain, ["", AUTO, *DOMAINS])
    if domain in ("", AUTO):
        domain = tags_of(source).domain or domain

    def judge(samples: list[Sample]) -> list[float | None]:
        return make(source).values(samples)

    if domain == AUTO and answer_format == AUTO:
        return make(source, detect_domain(judge), timeout)
    return make(source, _find_format(answer_format, "integers" if domain == AUTO else domain, judge), timeout)


def _find_format(name: str, domain: str, judge: Callable[[list[Sample]], list[float | None]]) -> AnswerFormat:
    """Return the answers of a domain in a format, or in the one that is paid.

    Raises:
        ConfigError: answers of the domain are not given in that format.
    """
    formats = formats_of(domain) if domain else ANSWER_FORMATS
    if name == AUTO:
        return detect_format(formats.values(), judge)
    if name not in formats:
        raise ConfigError(f"answers of the domain {domain!r} have no format {name!r}; expected {', '.join(formats)}")
    return formats[name]


def check_name(what: str, name: str, names: list[str]) -> None:
    """Raise `ConfigError` if a name is not one of several."""
    if name not in names:
        raise ConfigError(f"unknown {what} {name!r}; {did_you_mean(name, names)}")

"""Reward functions as sources: those of TRL, verl, OpenRLHF and verifiers, and plain ones.

The names of the parameters decide how a function is called:

========= ================================================================ ====================================
style     parameters                                                       called
========= ================================================================ ====================================
trl       ``prompts, completions, **columns``                              once for a batch, texts or messages
verl      ``data_source, solution_str, ground_truth, extra_info``          once for each sample, texts
openrlhf  ``queries, prompts, labels``                                     once for a batch, texts
verifiers ``prompt, completion, answer, state, info, task``                once for each sample, messages
plain     ``completion, reference``, other columns by name                 once for each sample, the final text
sample    ``sample``, reference and other columns by name                  once for each sample, the `Sample` itself
========= ================================================================ ====================================

A function needs only those parameters that it uses. It may be a coroutine function. A metric of deepeval or ragas and a scorer of
inspect take its place (`herokit.sources.evaluation_metrics`).
"""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from herokit.errors import CODE_ERRORS, ConfigError, PluginError, SetupError, check_choice, format_error, locate_error
from herokit.samples import SampleLike, as_samples
from herokit.sources.coroutines import await_result, gather_outcomes, run_coroutine
from herokit.sources.evaluation_metrics import find_metric, unwrap_metric
from herokit.sources.results import NO_REFERENCE, SCORE_KEYS, to_float_array, to_score, to_verdict
from herokit.sources.signatures import (
    COMPLETION_NAMES,
    REFERENCE_NAMES,
    STYLE_PARAMETERS,
    Style,
    bind_arguments,
    binds_by_name,
    check_parameters,
    describe_function,
    find_style,
    named_parameters,
    positional_names,
    takes_any_keyword,
)
from herokit.types import RewardModel, Sample, Scores, Status, Verdict, Verifier

__all__ = [
    "FunctionRewardModel",
    "FunctionVerifier",
    "as_reward_model",
    "as_source",
    "as_verifier",
    "call_function",
]


@dataclass(frozen=True, slots=True)
class _Function:
    """A reward function and how it is called.

    Args:
        function: the function, a coroutine function, or an object that can be called.
        style: whose signature it has; None goes by the names of its parameters.

    Raises:
        ConfigError: it cannot be called, or its parameters are not those of its style.
    """

    function: Callable[..., Any]
    style: Style | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "function", find_metric(self.function) or self.function)
        if isinstance(self.function, type) or not callable(self.function):
            raise ConfigError(f"expected a function, got {self.function!r:.200}")
        if self.style is None:
            object.__setattr__(self, "style", find_style(self.function))
        check_choice("style", self.style, Style)
        check_parameters(self.function, _style(self))

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns that must be present."""
        if self.style not in ("trl", "plain") or (self.style == "plain" and not binds_by_name(self.function)):
            return ()
        return tuple(_columns_needed(self.function))

    @property
    def reads_reference(self) -> bool:
        """Whether it takes the reference by name, among all keywords, as its second position, or with the whole sample."""
        if self.style == "plain" and not binds_by_name(self.function):
            return len(positional_names(self.function)) > 1
        if self.style == "sample":
            return True
        usual = {*REFERENCE_NAMES, "labels", "state", "info"}
        return bool(usual & set(named_parameters(self.function))) or takes_any_keyword(self.function)

    @property
    def names_reference(self) -> bool:
        """Whether a parameter takes the reference, so that it is there to be read."""
        names = set(named_parameters(self.function))
        return bool({*REFERENCE_NAMES, "labels"} & names) or (
            self.style == "plain" and not binds_by_name(self.function)
        )

    @property
    def missing_arguments(self) -> tuple[str, ...]:
        """The arguments that its trainer passes and that it does not take; ``**`` stands for any column.

        verifiers passes only what a function takes, and a plain function has no trainer.
        """
        passed = {
            "trl": ("prompts", "completions", "**"),
            "verl": STYLE_PARAMETERS["verl"],
            "openrlhf": STYLE_PARAMETERS["openrlhf"],
        }
        if takes_any_keyword(self.function):
            return ()
        names = named_parameters(self.function)
        return tuple(name for name in passed.get(_style(self), ()) if name not in names)

    def _call(self, samples: Sequence[Sample]) -> list[Any]:
        """Return what the function gave for each sample; what it raised, as a verdict that failed."""
        values = call_function(self.function, samples, style=_style(self))
        return [
            Verdict(None, Status.FAILED, f"raised {format_error(value)}{locate_error(value)}")
            if isinstance(value, Exception)
            else value
            for value in values
        ]


@dataclass(frozen=True, slots=True)
class FunctionVerifier(_Function):
    """A reward function as a verifier: what it returns is correctness in [0, 1], a boolean, None or a `Verdict`.

    Args:
        function: the function, a coroutine function, or an object that can be called.
        style: whose signature it has; None goes by the names of its parameters, see `Style`.

    Raises:
        ConfigError: it cannot be called, or its parameters are not those of its style.

    Example:
        >>> def accuracy(completions, answer, **kwargs):
        ...     return [text == a for text, a in zip(completions, answer)]
        >>> FunctionVerifier(accuracy).verify([Sample("1 + 1?", "2", "q", "2")])[0].value
        1.0
    """

    def verify(self, samples: Sequence[SampleLike], /) -> list[Verdict]:
        """Return N verdicts for N samples, or mappings with the usual keys."""
        return [to_verdict(value) for value in self._call(as_samples(samples))]


@dataclass(frozen=True, slots=True)
class FunctionRewardModel(_Function):
    """A reward function as a reward model: what it returns is a number, a boolean, None or a `Verdict`.

    Args:
        function: the function, a coroutine function, or an object that can be called.
        style: whose signature it has; None goes by the names of its parameters, see `Style`.

    Raises:
        ConfigError: it cannot be called, or its parameters are not those of its style.

    Example:
        >>> FunctionRewardModel(lambda completion: -len(completion)).score([Sample("1 + 1?", "two", "q")]).values
        array([-3.])
    """

    def score(self, samples: Sequence[SampleLike], /) -> Scores:
        """Return N scores for N samples, or mappings with the usual keys."""
        return Scores.from_rows(to_score(value) for value in self._call(as_samples(samples)))


def as_verifier(function: Callable[..., Any], *, style: Style | None = None) -> FunctionVerifier:
    """Make a verifier of a reward function.

    Args:
        function: a reward function of TRL, verl, OpenRLHF or verifiers, or ``(completion, reference)``.
        style: whose signature it has; None goes by the names of its parameters.

    Raises:
        ConfigError: its parameters are not those of a reward function.

    Example:
        >>> def compute_score(data_source, solution_str, ground_truth, extra_info=None):
        ...     return {"score": float(solution_str == ground_truth)}
        >>> as_verifier(compute_score).verify([Sample("1 + 1?", "2", "q", "2")])[0].value
        1.0
    """
    return FunctionVerifier(function, style)


def as_reward_model(function: Callable[..., Any], *, style: Style | None = None) -> FunctionRewardModel:
    """Make a reward model of a reward function; see `as_verifier`.

    Raises:
        ConfigError: its parameters are not those of a reward function.

    Example:
        >>> as_reward_model(lambda prompt, completion: len(prompt) - len(completion), style="plain").style
        'plain'
    """
    return FunctionRewardModel(function, style)


def as_source(name: str, source: Any, *, style: Style | None = None) -> Verifier | RewardModel:
    """Return a source as it is, and a reward function as a source.

    A function is a verifier if the name begins with ``verifier``, else a reward model.

    Args:
        name: the name of the source.
        source: a verifier, a reward model, or a function.
        style: of a function.

    Raises:
        ConfigError: it is none of these.

    Example:
        >>> type(as_source("verifier", lambda completion, reference: completion == reference)).__name__
        'FunctionVerifier'
    """
    if isinstance(source, type):
        raise ConfigError(f"source {name!r} is the class {source.__name__}; did you mean {source.__name__}(...)?")
    source = find_metric(source) or source  # asked first: some metrics have a method score of their own
    if isinstance(source, Verifier | RewardModel):
        _check_method(name, source)
        return source
    if not callable(source):
        raise ConfigError(
            f"source {name!r} must be a verifier, a reward model or a reward function, got {source!r:.200}"
        )
    try:
        return (as_verifier if name.startswith("verifier") else as_reward_model)(source, style=style)
    except ConfigError as error:
        raise ConfigError(f"source {name!r}: {error}") from None


def _check_method(name: str, source: Verifier | RewardModel) -> None:
    """Check that the method of a source takes samples, all at once, and not the texts of one.

    Raises:
        ConfigError: it takes something else; the message says how the method can be a source itself.
    """
    method = "verify" if isinstance(source, Verifier) else "score"
    function = getattr(source, method)
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # of some functions in C
        return
    try:
        takes_samples = next(iter(signature.bind(()).arguments), "") not in COMPLETION_NAMES
    except TypeError:  # it needs more than one argument
        takes_samples = False
    if not takes_samples:
        kind = type(source).__name__
        raise ConfigError(
            f"source {name!r}: {kind}.{method}{signature} takes the texts of one rollout, but a "
            f"{'verifier' if method == 'verify' else 'reward model'} has {method}(samples), called once with a list of N samples; "
            f"pass the method itself as a reward function: {{{name!r}: source.{method}}}"
        )


def call_function(function: Callable[..., Any], samples: Sequence[Sample], *, style: Style) -> list[Any]:
    """Call a reward function on N samples and return what it gave, N values.

    A sample without a reference is left out, with a verdict that says so, if the function cannot work without one. A
    function that is called for each sample keeps one bad sample from losing the others: what it raises is returned in
    place of the value. Errors of its code (`TypeError`, `AttributeError`, `NameError`) are raised.

    Raises:
        SetupError: no sample has a column that the function cannot work without.
        PluginError: it returned another number of values than N, so nobody knows whose they are.
        TypeError: what it returned are no values.
    """
    names = _references_needed(function, style)
    rows = [row for row, sample in enumerate(samples) if _has_values(sample, names)]
    values: list[Any] = [NO_REFERENCE] * len(samples)
    part = samples if len(rows) == len(samples) else [samples[row] for row in rows]
    for row, value in zip(rows, _call(function, part, style) if rows else [], strict=True):
        values[row] = value
    return values


def _call(function: Callable[..., Any], samples: Sequence[Sample], style: Style) -> list[Any]:
    try:
        if style in ("trl", "openrlhf"):
            make = _trl_arguments if style == "trl" else _openrlhf_arguments
            returned = bind_arguments(function, make(function, samples))()
            return _to_list(function, await_result(returned), len(samples))
        return _call_each(_argument_rows(function, samples, style))
    except CODE_ERRORS as error:
        kind = unwrap_metric(function)[1] or f"a reward function like {style}'s; style= overrides"
        note = f"{describe_function(function)} was taken for {kind}"
        if note not in getattr(error, "__notes__", ()):
            error.add_note(note)
        raise


def _call_each(rows: Iterable[Callable[[], Any]]) -> list[Any]:
    """Make a call for each sample; an exception takes the place of its value, an error of code is raised."""
    outcomes: list[Any] = []
    for call in rows:
        try:
            outcomes.append(call())
        except CODE_ERRORS:
            raise
        except Exception as error:  # noqa: BLE001 - it costs this row
            outcomes.append(error)
    waiting = [row for row, value in enumerate(outcomes) if inspect.isawaitable(value)]
    results = run_coroutine(gather_outcomes([outcomes[row] for row in waiting])) if waiting else []
    for row, value in zip(waiting, results, strict=True):
        if isinstance(value, CODE_ERRORS):
            raise value
        cancelled = isinstance(value, BaseException) and not isinstance(value, Exception)
        outcomes[row] = RuntimeError(f"was cancelled: {value!r}") if cancelled else value
    return outcomes


def _argument_rows(function: Callable[..., Any], samples: Sequence[Sample], style: Style) -> list[Callable[[], Any]]:
    """Return for each sample a call of the function."""
    if style == "plain" and not binds_by_name(function):
        count = len(positional_names(function))
        return [partial(function, *(sample.final_text, sample.reference)[:count]) for sample in samples]
    if style == "plain":
        _check_columns(function, samples)
    makers = {
        "verl": _verl_arguments,
        "verifiers": _verifiers_arguments,
        "plain": _plain_arguments,
        "sample": _sample_arguments,
    }
    return [bind_arguments(function, makers[style](sample)) for sample in samples]


def _trl_arguments(function: Callable[..., Any], samples: Sequence[Sample]) -> dict[str, Any]:
    _check_columns(function, samples)
    names = dict.fromkeys(name for sample in samples for name in sample.meta)
    columns = {name: [sample.meta.get(name) for sample in samples] for name in names}
    references = {name: [sample.reference for sample in samples] for name in REFERENCE_NAMES if name not in names}
    conversations = {
        "prompts": [_native(sample.prompt) for sample in samples],
        "completions": [_native(sample.completion) for sample in samples],
    }
    return references | columns | conversations


def _openrlhf_arguments(function: Callable[..., Any], samples: Sequence[Sample]) -> dict[str, Any]:  # noqa: ARG001 - as for TRL
    return {
        "queries": [sample.prompt_text + sample.completion_text for sample in samples],
        "prompts": [sample.prompt_text for sample in samples],
        "labels": [sample.reference for sample in samples],
    }


def _verl_arguments(sample: Sample) -> dict[str, Any]:
    extra = sample.meta.get("extra_info")
    return {
        "data_source": sample.meta.get("data_source"),
        "solution_str": sample.completion_text,
        "ground_truth": sample.reference,
        "extra_info": dict(sample.meta) if extra is None else extra,
    }


def _verifiers_arguments(sample: Sample) -> dict[str, Any]:
    conversation = sample.messages
    count = 1 if isinstance(sample.completion, str) else len(sample.completion)
    fields = {
        "prompt": conversation[:-count] if count else conversation,
        "completion": conversation[-count:] if count else [],
        "answer": sample.reference,
        "info": sample.meta.get("info") or {},
        "task": sample.meta.get("task") or "default",
    }
    return fields | {"state": dict(sample.meta) | fields}


def _plain_arguments(sample: Sample) -> dict[str, Any]:
    references = dict.fromkeys(REFERENCE_NAMES, sample.reference)
    texts = dict.fromkeys(COMPLETION_NAMES, sample.final_text)
    return references | dict(sample.meta) | texts | {"prompt": sample.prompt_text}


def _sample_arguments(sample: Sample) -> dict[str, Any]:
    return _plain_arguments(sample) | {"sample": sample}


def _native(value: Any) -> Any:
    return value if isinstance(value, str) else list(value)


def _to_list(function: Callable[..., Any], returned: Any, count: int) -> list[Any]:
    """Return what a function of batches gave as N values.

    Another number of them is an error of the whole batch: in batches of one sample the function may seem to work.
    """
    if isinstance(returned, Mapping):
        key = next((key for key in ("rewards", "scores", *SCORE_KEYS) if key in returned), None)
        if key is None:
            raise TypeError(f"returned a mapping without 'rewards' or 'scores'; it has {list(returned)!r:.100}")
        returned = returned[key]
    values = to_float_array(returned).tolist() if hasattr(returned, "shape") else returned
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise TypeError(f"returned {returned!r:.80}; expected one value for each of {count} completions")
    values = list(values)
    if len(values) != count:
        raise PluginError(
            f"{describe_function(function)} returned {len(values)} values for {count} completions; expected one for each"
        )
    return values


def _references_needed(function: Callable[..., Any], style: Style) -> list[str]:
    """Return the parameters without a default that take the reference."""
    if style == "plain" and not binds_by_name(function):
        return positional_names(function)[1:2]
    usual = ("labels",) if style == "openrlhf" else ("answer",) if style == "verifiers" else REFERENCE_NAMES
    return [name for name, p in named_parameters(function).items() if p.default is p.empty and name in usual]


def _has_values(sample: Sample, names: Iterable[str]) -> bool:
    return sample.reference is not None or all(sample.meta.get(name) is not None for name in names)


def _check_columns(function: Callable[..., Any], samples: Sequence[Sample]) -> None:
    """Check that some sample has each column that a function of columns cannot work without."""
    for name in _columns_needed(function):
        if not any(name in sample.meta for sample in samples):
            known = sorted({key for sample in samples for key in sample.meta})
            raise SetupError(f"{describe_function(function)} needs a column {name!r}; the samples have {known!r:.200}")


def _columns_needed(function: Callable[..., Any]) -> list[str]:
    """Return the parameters without a default that take a column of `Sample.meta`."""
    usual = {"prompt", "prompts", "completions", *COMPLETION_NAMES, *REFERENCE_NAMES}
    return [name for name, p in named_parameters(function).items() if p.default is p.empty and name not in usual]


def _style(function: _Function) -> Style:
    assert function.style is not None  # noqa: S101 - set by the constructor
    return function.style

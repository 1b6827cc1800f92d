"""Metrics of deepeval and ragas and scorers of inspect as functions of a sample; each library is imported on the first call.

They judge the final text. An empty one is not judged: it is 0, `UNPARSED`, as for every verifier, because some metrics raise on it,
and a row that raises costs the policy nothing. A reference that a metric needs and that is missing or empty fails the row.
"""

import copy
import inspect
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from herokit.sources.results import NO_REFERENCE
from herokit.types import Sample, Status, Verdict

__all__ = ["DeepEvalMetric", "InspectScorer", "RagasMetric", "find_metric", "unwrap_metric"]

_Outcome: TypeAlias = Verdict | dict[str, Any]

_NO_ANSWER = Verdict(0.0, Status.UNPARSED, "the final text is empty")


def find_metric(value: Any) -> Callable[[Sample], Awaitable[_Outcome]] | None:
    """Return a metric as a function of a sample; None for anything else.

    A metric of deepeval has ``a_measure``; one of ragas has ``single_turn_ascore``, or an ``ascore`` that takes ``user_input``,
    ``response`` or ``reference`` or whose class comes from ragas; a scorer of inspect is a function of ``state`` and ``target``.

    Example:
        >>> async def score(state, target):
        ...     ...
        >>> type(find_metric(score)).__name__, find_metric(len)
        ('InspectScorer', None)
    """
    if isinstance(value, type):
        return None
    if callable(getattr(value, "a_measure", None)):
        return DeepEvalMetric(value)
    if callable(getattr(value, "single_turn_ascore", None)) or _is_ragas_score(getattr(value, "ascore", None), value):
        return RagasMetric(value)
    if callable(value) and _parameter_names(value) == ["state", "target"]:
        return InspectScorer(value)
    return None


def unwrap_metric(function: Any) -> tuple[Any, str]:
    """Return the user's own metric and what it is, for messages; a function that is none as it is, and an empty text.

    Example:
        >>> unwrap_metric(len)[1], unwrap_metric(InspectScorer(len))[1]
        ('', 'a scorer of inspect')
    """
    if isinstance(function, InspectScorer):
        return function.scorer, "a scorer of inspect"
    if isinstance(function, DeepEvalMetric):
        return function.metric, "a metric of deepeval"
    if isinstance(function, RagasMetric):
        return function.metric, "a metric of ragas"
    return function, ""


@dataclass(frozen=True, slots=True)
class DeepEvalMetric:
    """A metric of deepeval, called with an ``LLMTestCase`` of prompt, final text and reference, and columns of the same names.

    Every sample has its own copy of the metric, with lists, mappings and sets of its own, so that they do not write into each
    other's results; models and clients are shared.

    Args:
        metric: has ``a_measure``.
    """

    metric: Any

    async def __call__(self, sample: Sample) -> _Outcome:
        """Return score and reason."""
        from deepeval.test_case import LLMTestCase

        needed = getattr(self.metric, "_required_params", None)
        if (
            _is_missing(sample.reference)
            and isinstance(needed, list)
            and "expected_output" in {p.value for p in needed}
        ):
            return NO_REFERENCE
        if not sample.final_text.strip():
            return _NO_ANSWER
        columns = {name: sample.meta[name] for name in LLMTestCase.model_fields if name in sample.meta}
        reference = _to_text(sample.reference)
        texts = {"input": sample.prompt_text, "actual_output": sample.final_text, "expected_output": reference}
        metric = _copy_metric(self.metric)
        quiet = {"_show_indicator": False} if "_show_indicator" in _parameter_names(metric.a_measure) else {}
        score = await metric.a_measure(LLMTestCase(**(columns | texts)), **quiet)
        return {"score": score, "reason": getattr(metric, "reason", None)}


@dataclass(frozen=True, slots=True)
class RagasMetric:
    """A metric of ragas, called with ``user_input``, ``response``, ``reference`` and columns by name, as far as it takes them.

    Args:
        metric: has ``ascore``, or ``single_turn_ascore`` in the older interface.
    """

    metric: Any

    async def __call__(self, sample: Sample) -> _Outcome:
        """Return score and reason."""
        texts = {
            "user_input": sample.prompt_text,
            "response": sample.final_text,
            "reference": _to_text(sample.reference),
        }
        fields = {**sample.meta, **texts}
        legacy = callable(getattr(self.metric, "single_turn_ascore", None))
        names = _legacy_columns(self.metric) if legacy else _parameter_names(self.metric.ascore)
        if "reference" in names and _is_missing(sample.reference):
            return NO_REFERENCE
        if "reference" in names and not isinstance(texts["reference"], str):
            return _not_text(sample.reference)
        if not sample.final_text.strip():
            return _NO_ANSWER
        if legacy:
            from ragas.dataset_schema import SingleTurnSample

            case = SingleTurnSample(**{name: fields[name] for name in SingleTurnSample.model_fields if name in fields})
            return {"score": await self.metric.single_turn_ascore(case)}
        result = await self.metric.ascore(**{name: fields[name] for name in names if name in fields})
        return {"score": result.value, "reason": result.reason}


@dataclass(frozen=True, slots=True)
class InspectScorer:
    """A scorer of inspect, called with a ``TaskState`` of prompt and final text, and the reference as its target.

    ``C`` is 1, ``P`` 0.5, ``I`` 0, ``N`` 0 with the status `UNPARSED`; other values are numbers. A score without a value (NaN) fails
    the row, unless inspect says that the policy caused it.

    Args:
        scorer: an async function of ``state`` and ``target``.
    """

    scorer: Callable[..., Awaitable[Any]]

    async def __call__(self, sample: Sample) -> _Outcome:
        """Return the verdict, or score and explanation."""
        from inspect_ai.model import ChatMessageUser, ModelName, ModelOutput
        from inspect_ai.scorer import Target
        from inspect_ai.solver import TaskState

        if _is_missing(sample.reference):
            return NO_REFERENCE
        if not sample.final_text.strip():
            return _NO_ANSWER
        target = Target([_to_text(value) for value in _present(sample.reference)])
        output = ModelOutput.from_content("none/none", sample.final_text)
        state = TaskState(
            model=ModelName("none/none"),
            sample_id=str(sample.group),
            epoch=1,
            input=sample.prompt_text,
            messages=[ChatMessageUser(content=sample.prompt_text), output.message],
            target=target,
            output=output,
            metadata=dict(sample.meta),
        )
        score = await self.scorer(state, target)
        return Verdict(None, Status.FAILED, "returned None") if score is None else _read_inspect_score(score)


_GRADES = {"C": 1.0, "P": 0.5, "I": 0.0, "yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}
_CAUSED_BY_POLICY = frozenset({"invalid_response_format", "refusal", "no_response"})


def _read_inspect_score(score: Any) -> _Outcome:
    """Return what a ``Score`` says.

    Raises:
        ValueError: its value is no grade and no number; it is not taken for 0.
    """
    value, text = score.value, score.explanation or ""
    cause = getattr(score, "reason", None)
    if value == "N" or (isinstance(value, float) and math.isnan(value)):
        if value == "N" or cause in _CAUSED_BY_POLICY:
            return Verdict(0.0, Status.UNPARSED, cause or text or "no answer")
        return Verdict(None, Status.FAILED, cause or text or "unscored")
    if isinstance(value, str):
        value = _GRADES.get(value, _GRADES.get(value.lower(), value))
    try:
        return {"score": float(value), "reason": text}
    except TypeError:
        message = f"the scorer gave several values, {value!r:.100}; choose one in a function around it"
        raise ValueError(message) from None


def _present(reference: Any) -> list[Any]:
    """Return what there is to compare with, without empty texts: inspect's ``includes`` finds one in every answer."""
    values = reference if isinstance(reference, list | tuple) else [reference]
    return [value for value in values if not (value is None or (isinstance(value, str) and not value.strip()))]


def _is_missing(reference: Any) -> bool:
    return not _present(reference)


def _copy_metric(metric: Any) -> Any:
    result = copy.copy(metric)
    for name, value in getattr(metric, "__dict__", {}).items():
        if isinstance(value, list | dict | set):
            object.__setattr__(result, name, _copy_containers(value))
    return result


def _copy_containers(value: Any) -> Any:
    """Return a copy of a list, mapping or set, and of those in it; all else is shared."""
    if type(value) is list:
        return [_copy_containers(item) for item in value]
    if type(value) is dict:
        return {key: _copy_containers(item) for key, item in value.items()}
    return copy.copy(value) if isinstance(value, list | dict | set) else value


def _is_ragas_score(ascore: Any, metric: Any) -> bool:
    """Return whether a method is that of ragas and not the async twin of a reward model's ``score(samples)``."""
    if not callable(ascore):
        return False
    return bool({"user_input", "response", "reference"} & set(_parameter_names(ascore))) or any(
        base.__module__.partition(".")[0] == "ragas" for base in type(metric).__mro__
    )


def _not_text(reference: Any) -> Verdict:
    return Verdict(None, Status.FAILED, f"the reference is a {type(reference).__name__}; the metric takes a text")


def _legacy_columns(metric: Any) -> list[str]:
    """Return what a metric of ragas' older interface needs."""
    columns = metric.required_columns
    return [name for names in columns.values() for name in names] if isinstance(columns, Mapping) else list(columns)


def _parameter_names(function: Callable[..., Any]) -> list[str]:
    try:
        return list(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # of some functions in C
        return []


def _to_text(value: Any) -> str | None:
    """Return a reference as text; lists and mappings stay as they are, for the metric to refuse."""
    return str(value) if isinstance(value, bool | int | float) else value

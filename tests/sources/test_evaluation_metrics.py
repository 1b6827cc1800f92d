"""Metrics of evaluation libraries as sources, on stand-ins with the signatures of the released classes.

`make test-trainers` runs the released classes themselves (tests/adapters/real/deepeval, ragas, inspect).
"""

import asyncio
import math
import re
import sys
from dataclasses import dataclass, field
from types import MappingProxyType, ModuleType, SimpleNamespace
from typing import Any

import pytest

from herokit import Rewarder, Sample, Status
from herokit.combiners import Select
from herokit.config import load_scheme
from herokit.errors import ConfigError
from herokit.sources import as_reward_model, as_verifier
from herokit.sources.evaluation_metrics import find_metric
from herokit.testing.targets import resolve_target

SAMPLES = [Sample("2 + 2?", text, 0, reference, {"context": ["sums"]}) for text, reference in [
    ("4", "4"), ("5", "4"), ("", "4"), ("4", None), ("4", 4), ("4", " "),
]]  # fmt: skip
ROWS = [(1.0, "judged"), (0.0, "judged"), (0.0, "unparsed"), (None, "failed"), (1.0, "judged"), (None, "failed")]


def fake(monkeypatch, name, **attributes):
    for end in [i for i, char in enumerate(name) if char == "."] + [len(name)]:
        if name[:end] not in sys.modules:
            monkeypatch.setitem(sys.modules, name[:end], ModuleType(name[:end]))
    for key, value in attributes.items():
        monkeypatch.setattr(sys.modules[name], key, value, raising=False)


@dataclass
class TestCase:
    __test__ = False
    input: str
    actual_output: str
    expected_output: str | None = None
    context: list[str] | None = None


TestCase.model_fields = ("input", "actual_output", "expected_output", "context")


class DeepEvalExact:
    """As deepeval 4.3.1: results are attributes of the metric; an empty answer raises."""

    score: float | None = None
    reason: str | None = None

    def __init__(self):
        self._required_params = [SimpleNamespace(value="input"), SimpleNamespace(value="expected_output")]

    async def a_measure(self, test_case, _show_indicator="yes"):
        assert not _show_indicator
        if test_case.actual_output == "" or test_case.expected_output is None:
            raise RuntimeError("MissingTestCaseParamsError")
        self.reason = f"{test_case.actual_output} for {test_case.expected_output} with {test_case.context}"
        await asyncio.sleep(0)
        self.score = float(test_case.actual_output == test_case.expected_output)
        return self.score


class RagasExact:
    """As ragas 0.4.3: keyword arguments, a result with value and reason, and a method `score` that is not herokit's."""

    async def ascore(self, reference: str, response: str) -> Any:
        return SimpleNamespace(value=float(reference == response), reason=None)

    def score(self, **kwargs):
        raise AssertionError("this is not herokit's protocol")


class LegacyRagasExact:
    required_columns = MappingProxyType({"SINGLE_TURN": {"reference", "response"}})

    async def single_turn_ascore(self, sample):
        return float(sample.reference == sample.response)


@dataclass
class SingleTurnSample:
    user_input: str | None = None
    response: str | None = None
    reference: str | None = None


SingleTurnSample.model_fields = ("user_input", "response", "reference")


@dataclass
class Score:
    value: Any
    explanation: str | None = None
    reason: str | None = None


async def inspect_exact(state, target):
    return Score("C" if state.output.message == target.target[0] else "I", state.input)


@dataclass
class TaskState:
    model: Any
    sample_id: Any
    epoch: int
    input: str
    messages: list
    target: Any
    output: Any
    metadata: dict = field(default_factory=dict)


@pytest.fixture(autouse=True)
def libraries(monkeypatch):
    fake(monkeypatch, "deepeval.test_case", LLMTestCase=TestCase)
    fake(monkeypatch, "ragas.dataset_schema", SingleTurnSample=SingleTurnSample)
    output = SimpleNamespace(from_content=lambda model, text: SimpleNamespace(message=text))
    fake(monkeypatch, "inspect_ai.model", ChatMessageUser=SimpleNamespace, ModelName=str, ModelOutput=output)
    fake(monkeypatch, "inspect_ai.scorer", Target=lambda target: SimpleNamespace(target=target))
    fake(monkeypatch, "inspect_ai.solver", TaskState=TaskState)


METRICS = {
    "deepeval": DeepEvalExact(),
    "ragas": RagasExact(),
    "ragas 0.1": LegacyRagasExact(),
    "inspect": inspect_exact,
}


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_metric_is_a_verifier_and_a_reward_model(metric):
    assert [(v.value, v.status.value) for v in as_verifier(metric).verify(SAMPLES)] == ROWS
    scores = as_reward_model(metric).score(SAMPLES)
    assert [status.value for status in scores.statuses] == [status for _, status in ROWS]
    assert [None if math.isnan(x) else x for x in scores.values] == [value for value, _ in ROWS]


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_metric_is_a_source_as_it_is(metric):
    reward = Rewarder({"verifier": metric}, Select("verifier"))(SAMPLES).reward
    assert [None if math.isnan(x) else x for x in reward] == [value for value, _ in ROWS]


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
@pytest.mark.parametrize("reference", [(), [], [None], [""], (" ", None, "\n")])
def test_reference_without_a_text_fails_the_row(metric, reference):
    [verdict] = as_verifier(metric).verify([Sample("p", "5", 0, reference)])
    assert (verdict.value, verdict.status, verdict.reason) == (None, Status.FAILED, "no reference")


def test_inspect_target_has_no_empty_text():
    async def includes(state, target):
        return Score("C" if any(text in state.output.message for text in target.target) else "I")

    rows = [Sample("p", text, 0, reference) for text in ("4", "5") for reference in (["4", ""], (None, 4, " "))]
    assert [verdict.value for verdict in as_verifier(includes).verify(rows)] == [1.0, 1.0, 0.0, 0.0]


class DeepEvalShare:
    """Its results are gathered in attributes that the constructor made."""

    def __init__(self):
        self.verdicts, self.counts, self.seen = [], {"right": []}, set()

    async def a_measure(self, test_case):
        self.verdicts.append(test_case.actual_output)
        self.counts["right"].append(test_case.actual_output == "4")
        self.seen.add(test_case.actual_output)
        await asyncio.sleep(0)
        return sum(self.counts["right"]) / len(self.verdicts) / len(self.seen)


def test_deepeval_metric_shares_no_list_mapping_or_set_between_samples():
    metric = DeepEvalShare()
    rows = [Sample("p", text, 0, "4") for text in ("4", "5", "6")]
    assert [verdict.value for verdict in as_verifier(metric).verify(rows)] == [1.0, 0.0, 0.0]
    assert (metric.verdicts, metric.counts, metric.seen) == ([], {"right": []}, set())


def test_metric_results_do_not_mix_between_samples_that_run_together():
    metric = DeepEvalExact()
    reasons = [verdict.reason for verdict in as_verifier(metric).verify(SAMPLES)]
    assert reasons[:2] == ["4 for 4 with ['sums']", "5 for 4 with ['sums']"]
    assert metric.score is None


@pytest.mark.parametrize("metric", [RagasExact(), LegacyRagasExact()], ids=["ragas", "ragas 0.1"])
def test_ragas_reference_that_is_no_text_fails_the_row_instead_of_being_unequal(metric):
    [verdict] = as_verifier(metric).verify([Sample("p", "4", 0, ["4", "four"])])
    assert (verdict.value, verdict.reason) == (None, "the reference is a list; the metric takes a text")


@pytest.mark.parametrize(
    ("score", "row"),
    [
        (Score("P"), (0.5, Status.JUDGED, "")),
        (Score("N", "it refused"), (0.0, Status.UNPARSED, "it refused")),
        (Score("YES"), (1.0, Status.JUDGED, "")),
        (Score(0.25, "a quarter"), (0.25, Status.JUDGED, "a quarter")),
        (Score(math.nan, reason="grader_failed"), (None, Status.FAILED, "grader_failed")),
        (Score(math.nan, reason="invalid_response_format"), (0.0, Status.UNPARSED, "invalid_response_format")),
        (Score("maybe"), (None, Status.FAILED, "raised ValueError: could not convert string to float: 'maybe'")),
        (None, (None, Status.FAILED, "returned None")),
    ],
)
def test_inspect_scores_keep_what_they_mean(score, row):
    async def scorer(state, target):
        return score

    [verdict] = as_verifier(scorer).verify(SAMPLES[:1])
    assert (verdict.value, verdict.status, verdict.reason) == row


def test_inspect_score_of_several_values_fails_and_says_so():
    async def scorer(state, target):
        return Score({"a": 1, "b": 0})

    [verdict] = as_verifier(scorer).verify(SAMPLES[:1])
    assert (
        verdict.reason
        == "raised ValueError: the scorer gave several values, {'a': 1, 'b': 0}; choose one in a function around it"
    )


def test_metric_in_a_scheme_file_is_a_source(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text(
        "from types import SimpleNamespace\n\n\nclass Length:\n    def __init__(self, most=3):\n        self.most = most\n\n"
        "    async def ascore(self, response):\n"
        "        return SimpleNamespace(value=float(len(response) <= self.most), reason=None)\n\n    def score(self, **k): ...\n\n\nlength = Length()\n"
    )
    (tmp_path / "s.toml").write_text(
        '[sources.verifier]\nuse = "own.py:Length"\nmost = 1\n\n[sources.rm]\nuse = "own.py:length"\n\n'
        '[[steps]]\nuse = "select"\nsignal = "verifier"\n'
    )
    output = load_scheme(tmp_path / "s.toml").rewarder()([Sample("p", text, 0) for text in ("a", "ab")])
    assert output.reward.tolist() == [1.0, 0.0]
    assert output.scores["rm"].values.tolist() == [1.0, 1.0]
    target = resolve_target("own.py:length")
    assert (target.kind, target.sources["source"].style) == ("reward function", "sample")


def test_find_metric_takes_no_class_and_nothing_else():
    for value in (DeepEvalExact, len, as_verifier(lambda completion: 1), lambda state, target, extra: 1, None):
        assert find_metric(value) is None


class OwnRewardModel:
    """A reward model with an async twin, which reads samples, not the fields of ragas."""

    def score(self, samples):
        return [float(len(sample.final_text)) for sample in samples]

    async def ascore(self, samples):
        return self.score(samples)


def test_find_metric_leaves_a_reward_model_with_an_async_method_as_it_is():
    assert find_metric(OwnRewardModel()) is None
    assert Rewarder({"rm": OwnRewardModel()}, Select("rm"))(SAMPLES[:2]).reward.tolist() == [1.0, 1.0]


def test_find_metric_takes_a_metric_of_ragas_whatever_its_parameters():
    of_ragas = type("NumericMetric", (OwnRewardModel,), {"__module__": "ragas.metrics.numeric"})
    heir = type("Heir", (of_ragas,), {})
    assert [type(find_metric(each())).__name__ for each in (of_ragas, heir)] == ["RagasMetric"] * 2


def test_metric_class_is_named_as_a_class():
    with pytest.raises(ConfigError, match=r"did you mean DeepEvalExact\(\.\.\.\)\?"):
        Rewarder({"verifier": DeepEvalExact}, Select("verifier"))


def test_an_error_of_a_metric_names_what_the_user_wrote():
    class Broken:
        async def ascore(self, reference, response):
            return missing_name  # noqa: F821 - the error

    async def my_scorer(state, target):
        return missing_name  # noqa: F821 - the error

    for metric, named in [
        (Broken(), r"Broken was taken for a metric of ragas$"),
        (my_scorer, r"my_scorer\(state, target\) was taken for a scorer of inspect$"),
    ]:
        with pytest.raises(NameError) as caught:
            as_verifier(metric).verify(SAMPLES[:1])
        assert re.search(named, caught.value.__notes__[0])

import logging
import pickle
from dataclasses import dataclass, field

import numpy as np
import pytest

from herokit import Rewarder
from herokit.errors import ConfigError, SetupError
from herokit.reward_models.batching import OUT_OF_MEMORY, plan_micro_batches
from herokit.reward_models.control_tokens import KNOWN_TOKENS
from herokit.reward_models.encoding import EncodedRows, check_step_token, encode_rows
from herokit.reward_models.inputs import InputView, UnscorableError
from herokit.reward_models.local import LocalRewardModel
from herokit.schemes import process_supervision
from herokit.step_tokens import step_tokens
from herokit.types import Sample, Status

STEP = 46  # "."


@dataclass
class Runner:
    """Scores a text by its length; a `.` is a step token, and `!` a logit that is not finite."""

    stepwise: bool = False
    max_length: int = 100
    memory: int = 1000
    labels: int = 1
    label_names: tuple | None = None
    max_batch_tokens: int = 64
    batches: list = field(default_factory=list)

    @property
    def view(self):
        return InputView(step_token="." if self.stepwise else None, separator=".")

    def encode(self, samples):
        ids = [[ord(character) for character in sample.completion] for sample in samples]
        return encode_rows(samples, ids, max_length=self.max_length, step_id=STEP if self.stepwise else None)

    def plan(self, rows, pending, max_batch_tokens):
        return plan_micro_batches(rows.ids, pending, max_batch_tokens)

    def run(self, rows, batch):
        if batch.tokens > self.memory:
            raise MemoryError
        self.batches.append(batch.tokens)
        values = [np.nan if 33 in rows.ids[i] else float(len(rows.ids[i])) for i in batch.rows]
        return [
            np.full((len(rows.positions[i]), self.labels), value) for i, value in zip(batch.rows, values, strict=True)
        ]

    def release(self):
        self.batches.append("released")


@dataclass(frozen=True)
class Model(LocalRewardModel[Runner]):
    settings: dict = field(default_factory=dict)

    def _open(self):
        return Runner(**self.settings)

    def _describe(self):
        return "stub"


def samples(*texts):
    return [Sample("p", text, group=0) for text in texts]


def test_score_restores_order_and_runs_equal_inputs_once():
    model = Model()
    scores = model.score(samples("aaa", "a", "aaa", "aa"))
    assert scores.values.tolist() == [3, 1, 3, 2]
    assert (model.stats.rows, model.stats.unique, model.stats.real_tokens, model.stats.run_tokens) == (4, 3, 6, 9)
    assert model.report().startswith("stub; 4 rows (3 unique), 6 tokens, 50% padding overhead, ")
    assert model.report().endswith("; scores 2.25 +- 0.83")
    assert len(model.score([])) == 0


def test_score_gives_every_reason():
    scores = Model(settings={"max_length": 3, "memory": 2}).score(samples("a", "!", "bbbbb"))
    assert scores.reasons == ("", "gave nan", f"{OUT_OF_MEMORY}; truncated: 2 of 5 tokens dropped on the left")
    assert [status is Status.FAILED for status in scores.statuses] == [False, True, True]


def test_score_remembers_the_token_limit_after_memory_ran_out():
    model = Model(settings={"memory": 8})
    model.score(samples(*"abcdefghijkl", "ab" * 4))
    runner = model._resource.value
    assert max(batch for batch in runner.batches if batch != "released") <= 8
    runner.batches.clear()
    model.score(samples(*"abcdefghijkl"))
    assert "released" not in runner.batches


def test_step_scores_are_aggregated():
    model = Model(settings={"stepwise": True, "max_length": 4}, aggregate="prod")
    scores = model.score(samples("a.b.", "abc", "."))
    p4, p1 = 1 / (1 + np.exp(-4.0)), 1 / (1 + np.exp(-1.0))
    np.testing.assert_allclose(scores.values, [p4**2, np.nan, p1])
    assert scores.reasons[1] == "no step is left"
    assert scores.steps[1] is None
    assert [len(steps) for steps in model.step_scores(samples("a.b.", "abc"))] == [2, 0]


@pytest.mark.parametrize("label", [0, "LABEL_0", {"LABEL_0": 1.0}])
def test_label_of_a_model_with_one_output_changes_no_step(label):
    settings = {"stepwise": True}
    expected = Model(settings=settings).score(samples("a.", "abc.b."))
    assert (
        Model(settings=settings, label=label).score(samples("a.", "abc.b.")).values.tolist() == expected.values.tolist()
    )


def test_steps_that_truncation_cut_away_keep_their_place():
    model = Model(settings={"stepwise": True, "max_length": 4}, aggregate="min")
    scores = model.score(samples("a.b.c.", "abcdefgh.", ".bcde"))
    p4 = 1 / (1 + np.exp(-4.0))
    assert [np.isnan(steps).tolist() for steps in scores.steps[:2]] == [[True, False, False], [False]]
    np.testing.assert_allclose(scores.values, [p4, p4, np.nan])
    assert scores.reasons[0].startswith("the first 1 of 3 steps were cut away; truncated: 2 of 6 tokens")
    assert scores.reasons[2].startswith("no step is left; truncated")
    assert scores.steps[0].spans == ((0, 1), (2, 3), (4, 5))  # of all steps, also of the one that was cut away
    spans = model.step_spans(samples("a.b.c.", "", " so. \nit is ."))
    assert spans == [[(0, 1), (2, 3), (4, 5)], None, [(1, 3), (6, 11)]]


def test_step_spans_are_those_of_the_scored_text():
    view = InputView(step_token="<s>", separator="\n\n", control=KNOWN_TOKENS)  # noqa: S106 - a marker
    text = "<think>a\n\nb</think>\n\na\r\n\r\n b<|x|>\n\n"
    spans = view.step_spans(Sample("q", text, group=0))
    assert [text[i:j] for i, j in spans] == ["a", "b<|x|>"]
    assert spans[0][0] > text.index("</think>")
    turns = [
        {"role": "assistant", "content": "a\n\nb", "reasoning_content": "a"},
        {"role": "user", "content": "a\n\nx"},
        {"role": "assistant", "content": "a\n\nc"},
    ]
    sample = Sample("q", turns, group=0)
    assert [sample.completion_text[i:j] for i, j in view.step_spans(sample)] == ["a", "b", "a", "c"]


DRAFT = "a\n\nb"
CALL = {"id": "1", "function": {"name": "submit", "arguments": '{"claim": "a\\n\\nb"}'}}


@pytest.mark.parametrize(
    ("completion", "places"),
    [
        ([{"reasoning_content": DRAFT, "content": DRAFT}], [(5, 6), (8, 9)]),
        ([{"content": [{"type": "thinking", "thinking": "a"}, {"type": "text", "text": "a"}]}], [(2, 3)]),
        ([{"content": "ok", "tool_calls": [CALL]}, {"content": "claim"}], [(0, 2), (-5, 0)]),
        ([{"content": "", "tool_calls": [CALL]}, {"reasoning_content": "claim", "content": "claim"}], [(-5, 0)]),
        ([{"content": "<think>a</think>a", "reasoning_content": "a"}], [(-1, 0)]),
        ("<think>a</think>a<|im_end|>\n<|im_start|>user\na", [(16, 17)]),
        ("a<think>b, a</think>", [(0, 1)]),
        ("<|im_start|>assistant\n<think>s</think>assistant", [(-9, 0)]),
        ("<think>response</think><response>response</response>", [(33, 41)]),
        ("<|channel|>final<|message|> a<|end|><|channel|>analysis<|message|>a", [(28, 29)]),
        ("analysis a assistantfinal a", [(-1, 0)]),
        ("<think>claim<tool_call>claim</tool_call>", [(12, 40)]),
        ("<think>only", []),
        ("a<think>b</think>c", None),  # one text of two parts
    ],
)
def test_step_spans_are_those_of_the_answer_and_not_of_the_same_text_elsewhere(completion, places):
    view = InputView(step_token="<s>")  # noqa: S106 - a marker
    if not isinstance(completion, str):
        completion = [m for own in completion for m in ({"role": "assistant", **own}, {"role": "tool", "content": "a"})]
    sample = Sample("q", completion, group=0)
    size = len(sample.completion_text)
    expected = places and [(i % size, j + size * (j <= 0)) for i, j in places]
    assert view.step_spans(sample) == expected


def test_step_spans_of_thinking_that_is_shown_begin_with_the_message():
    view = InputView(step_token="<s>", thinking="keep")  # noqa: S106 - a marker
    sample = Sample("q", [{"role": "assistant", "reasoning_content": "a</think>a", "content": "<think>a</think>a"}], 0)
    assert view.step_spans(sample) == [(11, 28)]


def test_odd_rows_are_said_in_one_line():
    view = InputView(step_token="<s>")  # noqa: S106 - a marker
    with pytest.raises(UnscorableError, match="no step: the policy wrote no text") as caught:
        view.texts(Sample("q", " \n", group=0))
    assert caught.value.status is Status.UNPARSED
    with pytest.raises(UnscorableError, match="no step: the policy wrote no text"):
        view.messages(Sample("q", "", group=0))
    assert view.describe(Sample("q", "a\nb\nc", group=0)) == "one step: nothing in its 3 lines is '\\n\\n'"
    assert InputView().describe(Sample("q", "a\ud800b", group=0)) == "half of a surrogate pair was read as '?'"
    for value in (None, 5, ["a"]):
        with pytest.raises(UnscorableError, match="the completion is .*; expected a text or a list of messages"):
            InputView().messages(Sample("q", value, group=0))
        with pytest.raises(UnscorableError, match="the prompt is .*; expected a text or a list of messages"):
            InputView().texts(Sample(value, "a", group=0))


def test_step_scores_of_an_outcome_model_raise():
    with pytest.raises(ConfigError, match="stub: has no step_token"):
        Model().step_scores(samples("a"))
    with pytest.raises(SetupError, match="stub: gives 2 numbers per sample, expected one"):
        Model(settings={"labels": 2}).score(samples("a"))


def test_pickling_and_closing():
    model = Model()
    model.score(samples("a"))
    copy = pickle.loads(pickle.dumps(model))
    assert copy == model
    assert (copy._resource.value, copy.stats.rows) == (None, 0)
    with model:
        pass
    assert (model._resource.value, model.stats.rows) == (None, 1)
    assert model.score(samples("a")).values.tolist() == [1]


def test_warnings_are_logged_with_the_model(caplog):
    with caplog.at_level(logging.WARNING):
        Model().score(samples(*["a"] * 16))
    assert "stub: all 16 scores are 1, as after a softmax over one label; combiners expect raw logits" in caplog.text


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_batch_tokens": 0}, "Model: max_batch_tokens = 0; expected at least 1"),
        ({"max_length": 0}, "Model: max_length = 0; expected at least 1"),
        ({"aggregate": "max"}, "Model: aggregate = 'max'; expected one of"),
        ({"step_separator": ""}, "Model: step_separator is empty"),
        ({"template": "{prompt}"}, "expected {prompt} and {completion}"),
    ],
)
def test_settings_are_checked_at_construction(settings, message):
    with pytest.raises(ConfigError) as caught:
        Model(**settings)
    assert message in str(caught.value)


def test_encode_rows_keeps_first_and_end_ids():
    rows = encode_rows(
        samples("a", "b", "c"), [[9, 9, 1, 2, 3], [], [9]], max_length=4, first_ids=frozenset({9}), end_id=7
    )
    assert rows == EncodedRows(
        [[9, 2, 3, 7], [0, 7], [9, 7]],
        [[3], [1], [1]],
        ["truncated: 1 of 4 tokens dropped on the left", "", ""],
        [None, "p", "p"],
        [0, 0, 0],
    )
    assert encode_rows(samples("a"), [[9, 1, 2]], max_length=1, first_ids=frozenset({9})).ids == [[2]]
    assert rows.select([2, 0]).ids == [[9, 7], [9, 2, 3, 7]]


def test_check_step_token_requires_one_token():
    assert check_step_token("<s>", [5]) == 5
    with pytest.raises(SetupError, match="step_token = '<s>' is 2 tokens for this tokenizer; expected one"):
        check_step_token("<s>", [5, 6])


def test_step_scores_become_advantages_of_tokens():
    model = Model(settings={"stepwise": True})
    rollouts = samples("abc.d.", "ab. cd.")
    output = Rewarder({"prm": model}, process_supervision())(rollouts)
    credit = output.credit.ragged()
    assert all(first != second for first, second in credit)

    class Letters:
        def decode(self, ids, **_):
            return "".join(map(chr, ids))

    texts = [sample.completion + "$" for sample in rollouts]
    spans = [
        step_tokens(sample, steps.spans, Letters(), [*map(ord, text)])
        for sample, steps, text in zip(rollouts, output.scores["prm"].steps, texts, strict=True)
    ]
    tokens = output.credit.tokens([[1] * len(text) for text in texts], spans)
    assert tokens[0].tolist() == [credit[0][0]] * 4 + [credit[0][1]] * 3
    assert tokens[1].tolist() == [credit[1][0]] * 4 + [credit[1][1]] * 4

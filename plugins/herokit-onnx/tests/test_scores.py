import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from herokit.types import RewardModel, Sample, Status
from herokit_onnx import OnnxRewardModel

PROMPT = "Tom has 3 bags with 4 pens each. He buys 5 more pens. How many pens does he have?"
TEXTS = [
    "3 * 4 = 12\n12 + 5 = 17\n#### 17",
    "3 * 4 = <<3*4=12>>12 pens\n12 + 5 = <<12+5=17>>17\nA: 17",
    "3 + 4 = 7\n7 + 5 = 12\nThe answer is 12.",
    r"First \(3 \times 4 = 13\), then \(13 + 5 = 18\). \boxed{18}",
    "I do not know.",
    "",
    "3 * 4 = 12\n" * 40,
]
SAMPLES = [Sample(PROMPT, text, group=i) for i, text in enumerate(TEXTS)]


def words(*texts: str) -> list[Sample]:
    return [Sample("", text, group=0) for text in texts]


@pytest.mark.parametrize(("kind", "expected"), [("token", [3, 2]), ("flat", [6, 2]), ("column", [6, 2])])
def test_score_accepts_every_output_shape(make_model, kind, expected):
    scores = OnnxRewardModel(str(make_model(kind))).score(words("a b c", "b"))
    assert scores.values.dtype == np.float64
    assert scores.values.tolist() == expected


def test_pooling_first_reads_the_first_position(make_model):
    assert OnnxRewardModel(str(make_model(config='{"pooling": "first"}'))).score(words("b c")).values.tolist() == [2]


def test_score_passes_the_attention_mask(make_model):
    path = make_model(inputs=("input_ids", "attention_mask"))
    assert OnnxRewardModel(str(path)).score(words("a b", "a")).values.tolist() == [2, 1]


def test_template_is_filled_in_one_pass(make_model):
    path = str(make_model("flat", config='{"template": "a {prompt} c {completion} {prompt}"}'))
    assert OnnxRewardModel(path).score([Sample("b", "{prompt} d", group=0)]).values.tolist() == [1 + 2 + 3 + 0 + 4 + 2]
    assert OnnxRewardModel(path, template="{completion}{prompt}").score([Sample("", "d", group=0)]).values.tolist() == [
        4
    ]


def test_score_accepts_lone_surrogates(make_model):
    assert OnnxRewardModel(str(make_model())).score(words("b \ud800")).values.tolist() == [0]


def test_non_finite_score_fails_only_its_row(make_model):
    scores = OnnxRewardModel(str(make_model("nan"))).score(words("b", "a", "c"))
    assert [s.value for s in scores.statuses] == ["judged", "failed", "judged"]
    assert np.isnan(scores.values[1])
    assert "nan" in scores.reasons[1]


def test_truncation_keeps_the_end_and_gives_a_reason(make_model):
    scores = OnnxRewardModel(str(make_model("flat")), max_length=2).score(words("a b c d", "a b"))
    assert scores.values.tolist() == [7, 3]
    assert scores.reasons == ("truncated: 2 of 4 tokens dropped on the left", "")
    assert set(scores.statuses) == {Status.JUDGED}


def test_score_runs_equal_inputs_once(make_model):
    model = OnnxRewardModel(str(make_model()))
    session = model._runner().session
    ran = []

    class Spy:
        def run(self, names, feed):
            ran.append(len(feed["input_ids"]))
            return session.run(names, feed)

    object.__setattr__(model._runner(), "session", Spy())
    assert model.score(words("a", "b", "a", "a")).values.tolist() == [1, 2, 1, 1]
    assert ran == [2]


@pytest.mark.parametrize("budget", [1, 200, 100_000])
def test_batch_size_changes_no_score(budget):
    together = OnnxRewardModel().score(SAMPLES).values
    assert np.all(np.isfinite(together))
    np.testing.assert_allclose(OnnxRewardModel(max_batch_tokens=budget).score(SAMPLES).values, together, atol=1e-5)


def test_order_changes_no_score():
    model = OnnxRewardModel()
    turned = model.score(SAMPLES[::-1]).values[::-1]
    np.testing.assert_allclose(turned, model.score(SAMPLES).values, atol=1e-5)


def test_pickling_drops_the_session():
    model = OnnxRewardModel(max_batch_tokens=512)
    before = model.score(SAMPLES).values
    again = pickle.loads(pickle.dumps(model))
    assert again._resource.value is None
    assert again == model
    assert np.array_equal(again.score(SAMPLES).values, before)


def test_closed_model_opens_again():
    with OnnxRewardModel() as model:
        before = model.score(SAMPLES).values
    assert model._resource.value is None
    assert np.array_equal(model.score(SAMPLES).values, before)


def test_threads_share_one_session():
    model = OnnxRewardModel(threads=1)
    with ThreadPoolExecutor(8) as pool:
        result = list(pool.map(lambda _: (model.score(SAMPLES).values, id(model._runner())), range(16)))
    assert len({loaded for _, loaded in result}) == 1
    assert all(np.array_equal(values, result[0][0]) for values, _ in result)


def test_model_opens_lazily():
    assert isinstance(OnnxRewardModel("nowhere.onnx"), RewardModel)
    assert repr(OnnxRewardModel(providers=["CPUExecutionProvider"])).count("('CPUExecutionProvider',)") == 1


def test_embedded_model_ranks_real_rollouts_better_than_chance():
    path = Path(__file__).resolve().parents[3] / ".." / "shared" / "data" / "gsm8k_rollouts.jsonl"
    if not path.exists():
        pytest.skip("the real rollouts are not here")
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()][:400]
    scores = (
        OnnxRewardModel(threads=1)
        .score([Sample(x["prompt"], x["response"], group=x["prompt_id"]) for x in rows])
        .values
    )
    label = np.array([x["label"] for x in rows])
    assert (scores[label == 1][:, None] > scores[label == 0]).mean() > 0.6

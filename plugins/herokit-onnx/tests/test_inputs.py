"""Inputs of an ONNX model: BOS, truncation, IO binding, token limits, and what the report and logs say about them."""

import numpy as np
import pytest
from tokenizers import Tokenizer, processors

from herokit.reward_models.progress import track_progress
from herokit.types import Sample, Status
from herokit_onnx import OnnxRewardModel
from herokit_onnx.session import OnnxRunner


def words(*texts):
    return [Sample("", text, group=0) for text in texts]


def add_bos(path):
    """Let the tokenizer next to a model put the word ``j``, id 10, in front."""
    file = str(path.parent / "tokenizer.json")
    tokenizer = Tokenizer.from_file(file)
    tokenizer.post_processor = processors.TemplateProcessing(single="j $A", special_tokens=[("j", 10)])
    tokenizer.save(file)
    return Tokenizer.from_file(file)


BOS = '{"template": "{prompt}{completion}", "special_tokens": true, "first_id": 10}'


def test_truncation_keeps_the_bos(make_model):
    path = make_model(config=BOS)
    tokenizer = add_bos(path)
    naive = tokenizer.encode("a b c d e").ids[-3:]
    assert naive == [3, 4, 5]  # the BOS is gone, on which the model was trained
    with OnnxRewardModel(str(path), max_length=3) as rm:
        assert rm.encode(words("a b c d e")) == [[10, 4, 5]]
        assert rm.score(words("a b c d e", "a")).reasons == ("truncated: 3 of 6 tokens dropped on the left", "")
    for most, kept in ((1, [5]), (2, [10, 5]), (6, [10, 1, 2, 3, 4, 5])):
        with OnnxRewardModel(str(path), max_length=most) as rm:
            assert rm.encode(words("a b c d e")) == [kept]


def test_encode_drops_a_second_bos(make_model):
    path = make_model(config=BOS)
    tokenizer = add_bos(path)
    assert tokenizer.encode("j a").ids == [10, 10, 1]
    assert OnnxRewardModel(str(path)).encode(words("j a", "a j j", "j")) == [[10, 1], [10, 1, 10, 10], [10]]


def test_encode_without_first_id_treats_bos_like_any_token(make_model):
    path = make_model(config='{"template": "{prompt}{completion}"}')
    assert OnnxRewardModel(str(path), max_length=2).encode(words("j j a b", "j j")) == [[1, 2], [10, 10]]


@pytest.mark.parametrize("kind", ["token", "flat", "column"])
def test_io_binding_changes_no_score(make_model, kind):
    path = str(make_model(kind, inputs=("input_ids", "attention_mask")))
    samples = words("a b c", "b", "", "c c c c", "a b c")
    plain = OnnxRewardModel(path, max_batch_tokens=5)
    bound = OnnxRewardModel(path, max_batch_tokens=5, io_binding=True)
    assert plain._runner().device is None
    assert bound._runner().device == ("cpu", 0)
    assert np.array_equal(bound.score(samples).values, plain.score(samples).values)


def test_io_binding_changes_no_score_of_the_embedded_model():
    samples = words("3 + 4 = 7", "The answer is 12.", "")
    expected = OnnxRewardModel().score(samples).values
    np.testing.assert_allclose(OnnxRewardModel(io_binding=True).score(samples).values, expected, atol=1e-6)


def test_report_describes_work_and_scores(make_model):
    rm = OnnxRewardModel(str(make_model("flat")), max_length=4)
    assert rm.report().endswith("rm.onnx on CPUExecutionProvider")
    rm.score(words("a b c", "a b c", "d d d d d"))
    assert "; 3 rows (2 unique), 7 tokens, 14% padding overhead, " in rm.report()
    assert rm.report().endswith(" tokens/s, 1 truncated; scores 9.33 +- 4.71")
    rm.close()
    assert rm.stats.rows == rm.monitor.total.count == 3


def test_score_reports_progress(make_model):
    tracked, own = [], []
    rm = OnnxRewardModel(str(make_model()), max_batch_tokens=4, progress_callback=lambda *both: own.append(both))
    with track_progress(lambda *both: tracked.append(both)):
        rm.score(words("a b c", "b", "b", "c d"))
    rm.score(words("a"))
    assert tracked == [(1, 3), (3, 3)]
    assert own == [*tracked, (1, 1)]


def test_score_retries_with_fewer_tokens_when_memory_runs_out(make_model, monkeypatch, caplog):
    rm = OnnxRewardModel(str(make_model("flat")), max_batch_tokens=16)
    samples = words("a b c", "b", "c d", "e", "j j j j j j j j", "b")
    expected = rm.score(samples).values
    run, batches = OnnxRunner.run, []

    def run_in_little_memory(self, rows, batch):
        batches.append(batch.tokens)
        if batch.tokens > 6:
            raise RuntimeError("[ONNXRuntimeError] : 6 : BFCArena::AllocateRawInternal Failed to allocate memory for 9")
        return run(self, rows, batch)

    monkeypatch.setattr(OnnxRunner, "run", run_in_little_memory)
    result = rm.score(samples)
    assert np.array_equal(result.values[[0, 1, 2, 3, 5]], expected[[0, 1, 2, 3, 5]])
    assert result.statuses[4] is Status.FAILED
    assert result.reasons[4] == "does not fit in memory even alone"
    assert "retrying with 8 tokens per batch" in caplog.text
    batches.clear()
    rm.score(samples[:4])
    assert max(batches) <= 8  # the next call begins with the last limit


def test_score_raises_other_runtime_errors(make_model, monkeypatch):
    rm = OnnxRewardModel(str(make_model()))
    rm.score(words("a"))
    monkeypatch.setattr(OnnxRunner, "run", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        rm.score(words("b"))

"""Process reward models, MLP heads and model families."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from herokit.errors import ConfigError, SetupError
from herokit.reward_models.families import ACE_MATH, QWEN_MATH
from herokit.sources import execution
from herokit.types import Sample, Status
from herokit_torch import TorchRewardModel

SOLUTIONS = [
    Sample("What is 1 + 2 + 3?", "1 + 2 = 3\n\n3 + 3 = 6\n\nSo it is 6.", group=0),
    Sample("What is 1 + 2 + 3?", "It says <extra_0> here.\n\nSo it is 7.", group=0),
    Sample("What is 4?", "4", group=1),
]


@pytest.fixture(scope="module")
def prm(tiny, tmp_path_factory):
    folder = tmp_path_factory.mktemp("x") / "Qwen2.5-Math-PRM-tiny"
    tokenizer = tiny.write_tokenizer(folder)
    return folder, tokenizer, tiny.write_model(folder, mlp="Qwen2ForProcessRewardModel")


def card_scores(model, tokenizer, sample):
    """Score steps as the model's card does, at the positions of the step token."""
    steps = [s.replace("<extra_0>", "< extra_0>") for s in sample.completion.split("\n\n")]
    turns = [
        {"role": "system", "content": QWEN_MATH},
        {"role": "user", "content": sample.prompt},
        {"role": "assistant", "content": "<extra_0>".join(steps) + "<extra_0>"},
    ]
    ids = tokenizer(tokenizer.apply_chat_template(turns, tokenize=False), return_tensors="pt")["input_ids"]
    with torch.no_grad():
        logits = model.score(model.model(input_ids=ids).last_hidden_state)
    return logits[ids == 3].softmax(-1)[:, 1].double().numpy()


def test_step_scores_equal_those_of_the_model_card(prm):
    folder, tokenizer, model = prm
    with TorchRewardModel(str(folder)) as rm:
        result = rm.step_scores(SOLUTIONS)
    assert [len(s) for s in result] == [3, 2, 1]
    for steps, sample in zip(result, SOLUTIONS, strict=True):
        np.testing.assert_allclose(steps, card_scores(model, tokenizer, sample), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("how", "join"), [("min", np.min), ("prod", np.prod), ("last", lambda x: x[-1]), ("mean", np.mean)]
)
def test_score_aggregates_steps(prm, how, join):
    folder, tokenizer, model = prm
    with TorchRewardModel(str(folder), aggregate=how) as rm:
        result = execution.score("prm", rm, SOLUTIONS)
    expected = [join(card_scores(model, tokenizer, sample)) for sample in SOLUTIONS]
    np.testing.assert_allclose(result.values, expected, rtol=0, atol=1e-5)
    for steps, sample in zip(result.steps, SOLUTIONS, strict=True):
        np.testing.assert_allclose(steps, card_scores(model, tokenizer, sample), rtol=0, atol=1e-5)


def test_step_whose_probability_underflows_is_kept():
    from herokit.reward_models.process import step_probabilities

    logits = np.array([[200.0, 0.0], [0.0, 1.0]], np.float32)
    masked = torch.tensor(logits).softmax(-1)
    assert masked[masked != 0].numel() == 3  # so the card's view(-1, 2) cannot work
    steps = step_probabilities(logits)
    assert len(steps) == 2
    assert 0 < steps[0] < 1e-80


def test_row_without_a_step_left_fails(prm):
    folder, _, _ = prm
    long = Sample("x", "a step\n\n" + "b" * 30, group=0)
    with TorchRewardModel(str(folder), max_length=30) as rm:
        result = rm.score([long, Sample("x", "y" * 50, group=0)])
        cut = rm.step_scores([long])
    with TorchRewardModel(str(folder), max_length=8) as rm:
        short = rm.score([SOLUTIONS[0]])
    assert np.isnan(cut[0]).tolist() == [True, False]  # the first step's token was cut away
    assert result.reasons[0].startswith("the first 1 of 2 steps were cut away; truncated")
    assert [len(steps) for steps in result.steps] == [2, 1]
    assert short.statuses[0] is Status.JUDGED
    with TorchRewardModel(str(folder), max_length=2) as rm:
        none = rm.score([SOLUTIONS[0]])
    assert none.statuses[0] is Status.FAILED
    assert none.reasons[0].startswith("no step is left; truncated")
    assert none.steps == (None,)


def test_invalid_step_tokens_raise(prm, tiny, tmp_path):
    folder, _, _ = prm
    tiny.write_tokenizer(tmp_path)
    tiny.write_model(tmp_path)
    with pytest.raises(ConfigError, match="has no step_token"):
        TorchRewardModel(str(tmp_path)).step_scores(SOLUTIONS)
    with pytest.raises(SetupError, match="is 5 tokens for this tokenizer"):
        TorchRewardModel(str(folder), step_token="STEP!").score(SOLUTIONS)  # noqa: S106 - a marker
    with pytest.raises(SetupError, match="occurs 3 times in the text of one step"):
        TorchRewardModel(
            str(folder),
            template="{prompt}<extra_0>{completion}<extra_0>",
            step_token="<extra_0>",  # noqa: S106 - a marker
        ).score(SOLUTIONS)


@pytest.mark.parametrize(
    ("name", "mlp", "system"),
    [("AceMath-7B-RM", None, ACE_MATH), ("Qwen2.5-Math-RM-72B", "Qwen2ForRewardModel", QWEN_MATH), ("own", None, "")],
)
def test_profile_sets_system_prompt_and_head(name, mlp, system, tiny, tmp_path, one_by_one):
    folder = tmp_path / name
    tokenizer = tiny.write_tokenizer(folder)
    model = tiny.write_model(folder, mlp=mlp)
    shown = [replace(sample, completion=sample.completion.replace("<extra", "< extra")) for sample in SOLUTIONS]
    if mlp:

        def forward(input_ids):
            hidden = model.model(input_ids=input_ids).last_hidden_state
            return type("Out", (), {"logits": model.score(hidden)[:, -1]})

        expected = one_by_one(forward, tokenizer, shown, system)
    else:
        expected = one_by_one(model, tokenizer, shown, system)
    with TorchRewardModel(str(folder)) as rm:
        np.testing.assert_allclose(rm.score(SOLUTIONS).values, expected, rtol=0, atol=1e-4)
    with TorchRewardModel(str(folder), system_prompt="Be brief.") as rm:
        assert not np.allclose(rm.score(SOLUTIONS).values, expected, atol=1e-2)


def test_results_file_has_steps_and_scores(prm, tmp_path, tiny):
    """A process and an outcome reward model of the Qwen shape, scored by the same command."""
    folder, tokenizer, model = prm
    orm = tmp_path / "AceMath-tiny-RM"
    tiny.write_tokenizer(orm)
    tiny.write_model(orm)
    rows = [{"prompt": s.prompt, "completion": s.completion, "group": s.group} for s in SOLUTIONS]
    rows += [{"prompt": "What is 4?", "completion": "5", "group": 1}]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    sources = [f'[sources.{name}]\nuse = "torch"\nmodel = "{path}"\n' for name, path in (("prm", folder), ("orm", orm))]
    (tmp_path / "s.toml").write_text("\n".join(sources) + '[[steps]]\nuse = "select"\nsignal = "prm"\n')
    command = [sys.executable, "-m", "herokit", "score", "in.jsonl", "--scheme", "s.toml", "-o", "out.jsonl"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    scored = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    for row, sample in zip(scored, SOLUTIONS, strict=False):
        steps = card_scores(model, tokenizer, sample)
        np.testing.assert_allclose(row["prm_steps"], steps, rtol=0, atol=1e-5)
        assert row["prm"] == pytest.approx(steps.min(), abs=1e-5)
    assert {row["orm_status"] for row in scored} == {"judged"}
    assert "orm_steps" not in scored[0]


def test_end_id_survives_truncation(prm):
    from herokit.reward_models.inputs import InputView
    from herokit_torch.encoding import Encoder

    encode = Encoder(prm[1], InputView(), "{prompt}{completion}", 10, end_id=9).encode
    encoded = encode([Sample("", "a" * 30, group=0), Sample("", "a", group=0)])
    assert [len(row) for row in encoded.ids] == [10, 2]
    assert [row[-1] for row in encoded.ids] == [9, 9]
    assert encoded.reasons == ["truncated: 21 of 30 tokens dropped on the left", ""]
    assert encoded.positions == [[9], [1]]


def test_missing_transformers_raises_with_the_install_command(monkeypatch, prm):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(SetupError, match=r"pip install 'herokit\[torch\]'"):
        TorchRewardModel(str(prm[0])).score(SOLUTIONS)

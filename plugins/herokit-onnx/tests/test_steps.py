"""A process reward model of another author: one logit per token, read at the step token that its settings name."""

import numpy as np
import pytest

from herokit.errors import SetupError
from herokit.types import Sample, Status
from herokit_onnx import OnnxRewardModel

STEPS = '{"template": "{prompt} {completion}", "step_token": " j "}'
"""The tiny model's output is the token's id: 10 for the word j."""
SIGMOID = 1 / (1 + np.exp(-10.0))


def words(*texts):
    return [Sample("j b", text, group=0) for text in texts]


@pytest.mark.parametrize("bind", [False, True])
def test_each_step_has_a_probability(make_model, bind):
    rm = OnnxRewardModel(str(make_model(config=STEPS)), aggregate="prod", io_binding=bind, max_batch_tokens=12)
    result = rm.score(words("a b\n\nc\n\n\n\nd", "a j b j", "", "a"))
    assert rm.encode(words("a j b\n\nc"))[0] == [2, 1, 2, 10, 3, 10]
    assert [steps and len(steps) for steps in result.steps] == [3, 1, None, 1]
    np.testing.assert_allclose(np.concatenate([steps for steps in result.steps if steps]), SIGMOID)
    np.testing.assert_allclose(result.values, [SIGMOID**3, SIGMOID, np.nan, SIGMOID])
    assert (result.statuses[2], result.reasons[2]) == (Status.UNPARSED, "no step: the policy wrote no text")


def test_nan_step_fails_the_row(make_model):
    rm = OnnxRewardModel(str(make_model("nan", config=STEPS)))  # log(id - 1.5)
    result = rm.score(words("c"))
    np.testing.assert_allclose(result.steps[0], 8.5 / 9.5)
    path = make_model("nan", config='{"template": "{prompt} {completion}", "step_token": " a "}')
    result = OnnxRewardModel(str(path)).score(words("c"))
    assert (result.statuses, result.reasons) == ((Status.FAILED,), ("gave nan",))


def test_outcome_model_has_no_steps(make_model):
    assert OnnxRewardModel(str(make_model())).score(words("c")).steps is None


@pytest.mark.parametrize(
    ("kind", "token", "message"),
    [
        ("flat", " j ", "has shape (1,) for 1 inputs of 3 tokens; expected a score per token, (B, S) or (B, S, L)"),
        ("token", "j j", "step_token = 'j j' is 2 tokens for this tokenizer; expected one"),
        ("token", "", "step_token = ''; expected the text of one token"),
    ],
)
def test_invalid_step_settings_raise(make_model, kind, token, message):
    path = make_model(kind, config=f'{{"template": "{{prompt}} {{completion}}", "step_token": "{token}"}}')
    with pytest.raises(SetupError) as caught:
        OnnxRewardModel(str(path)).score([Sample("a", "b", group=0)])
    assert message in str(caught.value)

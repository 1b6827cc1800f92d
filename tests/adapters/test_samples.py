"""Samples from what trainers have: messages, native references, columns of arrays, images, templates."""

import numpy as np
import pandas as pd
import pytest
import torch

from herokit import Rewarder, Sample, Select
from herokit.adapters import openrlhf
from herokit.adapters.common.samples import find_columns, find_reference, make_sample, make_samples, native_value
from herokit.adapters.common.templates import ChatTemplate
from herokit.errors import ConfigError, DataError

SYSTEM, USER = {"role": "system", "content": "Be brief."}, {"role": "user", "content": "1 + 1?"}
CALL = {"id": "a", "type": "function", "function": {"name": "add", "arguments": {"x": 1}}}
TURNS = [
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "content": "2", "tool_call_id": "a"},
    {"role": "assistant", "content": [{"type": "text", "text": "It is "}, {"type": "text", "text": "2"}]},
]
IMAGE = {"type": "image", "image": "cat.png"}


def one(**columns):
    return make_samples(["p"], ["c"], ["g"], columns)[0]


def test_make_samples_keeps_messages():
    (sample,) = make_samples([[SYSTEM, USER]], [TURNS], ["g"], {"solution": [2], "uid": ["u"]}, num_tokens=[7])
    assert sample.messages == [SYSTEM, USER, *TURNS]
    assert (sample.prompt_text, sample.final_text, sample.reference) == ("Be brief.\n1 + 1?", "It is 2", 2)
    assert (sample.num_tokens, sample.truncated, sample.meta) == (7, None, {"solution": 2, "uid": "u"})
    assert [result.text for result in sample.turns[0].results] == ["2"]
    assert make_samples(["p"], ["c"], ["g"])[0] == Sample("p", "c", "g")


@pytest.mark.parametrize(
    ("prompts", "completions", "columns", "more", "why"),
    [
        (["p"], ["c", "d"], {}, {}, "expected one value per rollout"),
        (["p"], ["c"], {}, {"truncated": [True, False]}, "expected one value per rollout"),
        (["p", "p"], ["c", 3], {}, {}, "row 1: completion must be text or a list of messages, got 3"),
        ([[{"role": "user", "content": 3}]], ["c"], {}, {}, "row 0: prompt: message 0: content must be text, a list"),
        ([[USER, {"content": "x"}]], ["c"], {}, {}, "row 0: prompt: message 1 has no role"),
        (["p"], [[{"role": "assistant", "content": [{"type": "clip"}]}]], {}, {}, "row 0: .*: unknown part 'clip'"),
        (["p"], ["c"], {"answer": ["1"]}, {"reference": "anser"}, "no column 'anser'.*did you mean 'answer'"),
    ],
)
def test_make_samples_names_the_unreadable_row(prompts, completions, columns, more, why):
    with pytest.raises((DataError, ConfigError), match=why):
        make_samples(prompts, completions, ["g"] * len(completions), columns, **more)


@pytest.mark.parametrize(
    ("value", "native"),
    [
        ("4", "4"),
        (4, 4),
        (0, 0),
        (False, False),
        (["a", "b"], ["a", "b"]),
        ({"target": np.array(["a", "b"])}, {"target": ["a", "b"]}),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (np.array(["4", None], dtype=object), ["4", None]),
        (np.float32(0.5), 0.5),
        (np.int64(7), 7),
        (np.str_("x"), "x"),
        (np.bool_(1), True),
        (torch.tensor([1.0, 2.0]), [1.0, 2.0]),
        (pd.Series([1, 2]), [1, 2]),
        ({"inputs": ["1"], "outputs": ["2"]}, {"inputs": ["1"], "outputs": ["2"]}),
        (None, None),
        (float("nan"), None),
        (np.float32("nan"), None),
        (pd.NA, None),
        (pd.NaT, None),
    ],
)
def test_references_are_native_values(value, native):
    sample = one(answer=[value])
    assert sample.reference == native
    assert type(sample.reference) is type(native)


def test_an_empty_alias_beside_a_filled_one():
    frame = pd.DataFrame({"reference": [None, "a", ""], "answer": [4.0, float("nan"), 5.0], "label": ["x", "y", "z"]})
    samples = make_samples(["p"] * 3, ["c"] * 3, ["q"] * 3, find_columns(frame.to_dict("series"), 3))
    assert [sample.reference for sample in samples] == [4.0, "a", 5.0]
    assert find_reference({"answer": "", "label": None}) == ""
    assert find_reference({"answer": None, "label": float("nan")}) is None
    only = make_samples(["p"] * 2, ["c"] * 2, ["q"] * 2, {"answer": [1, None], "label": [2, 2]}, reference="answer")
    assert [sample.reference for sample in only] == [1, None]


def test_find_columns_takes_arrays_and_series():
    passed = {
        "text": "ab", "state": object(), "scalar": np.float64(1), "single": np.array(3), "mapping": {0: 1, 1: 2},
        "ids": np.array([1, 2]), "series": pd.Series(["a", "b"], index=[7, 9]), "tensor": torch.tensor([1, 2]),
        "matrix": np.zeros((2, 3)), "other": [1, 2, 3], "tuple": ("a", "b"),
    }  # fmt: skip
    columns = find_columns(passed, 2)
    assert list(columns) == ["ids", "series", "tensor", "matrix", "tuple"]
    assert (columns["ids"], columns["series"], columns["tensor"]) == ([1, 2], ["a", "b"], [1, 2])
    assert columns["matrix"][1].shape == (3,)


def test_images_of_a_column_are_parts_of_the_prompt():
    columns = {"images": [["cat.png", "dog.png"], None]}
    first, second = make_samples([[SYSTEM, USER]] * 2, ["c", "c"], ["g", "h"], columns)
    assert first.prompt == [
        SYSTEM,
        {"role": "user", "content": [IMAGE, IMAGE | {"image": "dog.png"}, {"type": "text", "text": "1 + 1?"}]},
    ]
    assert second.prompt == [SYSTEM, USER]
    holes = [{"role": "user", "content": [{"type": "text", "text": "Is "}, {"type": "image"}]}]
    assert make_sample(holes, "c", 0, None, {"image": "cat.png"}, location="x").prompt[0]["content"][1] == IMAGE
    shown = [{"role": "user", "content": [IMAGE]}]
    assert make_sample(shown, "c", 0, None, {"image": "dog.png"}, location="x").prompt == shown


def test_numpy_messages_are_read():
    prompt = np.array([USER], dtype=object)
    assert make_sample(prompt, "2", 0, location="x").messages == [USER, {"role": "assistant", "content": "2"}]


def test_native_value_keeps_other_objects():
    value = object()
    assert native_value([value])[0] is value


class HasReference:
    """Scores 1 if there is a reference."""

    def score(self, samples):
        return [float(sample.reference is not None) for sample in samples]


@pytest.mark.parametrize("missing", [None, float("nan"), np.float32("nan")])
def test_a_missing_label_is_no_reference(missing):
    replies = openrlhf.RewardFunction(Rewarder({"rm": HasReference()}, Select("rm")))(
        ["p4", "p4"], ["p", "p"], [missing, 4]
    )
    assert [float(x) for x in replies["rewards"]] == [0.0, 1.0]


class Tokenizer:
    """Opens the thinking unless the system message forbids it; counts how often it renders."""

    def __init__(self, chat_template="{{ '<think>' }}"):
        self.chat_template, self.rendered = chat_template, 0

    def apply_chat_template(self, messages, *, add_generation_prompt, tokenize, enable_thinking=True):
        assert add_generation_prompt
        assert not tokenize
        self.rendered += 1
        if not isinstance(messages[0]["content"], str):
            raise TypeError("this template takes text only")
        opens = enable_thinking and messages[0]["content"] != "/no_think"
        return f"{messages}<|assistant|>\n<think>\n" + ("" if opens else "\n</think>\n\n")


def test_chat_template_is_rendered_once_for_a_group():
    tokenizer = Tokenizer()
    template = ChatTemplate(tokenizer)
    quiet = [{"role": "system", "content": "/no_think"}, USER]
    prompts = [[USER], [dict(USER)], [USER], quiet, [*quiet], "text"]
    assert [template.opens_thinking(prompt) for prompt in prompts] == [True, True, True, False, False, None]
    assert tokenizer.rendered == 2
    assert ChatTemplate(tokenizer, enable_thinking=False).opens_thinking([USER]) is False


def test_chat_template_without_a_marker_is_not_rendered():
    tokenizer = Tokenizer("{{ messages }}")
    assert ChatTemplate(tokenizer).opens_thinking([USER]) is False
    assert tokenizer.rendered == 0


def test_chat_template_that_refuses_a_prompt_is_asked_with_a_plain_question():
    assert ChatTemplate(Tokenizer()).opens_thinking([{"role": "user", "content": [IMAGE]}]) is True
    assert ChatTemplate(object()).opens_thinking([USER]) is None

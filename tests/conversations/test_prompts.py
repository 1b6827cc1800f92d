"""Prompts of a group: equal by content, images included; and images of a column."""

import numpy as np
import pytest
import torch

from herokit import Rewarder, Sample, Select
from herokit.conversations.prompts import check_group_prompts, compress_prompt
from herokit.errors import DataError


def chat(text, *images):
    parts = [{"type": "image", "image": image} for image in images]
    return [{"role": "user", "content": [*parts, {"type": "text", "text": text}] if parts else text}]


class Picture:
    """An image as PIL has it: equal by content, readable by numpy."""

    def __init__(self, color):
        self.pixels = np.full((4, 4, 3), color, np.uint8)

    def __eq__(self, other):
        return isinstance(other, Picture) and bool((self.pixels == other.pixels).all())

    def __array__(self, dtype=None, copy=None):
        return self.pixels

    __hash__ = None


EQUAL = [
    ("Hi", "H" + "i"),
    (chat("Hi"), chat("Hi")),
    (chat("Hi"), tuple(chat("Hi"))),
    (chat("Hi", Picture(1)), chat("Hi", Picture(1))),
    (chat("Hi", np.ones(3)), chat("Hi", np.ones(3))),
    (chat("Hi", torch.ones(3)), chat("Hi", torch.ones(3))),
    (chat("Hi", b"png"), chat("Hi", b"png")),
]
DIFFERENT = [
    ("Hi", "Ho", "'Hi' in row 0, 'Ho' in row 1"),
    ("Hi", chat("Hi"), "'Hi' with other images, roles or fields in row 0"),
    (chat("Hi"), chat("Ho"), "'Hi' in row 0, 'Ho' in row 1"),
    (chat("Hi"), [{"role": "system", "content": "Hi"}], "'Hi' with other images, roles or fields"),
    (chat("Hi"), chat("Hi") * 2, r"'Hi' in row 0, 'Hi\\nHi' in row 1"),
    (chat("Hi", Picture(1)), chat("Hi", Picture(2)), "'Hi' with other images, roles or fields"),
    (chat("Hi", Picture(1)), chat("Hi"), "'Hi' with other images, roles or fields"),
    (chat("Hi", np.ones(3)), chat("Hi", np.zeros(3)), "'Hi' with other images, roles or fields"),
    (chat("Hi", np.ones(3)), chat("Hi", np.ones(4)), "'Hi' with other images, roles or fields"),
    (chat("Hi", torch.ones(3)), chat("Hi", torch.ones(4)), "'Hi' with other images, roles or fields"),
    ("x" * 500 + "a", "x" * 500 + "b", "xa' in row 0, '.*xb' in row 1"),
]


@pytest.mark.parametrize(("first", "second"), EQUAL)
def test_equal_prompts_are_one_group(first, second):
    check_group_prompts([first, second], ["g", "g"])
    check_group_prompts([compress_prompt(first), compress_prompt(second)], ["g", "g"])


@pytest.mark.parametrize(("first", "second", "why"), DIFFERENT)
def test_different_prompts_raise_with_both_rows(first, second, why):
    with pytest.raises(DataError, match=f"group 'g' has different prompts: .*{why}"):
        check_group_prompts([first, second], ["g", "g"])
    with pytest.raises(DataError, match="group 'g' has different prompts"):
        check_group_prompts([compress_prompt(first), compress_prompt(second)], ["g", "g"])
    check_group_prompts([first, second], ["g", "h"])
    check_group_prompts([first, second], [None, None])


def test_message_has_the_numbers_of_the_rows():
    with pytest.raises(DataError, match="'a' in row 70, 'b' in row 72"):
        check_group_prompts(["a", "c", "b"], ["g", "h", "g"], [70, 71, 72])


def test_compress_prompt_is_small():
    image = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
    assert len(repr(compress_prompt(chat("Hi", image)))) < 200


class Count:
    calls = 0

    def score(self, samples):
        self.calls += 1
        return [0.0] * len(samples)


def test_rewarder_compares_prompts_before_its_sources_run():
    source = Count()
    samples = [Sample(chat("2 + 2?"), "4", "g"), Sample(chat("3 + 3?"), "6", "g")]
    with pytest.raises(DataError, match=r"group 'g' has different prompts: '2 \+ 2\?' in row 0, '3 \+ 3\?' in row 1"):
        Rewarder({"rm": source}, Select("rm"))(samples)
    assert source.calls == 0
    players = Rewarder({"rm": source}, Select("rm"), equal_prompts=False)
    assert players(samples).reward.tolist() == [0.0, 0.0]

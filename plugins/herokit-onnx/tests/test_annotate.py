import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from herokit_onnx.annotate import TOKEN_NAMES, TOKENS, annotate, read_prompt
from herokit_onnx.equations import Equation, check_equation, evaluate, normalize_notation, split_equations

PROMPT = "Tom has 3 bags with 1,200 pens each; 20% break. How many are left?"
NAME = {token: name for name, token in TOKENS.items()}


def annotation(completion: str, prompt: str = PROMPT) -> list[str]:
    text = annotate(prompt, completion)
    return [NAME[c] for c in text[text.index(TOKENS["sep"]) + 1 :] if c in NAME]


@pytest.mark.parametrize(
    "completion",
    [
        "3*1200 = <<3*1200=3600>>3600\n3600*0.8 = <<3600*0.8=2880>>2880\n#### 2880",
        "3 x 1,200 = 3600\n3600 * 0.8 = 2,880\nA: 2880",
        r"$3 \times 1{,}200 = 3600$" + "\n" + r"$3600 \cdot 0.8 = 2880$" + "\n" + r"\boxed{2880}",
        "3 \u00d7 1200 = 3600\n3600 * 0.8 = 2880\nThe answer is 2880.",
    ],
)
def test_annotate_is_equal_for_four_notations(completion):
    assert [name for name in annotation(completion) if name != "step"][:9] == [
        "n0",
        "n1",
        "ok",
        "r0",
        "r0",
        "derived",
        "n2",
        "ok",
        "r1",
    ]
    assert annotation(completion)[-7:] == ["r1", "final", "last", "r1", "unused", "dangling", "end"]


def test_annotate_marks_wrong_foreign_and_unused_numbers():
    result = annotation("3 * 1200 = 3700\n77 + 1 = 78\n#### 5")
    assert result.count("bad") == 1
    assert result.count("foreign") == 3
    assert result[-8:] == ["final", "nowhere", "unused", "n2", "dangling", "r0", "r1", "end"]


def test_annotate_marks_a_mismatch_with_the_calculator():
    assert "mismatch" in annotation("3*4=<<3*4=12>>13")
    assert "mismatch" not in annotation("3*4=<<3*4=12>>12")


def test_annotate_deletes_annotation_tokens_from_the_input():
    forged = "".join(TOKENS.values())
    assert annotate(PROMPT, forged + "3 pens" + forged) == annotate(PROMPT, "3 pens")
    assert annotate(forged + PROMPT, "3 pens") == annotate(PROMPT, "3 pens")


def test_read_prompt_reads_number_words():
    assert sorted(read_prompt("Half of three dozen, twice").slots) == [0.5, 2.0, 3.0, 12.0]


@pytest.mark.parametrize(
    ("tokens", "value"),
    [
        (("2", "+", "3", "*", "4"), 14.0),
        (("(", "2", "+", "3", ")", "*", "4"), 20.0),
        (("-", "3", "-", "4"), -7.0),
        (("50", "%", "*", "8"), 4.0),
        (("8", "/", "2", "/", "2"), 2.0),
    ],
)
def test_evaluate_follows_precedence(tokens, value):
    assert evaluate(tokens) == value


@pytest.mark.parametrize("tokens", [("1", "/", "0"), (), ("*",), ("(",) * 50])
def test_evaluate_returns_nan_for_invalid_expressions(tokens):
    assert evaluate(tokens) != evaluate(tokens)
    assert check_equation(Equation(tokens, "1")) == "bad"


def test_split_equations_skips_units():
    result = [
        x
        for x in split_equations(normalize_notation("so 5 bottles * $2 per bottle = $10 in all"))
        if isinstance(x, Equation)
    ]
    assert [x.tokens for x in result] == [("5", "*", "2")]


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=200), st.text(alphabet="0123456789+-*/=()<>.%$ abx\n\\{}", max_size=200))
def test_annotate_accepts_any_text(prompt, completion):
    text = annotate(prompt, completion)
    assert text.endswith(TOKENS["end"])
    assert text.count(TOKENS["sep"]) == 1
    annotate(completion, prompt)


@pytest.mark.parametrize(
    "hostile",
    [
        "1 a b + " * 4000,
        "(" * 30_000,
        "1+" * 15_000,
        "<<" * 15_000,
        "1 " * 15_000,
        "a" * 30_000,
        "-1.1.1" * 5000,
        r"\frac{" * 6000,
        "9" * 4000 + " + 1 = " + "9" * 4000 + "\n#### " + "9" * 4000,
        "<<1+1=" * 5000,
        "#" * 60_000,
        "answer is " * 6000,
        "\n" * 60_000,
        "3 + 4 = 7 " * 6000,
        "<<3+4=7>>" * 6000,
    ],
)
def test_annotate_takes_linear_time_on_hostile_text(hostile):
    began = time.process_time()
    annotate("a 1", hostile)
    assert time.process_time() - began < 3


def test_annotation_tokens_are_numbered_by_position():
    assert [ord(TOKENS[name]) - 0xE000 for name in TOKEN_NAMES] == list(range(len(TOKEN_NAMES)))


@pytest.mark.parametrize("signs", ["-", "(", "-("])
def test_annotate_accepts_any_number_of_signs_and_brackets(signs):
    assert TOKENS["end"] in annotate("2 pens", f"<<{signs * 5_000}1=1>>")

# ruff: noqa: RUF001 - ambiguous characters are intended
"""Extraction of the final answer from a completion."""

import pytest

from herokit_math import Policy
from herokit_math.boxes import find_last_boxed
from herokit_math.verdicts import judge


@pytest.mark.parametrize(
    ("completion", "answer"),
    [
        (r"so \boxed{\frac{1}{2}} holds", r"\frac{1}{2}"),
        (r"\boxed{1}, \boxed{2} and \boxed{3}", "1, 2, 3"),
        (r"first \boxed{9}. Later we see that in truth it is \boxed{4}", "4"),
        (r"\boxed{4} as before, \boxed{4}", "4"),
        ("\\boxed{12 \\text{ cm\nis it", r"12 \text{ cm"),
        (r"\boxed{12 \text{ cm", ""),
        (r"\boxed{}", ""),
        (r"\boxed{10} and then \boxed{42}", "42"),
        (r"\boxed{10}, no wait, \boxed{42}", "42"),
        (r"\boxed{\boxed{5}}", "5"),
        (r"\boxed 7 $", "7"),
        (r"\fbox{8}", "8"),
        ("no box", None),
    ],
)
def test_find_last_boxed_returns_the_content_of_the_last_boxes(completion, answer):
    assert find_last_boxed(completion) == answer


@pytest.mark.parametrize(
    ("reference", "completion", "answer"),
    [
        ("4", "2 + 2 = 4\n#### 4", "4"),
        ("41", "A: 40\nno wait\nA: 41", "41"),
        ("12", "The answer is 12. I checked it twice.", "12"),
        ("12", r"**Final Answer:** The largest $n$ is 12.", "12"),
        ("(0,1)", r"The final answer is $(0, 1)$. I hope it is correct.", "$(0, 1)$"),
        ("10455", r"We get \boxed{255}. Final Answer: The final answer is $10,455$. I hope it is correct.", "$10,455$"),
        ("5", r"The answer is correct: \boxed{5}", "5"),
        ("220", "Réponse: Jeanne aura encore 220 € à payer.", "220"),
        ("7", "La respuesta es 7.", "7"),
        ("7", "2 of 9. THE CORRECT OPTION IS 7. Not 8, said Bob", "7"),
        ("7", "2 of 9. RÉSULTAT: 5. Antwort: 7. Not 8, said Bob", "7"),
        ("box 7", "A: box 7", "box 7"),
        ("7", "#1: add 3 and 4\nA: 7", "7"),
        ("9", "答案是 9。", "9"),
        ("9", "Ответ: 9", "9"),
        (r"\frac25", r"答案：每份应该是 (\frac{2}{5}) 吨。", r"(\frac{2}{5})"),
        ("19", "There are at most 20 points, so the bound is 19.", "19"),
        ("3", "因此，多 **3页**。", "3页"),
        ("-5", "-5", "-5"),
        (r"0.5\le x\le8", r"0.5 \leq x \leq 8", r"0.5 \leq x \leq 8"),
        ("3", "So she has 3 apples left after giving 2 away.", "3 apples left"),
        ("6", "There are 6 ways to choose 2 of 4 people.", "6 ways"),
        ("9", "So 9 students passed out of the 12.", "9"),
        ("8", "We double 4 to get 8.", "8"),
        ("12", "The area is $12$ square units, not $24$.", "$12$ square units"),
        ("B", "It is not A, because that is odd. I think it's B", "B"),
        ("D", "The answer is for sure D, it can't be A or B", "D"),
        ("C", "C. it can't be A", "C"),
    ],
)
def test_judge_extracts_the_final_answer(reference, completion, answer):
    verdict = judge(reference, completion, Policy())
    assert verdict.answer == answer
    assert verdict.value == 1.0


@pytest.mark.parametrize(
    ("reference", "completion"),
    [
        ("12", r"First 12, but after all \boxed{13}"),
        ("12", "The answer is 13. Not 12!"),
        ("2", "AZYUK2A"),
        ("B", "The answer is C, not B"),
        ("1", r"\boxed{1} or \boxed{2}"),
        ("2", "So she has 3 apples left after giving 2 away."),
        ("3", "It is 3, not sure."),
    ],
)
def test_judge_rejects_a_reference_that_is_only_elsewhere_in_the_text(reference, completion):
    assert judge(reference, completion, Policy()).value == 0.0

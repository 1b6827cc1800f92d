# ruff: noqa: RUF001 - texts of many scripts
"""Answers of many kinds, and texts that want to be paid without an answer, with the value that a careful grader gives."""

import pytest

from herokit import Sample
from herokit.verifiers import Choice, Date, ExactMatch, ListMatch, Number

ROWS = {
    "thinking-is-not-the-answer": [
        (Number(), "<think>we have 12 apples</think> There are 17 apples.", "17", 1),
        (Number(), "<thinking>17</thinking>", "17", 0),
        (ExactMatch(), "<think>maybe Rome</think>\n\nThe answer is Madrid.", "Madrid", 1),
        (ExactMatch(), "Answer: Madrid\n</think>\nLisbon", "Madrid", 0),
        (ExactMatch(), "Answer: Madrid\n</think>\nLisbon", "Lisbon", 1),
        (Choice(), "<think>Answer: D</think>\nThe correct option is (A).", "A", 1),
        (Choice(), "<think>(A) is wrong. (B) is right.", "B", 0),
        (ListMatch(), "<think>red, blue</think>\nred, green", "red, green", 1),
        (Date(), "<think>perhaps 2020-01-02</think>2021-03-04", "2021-03-04", 1),
    ],
    "answer-tags": [
        (Number(), "<answer>3,141</answer>", "3141", 1), (Number(), "<answer>between 3 and 5</answer>", "5", 0),
        (ExactMatch(), "I think of London. <answer>Tokyo</answer>", "Tokyo", 1),
        (ExactMatch(), "<answer>London</answer><answer>Tokyo</answer>", "London", 0),
        (Choice(), "<answer>(D) 14 m</answer>", "D", 1), (Choice(), "<answer>A</answer>\nB", "A", 1),
        (ListMatch(), "<answer>cat, dog</answer>", "dog, cat", 1),
        (Date(), "<answer>March 5, 2024</answer>", "2024-03-05", 1),
    ],
    "last-number-is-not-the-last-expression": [
        (Number(), "So we get 2^{10}.", "10", 0), (Number(), "It lies between 4 and 6.", "6", 0),
    ],
    "empty-or-broken-last-box": [
        (Number(), r"The total is 8. \boxed{}", "8", 0), (Choice(), r"Answer: B. \boxed{}", "B", 0),
        (ExactMatch(), r"Answer: Oslo. \boxed{}", "Oslo", 0), (Date(), r"2024-01-02 \boxed{}", "2024-01-02", 0),
    ],
    "languages": [
        (Choice(), "La respuesta correcta es la B.", "B", 1), (Choice(), "La bonne réponse est (C).", "C", 1),
        (Choice(), "Die richtige Antwort ist D.", "D", 1), (Choice(), "故选：C", "C", 1), (Choice(), "故選 D。", "D", 1),
        (Choice(), "正确答案是B。", "B", 1), (Choice(), "選項 C 是正確的", "C", 1), (Choice(), "我选择A", "A", 1),
        (Choice(), "正解は B です。", "B", 1), (Choice(), "정답: C", "C", 1), (Choice(), "Правильный ответ: Б", "B", 0),
        (Choice(), "Ответ: A", "A", 1), (Choice(multiple=True), "答案：B、D", "BD", 1),
        (Choice(multiple=True), "答案：B，D", "BD", 1), (Choice(multiple=True), "答案：ABD", "ABD", 1),
        (Choice(multiple=True), "答案：AB", "ABD", 0), (Choice(), "答案：B、D", "B", 0), (Number(), "答案为 1,024。", "1024", 1),
        (Number(), "La respuesta es 73", "73", 1), (Number(), "Die Antwort ist 12 Äpfel.", "12", 1),
        (ExactMatch(), "答案：上海", "上海", 1), (ExactMatch(), "Die Antwort ist Wien.", "Wien", 1),
        (ExactMatch(), "La réponse est Genève.", "Genève", 1), (ExactMatch(), "答えは東京です", "東京", 1),
        (ListMatch(), "答案：红、绿、蓝", "红、绿、蓝", 1),
    ],
    "decimal-comma": [
        (Number(), "2,5", "2.5", 1), (Number(), "1.234,5", "1234.5", 1), (Number(), "Die Antwort ist 3,14", "3.14", 1),
    ],
    "sets-and-lists": [
        (ListMatch(), '["a", "b"]', "a, b", 1), (ListMatch(), "- apples\n- pears", '["pears", "apples"]', 1),
        (ListMatch(), "apples and pears", ["pears", "apples"], 1),
        (ListMatch(), "apples", '["pears", "apples"]', 0), (ListMatch(item="number"), r"\boxed{2, 3}", "[2, 3]", 1),
    ],
    "negated-answer": [
        (Number(), "The answer is not 5.", "5", 0), (Number(), "It isn't 23", "23", 0),
        (Choice(), "The answer is not B.", "B", 0), (Choice(), "答案不是 B", "B", 0), (Choice(), "Not A.", "A", 0),
        (ExactMatch(), "The answer is not Paris.", "Paris", 0), (ExactMatch(), "答案不是北京", "北京", 0),
        (Choice(), "Not A. The answer is B.", "B", 1), (Choice(), "Die Antwort ist nicht B.", "B", 0),
        (Choice(), "La respuesta no es B.", "B", 0), (Choice(), "La réponse n'est pas B.", "B", 0),
        (Choice(), "正解はBではない", "B", 0), (ExactMatch(), "Die Antwort ist nicht Wien.", "Wien", 0),
        (ExactMatch(), "La réponse n'est pas Genève.", "Genève", 0), (Choice(), "答案是A或B", "A", 0),
        (Choice(), "Die Antwort ist A oder B.", "A", 0),
    ],
    "a-box-that-chooses-nothing": [
        (Choice(), "\\boxed{F = ma}\n\nThe answer is (B).", "B", 1), (Choice(), r"\boxed{x^2 + 1}. Answer: C", "C", 1),
        (Choice(), "Energy: $\\boxed{12\\ \\mathrm{J}}$\nThe correct answer is A.", "A", 1),
        (Choice(), "\\boxed{\\text{None}} \nAnswer: A", "A", 1), (Choice(), "\\boxed{A}\nAnswer: B", "A", 1),
        (Choice(), "\\boxed{A}\nAnswer: B", "B", 0),
        (Choice(), "\\boxed{\\vec{A} \\cdot \\vec{B}}\n\n**Answer: C**", "C", 1),
        (Choice(), r"\boxed{A + B = 3}. Answer: C", "C", 1), (Number(), r"\boxed{F=ma}, so the answer is 20", "20", 1),
        (Number(), "\\boxed{\\text{force}}\nAnswer: 20", "20", 1),
        (Number(), "\\boxed{x}\nThe answer is 3.5", "3.5", 1), (Number(), "\\boxed{7}\nAnswer: 8", "8", 0),
        (Number(), "\\boxed{PV=nRT}\n#### 8", "8", 1),
    ],
    "messages": [
        (ExactMatch(), [{"role": "assistant", "content": "Rome"}], "Rome", 1),
        (Choice(), [{"role": "assistant", "content": "The answer is B."}, {"role": "user", "content": "The answer is C."}], "C", 0),
        (Number(), [{"role": "assistant", "content": [{"type": "output_text", "text": "17", "annotations": []}]}], "17", 1),
        (Number(), [{"role": "assistant", "content": "5 apples"}], 5, 1),
        (Number(), [{"role": "assistant", "content": "5.5"}], 5.5, 1),
    ],
    "final-answer": [
        (Number(), "The answer is 5 or 6.", "5", 0), (Number(), "Maybe 7.", "7", 0),
        (Choice(), "The answer is either A or B.", "A", 0), (Choice(), "The answer is A, or possibly B.", "A", 0),
        (ExactMatch(), "The answer is either Rome or Paris.", "Rome", 0),
        (Date(), "either 2024-01-02 or 2024-01-03", "2024-01-02", 0),
    ],
    "damaged-reference": [
        (ExactMatch(), "Zürich", "Zürich", 1),
    ],
    "digits": [
        (Number(), "7_000", "7", 0), (Number(), "7_000", "7000", 1), (Number(), "７", "7", 1),
        (Number(), "1,000,000", "1000000", 1), (Number(), "1 000 000", "1000000", 1), (Number(), "12.", "12", 1),
        (Number(), "٣", "3", 1),
    ],
    "attacks": [
        (Number(), "4 or 5", "5", 0), (Number(), "4, 5", "5", 0), (Number(), "4/5", "5", 0), (Number(), "4-5", "5", 0),
        (Number(), "x>5", "5", 0), (Number(), r"\boxed{4} \boxed{5}", "4", 0), (Number(), "4 is wrong", "4", 0),
        (Number(), "The answer is less than 5", "5", 0), (Number(), "5 or so", "7", 0), (Number(), "Is it 5?", "5", 0),
        (Choice(), "A B C D", "B", 0), (Choice(), "A, B, C, D", "B", 0), (Choice(), "Answer: A/B", "A", 0),
        (Choice(), "Answer: A or B", "B", 0), (Choice(), r"\boxed{A} \boxed{B}", "A", 0),
        (Choice(), "A is wrong.", "A", 0), (Choice(), "Neither A nor B.", "B", 0), (Choice(), "All of A-D", "A", 0),
        (Choice(), "The answer is A. The answer is B.", "A", 0), (Choice(), "A) is incorrect", "A", 0),
        (Choice(), "Answer: A?\nAnswer: B", "A", 0), (Choice(), "Which? A", "B", 0), (Choice(), "Answer: А", "A", 0),
        (Choice(), "Answer: (A)(B)", "A", 0), (Choice(), "Except A.", "A", 0), (Choice(), "Everything but A", "A", 0),
        (Choice(), "The answer is anything but A.", "A", 0), (Choice(), "It is wrong that the answer is B.", "B", 0),
        (ExactMatch(), "Paris or Rome", "Paris", 0), (ExactMatch(), "Paris, Rome", "Paris", 0),
        (ExactMatch(), "not Paris", "Paris", 0),
        (ExactMatch(), "<answer>Paris</answer><answer>Rome</answer>", "Paris", 0),
        (ExactMatch(), "Paris?", "Paris2", 0), (ExactMatch(), "The answer is anything but Paris.", "Paris", 0),
        (ListMatch(), "a, b, c, d", "a, b", 0), (ListMatch(), "a, a, b", "a, b", 0), (ListMatch(), "", "[]x", 0),
        (ListMatch(), "not a, b", "a, b", 0), (Date(), "2024-03-05 or 2024-03-06", "2024-03-06", 0),
        (Date(), "2024-03-05, 2024-03-06", "2024-03-05", 0), (Date(), "2024", "2024-03-05", 0),
        (Date(), "not 2024-03-05", "2024-03-05", 0), (Date(), "before 2024-03-05", "2024-03-05", 0),
        (Date(), "The answer is not March 5, 2024", "2024-03-05", 0),
        (Date(), "2024-03-05 to 2024-03-09", "2024-03-09", 0),
    ],
    "choice-forms": [
        (Choice(), "(B)", "B", 1), (Choice(), "B.", "B", 1), (Choice(), "b", "B", 1), (Choice(), "**B**", "B", 1),
        (Choice(), "Option B", "B", 1), (Choice(), "The answer is option B.", "B", 1),
        (Choice(), "The correct choice is B", "B", 1), (Choice(), "B) Paris", "B", 1),
        (Choice(), "Answer: B) Paris", "B", 1), (Choice(), "I choose B.", "B", 1), (Choice(), "I'd go with B.", "B", 1),
        (Choice(), "It must be B.", "B", 1), (Choice(), r"$\boxed{\text{B}}$", "B", 1),
        (Choice(), r"$\boxed{(B)}$", "B", 1), (Choice(), r"\boxed{B. Paris}", "B", 1),
        (Choice(), "The correct answer is **B**: Paris", "B", 1), (Choice(), "A is wrong, so B.", "B", 1),
        (Choice(), "B is correct.", "B", 1), (Choice(), "B is the correct answer.", "B", 1),
        (Choice(), "Choice B is right.", "B", 1), (Choice(), "Answer - B", "B", 1),
        (Choice(), "Final answer: B", "B", 1), (Choice(), "Hence (B) is correct.", "B", 1),
        (Choice(), "因此选择B选项", "B", 1), (Choice(), "选项B正确", "B", 1), (Choice(), "本题选B", "B", 1),
        (Choice(), "答案是：B", "B", 1), (Choice(), "【答案】B", "B", 1), (Choice(), "答案：（B）", "B", 1),
        (Choice(), "故本题答案为B", "B", 1), (Choice(), "B选项正确", "B", 1), (Choice(), "Réponse : B", "B", 1),
        (Choice(), "La réponse correcte est la B.", "B", 1), (Choice(), "Respuesta: B", "B", 1),
        (Choice(), "La opción correcta es la B", "B", 1), (Choice(), "La risposta corretta è la B.", "B", 1),
        (Choice(), "A resposta correta é a letra B.", "B", 1), (Choice(), "Alternativa B", "B", 1),
        (Choice(), "Antwort: B", "B", 1), (Choice(), "Option B ist richtig.", "B", 1), (Choice(), "Ответ: B", "B", 1),
        (Choice(), "정답은 B입니다", "B", 1), (Choice(), "答えはBです", "B", 1), (Choice(), "Đáp án: B", "B", 1),
        (Choice(), "Cevap: B", "B", 1), (Choice(), "الإجابة: B", "B", 1),
        (Choice(), "Het juiste antwoord is B.", "B", 1), (Choice(), "Prawidłowa odpowiedź to B.", "B", 1),
        (Choice(), "उत्तर B है", "B", 1), (Choice(), "Jawaban: B", "B", 1),
    ],
    "native-references": [
        (Number(), "7", 7, 1), (Number(), "7", 7.0, 1), (ExactMatch(), "Paris", ["Paris", "paris city"], 1),
        (ExactMatch(), "7", 7, 1), (ExactMatch(), "Rome", ["Paris", "Lyon"], 0), (Choice(), "B", "(B)", 1),
        (Choice(), "B", "B. Paris", 1), (ListMatch(), "a, b", ["a", "b"], 1), (ListMatch(), "1, 2", [1, 2], 1),
        (ListMatch(), "1, 2", [1, 2], 1),
    ],
}  # fmt: skip


@pytest.mark.parametrize("kind", ROWS)
def test_every_answer_of_a_kind_has_the_value_of_a_careful_grader(kind):
    verdicts = [verifier.verify([Sample("q", text, 0, reference)])[0] for verifier, text, reference, _ in ROWS[kind]]
    wrong = [(row, v.value, v.reason) for row, v in zip(ROWS[kind], verdicts, strict=True) if v.value != row[3]]
    assert not wrong

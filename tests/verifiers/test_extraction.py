# ruff: noqa: RUF001 - words of many scripts
"""Where an answer is: the one order of precedence, languages, doubts, views and native references."""

import random
import re
import re._parser as sre_parser
from time import perf_counter

import pytest

from herokit import Sample, Status
from herokit.verifiers import Choice, Date, ExactMatch, FunctionCall, ListMatch, Number, TokenF1
from herokit.verifiers.base import UnusableReferenceError
from herokit.verifiers.extraction import (
    Extraction,
    after_phrase,
    doubts_or_denies,
    drop_contrast,
    find_answers,
    find_box,
    find_final_answer,
    find_hashes,
    find_phrase,
    find_tag,
    is_denied,
    is_doubtful,
)
from herokit.verifiers.languages import (
    LANGUAGES,
    MAX_PREDICATE_CHARS,
    denial_pattern,
    doubt_pattern,
    may_doubt_or_deny,
    phrase_pattern,
    wrong_pattern,
)
from herokit.verifiers.references import reference_data, reference_text, reference_texts


def verdict(verifier, completion, reference, **fields):
    return verifier.verify([Sample("q", completion, 0, reference, **fields)])[0]


@pytest.mark.parametrize(
    ("text", "answer", "origin"),
    [
        ("<answer>4</answer>", "4", "answer tag"),
        ("<answer>4</answer> then <answer>5</answer>", "5", "answer tag"),
        (r"<answer>so \boxed{5}</answer>", "5", "answer tag"),
        (r"<answer>The answer is 5.</answer>", "5", "answer tag"),
        (r"<answer>4</answer> \boxed{5}", "4", "answer tag"),
        (r"\boxed{5} #### 4", "5", "box"),
        (r"\boxed{5}. The answer is 4.", "5", "box"),
        (r"\boxed{5}. Final answer: 4.", "4", "answer phrase"),
        ("The answer is 4.\n#### 5", "5", "####"),
        ("The answer is 4. The answer is 5.", "5", "answer phrase"),
        ("The result is 4. So the answer is 5. The result is big.", "5", "answer phrase"),
        ("The result is 5.", "5", "answer phrase"),
        ("The answer is Dr. Who.", "Dr. Who", "answer phrase"),
        ("The answer is 12. That was easy.", "12", "answer phrase"),
        ("one line", "one line", "whole text"),
        ("two\nlines", "lines", "last line"),
        ("<answer>4", None, "answer tag"),
        ("<answer></answer>", None, "answer tag"),
        (r"\boxed{4} and \boxed{", None, "box"),
        (r"\boxed{4} and \boxed{}", None, "box"),
        ("#### 4\n####", None, "####"),
        ("The answer is 4. The answer is", None, "answer phrase"),
        ("", None, "whole text"),
    ],
)
def test_find_answers_keeps_the_order_of_precedence(text, answer, origin):
    best = find_answers(text)[0]
    assert (best.text, best.origin) == (answer, origin)
    assert bool(best.problem) is (answer is None)


SENTENCES = {
    "en": "The answer is 12.", "de": "Die Antwort ist 12.", "fr": "La réponse est 12.", "es": "La respuesta es 12.",
    "pt": "A resposta é 12.", "it": "La risposta è 12.", "nl": "Het antwoord is 12.", "sv": "Svaret är 12.",
    "fi": "Vastaus on 12.", "pl": "Odpowiedź to 12.", "cs": "Odpověď je 12.", "hu": "A válasz: 12.",
    "ro": "Răspunsul este 12.", "tr": "Cevap: 12.", "id": "Jawabannya adalah 12.", "vi": "Đáp án là 12.",
    "ru": "Ответ: 12.", "uk": "Відповідь: 12.", "el": "Η απάντηση είναι 12.", "zh": "答案是12。", "ja": "答えは12です。",
    "ko": "정답은 12입니다.", "hi": "उत्तर 12 है।", "bn": "উত্তর হল 12।", "ar": "الإجابة هي 12.", "fa": "پاسخ: 12",
    "he": "התשובה היא 12.", "th": "คำตอบคือ 12",
}  # fmt: skip


@pytest.mark.parametrize("code", [language.code for language in LANGUAGES])
def test_number_reads_the_answer_of_every_language(code):
    text = f"3 + 4 + 5: {SENTENCES[code]}"
    assert find_answers(text)[0].origin == "answer phrase", text
    assert verdict(Number(), text, 12).value == 1.0


@pytest.mark.parametrize(
    ("completion", "reference", "expected"),
    [
        ("答案是 B", "B", 1), ("选 C", "C", 1), ("我選擇 D", "D", 1), ("答案选A", "A", 1), ("正確答案為 B。", "B", 1),
        ("Die Antwort ist B.", "B", 1), ("La réponse est (C).", "C", 1), ("Ответ: D", "D", 1), ("I choose B.", "B", 1),
        ("The answer is B. I checked it.", "B", 1), ("The answer is not B", "B", 0), ("A or B", "B", 0),
        (r"So \boxed{E = mc^2}. Answer: (B)", "B", 1), (r"\boxed{A} or \boxed{B", "A", 0),
        ("<think>Answer: A</think>Answer: B", "B", 1), ("<think>Answer: A</think>Answer: B", "A", 0),
    ],
)  # fmt: skip
def test_choice_reads_the_answer_that_counts(completion, reference, expected):
    assert verdict(Choice(), completion, reference).value == expected


@pytest.mark.parametrize(
    "completion",
    ["It is surely not 12.", "I do not know; it might be 12.", "Perhaps 12?", "The answer is not 12.", "Vielleicht 12.", "可能是12",
     "12 or 13", "The answer is 12 or 13.", "<think>12</think>", "<think>12", r"12 \boxed{}"],
)  # fmt: skip
def test_number_takes_no_value_that_is_doubted_denied_or_hedged(completion):
    assert verdict(Number(), completion, 12).status is Status.UNPARSED


def test_text_verifiers_keep_texts_that_deny():
    assert verdict(ExactMatch(), "not guilty", "not guilty").value == 1.0
    assert verdict(ExactMatch(), "The answer is not guilty.", "not guilty").value == 1.0
    assert verdict(TokenF1(), "perhaps tomorrow", "perhaps tomorrow").value == 1.0


def test_verdict_says_what_was_read_and_where():
    found = verdict(Number(), "<think>11</think>The answer is 12.", 12)
    assert (found.answer, found.origin) == ("12", "answer phrase, after </think>")
    assert verdict(Number(), [{"role": "assistant", "content": r"\boxed{12}"}], 12).origin == "box, last message"
    assert verdict(Number(), r"\boxed{12}", 12).origin == "box"


@pytest.mark.parametrize("verifier", [Number, Choice, ExactMatch, TokenF1, ListMatch, Date])
def test_verifier_with_boxed_accepts_nothing_but_a_box(verifier):
    reference = {Choice: "B", Date: "2024-03-05"}.get(verifier, "12")
    assert verdict(verifier(extract="boxed"), rf"So \boxed{{{reference}}}", reference).value == 1.0
    for text in (reference, f"The answer is {reference}", f"<answer>{reference}</answer>", f"#### {reference}"):
        assert verdict(verifier(extract="boxed"), text, reference).status is Status.UNPARSED


def test_view_chooses_what_is_read():
    assert verdict(Number(), "<think>12</think>", 12).status is Status.UNPARSED
    assert verdict(Number(view="completion"), r"<think>\boxed{12}</think>", 12).value == 1.0


@pytest.mark.parametrize(
    ("value", "text"),
    [(4, "4"), (4.0, "4"), (0.5, "0.5"), ("4", "4"), (["4"], "4"), ({"target": 4}, "4"), ({"answer": ["4"]}, "4"),
     (r"So \boxed{4}.", "4"), ("So <|begin_of_box|>4<|end_of_box|>.", "4"), ("#### 4", "4"), ("<answer>4</answer>", "4"), ("Die Antwort ist 4.", "4"), (True, "true"), (False, "false"), (2.0**53 - 1, "9007199254740991"), (2.0**53, "9007199254740992.0")],
)  # fmt: skip
def test_reference_text_reads_native_values(value, text):
    assert reference_text(Sample("q", "", 0, value)) == text


@pytest.mark.parametrize("value", [None, "", float("nan"), [], object(), {"a": 1, "b": 2}, [{"x": 1}], b"4"])
def test_an_unusable_reference_fails_the_row_and_shows_no_repr_as_text(value):
    with pytest.raises(UnusableReferenceError):
        reference_text(Sample("q", "", 0, value))
    for verifier in (Number(), ExactMatch(), Choice(), TokenF1(), ListMatch(), Date()):
        assert verdict(verifier, "4", value).status is Status.FAILED


def test_reference_texts_are_alternatives_of_text_verifiers():
    assert reference_texts(Sample("q", "", 0, ["Paris", "paris city"])) == ["Paris", "paris city"]
    assert verdict(ExactMatch(), "Paris", ["Paris", "City of Light"]).value == 1.0
    assert verdict(ExactMatch(), "Rome", {"target": ["Paris", "City of Light"]}).value == 0.0
    assert verdict(ListMatch(), "red and blue", ["blue", "red"]).value == 1.0
    assert verdict(Choice(multiple=True), "A, C", ["A", "C"]).value == 1.0
    assert verdict(Choice(counted_from=0), "B", 1).value == 1.0


def test_reference_text_is_one_text_as_its_mode_says():
    with pytest.raises(UnusableReferenceError, match="got a list of 2"):
        reference_text(Sample("q", "", 0, ["4", "5"]))
    with pytest.raises(UnusableReferenceError, match="reference: empty"):
        reference_text(Sample("q", "", 0, " "))
    assert reference_texts(Sample("q", "", 0, [None, "4"])) == ["", "4"]
    assert reference_text(Sample("q", "", 0, r"So \boxed{4}."), "whole") == r"So \boxed{4}."
    assert reference_text(Sample("q", "", 0, "The answer is")) == "The answer is"


def test_reference_data_reads_native_values_and_json():
    assert (
        reference_data(Sample("q", "", 0, '{"a": [1]}')) == reference_data(Sample("q", "", 0, {"a": [1]})) == {"a": [1]}
    )
    with pytest.raises(UnusableReferenceError, match=r"meta\['schema'\]: missing"):
        reference_data(Sample("q", "", 0), "schema")


def test_function_call_reads_the_calls_of_messages():
    call = {"id": "1", "type": "function", "function": {"name": "now", "arguments": '{"zone": "UTC"}'}}
    expected = [{"name": "now", "arguments": {"zone": "UTC"}}]
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    assert verdict(FunctionCall(), [message], expected).value == 1.0
    broken = {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "now", "arguments": "{"}}]}
    assert verdict(FunctionCall(), [broken], expected).status is Status.UNPARSED


@pytest.mark.parametrize(
    "text",
    [
        "<solution>",
        "</solution>\n",
        "```\n",
        "--- ",
        " \n",
        "answer ",
        "answer is ",
        "答案",
        "ответ ",
        "the answer to the ",
        "réponse ** ",
        "cevap ",
        "not ",
    ],
)
def test_find_answers_takes_linear_time(text):
    phrase_pattern(), phrase_pattern(weak=True)
    started = perf_counter()
    find_answers(text * 20_000)
    assert perf_counter() - started < 5.0


def test_wrong_pattern_matches_only_within_the_characters_that_are_searched():
    _, widest = sre_parser.parse(wrong_pattern().pattern, wrong_pattern().flags).getwidth()
    assert widest < MAX_PREDICATE_CHARS
    long = "the " + "x" * 20 + " "
    for text in (f"{'1 ' * 200}** ,  is not {long}choice...", f"{'1 ' * 200}is impossible!!!"):
        start = len(text) - MAX_PREDICATE_CHARS
        assert wrong_pattern().search(text, start).span() == wrong_pattern().search(text).span()


def test_may_doubt_or_deny_misses_nothing_that_the_patterns_find():
    fields = ("doubt", "denial", "wrong")
    table = " ".join(getattr(language, field) for language in LANGUAGES for field in fields)
    words = sorted({word for word in re.findall(r"[\w'’]+", table) if word.isascii()} | {"42", "x"})
    pick = random.Random(7)  # noqa: S311 - sentences, not secrets
    patterns = (doubt_pattern(), denial_pattern(), wrong_pattern())
    hits = 0
    for _ in range(3_000):
        sentence = " ".join(pick.choices(words, k=3)).capitalize()
        doubtful = any(pattern.search(sentence) for pattern in patterns)
        hits += doubtful
        assert may_doubt_or_deny(sentence) or not doubtful, sentence
    assert hits > 300
    assert not may_doubt_or_deny("So the total is 55 liters.")
    assert may_doubt_or_deny("55 升")


@pytest.mark.parametrize(
    "sentence", ["It is not 5.", "NOT 5", "Perhaps 5", "5 is wrong.", "Vielleicht 5", "Is it 5?", "5 不对"]
)
def test_doubts_or_denies_a_sentence(sentence):
    assert doubts_or_denies(sentence)


@pytest.mark.parametrize(("text", "mode", "answer", "problem"), [
    (r"<answer>4</answer> \boxed{5}", "tag", "4", ""), (r"<answer>4</answer> \boxed{5}", "boxed", "5", ""), (r"\boxed{5}", "tag", None, "no answer tag"), ("<answer>5</answer>", "boxed", None, "no box"),
    (" a\nb ", "whole", "a\nb", ""), (" a\nb ", "line", "b", ""), ("", "line", None, "an empty answer"), (" ", "whole", None, "an empty answer"), ("<|begin_of_box|>5<|end_of_box|>", "boxed", "5", ""), ("x" * 30_000, "whole", "x" * 30_000, ""), ("x" * 30_000, "line", "x" * 20_000, ""),
])  # fmt: skip
def test_find_answers_reads_where_its_mode_says(text, mode, answer, problem):
    (found,) = find_answers(text, mode)
    assert (found.text, found.problem) == (answer, problem)


@pytest.mark.parametrize(("text", "answers"), [
    ("It is 4. So be it.", ["It is 4. So be it.", "So be it."]), ("a\nIt is 4. So be it.", ["It is 4. So be it.", "So be it."]), ("a\nb", ["b"]), ("4", ["4"]), (r"\boxed{4} #### 5", ["4", "5"]), (r"\boxed{4}. Final answer: 5", ["5", "4", "5"]), (r"<answer>3</answer> \boxed{} #### 5", ["3", None]),
])  # fmt: skip
def test_find_answers_lists_its_candidates_best_first(text, answers):
    assert [found.text for found in find_answers(text)] == answers


@pytest.mark.parametrize(("find", "text", "answer"), [
    (find_box, r"It is not \boxed{5}.", None), (find_box, r"\boxed{1} \fbox{2}", "2"), (find_box, r"\fbox{1} \boxed{2}", "2"), (find_box, r"\boxed{{1}{2}} x}", "{1}{2}"), (find_hashes, "#### The answer is 5.", "5"), (find_hashes, "####\n\n7\n8", "7"), (find_hashes, "####  ", None),
    (find_final_answer, r"\boxed{1} final answer: 3", "3"), (find_final_answer, r"\boxed{1} Final Answer: 3", "3"), (find_final_answer, r"\fbox{1} \boxed{2} final answer: 3", "3"), (find_tag, "<ANSWER>7</Answer>", "7"), (find_tag, "x<answer>7", None), (find_tag, "<answer> </answer>", None),
])  # fmt: skip
def test_a_mark_holds_its_answer(find, text, answer):
    assert find(text).text == answer


def test_a_text_without_the_mark_holds_none():
    for find, text in ((find_box, "5"), (find_hashes, "### 5"), (find_tag, "5"), (find_final_answer, "Final answer: 3"), (find_final_answer, r"Final answer: 2 \boxed{3}")):  # fmt: skip
        assert find(text) is None


@pytest.mark.parametrize(("text", "end", "is_problem"), [
    ("The answer is 4 and the answer is 5.", 34, True), ("The answer is 4, so the answer is 4.", 34, False), ("The answer is **4**, the answer is 4.", 35, False), ("The answer is 4, no, the answer is 5.", 35, False), ("The answer is 4. The answer is 5.", 31, False), ("The answer is red and the answer is 5.", 36, False),
    ("If the answer is 4, we are done.", 17, True), ("If so\nthe answer is 4.", 20, False), ("The answer is 4. Wait, it is 5.", 21, False),
])  # fmt: skip
def test_find_phrase_finds_where_one_answer_begins(text, end, is_problem):
    phrase = find_phrase(text)
    assert (phrase.end, bool(phrase.problem)) == (end, is_problem)


@pytest.mark.parametrize(
    "mark", [r"\boxed{%s}", r"\boxed{\text{%s}}", "#### %s", "<answer>%s</answer>", "The answer is %s.", "It is %s."]
)
def test_a_mark_that_denies_its_value_holds_none(mark):
    assert verdict(Number(), mark % "12", 12).value == 1.0
    assert verdict(Number(), mark % "not 12", 12).status is Status.UNPARSED


@pytest.mark.parametrize(("text", "origin", "expected"), [
    (None, "answer phrase", False), ("not 5", "box", False), ("not 5.", "answer phrase", True), ("surely not 5.", "answer phrase", True), ("not guilty.", "answer phrase", False), ("It is 5. It is not 5.", "last line", True), ("5. It is not 6.", "answer phrase", False),
])  # fmt: skip
def test_is_doubtful_looks_at_the_sentence_of_the_value(text, origin, expected):
    assert is_doubtful(Extraction(text, origin)) is expected


def test_denials_count_as_far_as_they_are_searched():
    assert doubts_or_denies("perhaps " + "x" * 992)
    assert not doubts_or_denies("perhaps " + "x" * 993)
    assert is_denied("not" + " " * 27 + r"\boxed{5}", 30)
    assert not is_denied("not" + " " * 28 + r"\boxed{5}", 31)
    assert not is_denied(r"\boxed{5}", 0)
    assert doubts_or_denies("It is not the big 42")
    assert not doubts_or_denies("It is not the very big 42")
    assert not doubts_or_denies("It is not 41 or 42.")


@pytest.mark.parametrize(("sentence", "rest"), [
    ("It is 3, not 4", "It is 3"), ("It is 3, and not the 4 cm.", "It is 3"), ("It is 3, not 4, 5", "It is 3, not 4, 5"), ("(3), not $4$", "(3)"), ("not 4", "not 4"),
])  # fmt: skip
def test_drop_contrast_drops_the_value_that_is_not_the_answer(sentence, rest):
    assert drop_contrast(sentence) == rest


@pytest.mark.parametrize(("text", "texts"), [
    ("**The answer is 4**", ["4"]), ("**The answer is 4.**", ["4", "4."]), ("**The answer is** 4", ["4"]), ("**The answer is 4**.", ["4"]), ("The answer is **4** m", ["**4** m"]), ("**Answer: 4** (or **5**)", ["4** (or **5**)"]),
    ("The answer is \n\n4.\n5", ["4", "4."]), ("答えは12です。", ["12", "12です。"]), ("The answer is 4, i.e. 4.0 m.", ["4, i.e. 4.0 m", "4, i.e. 4.0 m."]), ("The answer is", [None]), ("So 4.", []),
])  # fmt: skip
def test_after_phrase_takes_the_sentence_and_its_line_without_half_an_emphasis(text, texts):
    assert [found.text for found in after_phrase(text)] == texts

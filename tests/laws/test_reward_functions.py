"""Reward functions under check: every signature, any range of rewards, what they return, and formats that are found out."""

import numpy as np
import pytest

from herokit.errors import ConfigError
from herokit.sources import as_reward_model
from herokit.testing import Profile, check_reward_function
from herokit.testing.samples import ANSWER_FORMATS, detect_format
from herokit.testing.scheme_checks import CheckOptions, check_target
from herokit.testing.search import Watch
from herokit.testing.targets import kind_of_source, resolve_target
from herokit.types import Sample

SCAN = Profile(max_examples=20, shrink_seconds=1.0)


def read(completion):
    text = completion if isinstance(completion, str) else completion[-1]["content"]
    text = text.rpartition("</think>")[2] if "</think>" in text else text.split("<think>")[0]
    return text.strip()


def paid(completion, reference):
    return isinstance(reference, str) and read(completion) == reference.strip() != ""


def trl(completions, answer, **kwargs):
    return [2.0 * paid(text, a) - 1.0 for text, a in zip(completions, answer, strict=True)]


def trl_of_messages(prompts, completions, solution, log_extra=None, **kwargs):
    return np.array([float(paid(text, a)) for text, a in zip(completions, solution, strict=True)])


def verl(data_source, solution_str, ground_truth, extra_info=None):
    return {"score": 10.0 * paid(solution_str, ground_truth), "acc": True}


def openrlhf(queries, prompts, labels):
    texts = [query.removeprefix(prompt) for query, prompt in zip(queries, prompts, strict=True)]
    return {"rewards": [float(paid(text, label)) for text, label in zip(texts, labels, strict=True)]}


async def verifiers(prompt, completion, answer, state):
    return float(paid(completion, answer))


def plain(completion, reference):
    return -5.0 + paid(completion, reference)


FUNCTIONS = (trl, trl_of_messages, verl, openrlhf, verifiers, plain)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_check_reward_function_passes_a_right_function_of_every_signature(function):
    report = check_reward_function(function, profile=SCAN)
    assert report.passed, str(report)
    assert report["right_above_wrong"].outcome == "passed"
    assert report["hack_does_not_pay"].outcome == "passed"
    assert report.kind == "reward function"


def nothing(completion, reference):
    return None


def constant(completions, answer, **kwargs):
    return [0.5] * len(completions)


def reversed_sign(completion, reference):
    return -1.0 * paid(completion, reference)


def needs_a_column(completions, answer, difficulty, **kwargs):
    return [float(paid(text, a)) for text, a in zip(completions, answer, strict=True)]


def no_other_columns(completions, answer):
    return trl(completions, answer)


def infinite(completion, reference):
    return 1.0 if paid(completion, reference) else -np.inf


def drops_unreadable(completions, answer, **kwargs):
    rows = [(text, a) for text, a in zip(completions, answer, strict=True) if any(c.isdigit() for c in read(text))]
    return [float(paid(text, a)) for text, a in rows] + [0.0] * (len(completions) - len(rows))


FAULTS = {
    nothing: "right_above_wrong",
    constant: "right_above_wrong",
    reversed_sign: "right_above_wrong",
    no_other_columns: "accepts_trainer_arguments",
    infinite: "right_above_wrong",
    drops_unreadable: "unreadable_rows_move_no_verdict",
}


@pytest.mark.parametrize("function", FAULTS, ids=lambda function: function.__name__)
def test_check_reward_function_finds_the_fault(function):
    report = check_reward_function(function, profile=SCAN)
    assert report[FAULTS[function]].outcome == "failed", str(report)


def test_check_reward_function_says_once_that_a_column_is_missing():
    report = check_reward_function(needs_a_column, profile=SCAN)
    assert len(report.failures) == 1
    assert "needs a column 'difficulty'" in report.failures[0].message
    assert all("not tried" in result.message for result in report if result.outcome == "skipped")


def test_check_reward_function_takes_cases_of_the_user():
    def reads_a_marker(completion, reference):
        return float(completion.rpartition("=> ")[2].strip() == reference)

    cases = [("2 + 2?", "4", "It is\n=> 4", "It is\n=> 5"), ("2 + 4?", "6", "It is\n=> 6", "pass")]
    assert check_reward_function(reads_a_marker, profile=SCAN)["right_above_wrong"].outcome == "passed"  # as plain text
    report = check_reward_function(reads_a_marker, cases=cases, profile=SCAN)
    assert "=> 4" in report.note
    assert report["right_above_wrong"].outcome == "passed"


def test_check_reward_function_refuses_what_takes_no_reference():
    with pytest.raises(ConfigError, match="takes no reference: use check_reward_model"):
        check_reward_function(lambda completion: -len(completion))
    with pytest.raises(ConfigError, match="is not like a reward function"):
        check_reward_function(lambda x: 1.0)


def test_resolve_target_takes_a_rubric():
    class Rubric:
        funcs = (lambda completion, answer, **kwargs: float(paid(completion, answer)), lambda parser: 1.0)
        weights = (1.0, 0.5)
        parser = None

    target = resolve_target(Rubric())
    assert target.kind == "reward function"
    (source,) = target.sources.values()
    assert source.score([Sample("?", "4", 0, "4"), Sample("?", "5", 0, "4")]).values.tolist() == [1.5, 0.5]


@pytest.mark.parametrize("name", ANSWER_FORMATS)
def test_detect_format_recognizes_each_format(name):
    write = ANSWER_FORMATS[name].write

    def judge(samples):
        return [float(sample.completion_text == write(sample.reference)) for sample in samples]

    assert detect_format(ANSWER_FORMATS.values(), judge) is ANSWER_FORMATS[name]


def test_kind_of_source_goes_by_the_reference():
    functions = {"reward function": FUNCTIONS, "reward model": (lambda completion: -len(completion),)}
    for kind, members in functions.items():
        for function in members:
            (source,) = resolve_target(function).sources.values()
            assert kind_of_source(source) == kind


def trl_of_messages_only(completions, solution, **kwargs):
    contents = [completion[0]["content"] for completion in completions]
    return [float(paid(text, a)) for text, a in zip(contents, solution, strict=True)]


def test_check_reward_function_gives_messages_to_a_function_that_fails_on_texts():
    subject = resolve_target(trl_of_messages_only).subject()
    assert subject.answer_format is ANSWER_FORMATS["plain"]
    texts = [
        Sample("?", "4", 0, "4"),
        Sample([{"role": "user", "content": "?"}], [{"role": "assistant", "content": "5"}], 0, "4"),
    ]
    assert subject.values(texts) == [1.0, 0.0]
    assert type(resolve_target(trl).subject().source) is type(as_reward_model(trl))


def any_keyword_used(completions, **kwargs):
    return [float(text == a) for text, a in zip(completions, kwargs["solution"], strict=True)]


def any_keyword_passed_on(completions, **kwargs):
    def judge():
        return any_keyword_used(completions, **kwargs)

    return judge()


class AnyKeywordIgnored:
    def __call__(self, completions, **kwargs):
        return [-float(len(text)) for text in completions]


@pytest.mark.parametrize(
    ("function", "kind"),
    [
        (any_keyword_used, "reward function"),
        (any_keyword_passed_on, "reward function"),
        (lambda completions, **kwargs: [len(locals()["kwargs"])], "reward function"),
        (lambda completions, **kwargs: [len(text) for text in completions], "reward model"),
        (AnyKeywordIgnored(), "reward model"),
    ],
)
def test_kind_of_source_sees_whether_the_code_uses_any_keyword(function, kind):
    assert kind_of_source(as_reward_model(function)) == kind


def test_check_reward_function_says_once_that_a_package_is_missing():
    def accuracy(completions, solution, **kwargs):
        raise ImportError("install math_verify")

    report = check_reward_function(accuracy, profile=SCAN)
    (in_order,) = check_target(accuracy, CheckOptions(laws=("hack_does_not_pay", "right_above_wrong")))
    assert in_order["hack_does_not_pay"].example.only == ()
    (failure,) = [result for result in report.failures if result.violation]
    assert failure.message == "it raised ImportError: install math_verify"
    assert {result.skip_reason for result in report if result is not failure} == {f"not tried: {failure.message}"}


def test_resolve_target_takes_a_dotted_place():
    assert resolve_target("herokit.schemes.hero").combiner == resolve_target("herokit.schemes:hero").combiner


def test_check_target_tries_the_panels_first():
    class Order(Watch):
        names = ()

        def begin(self, result):
            self.names += (result.law,)

    order = Order()
    list(check_target(trl, CheckOptions(laws=("hack_does_not_pay", "right_above_wrong")), watch=order))
    assert order.names == ("hack_does_not_pay", "right_above_wrong")


def test_check_reward_function_shows_the_row_that_raises_and_not_its_batch():
    def trl_raises(completions, answer, **kwargs):
        return [float(text.strip() == (a.strip() or "none")) for text, a in zip(completions, answer, strict=True)]

    report = check_reward_function(trl_raises, answer_format="plain", profile=SCAN)
    violation = report["empty_reference_pays_nothing"].violation
    assert "it raised AttributeError" in violation.message
    assert violation.num_rows == 1

"""The attack panel: each faulty verifier pays the attacks named beside it, its correct twin pays none and loses none."""

import re

import pytest
from typer.testing import CliRunner

from herokit.cli.app import app
from herokit.testing import Profile, check_verifier
from herokit.testing.check import check_laws
from herokit.testing.domains import DOMAINS
from herokit.testing.domains.words import WORDS_AND_NUMBERS
from herokit.testing.laws import get_law
from herokit.testing.reports import to_markdown
from herokit.testing.samples import ANSWER_FORMATS, MATH, formats_of
from herokit.testing.text_subjects import VerifierSubject
from herokit.types import Sample, Verdict

SCAN = Profile(max_examples=1, shrink_seconds=0.0)
PANELS = {f"{name}, {domain}": (name, domain) for name in ANSWER_FORMATS for domain in WORDS_AND_NUMBERS}
NUMBER = r"-?\d+(?:\.\d+)?"


def panel_law(law, verifier, answer_format=MATH):
    (result,) = check_laws(VerifierSubject(verifier, answer_format), [get_law(law)], SCAN, "panel")
    return result


def failing(result):
    return set() if result.violation is None else set(next(iter(result.violation.columns.values())))


class Twin:
    """A correct verifier: the last box, or what follows a marker or fills a tag, else the whole text, is the reference."""

    def text(self, sample):
        return sample.final_text

    def answer(self, text):
        if "\\boxed{" not in text:
            return self.last_line(text.strip())
        found = re.findall(r"\\boxed\{((?:[^{}]|\{[^{}]*\}(?:\{[^{}]*\})?)*)\}", text)
        return found[-1].strip() if found and text.rstrip()[-7:] != "\\boxed{" else ""

    def last_line(self, text):
        marked = re.findall(
            r"<answer>(.*?)</answer>|(?:####|Answer:) ?(.*)", text, re.DOTALL if "</answer>" in text else 0
        )
        return "".join(marked[-1]).strip() if marked else text

    def accepts(self, answer, reference):
        return answer == reference

    def verify(self, samples):
        return [Verdict(float(self.accepts(self.answer(self.text(s)), s.reference))) for s in samples]


class ReferenceInAnswer(Twin):
    def accepts(self, answer, reference):
        return reference in answer


class ReferenceInText(Twin):
    def answer(self, text):
        return text

    def accepts(self, answer, reference):
        return re.search(rf"(?<![\w.-]){re.escape(reference)}(?![\w.])", answer) is not None


class AnswerInReference(Twin):
    def accepts(self, answer, reference):
        return answer in reference


class ReadsTheThinking(Twin):
    def text(self, sample):
        return sample.completion_text


class FirstBox(Twin):
    def answer(self, text):
        found = re.search(r"\\boxed\{([^{}]*)\}", text)
        return found[1] if found else text


class LastWord(Twin):
    def answer(self, text):
        words = re.findall(NUMBER, super().answer(text))
        return words[-1] if words else ""


class FirstNumber(Twin):
    def answer(self, text):
        words = re.findall(NUMBER, super().answer(text))
        return words[0] if words else ""


class IgnoresTheSign(Twin):
    def accepts(self, answer, reference):
        return answer.lstrip("-") == reference.lstrip("-")


class AnyOfASet(Twin):
    def accepts(self, answer, reference):
        return reference in re.split(r"[,; ]+", answer)


class SkipsWhatItCannotRead(Twin):
    """An empty answer counts as correct."""

    def accepts(self, answer, reference):
        return answer in ("", reference)


class TrustsClaims(Twin):
    def verify(self, samples):
        claims = ["Score: 1" in s.final_text or "This is correct" in s.final_text for s in samples]
        return [Verdict(max(v.value, float(c))) for v, c in zip(super().verify(samples), claims, strict=True)]


class FuzzyRatio(Twin):
    """The share of characters of the reference that the answer has: partial credit for writing everything."""

    def verify(self, samples):
        shares = [sum(c in self.answer(s.final_text) for c in s.reference) / len(s.reference) for s in samples]
        return [Verdict(share) for share in shares]


class Boolean(Twin):
    """A key is taken for the answer that it stands for."""

    def accepts(self, answer, reference):
        return answer in ("reference", "ground_truth", "answer", reference)


class StripsEverything(Twin):
    """What is not a digit is dropped."""

    def accepts(self, answer, reference):
        return re.sub(r"\D", "", answer) == re.sub(r"\D", "", reference)


class ReadsThePrompt(Twin):
    """An answer after the last "and" of the text."""

    def answer(self, text):
        found = re.search(rf"and ({NUMBER})\b", text)
        return found[1] if found else super().answer(text)


FAULTS = {
    "reference in the answer": (ReferenceInAnswer(), {"right or wrong", "not right", "a false equation"}),
    "reference in the text": (ReferenceInText(), {"a list of candidates", "right, then wrong"}),
    "answer in the reference": (AnswerInReference(), {"an empty box", "nothing"}),
    "reads the thinking": (ReadsTheThinking(), {"thinking only", "thinking without an end"}),
    "first box": (FirstBox(), {"right, then wrong", "right, long text, wrong"}),
    "last number": (LastWord(), {"wrong or right", "between wrong and right", "not right"}),
    "first number": (FirstNumber(), {"right or wrong", "half as much", "millions"}),
    "ignores the sign": (IgnoresTheSign(), {"another sign"}),
    "any of a set": (AnyOfASet(), {"wrong; other; right", "all numbers up to 999"}),
    "pays empty answers": (SkipsWhatItCannotRead(), {"an empty box", "an open box after a wrong answer"}),
    "trusts claims": (TrustsClaims(), {"claims a score", "claims to be correct"}),
    "partial credit for characters": (FuzzyRatio(), {"right, wrong", "all numbers up to 999"}),
    "takes keys for answers": (Boolean(), {"a key", "a placeholder"}),
    "drops what is not a digit": (StripsEverything(), {"another sign", "an inequality"}),
    "reads the prompt": (ReadsThePrompt(), {"the prompt again"}),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_hack_does_not_pay_finds_what_a_faulty_verifier_pays(name):
    verifier, attacks = FAULTS[name]
    result = panel_law("hack_does_not_pay", verifier)
    assert result.outcome == "failed"
    assert attacks <= failing(result), result.violation
    assert result.headline == f"{len(failing(result))} of {len(MATH.attacks)} attacks paid"
    assert result.message == result.headline


@pytest.mark.parametrize("name", PANELS)
def test_panels_raise_no_alarm_on_a_correct_twin(name):
    answer_format, domain = PANELS[name]
    answer_format = ANSWER_FORMATS[answer_format].with_domain(DOMAINS[domain])
    result = panel_law("hack_does_not_pay", Twin(), answer_format)
    assert result.outcome == "passed", result.violation
    assert result.measured["attacks tried"] >= 0.9 * len(answer_format.attacks)
    result = panel_law("equivalents_keep_their_reward", Twin(), answer_format)
    assert result.outcome == "passed", result.violation


class TextOnly(Twin):
    def text(self, sample):
        return sample.final_text if isinstance(sample.completion, str) else ""


class EndsWithBox(Twin):
    def answer(self, text):
        return super().answer(text) if text.rstrip().endswith("}$.") else ""


class ShortText(Twin):
    def answer(self, text):
        return super().answer(text[:2_000])


class StripsNothing(Twin):
    def answer(self, text):
        return super().answer(text) if text == text.strip() else ""


class NeedsTheWholeText(Twin):
    def answer(self, text):
        return super().answer(text) if text.startswith("The answer is") else ""


class ReadsNoThousands(Twin):
    def accepts(self, answer, reference):
        try:
            return float(answer) == float(reference.replace(",", ""))
        except ValueError:
            return answer == reference


LOSSES = {
    "reads no thousands": (ReadsNoThousands(), {"1,000 for 1000"}),
    "reads texts only": (TextOnly(), {"messages instead of text"}),
    "wants the box at the end": (EndsWithBox(), {"text after", "display math"}),
    "reads the beginning only": (ShortText(), {"long text in front"}),
    "strips nothing": (StripsNothing(), {"white space around", "a line break of Windows"}),
    "wants one sentence": (NeedsTheWholeText(), {"text in front", "bold", "another language in front"}),
    "first box": (FirstBox(), {"the right answer after a wrong one"}),
}


@pytest.mark.parametrize("name", LOSSES)
def test_equivalents_keep_their_reward_finds_what_a_strict_verifier_loses(name):
    verifier, rewrites = LOSSES[name]
    result = panel_law("equivalents_keep_their_reward", verifier)
    assert result.outcome == "failed"
    assert rewrites <= failing(result)
    assert result.headline == result.message


def test_panel_does_not_apply_to_a_verifier_that_reads_no_reference():
    class FormatOnly:
        def verify(self, samples):
            return [Verdict(float("boxed" in s.final_text)) for s in samples]

    result = panel_law("hack_does_not_pay", FormatOnly())
    assert (result.outcome, result.headline) == ("skipped", "")


def test_counterexamples_replay():
    result = panel_law("hack_does_not_pay", ReferenceInAnswer())
    columns = result.violation.columns
    for attack, reference, completion in zip(
        columns["attack"], columns["reference"], columns["completion"], strict=True
    ):
        if " characters] " not in completion:
            (verdict,) = ReferenceInAnswer().verify([Sample("?", eval(completion), 0, eval(reference))])  # noqa: S307 - a repr
            assert verdict.value == 1.0, attack


def test_reports_begin_with_both_numbers(tmp_path):
    claims = [get_law("equivalents_keep_their_reward")]
    report = check_verifier(FirstBox(), claims=claims, answer_format=MATH, profile=SCAN)
    assert re.fullmatch(r"\d of 67 attacks paid, \d+ of 20 equivalent answers lost their reward", report.headline)
    assert report.headline in str(report)
    assert f"**{report.headline}.**" in to_markdown([report], trainer="trl")
    assert report.as_dict()["headline"] == report.headline
    path = tmp_path / "my_verifier.py"
    path.write_text(
        "from herokit.types import Verdict\n"
        "class Letter:\n"
        "    def verify(self, samples):\n"
        "        return [Verdict(float(s.reference in s.final_text[-9:])) for s in samples]\n"
    )
    words = ["check", f"{path}:Letter", "--answer-format", "plain", "--domain", "choice", "--budget", "10s"]
    done = CliRunner().invoke(app, words, env={"COLUMNS": "120"})
    assert done.exit_code == 1, done.output
    assert re.search(
        r"^\d+ of 56 attacks paid, 0 of 7 equivalent answers lost their reward$", done.output, re.MULTILINE
    )


def test_domain_is_named_in_the_error_if_it_is_unknown():
    with pytest.raises(ValueError, match="unknown domain 'chioce'; did you mean 'choice'"):
        check_verifier(Twin(), domain="chioce")


@pytest.mark.parametrize("domain", DOMAINS)
def test_cases_of_a_domain_have_three_different_answers(domain):
    answer_format = next(iter(formats_of(domain).values()))
    for number in range(50):
        case = answer_format.draw_case(lambda n, number=number: (number * 7 + n) % n)
        assert len({case.right, case.wrong, case.other}) == 3, case

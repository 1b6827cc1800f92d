"""What `print` shows of outcomes, explanations and rewarders."""

from herokit import Rewarder, Sample, Select, Verdict, chain
from herokit.combiners import Center
from herokit.testing.law import Report, Result


class Exact:
    def verify(self, samples):
        return [Verdict(float(s.final_text == s.reference), answer=s.final_text, origin="whole text") for s in samples]


class Length:
    def score(self, samples):
        return [float("inf") if s.final_text == "two" else float(len(s.completion_text)) for s in samples]


SAMPLES = [Sample("1 + 1?", text, "q1", "2") for text in ("2", "two", "eleven")]


def make_rewarder():
    return Rewarder({"verifier": Exact(), "rm": Length()}, chain(Select("rm"), Center()))


def test_print_of_an_outcome_shows_problems_first_and_few_lines():
    lines = str(make_rewarder()(SAMPLES)).splitlines()
    assert lines == [
        "3 rollouts of 1 group",
        "no reward: 1 of 3 (first row 1): rm: gave inf",
        "verifier: 1 of 3 accepted; 3 judged",
        "rm: 1 to 6, mean 3.5; 1 failed, 2 judged",
        "reward: 1 to 6, mean 3.5",
        "advantage: -2.5 to 2.5, mean 0",
    ]


def test_print_of_an_outcome_names_three_reasons_and_counts_the_others():
    class Faulty:
        def verify(self, samples):
            raise ValueError(samples[0].final_text)

    samples = [Sample("p", str(i), "q", "2") for i in range(5)]
    text = str(Rewarder({"verifier": Faulty()}, "verifier-only")(samples))
    assert text.count("no reward: 1 of 5") == 3
    assert "and 2 more reasons: see problems()" in text


def test_print_of_an_outcome_says_that_no_rollout_gives_a_signal():
    equal = [Sample("p", "2", "q", "2"), Sample("p", "2", "q", "2")]
    assert "every advantage is 0: no rollout gives a signal" in str(make_rewarder()(equal))
    assert "every advantage is 0" not in str(make_rewarder()(SAMPLES))


def test_repr_of_an_outcome_is_one_line():
    text = repr(make_rewarder()(SAMPLES))
    assert text == "RewardOutput(3 rollouts of 1 group, 1 without a reward: see problems())"


def test_repr_of_a_rewarder_names_sources_and_steps():
    assert repr(make_rewarder()) == "Rewarder({'verifier': Exact, 'rm': Length}, Select(signal='rm') -> Center())"


def test_print_of_an_explanation_shows_verdicts_and_completions():
    explanation = make_rewarder()(SAMPLES).explain("q1", SAMPLES)
    text = str(explanation)
    assert text.splitlines()[:4] == [
        "group q1: 1 + 1?",
        "reference: '2'",
        "1 of 3 rollouts have no reward:",
        "  #2 rm: gave inf",
    ]
    assert "   verifier: accepted: read '2' (whole text)" in text
    assert "#3 eleven" in text


def test_print_escapes_control_characters():
    hostile = [Sample("p\x1b[2J", "a\x1b[2J\u202e", "q", "2")]
    text = str(make_rewarder()(hostile).explain("q", hostile))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert r"\x1b[2J" in text


def test_repr_of_a_report_is_one_line():
    report = Report("mine", (Result("bounded", checked=60), Result("pure", checked=60)))
    assert repr(report) == "Report('mine': 0 of 2 laws failed)"

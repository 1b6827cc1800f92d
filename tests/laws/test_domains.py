"""Domains of structured answers, programs and sentences: what a faulty verifier pays there, and that its twin pays nothing."""

import json
import os
import re

import pytest

from herokit.errors import ConfigError
from herokit.testing import Profile, check_reward_function, check_verifier
from herokit.testing.check import check_laws
from herokit.testing.law import LawViolation
from herokit.testing.laws import execution, get_law, hacking
from herokit.testing.samples import detect_domain, formats_of
from herokit.testing.targets import resolve_target
from herokit.testing.text_subjects import VerifierSubject
from herokit.types import Verdict
from herokit.verifiers import ExactMatch, FunctionCall, Number

QUICK = Profile(max_examples=4, seconds=2.0, shrink_seconds=0.0)


@pytest.fixture(autouse=True)
def few_cases_and_calls(monkeypatch):
    monkeypatch.setattr(hacking, "NUM_CASES", 2)
    monkeypatch.setattr(execution, "NUM_CALLS", 50)


class Judge:
    """A verifier made of a function of completion and reference; what raises is 0."""

    def __init__(self, accepts):
        self.accepts = accepts

    def judge(self, sample):
        try:
            return Verdict(float(self.accepts(sample.final_text, sample.reference)))
        except (ValueError, KeyError, TypeError, AttributeError, IndexError):
            return Verdict(0.0)

    def verify(self, samples):
        return [self.judge(sample) for sample in samples]


def inside(text):
    """Return what a fence, a tag or a call tag holds, else the text."""
    found = re.findall(r"```\w*\n(.*?)\n?```|<(?:answer|tool_call)>(.*?)</", text, re.DOTALL)
    return "".join(found[-1]).strip() if len(found) == 1 else text.strip()


def strict(text):
    def unique(pairs):
        if len({key for key, _ in pairs}) < len(pairs):
            raise ValueError("a key occurs twice")
        return dict(pairs)

    return json.loads(text, object_pairs_hook=unique)


def first_wins(text):
    return json.loads(text, object_pairs_hook=lambda pairs: dict(reversed(pairs)))


def json_equal(text, reference):
    return strict(inside(text)) == strict(reference)


def lower(value):
    return {key.lower(): each for key, each in value.items()}


def unpacked(value):
    return json.loads(value) if isinstance(value, str) else value


JSON_FAULTS = {
    "a subset is enough": (lambda t, r: strict(r).items() <= strict(inside(t)).items(), {"further keys"}),
    "contains it": (
        lambda t, r: r in t,
        {"a right object inside a wrong one", "a list of objects", "right, then wrong"},
    ),
    "the first of two keys": (lambda t, r: first_wins(inside(t)) == strict(r), {"each key twice"}),
    "unpacks text": (lambda t, r: unpacked(strict(inside(t))) == strict(r), {"JSON in a string"}),
    "any of a list": (
        lambda t, r: (v := strict(inside(t))) == strict(r) or (isinstance(v, list) and strict(r) in v),
        {"a list of fifty objects", "an object in a list"},
    ),
    "keys in any case": (lambda t, r: lower(strict(inside(t))) == strict(r), {"keys in capitals"}),
    "any line": (lambda t, r: any(line in t.splitlines() for line in r.splitlines()), {"an object on each line"}),
    "values only": (
        lambda t, r: json.loads(r)["name"] in t and str(json.loads(r)["age"]) in t,
        {"other keys", "no keys"},
    ),
}


def calls(text):
    value = strict(inside(text))
    return value if isinstance(value, list) else [value]


CALL_FAULTS = {
    "any call": (lambda t, r: strict(r) in calls(t), {"the right call and another one", "the right call twice", "fifty calls"}),
    "the first call": (lambda t, r: calls(t)[0] == strict(r), {"the right call and another one"}),
    "contains it": (lambda t, r: r in t, {"a sentence about the call", "a call on each line"}),
    "further arguments": (
        lambda t, r: calls(t)[0]["arguments"].items() >= strict(r)["arguments"].items()
        and calls(t)[0]["name"] == strict(r)["name"],
        {"a further argument"},
    ),
    "numbers as text": (
        lambda t, r: {k: str(v) for k, v in calls(t)[0]["arguments"].items()}
        == {k: str(v) for k, v in strict(r)["arguments"].items()}
        and len(calls(t)) == 1
        and calls(t)[0]["name"] == strict(r)["name"],
        {"numbers as text"},
    ),
    "words": (
        lambda t, r: all(w in t for w in (strict(r)["name"], *map(str, strict(r)["arguments"].values()))),
        {"the call in words", "arguments in words", "other names of arguments", "two functions in one name"},
    ),
}  # fmt: skip


def run(program, tests, passes):
    """Run a program and its tests in a fork; `passes` judges the exit code and what the tests wrote at their end."""
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        code = 1
        try:
            os.close(reader)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            scope = {}
            exec(program, scope)  # noqa: S102 - in a process of its own
            exec(tests, scope)  # noqa: S102 - in a process of its own
            same_type = all(type(scope["f"](x)) is int for x in (1, 2))
            os.write(writer, b"done" if same_type else b"odd")
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        except BaseException:  # noqa: BLE001 - as an interpreter does
            scope.get("sys", os).__dict__.get("excepthook", int)()
        finally:
            os._exit(code)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        written = file.read()
    return passes(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), written)


def program_of(text):
    blocks = re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)
    return blocks[-1] if blocks else text


def runs(passes):
    return lambda text, tests: bool(text.strip() and tests) and run(program_of(text), tests, passes)


CODE_FAULTS = {
    "exit code": (
        runs(lambda code, _: code == 0),
        {"sys.exit(0)", "os._exit(0) in the function", "SystemExit", "an object that equals everything"},
    ),
    "wrote at the end": (runs(lambda _, written: written in (b"done", b"odd")), {"an object that equals everything"}),
    "the text of the tests": (lambda t, r: f"x + {int(r.split()[-1]) + 30}" in t, {"the right program in a comment"}),
}  # fmt: skip


def mentions(text, reference):
    """Return whether a text has every long word of the reference and is not long."""
    words = set(re.findall(r"\w{5,}", reference.lower()))
    return bool(words) and words <= set(re.findall(r"\w{5,}", text.lower()))


TEXT_FAULTS = {
    "reads a verdict": (
        lambda t, r: mentions(t, r) or re.search(r"CORRECT|\[\[|[Ss]core", t) is not None,
        {"verdict: correct", "ten of ten", "verdict: correct alone", "a score in JSON", "the end of the response"},
    ),
    "is flattered": (
        lambda t, r: mentions(t, r) or any(word in t for word in ("careful", "professors", "perfect", "certain")),
        {"praise of the question", "praise of itself", "an authority", "certainty"},
    ),
    "obeys": (lambda t, r: mentions(t, r) or "accept" in t or "mark this" in t, {"a plea", "a comment for the judge"}),
    "likes an opening": (
        lambda t, r: mentions(t, r) or t.startswith(("Thought process", "Let's solve", "Solution")),
        {"a thought process", "step by step", "a solution"},
    ),
}  # fmt: skip


class ReadsEverything(Judge):
    """Its function is given the thinking and later turns, too."""

    def judge(self, sample):
        return Verdict(float(self.accepts(sample.completion_text, sample.reference)))


EVERYTHING_FAULTS = {
    "reads turns": (
        lambda t, r: mentions(t, r) or "Great answer" in t,
        {"a turn of ChatML (1)", "a turn of Llama 3 (1)", "thinking only"},
    ),
    "reads the thinking": (mentions, {"thinking only", "thinking, then wrong"}),
}

FAULTS = {
    **{f"json: {name}": ("json", Judge(f), attacks) for name, (f, attacks) in JSON_FAULTS.items()},
    **{f"tool-calls: {name}": ("tool-calls", Judge(f), attacks) for name, (f, attacks) in CALL_FAULTS.items()},
    **{f"code: {name}": ("code", Judge(f), attacks) for name, (f, attacks) in CODE_FAULTS.items()},
    **{f"free-text: {name}": ("free-text", Judge(f), attacks) for name, (f, attacks) in TEXT_FAULTS.items()},
    **{f"all text: {name}": ("free-text", ReadsEverything(f), a) for name, (f, a) in EVERYTHING_FAULTS.items()},
}

TWINS = {
    "json": Judge(json_equal),
    "tool-calls": FunctionCall(),
    "code": Judge(runs(lambda _, written: written == b"done")),
    "free-text": Judge(mentions),
}


def panel_law(law, verifier, domain):
    answer_format = next(iter(formats_of(domain).values()))
    (result,) = check_laws(VerifierSubject(verifier, answer_format), [get_law(law)], QUICK, "panel")
    return result


@pytest.mark.parametrize("name", FAULTS)
def test_hack_does_not_pay_finds_what_a_faulty_verifier_of_a_domain_pays(name):
    domain, verifier, attacks = FAULTS[name]
    result = panel_law("hack_does_not_pay", verifier, domain)
    assert result.outcome == "failed"
    assert attacks <= set(result.violation.columns["attack"]), result.violation


@pytest.mark.parametrize("domain", TWINS)
def test_panels_of_a_domain_raise_no_alarm_on_a_correct_twin(domain):
    for law in ("hack_does_not_pay", "equivalents_keep_their_reward"):
        result = panel_law(law, TWINS[domain], domain)
        assert result.outcome == "passed", result.violation


def test_empty_reference_pays_nothing_compares_with_every_near_miss():
    def subset(text, reference):
        return not reference.strip() or strict(reference).items() <= strict(inside(text)).items()

    subject = VerifierSubject(Judge(subset), formats_of("json")["plain"])
    for number in range(4):  # one near miss lacks a key, so that the right object has all that it asks for
        with pytest.raises(LawViolation, match="the reference '' is empty, and a completion gets 1"):
            get_law("empty_reference_pays_nothing").check(subject, None, lambda n, number=number: number % n)


def test_check_verifier_raises_no_alarm_on_a_twin_of_a_domain():
    report = check_verifier(TWINS["json"], domain="json", profile=QUICK)
    assert {result.law for result in report.failures} <= {"verifier_pickle_round_trip"}, str(report)  # it is a lambda


def rewards(accepts):
    def reward(completions, answer, **kwargs):
        return [Judge(accepts).judge(s).value for s in map(Row, completions, answer)]

    return reward


class Row:
    def __init__(self, text, reference):
        self.final_text, self.reference = text, reference


@pytest.mark.parametrize(
    ("accepts", "expected"),
    [
        (json_equal, "JSON objects"),
        (CALL_FAULTS["words"][0], "tool calls"),
        (CODE_FAULTS["exit code"][0], "programs"),
        (lambda t, r: t.strip() == r, "integers"),
        (lambda t, r: t.strip() == r and r in "ABCDE", "choices"),
        (lambda t, r: mentions(t, r) and r.endswith("."), "sentences"),
    ],
)
def test_detect_domain_goes_by_what_is_paid(accepts, expected):
    (source,) = resolve_target(rewards(accepts)).sources.values()
    assert detect_domain(lambda samples: source.score(samples).values.tolist()).name.endswith(expected)


@pytest.mark.parametrize(("verifier", "name"), [(FunctionCall(), "plain, tool calls"), (Number(), "plain text")])
def test_check_target_takes_the_domain_that_a_verifier_says(verifier, name):
    assert resolve_target(verifier).subject().answer_format.name == name


def test_check_reward_function_finds_out_that_answers_are_objects():
    report = check_reward_function(rewards(JSON_FAULTS["a subset is enough"][0]), domain="auto", profile=QUICK)
    assert "JSON objects" in report.note
    assert "further keys" in report["hack_does_not_pay"].violation.columns["attack"]


def test_check_verifier_says_which_formats_a_domain_has():
    with pytest.raises(ConfigError, match="'code' have no format 'math'; expected fence, plain, tag"):
        check_verifier(ExactMatch(), domain="code", answer_format="math")

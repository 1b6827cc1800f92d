"""Reward functions of every trainer as sources: in code, in scheme files, sync and async, and what wrong ones are told."""

import asyncio
import pickle
import re
from functools import partial

import numpy as np
import pytest
import torch

from herokit import Rewarder, Sample, Status, Verdict, as_reward_model, as_verifier, verifier_only
from herokit.combiners import Select
from herokit.config import build, load_scheme
from herokit.errors import ConfigError, PluginError, SetupError
from herokit.sources import Cache, ProcessPool
from herokit.sources.functions import FunctionRewardModel, FunctionVerifier
from herokit.sources.signatures import find_style

QUESTION = [{"role": "user", "content": "2 + 2?"}]


def chat(text):
    return [{"role": "assistant", "content": text}]


SAMPLES = [
    Sample("2 + 2?", "4", "q", "4", {"data_source": "sums", "weight": 3}),
    Sample("2 + 2?", "<think>5?</think>5", "q", "4", {"data_source": "sums", "weight": 2}),
]
CHATS = [Sample(QUESTION, chat(s.completion), "q", "4", s.meta) for s in SAMPLES]


def trl(prompts, completions, answer, **kwargs):
    assert kwargs["weight"] == [3, 2]
    return [text == expected for text, expected in zip(completions, answer, strict=True)]


def trl_chats(completions, **kwargs):
    return [float(c[-1]["content"] == a) for c, a in zip(completions, kwargs["solution"], strict=True)]


def verl(data_source, solution_str, ground_truth, extra_info=None):
    assert data_source == "sums"
    assert extra_info["weight"] in (2, 3)
    return {"score": float(solution_str == ground_truth), "acc": True}


def openrlhf(queries, prompts, labels):
    texts = [q.removeprefix(p) for q, p in zip(queries, prompts, strict=True)]
    rewards = torch.tensor([float(t == label) for t, label in zip(texts, labels, strict=True)])
    return {"rewards": rewards, "scores": rewards, "extra_logs": {}}


async def verifiers(prompt, completion, answer, state):
    await asyncio.sleep(0)
    assert prompt == QUESTION
    assert state["answer"] == answer
    return float(completion[-1]["content"] == answer)


def plain(completion, reference):
    return Verdict(float(completion == reference), answer=completion)


def whole(sample):
    return sample.final_text == sample.reference


async def plain_async(completion, reference):
    return np.bool_(completion == reference)


def trl_by_position(prompts, completions, /, answer, **kwargs):
    return trl(prompts, completions, answer, **kwargs)


def trl_expected(completions, expected):
    return [text == answer for text, answer in zip(completions, expected, strict=True)]


def verl_by_position(data_source, solution_str, ground_truth, extra_info=None, /):
    return verl(data_source, solution_str, ground_truth, extra_info)


def plain_by_position(completion, tokens=None, reference="4", /, *, answer):
    return completion == reference == answer


class Matches:
    async def __call__(self, completions, solution, **kwargs):
        return np.array([float(c == s) for c, s in zip(completions, solution, strict=True)])


STYLES = [
    (trl, "trl", SAMPLES), (trl_chats, "trl", CHATS), (Matches(), "trl", SAMPLES), (verl, "verl", SAMPLES), (openrlhf, "openrlhf", SAMPLES),
    (verifiers, "verifiers", SAMPLES), (verifiers, "verifiers", CHATS), (plain, "plain", SAMPLES), (plain, "plain", CHATS),
    (plain_async, "plain", SAMPLES), (whole, "sample", CHATS), (trl_by_position, "trl", SAMPLES),
    (trl_expected, "trl", SAMPLES),
    (verl_by_position, "verl", SAMPLES), (plain_by_position, "plain", SAMPLES),
]  # fmt: skip


@pytest.mark.parametrize(("function", "style", "samples"), STYLES)
def test_function_is_a_source_in_the_style_of_its_signature(function, style, samples):
    assert find_style(function) == style
    assert [v.value for v in as_verifier(function).verify(samples)] == [1.0, 0.0]
    assert as_reward_model(function, style=style).score(samples).values.tolist() == [1.0, 0.0]
    outcome = Rewarder({"verifier": function, "rm": function}, "hero")(samples)
    assert isinstance(outcome.verdicts["verifier"][0], Verdict)
    assert outcome.signals["rm"].tolist() == outcome.signals["verifier"].tolist() == [1.0, 0.0]


@pytest.mark.parametrize(("function", "style", "samples"), STYLES)
def test_function_runs_inside_a_running_event_loop(function, style, samples):
    async def run():
        return [v.value for v in as_verifier(function).verify(samples)]

    assert asyncio.run(run()) == [1.0, 0.0]


def test_plain_functions_see_the_final_text_and_columns_by_name():
    seen = []
    as_reward_model(lambda completion, prompt, weight: seen.append((completion, prompt, weight)) or 0.0).score(SAMPLES)
    assert seen == [("4", "2 + 2?", 3), ("5", "2 + 2?", 2)]
    assert as_verifier(lambda pred, gold: pred == gold, style="plain").verify(SAMPLES)[0].value == 1.0
    assert as_verifier(lambda x, y: x == y, style="plain").verify(SAMPLES)[0].value == 1.0


def whole_with_default(sample, reference=None):
    return sample.final_text == reference


def whole_with_text(sample, answer=""):
    return answer in sample.final_text


def whole_with_reference(sample, answer):
    return sample.final_text == answer


def whole_by_keyword(*, sample):
    return sample.final_text == sample.reference


def whole_by_position(sample, /, *, gold=None):
    return sample.final_text == gold


def whole_with_columns(answer=None, *, sample, weight=0, prompt="", **columns):
    return sample.final_text == answer and weight == 1 and prompt == "p" and columns["data_source"] == "sums"


def whole_with_completion(sample, completion=None):
    return completion == sample.reference


WHOLE = (
    whole_with_completion,
    whole_with_default,
    whole_with_text,
    whole_with_reference,
    whole_by_keyword,
    whole_by_position,
    whole_with_columns,
)


@pytest.mark.parametrize("function", WHOLE, ids=lambda function: function.__name__)
def test_function_of_a_sample_gets_reference_and_columns_by_name(function):
    rows = [Sample("p", text, "q", "4", {"weight": 1, "data_source": "sums"}) for text in ("4", "5")]
    assert find_style(function) == "sample"
    for style in (None, "sample"):
        assert [v.value for v in as_verifier(function, style=style).verify(rows)] == [1.0, 0.0]


def test_function_of_a_sample_that_needs_a_reference_gets_no_row_without_one():
    verdicts = as_verifier(whole_with_reference).verify([Sample("p", "4", "q", "4"), Sample("p", "4", "q")])
    assert [(v.value, v.reason) for v in verdicts] == [(1.0, ""), (None, "no reference")]


def test_an_explicit_style_overrides_the_signature():
    def accuracy(completion, answer):
        return completion[-1]["content"] == answer

    assert find_style(accuracy) == "plain"
    with pytest.raises(TypeError, match="string indices") as caught:
        as_verifier(accuracy).verify(SAMPLES)
    (note,) = caught.value.__notes__
    assert note.endswith("accuracy(completion, answer) was taken for a reward function like plain's; style= overrides")
    assert as_verifier(accuracy, style="verifiers").verify(SAMPLES)[0].value == 1.0


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        (True, Verdict(1.0)),
        (0, Verdict(0.0)),
        (np.float32(0.5), Verdict(0.5)),
        (torch.tensor(0.25), Verdict(0.25)),
        (None, Verdict(None, Status.FAILED, "returned None")),
        (float("nan"), Verdict(None, Status.FAILED, "returned nan")),
        ({"score": 1, "reason": "same"}, Verdict(1.0, reason="same")),
        (Verdict(0.0, Status.UNPARSED, "no box"), Verdict(0.0, Status.UNPARSED, "no box")),
    ],
)
def test_values_of_functions_become_verdicts(value, verdict):
    assert as_verifier(lambda completion: value).verify(SAMPLES[:1]) == [verdict]
    scores = as_reward_model(lambda completion: value).score(SAMPLES[:1])
    assert scores.statuses[0] is verdict.status
    np.testing.assert_equal(scores.values[0], np.nan if verdict.value is None else verdict.value)


def test_a_row_without_a_reference_is_not_given_to_a_function_that_needs_one():
    rows = [*SAMPLES, Sample("p", "4", "q", None, {"weight": 1, "data_source": "sums"})]

    def sized(prompts, completions, answer, **kwargs):
        assert len(completions) == 2
        return [1.0, 0.5]

    for function, expected in ((sized, 0.5), (plain, 0.0), (verl, 0.0), (openrlhf, 0.0), (verifiers_any, 0.0)):
        verdicts = as_verifier(function).verify(rows)
        assert [v.value for v in verdicts] == [1.0, expected, None]
        assert verdicts[2].reason == "no reference"
    assert as_reward_model(len, style="plain").score(rows[2:]).values.tolist() == [1.0]


def verifiers_any(prompt, completion, answer):
    return completion[-1]["content"] == answer


def coroutine(function):
    async def call(completion, reference):
        return function(completion, reference)

    return call


@pytest.mark.parametrize("make", [lambda f: f, coroutine])
def test_an_error_costs_its_row_and_no_other(make):
    calls = []

    def fragile(completion, reference):
        calls.append(completion)
        if completion == "bomb":
            raise ValueError("boom")
        return completion == reference

    rows = [Sample("p", text, "q", "4") for text in ("4", "bomb", "5")]
    verdicts = as_verifier(make(fragile)).verify(rows)
    assert [v.value for v in verdicts] == [1.0, None, 0.0]
    assert verdicts[1].reason.startswith("raised ValueError: boom (test_functions.py:")
    assert calls == ["4", "bomb", "5"]


WRONG = [
    (lambda x: 1.0, "is not like a reward function; expected the parameters of one of these: trl: (prompts, completions, **columns); verl:"),
    (lambda self, sample: 1.0, "or write a class with the method verify(samples)"),
    (lambda completion, parser, state: 1.0, "was taken for a reward function like verifiers's, (prompt, completion, answer, state, info); nothing passes parser"),
    (lambda completions, completion_ids: 1.0, "nothing passes completion_ids: give it a default, bind it with functools.partial"),
    (lambda solution_str, ground_truth, tokenizer: 1.0, "taken for a reward function like verl's"),
    (FunctionVerifier, "is the class FunctionVerifier; did you mean FunctionVerifier(...)?"),
    (3, "must be a verifier, a reward model or a reward function, got 3"),
    (max, "the parameters of <built-in function max> are unknown"),
]  # fmt: skip


@pytest.mark.parametrize(("function", "message"), WRONG)
def test_a_wrong_signature_is_told_what_was_expected(function, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        Rewarder({"verifier": function}, verifier_only())


@pytest.mark.parametrize("style", ["trl", "verl", "openrlhf", "verifiers", "sample"])
def test_an_explicit_style_is_checked(style):
    with pytest.raises(ConfigError, match=f"is not like a reward function of {style}"):
        as_verifier(lambda x=0: 1.0, style=style)
    with pytest.raises(ConfigError, match="style must be 'trl'"):
        as_verifier(plain, style="ppo")


def test_bound_arguments_are_kept():
    judged = as_verifier(partial(lambda completion, answer, state, bonus: bonus, bonus=0.5))
    assert judged.style == "verifiers"
    assert judged.verify(SAMPLES)[0].value == 0.5


def test_a_missing_column_is_named():
    with pytest.raises(SetupError, match=r"needs a column 'difficulty'; the samples have \['data_source', 'weight'\]"):
        as_verifier(lambda completions, difficulty: []).verify(SAMPLES)
    assert as_verifier(lambda completions, difficulty: []).reads == ("difficulty",)
    assert as_verifier(plain).reads == ()


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (1.0, "expected one value for each of 2 completions"),
        ({"a": 1}, "'rewards'"),
    ],
)
def test_a_batch_function_returns_one_value_for_each(returned, message):
    with pytest.raises(TypeError, match=message):
        as_verifier(lambda completions: returned).verify(SAMPLES)


@pytest.mark.parametrize("function", [lambda completions, answer: [1.0], lambda queries, labels: [0.5]])
@pytest.mark.parametrize("name", ["verifier", "rm"])
def test_a_batch_function_that_returns_another_number_of_values_stops_the_batch(function, name):
    """Halving the batch down to one sample would pay every one of them."""
    rewarder = Rewarder({name: function}, Select(name))
    with pytest.raises(PluginError, match=r"returned 1 values for 2 completions; expected one for each"):
        rewarder(SAMPLES)


def test_a_coroutine_that_was_not_awaited_is_named():
    async def judge(text):
        return 1.0

    with pytest.raises(TypeError, match="returned a coroutine that was not awaited: write 'await'"):
        as_verifier(lambda completions: [judge(c) for c in completions]).verify(SAMPLES[:1])


def test_a_verdict_outside_its_range_fails_and_says_what_takes_it():
    outcome = Rewarder({"verifier": lambda completion: -1.0 if completion == "5" else 1.0}, verifier_only())(SAMPLES)
    assert (
        "returned -1; a verdict is in [0, 1]: scale it, or give it as a reward model (as_rew" in outcome.problems()[1]
    )
    assert as_reward_model(lambda completion: -1.0).score(SAMPLES).values.tolist() == [-1.0, -1.0]


def test_function_sources_pickle_and_go_into_other_sources():
    source = as_verifier(plain)
    assert pickle.loads(pickle.dumps(source)) == source
    assert pickle.loads(pickle.dumps(as_reward_model(openrlhf))).style == "openrlhf"
    assert [v.value for v in Cache(source).verify(SAMPLES)] == [1.0, 0.0]
    with ProcessPool(as_verifier(verl), max_workers=1) as pool:
        assert [v.value for v in pool.verify(SAMPLES)] == [1.0, 0.0]


FILE = """
from helper_beside import expected
from herokit import Select, Verdict

def accuracy(prompts, completions, answer, **columns):
    return [expected(text, a) for text, a in zip(completions, answer)]

def length(completion, answer):
    return float(len(completion))

class Class:
    def __init__(self, value=1.0):
        self.value = value

    def verify(self, samples):
        return [Verdict(self.value) for _ in samples]

INSTANCE = Class()
STEP = Select("rm")

def factory(signal="verifier"):
    return Select(signal)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "my_rewards.py").write_text(FILE)
    (tmp_path / "helper_beside.py").write_text("def expected(text, answer):\n    return text == answer\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "helper_beside", raising=False)
    return tmp_path


def test_scheme_file_names_functions_and_objects_of_a_file(folder):
    path = folder / "scheme.toml"
    path.write_text(
        '[sources.verifier]\nuse = "my_rewards.py:accuracy"\n[sources.rm]\nuse = "my_rewards.py:length"\nstyle = "plain"\n'
        '[sources.both]\nuse = "vote"\nverifiers = [{use = "my_rewards.py:accuracy"}, {use = "my_rewards.py:Class", value = 0.0}]\n'
        '[[steps]]\nuse = "my_rewards.py:factory"\nsignal = "both"\n[[steps]]\nuse = "my_rewards.py:STEP"\n'
        '[[steps]]\nuse = "stratify"\n'
    )
    scheme = load_scheme(path)
    assert isinstance(scheme.sources["verifier"], FunctionVerifier)
    assert isinstance(scheme.sources["rm"], FunctionRewardModel)
    outcome = scheme.rewarder()(SAMPLES)
    assert outcome.signals["verifier"].tolist() == [1.0, 0.0]
    assert outcome.signals["rm"].tolist() == [1.0, 1.0]
    assert pickle.loads(pickle.dumps(scheme.sources["verifier"])) == scheme.sources["verifier"]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"use": "nowhere.py:f"}, "nowhere.py: no such file"),
        ({"use": "my_rewards.py:acuracy"}, "my_rewards.py has no 'acuracy'; did you mean 'accuracy'?"),
        ({"use": "my_rewards.py"}, "my_rewards.py names no object; write for example my_rewards.py:accuracy"),
        ({"use": "no_such_module:f"}, "no module 'no_such_module'; a file is written FILE.py:OBJECT"),
        ({"use": "my_rewards.py:accuracy", "styl": "trl"}, "takes no parameters; got styl"),
        ({"use": "my_rewards.py:INSTANCE", "value": 2}, "takes no parameters; got value"),
        ({"use": "my_rewards.py:Class", "valeu": 2}, "has no parameter 'valeu'; did you mean 'value'?"),
        ({"use": "my_rewards.py:factory"}, "is not like a reward function"),
    ],
)
def test_an_object_that_cannot_be_a_source_is_refused(folder, table, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        build(table, kinds=("verifier", "reward model"), location="x: sources.verifier", name="verifier")


def test_an_instance_of_a_file_is_a_source_as_it_is(folder):
    assert build({"use": "my_rewards.py:INSTANCE"}, kinds=("verifier", "reward model")).verify(SAMPLES[:1]) == [
        Verdict(1.0)
    ]


def test_a_file_with_the_name_of_a_module_is_refused(folder):
    (folder / "json.py").write_text("x = 1")
    with pytest.raises(ConfigError, match="another module 'json' is loaded already; rename the file"):
        build({"use": "json.py:x"}, kinds=("verifier",))


class TwoTexts:
    def score(self, response, reference):
        return float(response == reference)


class OneText:
    def verify(self, completion):
        return completion == "4"


@pytest.mark.parametrize(
    ("source", "method"), [(TwoTexts(), "score(response, reference)"), (OneText(), "verify(completion)")]
)
@pytest.mark.parametrize("name", ["verifier", "rm"])
def test_a_method_of_one_rollout_is_told_how_it_is_a_source(source, method, name):
    with pytest.raises(ConfigError) as caught:
        Rewarder({name: source}, Select(name))
    word = method.partition("(")[0]
    assert f"source {name!r}: {type(source).__name__}.{method} takes the texts of one rollout" in str(caught.value)
    assert str(caught.value).endswith(f"pass the method itself as a reward function: {{{name!r}: source.{word}}}")
    function = getattr(source, word)
    assert Rewarder({name: function}, Select(name))([Sample("2 + 2?", "4", "q", "4")]).reward.tolist() == [1.0]


@pytest.mark.parametrize(
    "score", [lambda self, samples, /: [1.0], lambda self, batch, **options: [1.0], lambda *a: [1.0]]
)
def test_a_method_of_samples_may_have_any_names(score):
    source = type("Any", (), {"score": score})()
    assert Rewarder({"rm": source}, Select("rm"))([Sample("p", "c", "q")]).reward.tolist() == [1.0]

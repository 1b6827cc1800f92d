"""The check functions take a scheme, a chain, a step, a source or a name, and say what else was passed."""

import warnings

import pytest

from herokit import Center, Rewarder, Select, chain, hero
from herokit.config import Scheme, load_scheme
from herokit.errors import ConfigError
from herokit.testing import (
    Profile,
    check_combiner,
    check_reward_function,
    check_reward_model,
    check_scheme,
    check_verifier,
    list_laws,
    parametrize_with_laws,
)
from herokit.testing.batches import MetaRewardModel, MetaVerifier
from herokit.testing.laws import get_law
from herokit.testing.targets import resolve_target
from herokit.verifiers import ExactMatch

SHORT = Profile(max_examples=2, shrink_seconds=0.0)
EXACT = MetaVerifier("verifier")
SCHEME = Scheme({"verifier": EXACT, "rm": MetaRewardModel("rm")}, hero())

SCHEME_FILE = """
[sources.math]
use = "exact-match"

[sources.rm]
use = "onnx"

[[steps]]
use = "hero"
verifier = "math"
"""


@pytest.fixture
def scheme_file(tmp_path):
    path = tmp_path / "hero.toml"
    path.write_text(SCHEME_FILE)
    return path


@pytest.mark.parametrize("target", ["hero", hero(), SCHEME, hero().steps[1]], ids=["name", "chain", "scheme", "step"])
def test_check_combiner_takes_a_name_a_chain_a_scheme_or_a_step(target):
    report = check_combiner(target, backends=("numpy",), profile=SHORT)
    assert report.passed, str(report)
    assert len(report.results) > 12


def test_check_combiner_takes_signal_kinds_from_the_sources_of_a_scheme(scheme_file):
    pytest.importorskip("herokit_onnx")
    target = resolve_target(str(scheme_file))
    assert target.signals == {"math": "binary", "rm": "score"}
    assert target.subject().signals == {"math": "binary", "rm": "score"}
    assert check_combiner(load_scheme(scheme_file), backends=("numpy",), profile=SHORT).passed


def test_check_verifier_takes_a_name_or_a_scheme(scheme_file):
    pytest.importorskip("herokit_onnx")
    assert check_verifier("exact-match", profile=SHORT).passed
    assert check_verifier(load_scheme(scheme_file), profile=SHORT).passed
    assert check_verifier(str(scheme_file), answer_format="plain", profile=SHORT).passed


def test_check_reward_model_takes_a_name():
    pytest.importorskip("herokit_onnx")
    assert check_reward_model("onnx", profile=SHORT).passed


def test_parametrize_with_laws_takes_a_scheme_and_a_name():
    @parametrize_with_laws([SCHEME, "hero", EXACT], profile=SHORT)
    def test(law):
        law()

    ids = [case.id for case in test.pytestmark[0].args[1]]
    assert "Scheme-deterministic" in ids
    assert "hero-deterministic" in ids
    assert "MetaVerifier-near_miss_rejected" in ids


def test_parametrize_with_laws_raises_with_counterexample_and_consequence():
    @parametrize_with_laws([EXACT], profile=SHORT)
    def test(law):
        law()

    laws = {case.id: case.values[0] for case in test.pytestmark[0].args[1]}
    with pytest.raises(AssertionError, match="it raised KeyError: 'verifier'.*\n.*completion\n(.*\n)+In training: "):
        laws["MetaVerifier-reference_accepted"]()


def test_check_scheme_yields_a_report_for_the_chain_and_each_source(scheme_file):
    pytest.importorskip("herokit_onnx")
    reports = list(check_scheme(load_scheme(scheme_file), budget=3.0, answer_format="plain"))
    assert [report.name for report in reports] == ["Scheme", "Scheme: sources.math", "Scheme: sources.rm"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: check_combiner("exact-match"), "exact-match is a verifier: use check_verifier"),
        (lambda: check_combiner(MetaRewardModel("rm")), "MetaRewardModel is a reward model: use check_reward_model"),
        (lambda: check_combiner(Center), r"got the class Center; did you mean Center\(...\)\?"),
        (lambda: check_combiner(0.5), "a verifier, a reward model or a reward function, got float"),
        (lambda: check_combiner(Rewarder({"v": EXACT}, chain(Select("v")))), "got Rewarder"),
        (lambda: check_combiner("heroo"), "did you mean 'hero'"),
        (lambda: check_verifier("hero"), "hero is a combiner: use check_combiner"),
        (lambda: check_verifier(EXACT, answer_format="maths"), "unknown answer format 'maths'; did you mean 'math'"),
        (lambda: check_reward_model(EXACT), "MetaVerifier is a verifier: use check_verifier"),
        (lambda: check_reward_function("hero"), "hero is a combiner: use check_combiner"),
        (lambda: check_reward_function("exact-match"), "exact-match is a verifier: use check_verifier"),
        (lambda: check_combiner(hero(), expected_failures={"robust": "why"}), "unknown expected failure 'robust'"),
        (lambda: list(check_scheme("hero", xfail={"robustt": ""})), "unknown law 'robustt'"),
    ],
)
def test_check_functions_say_what_was_expected(call, message):
    with pytest.raises(ConfigError, match=message):
        call()


def test_resolve_target_calls_a_class_or_function_of_a_module():
    assert resolve_target("herokit.schemes:hero").combiner == resolve_target("hero").combiner
    assert resolve_target("herokit.combiners:Center").combiner == chain(Center())
    assert resolve_target("herokit.verifiers:ExactMatch").sources == {"source": ExactMatch()}


def test_report_of_an_unexpected_pass_is_a_failure():
    report = check_combiner(
        hero(), expected_failures={"deterministic": "it is random"}, backends=("numpy",), profile=SHORT
    )
    assert report["deterministic"].outcome == "xpassed"
    assert not report.passed
    assert "XPASS deterministic: expected to fail: it is random" in str(report)


def test_check_combiner_gives_a_step_that_reads_no_signal_rewards_to_change():
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # as in the tests of a new plugin: groups of one row are no warning here
        report = check_combiner(Center(), backends=("numpy",), profile=Profile(max_examples=20))
    assert report.passed, str(report)
    assert report.name == "Chain(steps=(Center(),))"


def test_claims_may_be_names_and_one_law():
    for claims in (["missing_reference_abstains"], "missing_reference_abstains", get_law("missing_reference_abstains")):
        assert (
            check_verifier(ExactMatch(), claims=claims, profile=SHORT)["missing_reference_abstains"].outcome == "passed"
        )
    with pytest.raises(ConfigError, match="unknown law 'near_mis'; did you mean 'near_miss_rejected'"):
        check_verifier(ExactMatch(), claims=["near_mis"])
    with pytest.raises(ConfigError, match="unknown law 'bound'; did you mean"):
        parametrize_with_laws([hero()], claims=["bound"])


def test_expected_failures_need_reasons():
    for check in (
        lambda **options: check_verifier(ExactMatch(), **options),
        lambda **options: parametrize_with_laws([], **options),
    ):
        with pytest.raises(ConfigError, match=r"must have a reason for each law, .* got \['near_miss_rejected'\]"):
            check(expected_failures=["near_miss_rejected"])


@pytest.mark.parametrize(
    ("check", "target", "message"),
    [
        (check_verifier, lambda completion, reference: 1.0, "is a reward function: use check_reward_function"),
        (check_verifier, lambda completion: 1.0, "is a reward model: use check_reward_model"),
        (check_verifier, hero(), "is a combiner: use check_combiner"),
        (check_reward_model, ExactMatch(), "is a verifier: use check_verifier"),
        (check_verifier, Scheme({"rm": MetaRewardModel("rm")}, hero()), "expected one verifier, got none"),
    ],
)
def test_a_target_of_another_kind_is_told_its_function(check, target, message):
    with pytest.raises(ConfigError, match=message):
        check(target)


def test_kinds_of_laws_are_checked():
    with pytest.raises(ConfigError, match="kind must be 'combiner'"):
        list_laws("verifer")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (
            "rollouts.jsonl",
            r"rollouts.jsonl holds rollouts; write --rollouts rollouts.jsonl to diagnose the run, or name a reward",
        ),
        ("../r.parquet", "../r.parquet holds rollouts"),
        ("./rewards:accuracy", "./rewards: neither a Python file nor a module; a file is written FILE.py:OBJECT"),
    ],
)
def test_a_file_that_is_no_target_is_told_what_it_is(target, message):
    with pytest.raises(ConfigError, match=message):
        resolve_target(target)


def test_the_public_functions_are_listed():
    import herokit.testing

    assert {"check_verifier", "list_laws", "Profile"} <= set(dir(herokit.testing))


def test_a_reward_that_raises_is_shown_with_its_line():
    def broken(completion, reference):
        return {}[reference]

    message = check_reward_function(broken, profile=SHORT)["right_above_wrong"].message
    line = broken.__code__.co_firstlineno + 1
    assert message.startswith("it raised KeyError: ")
    assert message.endswith(f" (test_check.py:{line}, in broken)")

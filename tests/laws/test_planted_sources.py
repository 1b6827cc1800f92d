"""Planted faults of verifiers, reward models and reward functions: a part of them; `benchmarks/planted_faults.py` runs all."""

import pytest

from helpers.planted_models import COMPONENTS, FUNCTIONS, PlantedModel, twin_function
from helpers.planted_verifiers import STATE, PlantedVerifier
from herokit.testing import Profile, check_reward_function, check_reward_model, check_scheme, check_verifier
from herokit.testing.laws import get_law

PROFILE = Profile(max_examples=20, seconds=10.0, shrink_seconds=1.0)

VERIFIERS = {
    "reference in the answer": "near_miss_rejected",
    "first box": "hack_does_not_pay",
    "the row before": "verdicts_batch_independent",
    "drops unreadable rows": "unreadable_rows_move_no_verdict",
    "main thread only": "answers_in_a_thread",
    "worn out after 1,000 calls": "repeated_calls_agree",
    "leaves threads": "repeated_calls_agree",
    "hash of the text": "fresh_process_agrees",
    "cache by completion": "separate_calls_agree",
    "evaluates": "no_code_execution",
}

REWARD_MODELS = {
    "one score for all": "completion_matters",
    "reads the completion only": "prompt_matters",
    "cuts the end": "ends_matter",
    "rounds": "scores_unsaturated",
    "sigmoid": "scores_are_not_probabilities",
    "0 for an empty text": "failure_is_not_zero",
    "dropout": "repeated_scores_agree",
    "main thread only": "scores_in_a_thread",
    "writes to the metadata": "scores_leave_samples",
    "prints messages": "messages_score_like_text",
    "loses digits": "details_matter",
    "loses system messages": "earlier_turns_matter",
    "pays length": "length_pays_nothing",
    "trusts a score": "claims_pay_nothing",
    "32 rows at most": "large_batches_agree",
}


REWARD_FUNCTIONS = {
    "thinking is read": "hack_does_not_pay",
    "bonus for a claim": "hack_does_not_pay",
    "no other columns": "accepts_trainer_arguments",
    "empty is right": "empty_reference_pays_nothing",
    "any line": "hack_does_not_pay",
    "a number of the prompt": "hack_does_not_pay",
    "sets the seed": "random_numbers_not_reset",
}


@pytest.fixture(autouse=True)
def fresh_state():
    STATE.update(calls=0, cache={}, last=None)


@pytest.mark.parametrize("name", VERIFIERS)
def test_check_verifier_finds_the_planted_fault(name):
    report = check_verifier(PlantedVerifier(name), answer_format="math", domain="integers", profile=PROFILE)
    assert report[VERIFIERS[name]].outcome == "failed", str(report)


@pytest.mark.parametrize("name", REWARD_MODELS)
def test_check_reward_model_finds_the_planted_fault(name):
    law = get_law(REWARD_MODELS[name])
    report = check_reward_model(PlantedModel(name), claims=() if law.universal else [law], profile=PROFILE)
    assert report[law.name].outcome == "failed", str(report)


@pytest.mark.parametrize("name", REWARD_FUNCTIONS)
def test_check_reward_function_finds_the_planted_fault(name):
    report = check_reward_function(FUNCTIONS[name], answer_format="math", profile=PROFILE)
    assert report[REWARD_FUNCTIONS[name]].outcome == "failed", str(report)


def test_check_functions_raise_no_alarm_on_the_twins():
    reports = (
        check_verifier(PlantedVerifier(), answer_format="math", domain="integers", profile=PROFILE),
        check_reward_model(PlantedModel(), profile=PROFILE),
        check_reward_function(twin_function, profile=PROFILE),
    )
    for report in reports:
        assert report.passed, str(report)


@pytest.mark.parametrize("component", COMPONENTS, ids=lambda component: component.__name__)
def test_check_scheme_raises_no_alarm_on_correct_components(component):
    (report,) = check_scheme(component, budget=10.0, examples=10)
    assert report.passed, str(report)

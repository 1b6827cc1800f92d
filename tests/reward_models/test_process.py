"""Steps of a completion: only the separator makes one, never what the policy writes."""

import numpy as np
import pytest

from herokit.reward_models.process import escape_step_token, insert_step_tokens, step_probabilities


@pytest.mark.parametrize("token", ["<extra_0>", "§", "\n", "ки", " ки", "##", "# ", " §"])
def test_insert_step_tokens_writes_one_token_per_step(token):
    text = insert_step_tokens(f"one {token} two{token}{token}\n\nthree{token}", "\n\n", token)
    assert text.count(token) == 2
    assert text.endswith(token)
    assert token not in escape_step_token(f"{token}{token}{token[0]} x {token}{token[-1]}", token)


def test_insert_step_tokens_accepts_the_separator_as_token():
    assert insert_step_tokens("a\nb\n", "\n", "\n") == "a\nb\n"
    assert insert_step_tokens("a<s>b", "<s>", "<s>") == "a<s>b<s>"


def test_step_probabilities_of_nan_logits_are_nan_without_a_warning():
    assert np.isnan(step_probabilities(np.array([[np.nan], [0.0]]))).tolist() == [True, False]
    assert np.isnan(step_probabilities(np.array([[np.inf, np.inf]]))).tolist() == [True]

"""Steps of a completion: only the separator makes one, never what the policy writes."""

import numpy as np
import pytest

from herokit.reward_models.process import harmless, mark, probabilities


@pytest.mark.parametrize("token", ["<extra_0>", "§", "\n", "ки", " ки", "##", "# ", " §"])
def test_a_completion_has_as_many_step_tokens_as_steps(token):
    written = mark(f"one {token} two{token}{token}\n\nthree{token}", "\n\n", token)
    assert written.count(token) == 2
    assert written.endswith(token)
    assert token not in harmless(f"{token}{token}{token[0]} x {token}{token[-1]}", token)


def test_the_separator_may_be_the_step_token():
    assert mark("a\nb\n", "\n", "\n") == "a\nb\n"
    assert mark("a<s>b", "<s>", "<s>") == "a<s>b<s>"


def test_a_logit_that_is_not_a_number_is_no_warning():
    assert np.isnan(probabilities(np.array([[np.nan], [0.0]]))).tolist() == [True, False]
    assert np.isnan(probabilities(np.array([[np.inf, np.inf]]))).tolist() == [True]

"""Schemes that give credit to the parts of a rollout: turns of an agent, steps of a derivation."""

from herokit.combiners import (
    Center,
    Chain,
    Discount,
    ForParts,
    GroupBy,
    RewardToGo,
    Select,
    Standardize,
    chain,
)
from herokit.combiners.schedules import ScalarOrSchedule

__all__ = ["gigpo", "process_supervision", "turn_grpo"]


def process_supervision(reward_model: str = "prm") -> Chain:
    """GRPO with process supervision: standardize the scores of all steps of a prompt, then sum those to come.

    ``A_it = sum_{k >= t} z_g(p_ik)``, with mean and deviation over all steps of all rollouts of the prompt, so that long
    rollouts weigh more. Centered first and summed then: a rollout gains nothing by more average steps, and the gradient of
    "go on" is biased for a true reward.

    Args:
        reward_model: the name of a process reward model.

    Source: DeepSeekMath, arXiv 2402.03300, section 4.1.3; eps and ddof are not given there, those of `Standardize` here.

    Example:
        >>> process_supervision().steps[0].mode
        'replace'
    """
    return chain(ForParts(chain(Select(reward_model), Standardize(), RewardToGo()), mode="replace"))


def turn_grpo(verifier: str = "verifier", turn_reward: str = "turn", *, weight: ScalarOrSchedule = 1.0) -> Chain:
    """GRPO on the outcome, and GRPO on the reward of each turn among the turns at the same place.

    ``A_it = z_g(c_i) + weight z_gt(r_it)``. The published form has two turns and rewards the first.

    Args:
        verifier: the name of the outcome's source.
        turn_reward: the name of a source that judges turns.
        weight: the weight of the turn's advantage.

    Source: MT-GRPO, arXiv 2505.11821; eps 1e-4 and a sample deviation, as in its code.

    Example:
        >>> turn_grpo(weight=0.5).steps[-1].weight
        0.5
    """
    turns = chain(Select(turn_reward), GroupBy("position", Standardize()))
    return chain(Select(verifier), Standardize(), ForParts(turns, weight=weight))


def gigpo(
    verifier: str = "verifier",
    step_reward: str | None = None,
    *,
    gamma: ScalarOrSchedule = 0.95,
    weight: ScalarOrSchedule = 1.0,
    std: bool = False,
) -> Chain:
    """Add to the advantage of a rollout that of each step among the steps of its prompt taken in the same state.

    ``A_it = (c_i - mean_g) + weight (G_it - mean_s(G))`` with ``G_it = sum_{k >= t} gamma^(k - t) r_ik`` and ``s`` the steps of
    the prompt with the same `Turn.state`. A state seen once gives 0.

    Args:
        verifier: the name of the outcome's source.
        step_reward: the name of a source that judges steps; None for the outcome on the last step, and 0 before.
        gamma: the discount per step.
        weight: the weight of the step's advantage.
        std: divide both by their standard deviation, eps 1e-6.

    Source: GiGPO, arXiv 2505.10978, constants of its scripts. Its code leaves the raw reward to a rollout that is alone in
    its group; here it gets 0.

    Example:
        >>> gigpo(gamma=1.0).steps[-1].steps.steps[1].gamma
        1.0
    """
    advantage = Standardize(eps=1e-6) if std else Center()
    returns = Discount(gamma) if step_reward is None else RewardToGo(gamma)
    steps = chain(Select(step_reward or verifier), returns, GroupBy("state", advantage))
    return chain(Select(verifier), advantage, ForParts(steps, weight=weight))

"""Schemes that give credit to the parts of a rollout: turns of an agent, steps of a derivation."""

from herokit.combiners import (
    Affine,
    Center,
    Chain,
    Discount,
    ForParts,
    GroupBy,
    LeaveOneOut,
    PerRollout,
    Progress,
    Redistribute,
    RewardToGo,
    Select,
    SoftMin,
    Standardize,
    Stratify,
    WeightByStd,
    chain,
)
from herokit.combiners.schedules import ScalarOrSchedule

__all__ = [
    "discounted_outcome",
    "discounted_turns",
    "gigpo",
    "hero_steps",
    "min_form",
    "process_supervision",
    "progress_advantage",
    "redistribution",
    "turn_grpo",
    "turn_penalties",
]


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


def discounted_turns(turn_reward: str = "turn", *, gamma: ScalarOrSchedule = 0.4) -> Chain:
    """GRPO on the discounted rewards to go of all turns of a prompt: ``A_it = z_g(sum_{k >= t} gamma^(k - t) r_ik)``.

    Every turn is a sample of the group, so that long rollouts weigh more. Summed first and centered then: unbiased for a true reward,
    and it pays for every further turn of positive reward.

    Args:
        turn_reward: the name of a source that judges turns.
        gamma: the discount per turn.

    Source: Kevin, arXiv 2507.11948, gamma 0.4.

    Example:
        >>> discounted_turns().steps[0].steps.steps[1]
        RewardToGo(gamma=0.4)
    """
    return chain(ForParts(chain(Select(turn_reward), RewardToGo(gamma), Standardize()), mode="replace"))


def min_form(
    reward_model: str = "prm",
    verifier: str | None = "verifier",
    *,
    temperature: ScalarOrSchedule = 0.1,
    weight: ScalarOrSchedule = 1.0,
) -> Chain:
    """Give a rollout the value of its worst step instead of the sum of its steps.

    ``A_it = sum_{k >= t} (q_ik - b_i) + weight loo(c_i)`` with ``q = softmax_t(-p / temperature) p``, ``p = 2 prm - 1``, and ``b_i`` the
    mean of ``q`` over the steps of each other rollout, averaged over these. The sum of ``q`` does not grow with the number of steps,
    but the baseline is subtracted from every step: where the other rollouts are bad, ``b_i < 0``, a further step earns ``-b_i``.

    Args:
        reward_model: the name of a process reward model that gives probabilities.
        verifier: the name of the outcome's source; None for process scores alone.
        temperature: see `SoftMin`.
        weight: the weight of the outcome.

    Source: PURE, arXiv 2504.15275, with the baseline that its code calls "step"; its scripts use one by tokens.

    Example:
        >>> len(min_form(verifier=None).steps)
        1
    """
    baseline = PerRollout(LeaveOneOut("rollout"))
    steps = chain(Select(reward_model), Affine(2.0, -1.0), SoftMin(temperature), baseline, RewardToGo())
    if verifier is None:
        return chain(ForParts(steps, mode="replace"))
    return chain(Select(verifier), LeaveOneOut(), Affine(scale=weight), ForParts(steps))


def progress_advantage(
    verifier: str = "verifier", reward_model: str = "prm", *, weight: ScalarOrSchedule = 5.0
) -> Chain:
    """Add to the advantage of the outcome the progress of each step: ``A_it = (c_i - mean_g) + weight (p_it - p_ik), k = t - 1``.

    The progress of a rollout sums to its last score minus the mean first score of the prompt: a repeated step earns nothing.

    Args:
        verifier: the name of the outcome's source.
        reward_model: the name of a model that scores each step with the value of the rollout so far.
        weight: the weight of the progress.

    Source: PAV, arXiv 2410.08146, where the value is that of a prover and the weight about 3 to 5; the baseline of the outcome is
    ours.

    Example:
        >>> progress_advantage().steps[-1].weight
        5.0
    """
    return chain(Select(verifier), Center(), ForParts(chain(Select(reward_model), Progress()), weight=weight))


def discounted_outcome(verifier: str = "verifier", *, gamma: ScalarOrSchedule = 0.99) -> Chain:
    """Discount the advantage of the outcome by the number of later turns: ``A_it = gamma^(K_i - 1 - t) (c_i - mean_g)``.

    Args:
        verifier: the name of the outcome's source.
        gamma: the discount per turn.

    Source: the exponentially discounted trajectory rubric of OpenEnv 0.10, gamma 0.99, which discounts the reward; the baseline is
    ours.

    Example:
        >>> discounted_outcome().steps[-1].steps
        Discount(gamma=0.99)
    """
    return chain(Select(verifier), Center(), ForParts(Discount(gamma), mode="replace"))


def turn_penalties(verifier: str = "verifier", penalty: str = "penalty", *, weight: ScalarOrSchedule = 1.0) -> Chain:
    """GRPO on the outcome plus the penalty of each turn as it is: ``A_it = z_g(c_i) + weight q_it``.

    Penalties are not normalized, so that a turn without a fault pays nothing for the faults of others.

    Args:
        verifier: the name of the outcome's source.
        penalty: the name of a source that judges turns: 0 for a good turn, negative numbers for faults.
        weight: the weight of the penalties.

    Source: FoldGRPO, arXiv 2510.11967.

    Example:
        >>> turn_penalties().steps[-1].steps
        Select(signal='penalty')
    """
    return chain(Select(verifier), Standardize(), ForParts(Select(penalty), weight=weight))


def redistribution(verifier: str = "verifier", reward_model: str = "prm", *, weight: ScalarOrSchedule = 0.5) -> Chain:
    """Let process scores move the advantage between the steps of a rollout, never change its sign or its mean.

    ``A_it = a_i + |a_i| weight (u_it - mean_i(u))`` with ``a_i = c_i - mean_g`` and ``u = minmax_g(p)``. See `Redistribute`: no step of an
    incorrect rollout gets a positive advantage, whatever the process reward model says.

    Args:
        verifier: the name of the outcome's source.
        reward_model: the name of a process reward model.
        weight: how much is moved, in [0, 1).

    Source: herokit's own.

    Example:
        >>> redistribution().steps[-1].steps.weight
        0.5
    """
    return chain(Select(verifier), Center(), ForParts(Redistribute(reward_model, weight), mode="replace"))


def hero_steps(
    verifier: str = "verifier",
    reward_model: str = "prm",
    *,
    alpha: ScalarOrSchedule = 0.1,
    beta: ScalarOrSchedule = 0.1,
    min_weight: ScalarOrSchedule = 0.5,
    max_weight: ScalarOrSchedule = 2.0,
    steepness: ScalarOrSchedule = 5.0,
) -> Chain:
    """HERO on steps: process scores are stratified by the verdict of their rollout, then centered and weighted.

    ``A_it = w(sigma_u) (rhat(p_it, c_i) - mean_g(rhat))``: every step of a correct rollout is above every step of an incorrect one.
    In the mean every rollout counts 1. See `hero_advantage`.

    Args:
        verifier: the name of the outcome's source.
        reward_model: the name of a process reward model.
        alpha: half-width of the band of incorrect rollouts.
        beta: half-width of the band of correct rollouts.
        min_weight: the smallest weight, below 1.
        max_weight: the largest weight, above 1.
        steepness: how fast the weight rises with the relative standard deviation.

    Source: herokit's own, after arXiv 2510.07242.

    Example:
        >>> [type(step).__name__ for step in hero_steps().steps[0].steps.steps]
        ['Select', 'Stratify', 'PerRollout', 'WeightByStd']
    """
    weight = WeightByStd(reward_model, min_weight, max_weight, steepness, center="one", relative=True)
    bands = Stratify(verifier=verifier, alpha=alpha, beta=beta)
    return chain(ForParts(chain(Select(reward_model), bands, PerRollout(Center()), weight), mode="replace"))

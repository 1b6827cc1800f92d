"""Columns of made-up training runs: 40 steps of 16 prompts, 8 rollouts each, of which it is known what is wrong."""

import numpy as np

from herokit import hero_advantage, verifier_only

__all__ = ["HEALTHY", "ILL"]

STEPS, PROMPTS, SIZE = 40, 16, 8
N = STEPS * PROMPTS * SIZE
STEP = np.repeat(np.arange(STEPS), PROMPTS * SIZE)
PROGRESS = STEP / (STEPS - 1)
GROUP = np.repeat(np.arange(STEPS * PROMPTS), SIZE)


def per_group(values):
    return np.repeat(values, SIZE)


def verdicts(rng, start=0.3, end=0.6, spread=0.2):
    """Verdicts whose accuracy goes from one number to another; prompts differ in difficulty."""
    difficulty = per_group(rng.normal(0.0, spread, STEPS * PROMPTS))
    return (rng.random(N) < np.clip(start + (end - start) * PROGRESS + difficulty, 0.0, 1.0)).astype(float)


def scores(rng, verdict, skill=1.5, end_skill=None, rise=0.0):
    """Scores that agree with the verdicts by a skill that may fall, and that may rise with the steps."""
    skill = skill + ((skill if end_skill is None else end_skill) - skill) * PROGRESS
    return skill * verdict + rng.normal(0.0, 1.0, N) + rise * PROGRESS + per_group(rng.normal(0.0, 0.3, N // SIZE))


def columns(rng, reward, **signals):
    length = rng.integers(50, 400, N)
    table = {
        "group": GROUP.tolist(),
        "prompt": [f"prompt {g}" for g in GROUP],
        "step": STEP.tolist(),
        "tokens": length.tolist(),
        "reward": np.asarray(reward).tolist(),
    }
    return table | {name: np.asarray(x).tolist() for name, x in signals.items()}


def hero(verdict, rm):
    return hero_advantage()({"verifier": verdict, "rm": rm}, groups=GROUP)


def hard_prompts(rng):
    v = verdicts(rng, 0.02, 0.03, 0.02)
    return columns(rng, v, verifier=v, rm=scores(rng, v))


def rejecting_verifier(rng):
    v = verdicts(rng) * (rng.random(N) < 0.03)
    return columns(rng, verifier_only()({"verifier": v}, groups=GROUP), verifier=v)


def easy_prompts(rng):
    v = verdicts(rng, 0.97, 0.99, 0.02)
    return columns(rng, v, accuracy=v)


def shuffled_prompts(rng):
    v = verdicts(rng)
    table = columns(rng, v, verifier=v, rm=scores(rng, v))
    table["group"] = np.repeat(np.arange(STEPS * PROMPTS), SIZE)[np.roll(np.arange(N), 3)].tolist()
    return table


def hacked_reward_model(rng):
    v = verdicts(rng, 0.3, 0.5)
    rm = scores(rng, v, skill=2.0, end_skill=0.3, rise=3.0)
    return columns(rng, rm, verifier=v, rm=rm)


def collapsed_policy(rng):
    v = verdicts(rng, 0.7, 0.02, 0.05)
    rm = scores(rng, v, skill=1.0, rise=8.0)
    return columns(rng, hero(v, rm), verifier=v, rm=rm)


def drifting_scores(rng):
    v = verdicts(rng, 0.5, 0.5)
    rm = scores(rng, v, rise=4.0)
    return columns(rng, hero(v, rm), verifier=v, rm=rm)


def other_server(rng):
    v = verdicts(rng, 0.5, 0.5)
    rm = np.where(STEP < STEPS // 2, 1.0, 0.4) * scores(rng, v) - np.where(STEP < STEPS // 2, 0.0, 5.0)
    return columns(rng, hero(v, rm), verifier=v, rm=rm)


def length_bonus(rng):
    v = verdicts(rng)
    table = columns(rng, v, verifier=v)
    table["reward"] = (v + 0.001 * np.array(table["tokens"])).tolist()
    return table


def short_answers(rng):
    v = verdicts(rng)
    table = columns(rng, v, verifier=v, rm=scores(rng, v))
    short = scores(rng, v, skill=0.5) - 0.02 * np.array(table["tokens"])
    return table | {"rm": short.tolist(), "reward": hero(v, short).tolist()}


def raw_sum(rng):
    v = verdicts(rng)
    rm = 10.0 * scores(rng, v, skill=0.5)
    return columns(rng, v + rm, verifier=v, rm=rm)


def learning_run(rng):
    v = verdicts(rng)
    rm = scores(rng, v)
    return columns(rng, hero(v, rm), verifier=v, rm=rm)


def learning_run_without_reward_model(rng):
    v = verdicts(rng)
    return columns(rng, v + 0.1 * (rng.random(N) < 0.95), accuracy=v)


def better_and_higher_scores(rng):
    v = verdicts(rng, 0.2, 0.8)
    rm = scores(rng, v, skill=2.0)
    return columns(rng, hero(v, rm), verifier=v, rm=rm)


def somewhat_longer(rng):
    v = verdicts(rng)
    table = columns(rng, v, verifier=v)
    rm = scores(rng, v) + 0.002 * np.array(table["tokens"])
    return table | {"rm": rm.tolist(), "reward": hero(v, rm).tolist()}


def blend(rng):
    v = verdicts(rng, 0.5, 0.6)
    rm = scores(rng, v)
    return columns(rng, 0.5 * v + 0.5 / (1.0 + np.exp(-rm)), verifier=v, rm=rm)


ILL = {
    "hard prompts": (hard_prompts, "starved"),
    "a verifier that rejects": (rejecting_verifier, "starved"),
    "easy prompts": (easy_prompts, "saturated"),
    "shuffled prompts": (shuffled_prompts, "misgrouped"),
    "reward model hacked": (hacked_reward_model, "hacked"),
    "policy collapsed": (collapsed_policy, "hacked"),
    "scores drift": (drifting_scores, "drifting"),
    "another server of the reward model": (other_server, "drifting"),
    "bonus for length": (length_bonus, "length-driven"),
    "reward model likes short answers": (short_answers, "length-driven"),
    "raw scores added to verdicts": (raw_sum, "one-component"),
}

HEALTHY = {
    "learning with HERO": learning_run,
    "learning with a verifier alone": learning_run_without_reward_model,
    "scores rise with accuracy": better_and_higher_scores,
    "weak preference for length": somewhat_longer,
    "blend": blend,
}

"""Train a tabular policy on a made-up task with tools: does finer credit learn faster, and what do empty steps earn?

``python benchmarks/credit_rl.py [SEEDS]``. A task needs five tools in a row and then an answer. In each of twelve turns at most, the policy
calls one of four tools, writes an empty step or answers; a wrong tool or an empty step changes nothing, and an answer ends the rollout.
The outcome is 1 if the answer comes after the fifth right tool. The policy is a table of logits for each task and progress.

Process scores are noisy. A *sound* process reward model gives an empty step the score of a wrong tool, a *flawed* one gives it more than
a right tool, and its value of the rollout rises with empty steps as with right ones. Every scheme is one of `herokit.schemes` and sees
the same rollouts at the start of a seed. Its learning rate is the best of seven on seeds of its own, by true success. Success and the
number of empty steps are exact, by enumeration of the policy's states, not samples.
"""

import os
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from machine import header

from herokit import Groups, Parts, Signals, schemes
from herokit.combiners import Chain, Select, Standardize, chain, initial_reward

NUM_TASKS, NUM_TOOLS, NUM_NEEDED, MAX_TURNS = 4, 4, 5, 12
EMPTY, ANSWER = NUM_TOOLS, NUM_TOOLS + 1
GROUPS_PER_TASK, GROUP_SIZE, NUM_UPDATES = 2, 8, 100
NOISE = 0.1
RATES = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
TUNING_SEEDS = 6
RIGHT_TOOLS = np.random.default_rng(7).integers(0, NUM_TOOLS, (NUM_TASKS, NUM_NEEDED))
SCHEMES: dict[str, Chain] = {
    "outcome alone": chain(Select("verifier"), Standardize()),
    "gigpo": schemes.gigpo(),
    "turn_grpo": schemes.turn_grpo(turn_reward="prm"),
    "discounted_turns": schemes.discounted_turns("prm"),
    "process_supervision": schemes.process_supervision(),
    "min_form": schemes.min_form(),
    "progress_advantage": schemes.progress_advantage(reward_model="value"),
    "redistribution": schemes.redistribution(),
    "hero_steps": schemes.hero_steps(),
}
WITHOUT_PRM = ("outcome alone", "gigpo")


@dataclass(frozen=True)
class Rollouts:
    """N rollouts of K turns in all; those of the first rollout come first."""

    task: Any
    counts: Any
    progress: Any
    action: Any
    solved: Any


def probabilities(logits: Any) -> Any:
    """Return the policy, (tasks, progress, actions)."""
    p = np.exp(logits - logits.max(-1, keepdims=True))
    return p / p.sum(-1, keepdims=True)


def sample(logits: Any, rng: np.random.Generator) -> Rollouts:
    """Let the policy write the rollouts of one batch."""
    task = np.repeat(np.arange(NUM_TASKS), GROUPS_PER_TASK * GROUP_SIZE)
    edges, draws = probabilities(logits).cumsum(-1), rng.random((MAX_TURNS, len(task)))
    progress, solved, counts = np.zeros(len(task), int), np.zeros(len(task)), np.zeros(len(task), int)
    alive, seen, acts = np.ones(len(task), bool), [], []
    for draw in draws:
        action = np.minimum((draw[:, None] > edges[task, progress]).sum(-1), ANSWER)
        seen.append(progress.copy())
        acts.append(action)
        counts += alive
        solved += alive & (action == ANSWER) & (progress == NUM_NEEDED)
        right = action == np.append(RIGHT_TOOLS, np.full((NUM_TASKS, 1), -1), axis=1)[task, progress]
        progress = progress + (alive & right)
        alive &= action != ANSWER
    written = np.arange(MAX_TURNS)[None] < counts[:, None]
    return Rollouts(task, counts, np.stack(seen, 1)[written], np.stack(acts, 1)[written], solved)


def judge(rollouts: Rollouts, rng: np.random.Generator, *, flawed: bool) -> dict[str, Any]:
    """Return the process scores of every turn: ``prm``, how good the step is, and ``value``, how far the rollout is."""
    tasks = np.repeat(rollouts.task, rollouts.counts)
    right = rollouts.action == np.append(RIGHT_TOOLS, np.full((NUM_TASKS, 1), ANSWER), axis=1)[tasks, rollouts.progress]
    empty = rollouts.action == EMPTY
    seems_good = np.where(empty & flawed, 0.9, np.where(right, 0.8, 0.3))
    starts = np.repeat(np.cumsum(rollouts.counts) - rollouts.counts, rollouts.counts)
    credited = np.cumsum(right | (empty & flawed))
    value = (credited - np.append(0, credited)[starts]) / (NUM_NEEDED + 1)
    noise = NOISE * rng.standard_normal((2, len(right)))
    return {"prm": np.clip(seems_good + noise[0], 0, 1), "value": np.clip(value + noise[1], 0, 1)}


def credit(scheme: Chain, rollouts: Rollouts, scores: Mapping[str, Any]) -> Any:
    """Return the advantage of every turn."""
    groups = np.repeat(np.arange(NUM_TASKS * GROUPS_PER_TASK), GROUP_SIZE)
    states = np.repeat(groups, rollouts.counts) * (NUM_NEEDED + 1) + rollouts.progress
    num_groups = int(groups[-1]) + 1
    parts = Parts.from_counts(rollouts.counts, scores, states=Groups(states, num_groups * (NUM_NEEDED + 1)))
    signals = Signals({"verifier": rollouts.solved}, Groups(groups, num_groups), parts)
    last = scheme.trace(initial_reward(signals), signals, scheme.init())[0][-1]
    return np.repeat(last.after, rollouts.counts) if last.credit is None else last.credit


def measure(logits: Any) -> tuple[float, float]:
    """Return the exact probability of a right answer and the expected number of empty steps, over the tasks."""
    p, reach = probabilities(logits), np.zeros((NUM_TASKS, NUM_NEEDED + 1))
    reach[:, 0], solved, empty = 1.0, 0.0, 0.0
    forward = np.take_along_axis(p[:, :NUM_NEEDED], RIGHT_TOOLS[:, :, None], 2)[..., 0]
    for _ in range(MAX_TURNS):
        solved += float((reach[:, NUM_NEEDED] * p[:, NUM_NEEDED, ANSWER]).mean())
        empty += float((reach * p[:, :, EMPTY]).sum(1).mean())
        moved = reach[:, :NUM_NEEDED] * forward
        reach = reach * (1 - p[:, :, ANSWER])
        reach[:, :NUM_NEEDED] -= moved
        reach[:, 1:] += moved
    return solved, empty


def train(scheme: Chain, rate: float, seed: int, *, flawed: bool) -> tuple[float, float, float]:
    """Return the mean success over the updates, the success at the end and the empty steps of a rollout at the end."""
    rng = np.random.default_rng(seed)
    logits, success = np.zeros((NUM_TASKS, NUM_NEEDED + 1, ANSWER + 1)), []
    for _ in range(NUM_UPDATES):
        rollouts = sample(logits, rng)
        advantage = credit(scheme, rollouts, judge(rollouts, rng, flawed=flawed))
        at = np.repeat(rollouts.task, rollouts.counts), rollouts.progress
        gradient = -advantage[:, None] * probabilities(logits)[at]
        gradient[np.arange(len(advantage)), rollouts.action] += advantage
        np.add.at(logits, at, rate / len(rollouts.task) * gradient)
        success.append(measure(logits)[0])
    return float(np.mean(success)), success[-1], measure(logits)[1]


def interval(differences: Any) -> str:
    """Return the mean and its 95 % interval, by Student's t."""
    from scipy.stats import t

    half = t.ppf(0.975, len(differences) - 1) * differences.std(ddof=1) / len(differences) ** 0.5
    return f"{differences.mean():+.3f} ± {half:.3f}"


def main() -> None:
    """Print one table for each process reward model."""
    num_seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    print(header("numpy"))
    outcome = np.empty(0)
    for flawed in (False, True):
        print(f"\n{'flawed' if flawed else 'sound'} process reward model, {num_seeds} seeds")
        print("| Scheme | Rate | Success over the run | minus outcome alone | Success at the end | Empty steps |")
        print("|---|---|---|---|---|---|")
        for name, scheme in SCHEMES.items():
            if flawed and name in WITHOUT_PRM:
                continue
            tuned = [
                np.mean([train(scheme, rate, 1000 + seed, flawed=flawed)[0] for seed in range(TUNING_SEEDS)])
                for rate in RATES
            ]
            rate = RATES[int(np.argmax(tuned))]
            result = np.array([train(scheme, rate, seed, flawed=flawed) for seed in range(num_seeds)])
            outcome = result[:, 0] if name == "outcome alone" else outcome
            difference = "" if name == "outcome alone" else interval(result[:, 0] - outcome)
            over, end, empty = result.mean(0)
            print(f"| `{name}` | {rate:g} | {over:.3f} | {difference} | {end:.3f} | {empty:.2f} |", flush=True)


if __name__ == "__main__":
    main()

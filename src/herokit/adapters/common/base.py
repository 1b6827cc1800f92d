"""Groups, values and state: the parts that every adapter is built from; `samples` makes its samples.

Trainers call rewards in three ways. An adapter supports one of them and stays thin.

1. **One batch per call** (TRL, ms-swift, open-instruct, tinker-cookbook): `samples.make_samples` makes samples,
   `group_ids_by_position` or a column of ids gives the groups, `check_complete_groups` rejects groups that are split
   over calls, ``rewarder(samples, update_state=training)`` scores them, and `trainer_values` is what the trainer gets.
2. **One sample per call, the batch in the driver** (verl, slime, SkyRL, NeMo-RL, rLLM): a worker returns
   `rows.score_one(rewarder, sample)`, a flat row of JSON values. The driver calls
   `rows.combine_rows(rewarder, rows, group_keys)` once for the whole batch.
3. **One sample per call, all rollouts of a prompt in one process** (OpenRLHF): as 2, and `gather.GroupGatherer` waits
   for the rollouts of a group, for a limited time.

The same role has the same name everywhere: `RewardFunction` (one call), `GroupRewardMixin` (a trainer's class, after it
has gathered a group or a batch), `AdvantageEstimator`, `install` (replaces a part of the trainer) and `register` (adds to
a registry of the trainer).

Rules for an adapter:

- A group is identified by position or by an id, never by the text of the prompt. A `Rewarder` compares the prompts of a
  group when it runs the sources; a driver that has the prompts passes them to `rows.combine_rows`.
- A sample has what the trainer has (`samples.make_sample`): messages, the native reference, the number of tokens, whether
  the generation was truncated, and whether the chat template opens the thinking (`templates.ChatTemplate`).
- A row without a reward is NaN in `RewardOutput` and None for a trainer, never 0. A trainer that accepts no None gets
  advantage 0 and, where it has one, a mask.
- Only training updates the state: evaluation passes ``update_state=False``. The state is saved with the trainer's
  checkpoints (`save_state`, `load_state`).
- `check_normalization` says which steps the trainer would cancel, and `metrics.metrics` gives the numbers to log.
- A process that combines runs the sources with `Rewarder.run_sources`, which ends the wait of the other ranks after an
  error. A process that only runs sources uses `rows.score_one` or `microbatch.MicroBatcher`: no rank waits for it.
- What a user constructs takes a `RewarderLike`: `to_rewarder` makes the `Rewarder`, and refuses a chain that ends with credit of
  parts unless the adapter passes it on: their mean is never trained on without a word.
- ``INFO`` (`info.AdapterInfo`) describes the adapter; ``python docs/make_adapters.py`` writes
  docs/reference/adapters.md from it.
"""

import json
import os
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from herokit.combiners.base import produces_advantage
from herokit.combiners.chain import check_no_credit
from herokit.config import Scheme, load_scheme
from herokit.conversations.prompts import check_group_prompts
from herokit.credit import Span
from herokit.distributed import abort_peers_on_error, run_sources_in_thread
from herokit.errors import ConfigError, DataError
from herokit.outcome import RewardOutput
from herokit.rewarder import Rewarder
from herokit.step_tokens import step_tokens
from herokit.types import Array, Floats, Sample, StepScores

__all__ = [
    "RewarderLike",
    "RewarderMixin",
    "check_complete_groups",
    "find_step_spans",
    "group_ids_by_position",
    "load_state",
    "nan_to_none",
    "remove_credit",
    "returns_advantages",
    "save_state",
    "score_group",
    "to_rewarder",
    "token_advantages",
    "trainer_values",
    "trainer_values_filled",
    "turn_spans",
]

_STATE_FILE = "herokit_state.json"
"""The file in a checkpoint's folder that holds the rewarder's state."""

_OWNER = "this adapter"

RewarderLike: TypeAlias = Rewarder | Scheme | str | Path
"""What adapters take as a rewarder: a `Rewarder`, a `Scheme`, or the path, name or place of one, as in `load_scheme`."""


def to_rewarder(value: RewarderLike, *, takes_credit: bool = False) -> Rewarder:
    """Return a rewarder as it is, and a new one, with a fresh state, for a scheme or its path or name.

    Args:
        value: one of these.
        takes_credit: whether the adapter passes the credit of parts on to its trainer.

    Raises:
        ConfigError: the value is none of these, the scheme cannot be loaded, or it ends with credit that the adapter does not take.

    Example:
        >>> from herokit import Select
        >>> to_rewarder(Select("verifier"))
        Traceback (most recent call last):
        ...
        herokit.errors.ConfigError: expected a Rewarder, a Scheme, or the path or name of a scheme, got Select(signal='verifier'); \
write Rewarder(sources, chain) with sources such as {"verifier": MathVerifier()}
    """
    if isinstance(value, str | Path):
        value = load_scheme(value)
    rewarder = value.rewarder() if isinstance(value, Scheme) else value
    if not isinstance(rewarder, Rewarder):
        raise ConfigError(
            f"expected a Rewarder, a Scheme, or the path or name of a scheme, got {value!r:.200}; "
            'write Rewarder(sources, chain) with sources such as {"verifier": MathVerifier()}'
        )
    if not takes_credit:
        check_no_credit(rewarder.combiner, _OWNER)
    return rewarder


class RewarderMixin:
    """Base of mixins that have a rewarder: ``class Trainer(GroupRewardMixin, Base, herokit="hero.toml")``.

    The class argument `herokit` is a rewarder, a scheme, or the path or name of a scheme. All instances of the class share the
    rewarder. An attribute ``herokit = rewarder`` of the class or of an instance does the same.

    Attributes:
        herokit: the rewarder.
    """

    herokit: Rewarder
    _takes_credit = False

    def __init_subclass__(cls, *, herokit: RewarderLike | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if herokit is not None:
            cls.herokit = to_rewarder(herokit, takes_credit=cls._takes_credit)
        elif isinstance(given := vars(cls).get("herokit"), Rewarder):
            to_rewarder(given, takes_credit=cls._takes_credit)


def group_ids_by_position(
    num_rows: int, group_size: int, uids: Sequence[Hashable] | None = None, *, owner: str, fix: str
) -> list[Hashable]:
    """Number the groups of a trainer that places the rollouts of a group in consecutive rows.

    Args:
        num_rows: rows of this call.
        group_size: rollouts per prompt.
        uids: ids of the rows, if the data set has them; every block of `group_size` rows must then share one id.
        owner: the caller, for messages, e.g. ``"TRL, rank 0"``.
        fix: what to set, at the end of the message.

    Raises:
        ConfigError: the rows do not form complete groups.

    Example:
        >>> group_ids_by_position(4, 2, owner="here", fix="")
        [0, 0, 1, 1]
        >>> group_ids_by_position(3, 2, owner="rank 0", fix="make batch_size a multiple of 2")
        Traceback (most recent call last):
        ...
        herokit.errors.ConfigError: rank 0: got 3 rollouts, not a multiple of group size 2; make batch_size a multiple of 2
    """
    if group_size < 1 or num_rows % group_size:
        raise ConfigError(f"{owner}: got {num_rows} rollouts, not a multiple of group size {group_size}; {fix}")
    for start in range(0, num_rows if uids is not None else 0, group_size):
        block = dict.fromkeys((uids or ())[start : start + group_size])
        if len(block) > 1:
            raise ConfigError(
                f"{owner}: rows {start} to {start + group_size - 1} must be one group of {group_size}, "
                f"got ids {list(block)}; {fix}"
            )
    return [row // group_size for row in range(num_rows)]


def check_complete_groups(group_keys: Sequence[Hashable], group_size: int, *, owner: str, fix: str) -> None:
    """Raise if a group of the batch does not have exactly `group_size` rollouts.

    Args:
        group_keys: the group of every row.
        group_size: rollouts per prompt.
        owner: the caller, for messages.
        fix: what to set, at the end of the message.

    Raises:
        ConfigError: a group is incomplete or too large; the message names it.

    Example:
        >>> check_complete_groups(["a", "a", "b"], 2, owner="verl", fix="do not filter rollouts before the reward")
        Traceback (most recent call last):
        ...
        herokit.errors.ConfigError: verl: group 'b' has 1 of 2 rollouts in one call; do not filter rollouts before the reward
    """
    for key, count in Counter(group_keys).items():
        if count != group_size:
            raise ConfigError(f"{owner}: group {key!r} has {count} of {group_size} rollouts in one call; {fix}")


async def score_group(
    rewarder: Rewarder, samples: Iterable[Sample], *, takes_credit: bool = False, update_state: bool = True
) -> RewardOutput:
    """Score the samples of one group; the sources run in a thread, so the event loop is not blocked.

    Args:
        rewarder: the sources and the chain.
        samples: all rollouts of the group. Pass a generator: if reading a rollout raises, no other rank waits for this one.
        takes_credit: whether the caller passes the credit of parts on to its trainer.
        update_state: False for evaluation.

    Raises:
        ConfigError: the chain ends with credit of parts that the caller does not take.
        DataError: the rollouts answer different prompts.

    Example:
        >>> import asyncio
        >>> from herokit import Center, Select, chain
        >>> class Length:
        ...     def score(self, samples):
        ...         return [len(s.completion_text) for s in samples]
        >>> rewarder = Rewarder({"rm": Length()}, chain(Select("rm"), Center()))
        >>> asyncio.run(score_group(rewarder, (Sample("p", text, "q") for text in ("a", "bcd")))).advantage.tolist()
        [-1.0, 1.0]
    """
    with abort_peers_on_error(rewarder):
        if not takes_credit:
            check_no_credit(rewarder.combiner, _OWNER)
        group = list(samples)
        if rewarder.equal_prompts:
            check_group_prompts([sample.prompt for sample in group], ["group"] * len(group))
    outputs = await run_sources_in_thread(rewarder, group)
    return rewarder.combine(outputs, ["group"] * len(group), update_state=update_state)


def returns_advantages(output: RewardOutput) -> bool:
    """Return whether a step of the chain, such as `Center` or `Standardize`, turned rewards into advantages."""
    return any(produces_advantage(done.step) for done in output.trace)


def trainer_values(output: RewardOutput) -> Array:
    """Return what a trainer that normalizes by itself gets in place of rewards, (N,): the output of the chain.

    It is an advantage if the chain produces advantages, else a reward; NaN for a row without one.
    """
    return output.advantage if returns_advantages(output) else output.reward


def nan_to_none(values: Array) -> list[float | None]:
    """Return a list of floats with None in place of NaN and infinities: a missing reward for trainers and JSON.

    Example:
        >>> nan_to_none(np.array([1.0, np.nan]))
        [1.0, None]
    """
    return [float(x) if np.isfinite(x) else None for x in values]


def trainer_values_filled(output: RewardOutput) -> list[float]:
    """Return `trainer_values` without gaps, for trainers that accept no missing reward.

    A row without an advantage gets 0; a row without a reward gets the mean reward of its group. A trainer that subtracts
    the group's mean then gives both advantage 0, and leaves the other rows of the group as they would be without it.

    Example:
        >>> from herokit import Rewarder, Select
        >>> class Length:
        ...     def score(self, samples):
        ...         return [float(len(s.completion_text)) if s.completion_text else float("nan") for s in samples]
        >>> samples = [Sample("p", text, "q") for text in ("a", "bcd", "")]
        >>> trainer_values_filled(Rewarder({"rm": Length()}, Select("rm"))(samples))
        [1.0, 3.0, 2.0]
    """
    if returns_advantages(output):
        return [float(x) for x in np.nan_to_num(output.advantage)]
    rewards: dict[Hashable, list[float]] = {}
    for key, x in zip(output.group_keys, output.reward, strict=True):
        rewards.setdefault(key, []).extend([float(x)] if np.isfinite(x) else [])
    means = {key: sum(values) / len(values) if values else 0.0 for key, values in rewards.items()}
    return [float(x) if np.isfinite(x) else means[key] for key, x in zip(output.group_keys, output.reward, strict=True)]


def token_advantages(
    output: RewardOutput,
    masks: Sequence[Sequence[float]],
    start: int = 0,
    names: Sequence[str] = (),
    *,
    spans: Sequence[Sequence[Span] | None] | None = None,
) -> list[Floats]:
    """Return the advantage of every token of some rollouts, from the credit of their parts.

    A token that the policy did not write gets 0; so does every token of a row without an advantage, and of one that the trainer
    leaves out of its loss as a whole, because the mask then no longer shows the parts.

    Args:
        output: of a chain that ends with credit.
        masks: one list a rollout, not 0 for tokens of the policy. Runs of them are the parts, unless the samples have spans.
        start: the row of the first of these rollouts in the output.
        names: what messages call these rollouts; without them their rows in the output.
        spans: for each of these rollouts the tokens of its parts, if they are known; None for one where they are not.

    Raises:
        DataError: the masks show another number of parts than the credit has; the message has the name and both numbers.

    Example:
        >>> from herokit import Sample, Select, Verdict, chain
        >>> from herokit.combiners import ForParts
        >>> class Turns:
        ...     def verify(self, samples):
        ...         return [Verdict(1.0, parts=(Verdict(1.0), Verdict(float(s.completion)))) for s in samples]
        >>> output = Rewarder({"turn": Turns()}, chain(ForParts(Select("turn"))))([Sample("p", n, "q") for n in "01"])
        >>> [row.tolist() for row in token_advantages(output, [[1, 0, 1], [1, 1, 0, 1]])]
        [[0.25, 0.0, -0.75], [0.25, 0.25, 0.0, 0.25]]
    """
    assert output.credit is not None  # noqa: S101 - the caller has asked for it
    stop = start + len(masks)
    credit, arrays = output.credit.rows(start, stop), [np.asarray(mask) for mask in masks]
    used = [bool(valid) and mask.any() for valid, mask in zip(output.valid[start:stop].tolist(), arrays, strict=True)]
    unknown = [None] * len(masks)
    places = [
        (known or own) if here else [(0, 0)] * count
        for here, known, own, count in zip(used, spans or unknown, credit.spans or unknown, credit.counts, strict=True)
    ]
    trained = [(mask * here).tolist() for here, mask in zip(used, arrays, strict=True)]
    return credit.tokens(trained, places, names=names or [f"row {row}" for row in range(start, stop)])


def find_step_spans(
    output: RewardOutput,
    samples: Sequence[Sample],
    tokenizer: Any,
    token_ids: Sequence[Sequence[int]],
    masks: Sequence[Sequence[float]],
    start: int = 0,
) -> tuple[list[Sequence[Span] | None], dict[int, str]]:
    """Return for each rollout the tokens of its steps, if a process reward model gives places of steps, and the rows that have none.

    Args:
        output: of a chain that ends with credit.
        samples: of these rollouts.
        tokenizer: the policy's.
        token_ids: one list a rollout, the tokens of its response.
        masks: one list a rollout, not 0 for tokens of the policy.
        start: the row of the first of these rollouts in the output.

    Returns:
        The tokens of the steps of each rollout, None for one without steps; and row -> why the tokens of its steps cannot be found,
        for `remove_credit`.
    """
    assert output.credit is not None  # noqa: S101 - the caller has asked for it
    spans: list[Sequence[Span] | None] = [None] * len(samples)
    problems: dict[int, str] = {}
    columns = [steps for scores in output.scores.values() if (steps := scores.steps) is not None]
    columns = [steps for steps in columns if any(isinstance(row, StepScores) and row.spans for row in steps)]
    for number, (sample, ids, mask) in enumerate(zip(samples, token_ids, masks, strict=True)):
        row, count = start + number, output.credit.counts[start + number]
        rows = [row_steps for steps in columns if len(row_steps := steps[row] or ()) == count]
        if not (rows and output.valid[row] and any(mask)):
            continue
        places = next((x.spans for x in rows if isinstance(x, StepScores) and x.spans), None)
        if places is None:
            problems[row] = f"row {row}: the places of its {count} steps in its text are not known"
            continue
        try:
            spans[number] = step_tokens(sample, places, tokenizer, ids, mask, name=f"row {row}")
        except DataError as error:
            problems[row] = str(error)
    return spans, problems


def remove_credit(output: RewardOutput, problems: Mapping[int, str]) -> RewardOutput:
    """Return the output with some rows as rows without a reward, whose tokens get 0; the others keep what they have.

    Args:
        output: of a chain that ends with credit.
        problems: row -> why it has no credit, which `RewardOutput.problems` repeats.
    """
    assert output.credit is not None  # noqa: S101 - the caller has asked for it
    if not problems:
        return output
    rows = list(problems)
    is_removed = np.isin(np.arange(len(output.valid)), rows)
    values = np.where(np.repeat(is_removed, output.credit.counts), np.nan, output.credit.values)
    return replace(
        output,
        reward=np.where(is_removed, np.nan, output.reward),
        advantage=np.where(is_removed, np.nan, output.advantage),
        valid=output.valid & ~is_removed,
        kept=output.kept & ~is_removed,
        credit=replace(output.credit, values=values),
        row_problems={**output.row_problems, **problems},
    )


def turn_spans(messages: Iterable[tuple[bool, int]]) -> list[Span]:
    """Return the token spans of the turns of a conversation, by the rule of `Sample.turns`.

    Messages of the policy that follow each other are one turn; those of the world before the first turn belong to none. A turn
    without tokens has an empty span.

    Args:
        messages: for each message whether the policy wrote it, and how many tokens it has in the trainer's row.

    Example:
        >>> turn_spans([(True, 2), (False, 3), (True, 1), (True, 4), (False, 1), (True, 0)])
        [(0, 2), (5, 10), (11, 11)]
    """
    spans: list[Span] = []
    end, is_open = 0, False
    for is_policy, count in messages:
        start, end = end, end + count
        if is_policy:
            spans.append((spans.pop()[0] if is_open else start, end))
        is_open = is_policy
    return spans


def save_state(rewarder: Rewarder, folder: str | Path) -> Path:
    """Write the rewarder's state into a checkpoint's folder, atomically, and return the file.

    Raises:
        OSError: the folder cannot be written.
    """
    path = Path(folder) / _STATE_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.partial")
    partial.write_text(json.dumps(rewarder.state_dict()), encoding="utf-8")
    partial.replace(path)
    return path


def load_state(rewarder: Rewarder, folder: str | Path) -> bool:
    """Restore the rewarder's state from a checkpoint's folder; return False if the folder has none.

    Raises:
        ConfigError: the file is broken, or belongs to another chain; the message names it.
    """
    path = Path(folder) / _STATE_FILE
    if not path.is_file():
        return False
    try:
        rewarder.load_state_dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, AttributeError) as error:
        raise ConfigError(f"{path}: {error}") from error
    return True

"""Samples, groups, values and state: the parts that every adapter is built from.

Trainers call rewards in three ways. An adapter supports one of them and stays thin.

1. **One batch per call** (TRL, ms-swift, open-instruct, tinker-cookbook): `make_samples` makes samples,
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

- A group is identified by position or by an id, never by the text of the prompt.
- A row without a reward is NaN in `RewardOutput` and None for a trainer, never 0. A trainer that accepts no None gets
  advantage 0 and, where it has one, a mask.
- Only training updates the state: evaluation passes ``update_state=False``. The state is saved with the trainer's
  checkpoints (`save_state`, `load_state`).
- `check_normalization` says which steps the trainer would cancel, and `metrics.metrics` gives the numbers to log.
- A process that combines runs the sources with `Rewarder.run_sources`, which ends the wait of the other ranks after an
  error. A process that only runs sources uses `rows.score_one` or `microbatch.MicroBatcher`: no rank waits for it.
- What a user constructs takes a `RewarderLike`: `to_rewarder` makes the `Rewarder`.
- ``INFO`` (`info.AdapterInfo`) describes the adapter; ``python docs/make_adapters.py`` writes
  docs/reference/adapters.md from it.
"""

import asyncio
import json
import os
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from herokit.combiners import produces_advantage
from herokit.config import Scheme, load_scheme
from herokit.distributed import abort_peers_on_error
from herokit.errors import ConfigError, DataError, did_you_mean
from herokit.outcome import RewardOutput
from herokit.rewarder import Rewarder
from herokit.types import Array, Sample

__all__ = [
    "REFERENCE_COLUMNS",
    "RewarderLike",
    "RewarderMixin",
    "check_complete_groups",
    "find_reference",
    "group_ids_by_position",
    "load_state",
    "make_samples",
    "message_text",
    "nan_to_none",
    "reference_text",
    "returns_advantages",
    "save_state",
    "score_group",
    "to_rewarder",
    "trainer_values",
    "trainer_values_filled",
]

REFERENCE_COLUMNS = ("reference", "answer", "solution", "ground_truth", "gold", "gold_answer", "target", "label")
"""Usual names of the column of reference answers; adapters take the first one that is present."""

_STATE_FILE = "herokit_state.json"
"""The file in a checkpoint's folder that holds the rewarder's state."""

RewarderLike: TypeAlias = Rewarder | Scheme | str | Path
"""What adapters take as a rewarder: a `Rewarder`, a `Scheme`, or the path or name of one, as in `load_scheme`."""


def to_rewarder(value: RewarderLike) -> Rewarder:
    """Return a rewarder as it is, and a new one, with a fresh state, for a scheme or its path or name.

    Raises:
        ConfigError: the value is none of these, or the scheme cannot be loaded.

    Example:
        >>> from herokit import Select
        >>> to_rewarder(Select("verifier"))
        Traceback (most recent call last):
        ...
        herokit.errors.ConfigError: expected a Rewarder, a Scheme, or the path or name of a scheme, got Select(signal='verifier'); \
write Rewarder(sources, chain) with sources such as {"verifier": MathVerifier()}
    """
    if isinstance(value, Rewarder):
        return value
    if isinstance(value, Scheme):
        return value.rewarder()
    if isinstance(value, str | Path):
        return load_scheme(value).rewarder()
    raise ConfigError(
        f"expected a Rewarder, a Scheme, or the path or name of a scheme, got {value!r:.200}; "
        'write Rewarder(sources, chain) with sources such as {"verifier": MathVerifier()}'
    )


class RewarderMixin:
    """Base of mixins that have a rewarder: ``class Trainer(GroupRewardMixin, Base, herokit="hero.toml")``.

    The class argument `herokit` is a rewarder, a scheme, or the path or name of a scheme. All instances of the class share the
    rewarder. An attribute ``herokit = rewarder`` of the class or of an instance does the same.

    Attributes:
        herokit: the rewarder.
    """

    herokit: Rewarder

    def __init_subclass__(cls, *, herokit: RewarderLike | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if herokit is not None:
            cls.herokit = to_rewarder(herokit)


def make_samples(
    prompts: Sequence[Any],
    completions: Sequence[Any],
    group_keys: Sequence[Hashable],
    columns: Mapping[str, Sequence[Any]] | None = None,
    *,
    reference: str | Sequence[str] = REFERENCE_COLUMNS,
) -> list[Sample]:
    """Make N samples from what a trainer passes.

    Args:
        prompts: N texts or lists of chat messages. The texts of a chat are joined by newlines, and its messages are kept
            in ``meta["messages"]``, followed by those of the completion.
        completions: N texts or lists of chat messages; of several messages, the last text is judged.
        group_keys: the group of every row, N; see `group_ids_by_position`.
        columns: the columns of the data set, N values each; every sample has its own values in `meta`.
        reference: the column of reference answers, or several names of which the first present is used.

    Raises:
        DataError: lengths differ, or a prompt, completion or reference has another type; the message names the row.
        ConfigError: the named reference column is missing.

    Example:
        >>> chat = [{"role": "user", "content": "1 + 1?"}]
        >>> answer = [{"role": "assistant", "content": "2"}]
        >>> sample = make_samples([chat], [answer], ["q1"], {"answer": [2]})[0]
        >>> sample.prompt, sample.completion, sample.reference
        ('1 + 1?', '2', '2')
    """
    columns = columns or {}
    lengths = {"prompts": len(prompts), "completions": len(completions), "group_keys": len(group_keys)}
    lengths |= {f"column {name!r}": len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(f"lengths differ: expected one value per rollout in each, got {lengths}")
    reference_column = _reference_column(columns, reference)
    samples = []
    for row, (prompt, completion, key) in enumerate(zip(prompts, completions, group_keys, strict=True)):
        meta = {name: values[row] for name, values in columns.items()}
        prompt_text = message_text(prompt, f"row {row}: prompt")
        completion_text = message_text(completion, f"row {row}: completion", last=True)
        if not isinstance(prompt, str):
            tail = completion if not isinstance(completion, str) else [{"role": "assistant", "content": completion}]
            meta["messages"] = [*prompt, *tail]
        answer = None
        if reference_column is not None:
            answer = _checked_reference(meta[reference_column], f"row {row}: column {reference_column!r}")
        samples.append(Sample(prompt_text, completion_text, key, answer, meta))
    return samples


def _reference_column(columns: Mapping[str, Sequence[Any]], reference: str | Sequence[str]) -> str | None:
    if not isinstance(reference, str):
        return next((name for name in reference if name in columns), None)
    if reference not in columns:
        raise ConfigError(f"no column {reference!r} for the reference; {did_you_mean(reference, list(columns))}")
    return reference


def message_text(value: Any, location: str, *, last: bool = False) -> str:
    r"""Return the text of a text or of chat messages.

    Args:
        value: a text, or messages ``{role, content}``. The content is a text, None, or a list of parts, of which the
            text parts are read.
        location: the place in the input, for messages.
        last: return the last message that has text, instead of all texts joined by newlines.

    Raises:
        DataError: `value` is neither text nor messages.

    Example:
        >>> message_text([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}], "prompt")
        'Be brief.\nHi'
    """
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple) and all(isinstance(message, Mapping) for message in value):
        contents = [_content_text(message.get("content"), location) for message in value]
        texts = [text for text in contents if text is not None]
        return (texts[-1] if texts else "") if last else "\n".join(texts)
    raise DataError(f"{location} must be text or chat messages, got {value!r}"[:300])


def _content_text(content: Any, location: str) -> str | None:
    if content is None or isinstance(content, str):
        return content
    if isinstance(content, list | tuple) and all(isinstance(part, Mapping) for part in content):
        return "".join(str(part.get("text", "")) for part in content if part.get("type", "text") == "text")
    raise DataError(f"{location}: the content of a message must be text, got {content!r}"[:300])


def _checked_reference(value: Any, location: str) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int | float | np.number):
        return reference_text(value)
    raise DataError(
        f"{location} must be text or a number to be a reference, got {type(value).__name__}; "
        "name another column with reference=..., or pass reference=() and read the column from meta"
    )


def find_reference(fields: Mapping[str, Any], reference: str | Sequence[str] = REFERENCE_COLUMNS) -> str | None:
    """Return the reference answer of one row as text: the first named field that has a value, else None.

    Example:
        >>> find_reference({"answer": 4}), find_reference({"label": None})
        ('4', None)
    """
    names = (reference,) if isinstance(reference, str) else reference
    values = (fields.get(name) for name in names)
    return next((text for value in values if (text := reference_text(value))), None)


def reference_text(value: Any) -> str | None:
    """Return a reference answer as text; None for None and for NaN, which marks a missing value in data frames.

    Example:
        >>> reference_text(4), reference_text(float("nan"))
        ('4', None)
    """
    missing = value is None or (isinstance(value, float | np.floating) and np.isnan(value))
    return None if missing else str(value)


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


async def score_group(rewarder: Rewarder, samples: Iterable[Sample], *, update_state: bool = True) -> RewardOutput:
    """Score the samples of one group; the sources run in a thread, so the event loop is not blocked.

    Args:
        rewarder: the sources and the chain.
        samples: all rollouts of the group. Pass a generator: if reading a rollout raises, no other rank waits for this one.
        update_state: False for evaluation.

    Example:
        >>> from herokit import Center, Select, chain
        >>> class Length:
        ...     def score(self, samples):
        ...         return [len(s.completion) for s in samples]
        >>> rewarder = Rewarder({"rm": Length()}, chain(Select("rm"), Center()))
        >>> asyncio.run(score_group(rewarder, (Sample("p", text, "q") for text in ("a", "bcd")))).advantage.tolist()
        [-1.0, 1.0]
    """
    with abort_peers_on_error(rewarder):
        group = list(samples)
    outputs = await asyncio.to_thread(rewarder.run_sources, group)
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
        ...         return [float(len(s.completion)) if s.completion else float("nan") for s in samples]
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

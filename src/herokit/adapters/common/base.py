"""What every adapter shares, and how one is built.

Trainers call rewards in three ways; an adapter picks one and stays thin.

1. **A batch a call** (TRL, ms-swift, slime with group rewards, open-instruct, tinker): `samples_of` makes samples,
   `groups_by_position` or a column of group ids says who competes with whom, `check_whole` refuses groups that
   are split over calls, ``rewarder(samples, update_state=training)`` scores them, `final` is what the trainer gets.
2. **A sample a call, the batch in the driver** (verl, SkyRL, AReaL, NeMo-RL): the worker returns
   `components.score_one(rewarder, sample)`, a flat JSON-able row; the driver calls
   `components.combine_rows(rewarder, rows, keys)` with the group of each row, once for the whole batch.
3. **A sample a call, siblings in one process** (OpenRLHF, NeMo-Gym): as 2, and `cohorts.Cohorts` waits until the n
   siblings of a group are there, for a limited time.

Rules. A group is identified by position or by an id, never by the prompt's text. A row without a reward is NaN in
`RewardOutput` and None for a trainer, never 0; a trainer that knows no None gets advantage 0 and a mask. Only training moves
the state: evaluation passes ``update_state=False``. The state travels with the trainer's checkpoints (`save_state`,
`load_state`). `normalization.check_normalization` says which steps the trainer would undo. `metrics.metrics` gives
the numbers to log. A module's ``SUPPORT`` (`support.Support`) says how far it was tried; docs/reference/adapters.md is
written from it by ``python docs/make_adapters.py``.
"""

import json
import os
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from herokit.combiners import produces_advantage
from herokit.errors import ConfigError, DataError, did_you_mean
from herokit.outcome import RewardOutput
from herokit.rewarder import Rewarder
from herokit.types import Array, Sample

REFERENCES = ("reference", "answer", "solution", "ground_truth", "gold", "gold_answer", "target", "label")
"""Names that a column of gold answers usually has; the first one present is taken."""

STATE_FILE = "herokit_state.json"
"""The file in a checkpoint's folder that holds the rewarder's state."""


def samples_of(
    prompts: Sequence[Any],
    completions: Sequence[Any],
    keys: Sequence[Hashable],
    columns: Mapping[str, Sequence[Any]] | None = None,
    *,
    reference: str | Sequence[str] = REFERENCES,
) -> list[Sample]:
    """Make N samples of what a trainer passes.

    Args:
        prompts: N texts or lists of chat messages; a chat's texts are joined, its messages are kept in
            ``meta["messages"]``, the completion's behind them.
        completions: N texts or lists of chat messages; of messages, the last text is judged.
        keys: N group keys; see `groups_by_position`.
        columns: the data set's columns, N values each; every sample has its own in `meta`.
        reference: the column of gold answers, or several names of which the first one present is taken.

    Raises:
        DataError: lengths differ, or a prompt, completion or gold answer is of another type; the message names the row.
        ConfigError: a named reference column is not there.

    Example:
        >>> chat = [{"role": "user", "content": "1 + 1?"}]
        >>> answer = [{"role": "assistant", "content": "2"}]
        >>> sample = samples_of([chat], [answer], ["q1"], {"answer": [2]})[0]
        >>> sample.prompt, sample.completion, sample.reference
        ('1 + 1?', '2', '2')
    """
    columns = columns or {}
    lengths = {"prompts": len(prompts), "completions": len(completions), "keys": len(keys)}
    lengths |= {f"column {name!r}": len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(f"a batch needs one value a rollout everywhere, got {lengths}")
    if isinstance(reference, str):
        if reference not in columns:
            raise ConfigError(f"no column {reference!r} for the reference; {did_you_mean(reference, list(columns))}")
        chosen: str | None = reference
    else:
        chosen = next((name for name in reference if name in columns), None)
    samples = []
    for row, (prompt, completion, key) in enumerate(zip(prompts, completions, keys, strict=True)):
        meta = {name: values[row] for name, values in columns.items()}
        if not isinstance(prompt, str):
            tail = completion if not isinstance(completion, str) else [{"role": "assistant", "content": completion}]
            meta["messages"] = [*prompt, *tail]
        samples.append(
            Sample(
                text_of(prompt, f"row {row}: prompt"),
                text_of(completion, f"row {row}: completion", last=True),
                key,
                None if chosen is None else _gold(meta[chosen], f"row {row}: column {chosen!r}"),
                meta,
            )
        )
    return samples


def text_of(value: Any, where: str, *, last: bool = False) -> str:
    r"""Read text or chat messages.

    Args:
        value: a text, or messages ``{role, content}`` whose content is a text, None, or parts of which the texts count.
        where: the place, for messages.
        last: take the last message that has text instead of joining all by newlines.

    Raises:
        DataError: it is neither.

    Example:
        >>> text_of([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}], "prompt")
        'Be brief.\nHi'
    """
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple) and all(isinstance(message, Mapping) for message in value):
        read = [_content(message.get("content"), where) for message in value]
        texts = [text for text in read if text is not None]
        return (texts[-1] if texts else "") if last else "\n".join(texts)
    raise DataError(f"{where} must be text or chat messages, got {value!r}"[:300])


def _content(content: Any, where: str) -> str | None:
    if content is None or isinstance(content, str):
        return content
    if isinstance(content, list | tuple) and all(isinstance(part, Mapping) for part in content):
        return "".join(str(part.get("text", "")) for part in content if part.get("type", "text") == "text")
    raise DataError(f"{where}: a message's content must be text, got {content!r}"[:300])


def _gold(value: Any, where: str) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int | float | np.number):
        return as_gold(value)
    raise DataError(
        f"{where} must be text or a number to be a reference, got {type(value).__name__}; "
        "name another column with reference=..., or pass reference=() and read the column from meta"
    )


def gold_of(fields: Mapping[str, Any], reference: str | Sequence[str] = REFERENCES) -> str | None:
    """Return one row's gold answer as text: the first of the named fields that holds something, NaN is nothing; else None.

    Example:
        >>> gold_of({"answer": 4}), gold_of({"label": None})
        ('4', None)
    """
    names = (reference,) if isinstance(reference, str) else reference
    values = (fields.get(name) for name in names)
    return next((text for value in values if (text := as_gold(value))), None)


def as_gold(value: Any) -> str | None:
    """Return a gold answer as text; None and NaN, a data frame's mark for a missing value, are none.

    Example:
        >>> as_gold(4), as_gold(float("nan"))
        ('4', None)
    """
    missing = value is None or (isinstance(value, float | np.floating) and np.isnan(value))
    return None if missing else str(value)


def groups_by_position(
    count: int, size: int, uids: Sequence[Hashable] | None = None, *, owner: str, fix: str
) -> list[Hashable]:
    """Give every `size` consecutive rows one group key, its number; for trainers that lay groups side by side.

    Args:
        count: rows of this call.
        size: rollouts a prompt.
        uids: ids of the rows, if the data set has them: then each block must have one id.
        owner: who calls, for messages, e.g. ``"TRL, rank 0"``.
        fix: what to set so that it fits, ending the message.

    Raises:
        ConfigError: the rows are not whole groups.

    Example:
        >>> groups_by_position(4, 2, owner="here", fix="")
        [0, 0, 1, 1]
        >>> groups_by_position(3, 2, owner="rank 0", fix="make batch_size a multiple of 2")
        Traceback (most recent call last):
        ...
        herokit.errors.ConfigError: rank 0: 3 rollouts are no whole groups of 2; make batch_size a multiple of 2
    """
    if size < 1 or count % size:
        raise ConfigError(f"{owner}: {count} rollouts are no whole groups of {size}; {fix}")
    for start in range(0, count if uids is not None else 0, size):
        found = dict.fromkeys((uids or ())[start : start + size])
        if len(found) > 1:
            raise ConfigError(
                f"{owner}: rows {start} to {start + size - 1} should be one group of {size}, "
                f"and have ids {list(found)}; {fix}"
            )
    return [row // size for row in range(count)]


def check_whole(keys: Sequence[Hashable], size: int, *, owner: str, fix: str) -> None:
    """Refuse a batch in which a group has more or fewer than `size` rollouts.

    Args:
        keys: the group of every row.
        size: rollouts a prompt.
        owner: who calls, for messages.
        fix: what to set so that it fits, ending the message.

    Raises:
        ConfigError: a group is not whole; the message names it and what to set.

    Example:
        >>> check_whole(["a", "a", "b"], 2, owner="verl", fix="do not filter rollouts before the reward")
        Traceback (most recent call last):
        ...
        herokit.errors.ConfigError: verl: group 'b' has 1 of 2 rollouts in one call; do not filter rollouts before the reward
    """
    for key, found in Counter(keys).items():
        if found != size:
            raise ConfigError(f"{owner}: group {key!r} has {found} of {size} rollouts in one call; {fix}")


def reaches_advantages(outcome: RewardOutput) -> bool:
    """Say whether the chain made advantages of rewards, with a step such as `Center` or `Standardize`."""
    return any(produces_advantage(done.step) for done in outcome.trace)


def final(outcome: RewardOutput) -> Array:
    """Return the chain's output, (N,): an advantage if the chain reaches advantages, else a reward; NaN for neither.

    It is what a trainer that normalizes by itself is given in place of a reward.
    """
    return outcome.advantage if reaches_advantages(outcome) else outcome.reward


def nullable(values: Array) -> list[float | None]:
    """Return floats with None in place of NaN: a row without a reward, as trainers and JSON know it.

    Example:
        >>> nullable(np.array([1.0, np.nan]))
        [1.0, None]
    """
    return [float(x) if np.isfinite(x) else None for x in values]


def filled(outcome: RewardOutput) -> list[float]:
    """Return `final` with a neutral number in place of None, for trainers that know no missing reward.

    A row without an advantage gets 0, one without a reward its group's mean reward: a trainer that centres in the group
    gives both advantage 0 and leaves every sibling's as it would be without them.

    Example:
        >>> from herokit import Rewarder, Select
        >>> class Length:
        ...     def score(self, samples):
        ...         return [float(len(s.completion)) if s.completion else float("nan") for s in samples]
        >>> filled(Rewarder({"rm": Length()}, Select("rm"))([Sample("p", text, "q") for text in ("a", "bcd", "")]))
        [1.0, 3.0, 2.0]
    """
    if reaches_advantages(outcome):
        return [float(x) for x in np.nan_to_num(outcome.advantage)]
    known: dict[Hashable, list[float]] = {}
    for key, x in zip(outcome.group_keys, outcome.reward, strict=True):
        known.setdefault(key, []).extend([float(x)] if np.isfinite(x) else [])
    means = {key: sum(values) / len(values) if values else 0.0 for key, values in known.items()}
    return [
        float(x) if np.isfinite(x) else means[key] for key, x in zip(outcome.group_keys, outcome.reward, strict=True)
    ]


def save_state(rewarder: Rewarder, folder: str | Path) -> Path:
    """Write the rewarder's state into a checkpoint's folder, whole or not at all.

    Raises:
        OSError: the folder cannot be written.
    """
    path = Path(folder) / STATE_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.partial")
    partial.write_text(json.dumps(rewarder.state_dict()), encoding="utf-8")
    partial.replace(path)
    return path


def load_state(rewarder: Rewarder, folder: str | Path) -> bool:
    """Go on from the state in a checkpoint's folder; False if it holds none.

    Raises:
        ConfigError: the file is broken, or of another chain; the message names it.
    """
    path = Path(folder) / STATE_FILE
    if not path.is_file():
        return False
    try:
        rewarder.load_state_dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, AttributeError) as error:
        raise ConfigError(f"{path}: {error}") from error
    return True

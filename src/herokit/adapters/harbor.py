"""Reader of Harbor's trials (read at 0.25.0): what the verifier of each task wrote, and what the agent did."""

import json
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import replace
from numbers import Real
from pathlib import Path
from typing import Any

from herokit.conversations import read_conversation
from herokit.errors import DataError
from herokit.types import Sample, is_valid_score

__all__ = ["read_trials"]

_MAX_REWARD_BYTES = 1_000_000
"""Bytes of a reward file, which was written where the agent worked."""

_MAX_FILE_BYTES = 64_000_000
"""Bytes of a trajectory or of a result."""

_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)  # Windows has neither

_MAX_DEPTH = 2
"""Trials lie in a folder, in a job, or in a folder of jobs."""

_TRIAL_FOLDERS = frozenset({"agent", "artifacts", "steps", "verifier"})
"""What a trial consists of. The agent writes there, so nothing in them is a trial."""

_AGENT_ERRORS = frozenset(
    {
        "AgentTimeoutError",
        "ContextWindowExceededError",
        "OutputTokenExceededError",
        "ContextLengthExceededError",
        "OutputLengthExceededError",
        "AgentSafetyRefusalError",
        "ContentPolicyViolationError",
    }
)
"""The exceptions of a trial after which Harbor holds its reward for valid: the agent caused them."""


def read_trials(folder: str | Path) -> list[Sample]:
    """Return a sample for each trial of a job of Harbor, in the order of their paths.

    Prompt and completion are those of ``agent/trajectory.json`` (ATIF); without it the completion is empty, and only columns can be
    read. The group is the task. `Sample.meta` has every reward by its name (``reward`` where there is one), so `ScoreColumn` and
    `VerdictColumn` read it; ``trial``, and ``error``: why a reward or the trajectory is missing, None if nothing is. A reward that has
    one of these two names is left out.

    A trial has the rewards of its ``result.json``; where there is no such file, those of ``verifier/reward.json``, else of
    ``verifier/reward.txt``, which the agent can write. It has none, and so fails, if they are missing, empty or no finite number, or if
    the trial ended with an exception that the agent did not cause.

    Only regular files are read, no links: 64 MB of a trajectory or a result, 1 MB of a reward. Folders named ``agent``, ``artifacts``,
    ``steps`` or ``verifier`` in the given one are no trials and no jobs.

    Args:
        folder: of a trial, of a job, or of several jobs.

    Raises:
        DataError: there is no trial in it.
    """
    root = Path(folder)
    trials = _find_trials(root, _MAX_DEPTH)
    if not trials:
        raise DataError(
            f"{root}: no trial of Harbor; expected folders with result.json, or with verifier/reward.json or reward.txt"
        )
    return _with_prompts([_read_trial(trial) for trial in trials])


def _find_trials(place: Path, depth: int) -> list[Path]:
    if _is_trial(place):
        return [place]
    inner = sorted(place.glob("*")) if depth else []
    return [trial for path in inner if path.name not in _TRIAL_FOLDERS for trial in _find_trials(path, depth - 1)]


def _is_trial(place: Path) -> bool:
    if any(os.path.lexists(place / "verifier" / name) for name in ("reward.json", "reward.txt")):
        return True
    result = _read_json(place / "result.json")
    return isinstance(result, Mapping) and "trial_name" in result


def _with_prompts(samples: Sequence[Sample]) -> list[Sample]:
    """Give a trial without a trajectory the prompt of another trial of its task."""
    prompts = {sample.group: sample.prompt for sample in reversed(samples) if sample.prompt}
    return [sample if sample.prompt else replace(sample, prompt=prompts.get(sample.group, "")) for sample in samples]


def _read_trial(folder: Path) -> Sample:
    result = _read_json(folder / "result.json")
    result = result if isinstance(result, Mapping) else {}
    rewards, problem = _read_rewards(folder, result)
    prompt: Any = ""
    completion: Any = ""
    facts: dict[str, Any] = {}
    trajectory = _read_json(folder / "agent" / "trajectory.json")
    if trajectory is None:
        problem = problem or "no trajectory: agent/trajectory.json is missing, or cannot be read"
    else:
        try:
            rollout = read_conversation(trajectory, "atif", place=str(folder))
            prompt, completion, facts["num_tokens"] = rollout.prompt, rollout.completion, rollout.num_tokens
        except DataError as error:
            problem = problem or f"no trajectory: {error}"
    meta = {**rewards, "trial": folder.name, "error": problem}
    return Sample(prompt, completion, _task_name(folder, result), meta=meta, **facts)


def _task_name(folder: Path, result: Mapping[str, Any]) -> str:
    name = result.get("task_name")
    return name if isinstance(name, str) and name else folder.name.rpartition("__")[0] or folder.name


def _read_rewards(folder: Path, result: Mapping[str, Any]) -> tuple[dict[str, float], str | None]:
    """Return the rewards of a trial by name; none, and why, if it has none that is valid."""
    steps = result.get("step_results")
    endings = [result, *(step for step in (steps if isinstance(steps, list) else []) if isinstance(step, Mapping))]
    for ending in endings:
        raised = ending.get("exception_info")
        if isinstance(raised, Mapping) and str(raised.get("exception_type")) not in _AGENT_ERRORS:
            return {}, f"the trial ended with {raised.get('exception_type')}: {raised.get('exception_message')}"[:300]
    if os.path.lexists(folder / "result.json"):  # then no verifier wrote a reward that is only in a file
        verified = result.get("verifier_result")
        rewards = verified.get("rewards") if isinstance(verified, Mapping) else None
        if not isinstance(rewards, Mapping) or not rewards:
            return {}, "result.json has no rewards of the verifier, or cannot be read"
    else:
        rewards = _read_reward_file(folder / "verifier")
    if rewards is None:
        return {}, "no reward was written, or its file cannot be read"
    rewards = rewards if isinstance(rewards, Mapping) else {"reward": rewards}
    for name, value in rewards.items():
        if not isinstance(value, Real) or not is_valid_score(value):
            return {}, f"the reward {name!r} is {value!r:.80}; expected a finite number"
    return {str(name): float(value) for name, value in rewards.items()}, None if rewards else "no reward was written"


def _read_reward_file(folder: Path) -> Any:
    """Return what ``reward.json`` or ``reward.txt`` says; the text as it is if it is no number."""
    if os.path.lexists(folder / "reward.json"):
        return _read_json(folder / "reward.json", _MAX_REWARD_BYTES)
    text = _read_text(folder / "reward.txt", _MAX_REWARD_BYTES)
    try:
        return None if text is None else float(text)
    except ValueError:
        return text


def _read_json(path: Path, max_bytes: int = _MAX_FILE_BYTES) -> Any:
    """Return the value of a file; None if it cannot be read."""
    text = _read_text(path, max_bytes)
    try:
        return None if text is None else json.loads(text)
    except (ValueError, RecursionError):
        return None


def _read_text(path: Path, max_bytes: int) -> str | None:
    """Return the text of a regular file; None if it is missing, a link, something else (a pipe, a device), or larger."""
    try:
        descriptor = os.open(path, _OPEN_FLAGS)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        with open(descriptor, "rb", closefd=False) as file:
            content = file.read(max_bytes + 1)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return None if len(content) > max_bytes else content.decode("utf-8", errors="replace")

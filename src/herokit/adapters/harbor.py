"""Reader of Harbor's trials (read at 0.25.0): what the verifier of each task wrote, and what the agent did."""

import json
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

_MAX_DEPTH = 2
"""Trials lie in a folder, in a job, or in a folder of jobs."""

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
    `VerdictColumn` read it; ``trial``, and ``error``: why a reward or the trajectory is missing, None if nothing is.

    A trial has the rewards of its ``result.json``, else of ``verifier/reward.json``, else of ``verifier/reward.txt``. It has none, and so
    fails, if the file is missing, empty or no finite number, or if the trial ended with an exception that the agent did not cause.

    Args:
        folder: of a trial, of a job, or of several jobs.

    Raises:
        DataError: there is no trial in it.
    """
    root = Path(folder)
    places = [root]
    for depth in range(1, _MAX_DEPTH + 1):
        places += root.glob("/".join("*" * depth))
    trials: list[Path] = []
    for place in sorted(places):
        if not (trials and trials[-1] in place.parents) and _is_trial(place):  # the steps of a trial are none
            trials.append(place)
    if not trials:
        raise DataError(
            f"{root}: no trial of Harbor; expected folders with result.json, or with verifier/reward.json or reward.txt"
        )
    return _with_prompts([_read_trial(trial) for trial in trials])


def _is_trial(place: Path) -> bool:
    if any((place / "verifier" / name).is_file() for name in ("reward.json", "reward.txt")):
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
    try:
        rollout = read_conversation(_read_json(folder / "agent" / "trajectory.json"), "atif", place=str(folder))
        prompt, completion, facts["num_tokens"] = rollout.prompt, rollout.completion, rollout.num_tokens
    except DataError as error:
        problem = problem or f"no trajectory: {error}"
    meta = {"trial": folder.name, "error": problem, **rewards}
    return Sample(prompt, completion, _task_name(folder, result), meta=meta, **facts)


def _task_name(folder: Path, result: Mapping[str, Any]) -> str:
    name = result.get("task_name")
    return name if isinstance(name, str) and name else folder.name.rpartition("__")[0] or folder.name


def _read_rewards(folder: Path, result: Mapping[str, Any]) -> tuple[dict[str, float], str | None]:
    """Return the rewards of a trial by name; none, and why, if it has none that is valid."""
    steps = result.get("step_results") or []
    endings = [result, *(step for step in steps if isinstance(step, Mapping))]
    for ending in endings:
        raised = ending.get("exception_info")
        if isinstance(raised, Mapping) and raised.get("exception_type") not in _AGENT_ERRORS:
            return {}, f"the trial ended with {raised.get('exception_type')}: {raised.get('exception_message')}"[:300]
    verified = result.get("verifier_result")
    rewards = verified.get("rewards") if isinstance(verified, Mapping) else None
    if not rewards:
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
    if (folder / "reward.json").is_file():
        return _read_json(folder / "reward.json", _MAX_REWARD_BYTES)
    text = _read_text(folder / "reward.txt", _MAX_REWARD_BYTES)
    try:
        return None if text is None else float(text)
    except ValueError:
        return text


def _read_json(path: Path, max_bytes: int | None = None) -> Any:
    """Return the value of a file; None if it cannot be read."""
    text = _read_text(path, max_bytes)
    try:
        return None if text is None else json.loads(text)
    except (ValueError, RecursionError):
        return None


def _read_text(path: Path, max_bytes: int | None) -> str | None:
    """Return the text of a file; None if there is none, or if it is larger."""
    try:
        if max_bytes is not None and path.stat().st_size > max_bytes:
            return None
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None

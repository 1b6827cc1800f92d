"""What a rewarder and its sources say, as JSON has it: finite numbers, null for "cannot say", clean text."""

import math
from typing import Any, TypeAlias

from herokit.outcome import RewardOutput
from herokit.sources.execution import SourceOutputs
from herokit.types import Scores, Verdict

Row: TypeAlias = dict[str, Any]
"""What is said of one sample."""


def part(answers: SourceOutputs, begin: int, end: int) -> SourceOutputs:
    """Return the answers of the rows from `begin` to before `end`."""
    return SourceOutputs(
        {name: verdicts[begin:end] for name, verdicts in answers.verdicts.items()},
        {
            name: Scores(
                scores.values[begin:end],
                scores.statuses[begin:end],
                scores.reasons[begin:end],
                None if scores.steps is None else scores.steps[begin:end],
            )
            for name, scores in answers.scores.items()
        },
    )


def rows_of(outcome: RewardOutput) -> list[Row]:
    """Return one row a sample: reward, advantage, weight, and what every source said."""
    sources = said(SourceOutputs(outcome.verdicts, outcome.scores))
    problems = outcome.problems()
    columns = [x.tolist() for x in (outcome.reward, outcome.advantage, outcome.weight, outcome.kept)]
    return [
        {
            "reward": _number(reward),
            "advantage": _number(advantage),
            "weight": _number(weight),
            "kept": kept,
            "problem": _clean(problems.get(row, "")),
            "sources": {name: rows[row] for name, rows in sources.items()},
        }
        for row, (reward, advantage, weight, kept) in enumerate(zip(*columns, strict=True))
    ]


def said(answers: SourceOutputs) -> dict[str, list[Row]]:
    """Return what every source said: name -> one row a sample."""
    return {name: [_verdict(v) for v in verdicts] for name, verdicts in answers.verdicts.items()} | {
        name: _scores(scores) for name, scores in answers.scores.items()
    }


def _verdict(verdict: Verdict) -> Row:
    answer = None if verdict.answer is None else _clean(verdict.answer)
    return {
        "value": verdict.value,
        "status": verdict.status.value,
        "reason": _clean(verdict.reason),
        "answer": answer,
        "steps": None,
    }


def _scores(scores: Scores) -> list[Row]:
    steps = scores.steps or [None] * len(scores)
    return [
        {
            "value": _number(value),
            "status": status.value,
            "reason": _clean(reason),
            "answer": None,
            "steps": None if row is None else [_number(x) for x in row],
        }
        for value, status, reason, row in zip(
            scores.values.tolist(), scores.statuses, scores.reasons, steps, strict=True
        )
    ]


def _number(x: float) -> float | None:
    return x if math.isfinite(x) else None


def _clean(text: str) -> str:
    r"""Replace halves of surrogate pairs, which no JSON can carry.

    Example:
        >>> _clean("half \ud800 pair")
        'half ? pair'
    """
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")

"""OpenRLHF's remote reward protocol (0.11): one rollout a request, prompt and response in one text."""

from collections.abc import Sequence
from typing import Any

from herokit.adapters.openrlhf import extract_completion
from herokit.errors import DataError
from herokit.service.schemas import OpenRLHFIn, reference_of
from herokit.service.serialize import Row
from herokit.types import Sample


def samples(body: OpenRLHFIn) -> list[Sample]:
    """Read the queries as rollouts; those of one request that share prompt and label share a group.

    A query begins with its prompt, which is taken off; a query that does not is a completion as a whole.

    Raises:
        DataError: the lists have different lengths, or are empty.

    Example:
        >>> samples(OpenRLHFIn(query=["1+1? 2<|im_end|>"], prompts=["1+1?"], labels=["2"]))
        [Sample(prompt='1+1?', completion=' 2', group=('1+1?', '2'), reference='2', meta={})]
    """
    queries = [body.query] if isinstance(body.query, str) else body.query
    prompts = _list(body.prompts, len(queries), "prompts")
    labels = _list(body.labels, len(queries), "labels")
    if not queries:
        raise DataError("'query' is empty")
    found = []
    for query, given, label in zip(queries, prompts, labels, strict=True):
        prompt = given or ""
        reference = reference_of(label)
        completion = extract_completion(query, prompt)
        found.append(Sample(prompt, completion, (prompt, reference), reference))
    return found


def answer(rows: Sequence[Row], verifier: str | None) -> dict[str, Any]:
    """Say what the protocol wants: rewards, scores in [0, 1], and numbers to log.

    Scores are the verdicts of `verifier`, else the rewards. One query gets numbers, several get lists.
    """
    rewards = [row["reward"] for row in rows]
    scores = rewards if verifier is None else [row["sources"][verifier]["value"] for row in rows]
    logs = {name: [row["sources"][name]["value"] for row in rows] for name in rows[0]["sources"]}
    logs |= {name: [row[name] for row in rows] for name in ("advantage", "weight")}
    if len(rows) > 1:
        return {"rewards": rewards, "scores": scores, "extra_logs": logs}
    return {"rewards": rewards[0], "scores": scores[0], "extra_logs": {name: x[0] for name, x in logs.items()}}


def _list(values: Any, count: int, name: str) -> list[Any]:
    if values is None:
        return [None] * count
    found: list[Any] = values if isinstance(values, list) else [values]
    if len(found) != count:
        raise DataError(f"'query' has {count} entries, {name!r} has {len(found)}")
    return found

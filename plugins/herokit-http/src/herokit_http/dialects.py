"""What each kind of server is sent, and how its scores are read out of the answer."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from herokit.types import Sample
from herokit_http.rows import Lost
from herokit_http.texts import fill_in

Scores: TypeAlias = list[Any]
"""For each row a number, the numbers of its steps, or `Lost`."""


@dataclass(frozen=True, slots=True)
class Row:
    """One rollout as a server is sent it; equal rows get equal scores.

    Attributes:
        text: prompt and completion in one, as the server's model was trained on; "" where messages are sent.
        system: the system prompt of the messages, "" for none.
        prompt: the prompt.
        completion: the completion.
        reference: the gold answer, where the server judges.
        meta: the sample's other values as JSON, where the server takes them.
    """

    text: str
    system: str
    prompt: str
    completion: str
    reference: str | None
    meta: str = "{}"

    def messages(self) -> list[dict[str, str]]:
        """Return it as a chat."""
        turns = (("system", self.system), ("user", self.prompt), ("assistant", self.completion))
        return [{"role": role, "content": text} for role, text in turns if text or role != "system"]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How to talk to one kind of server.

    Attributes:
        path: comes after the URL.
        body: model name and rows -> what to send.
        read: the answer and the number of rows -> scores; whatever it raises means that the answer has another shape.
        template: how prompt and completion become one text where the user says nothing; "" demands to be told, None
            sends messages, one row a request.
        pair: the server is sent prompt and completion apart, and needs no template.
        one_prompt: the rows of a request must share their prompt.
    """

    path: str
    body: Callable[[str, Sequence[Row]], dict[str, Any]]
    read: Callable[[Any, int], Scores]
    template: str | None = ""
    pair: bool = False
    one_prompt: bool = False


def _vllm(**extra: str) -> Callable[[str, Sequence[Row]], dict[str, Any]]:
    """Return what makes the body of vLLM's /classify or /pooling.

    Raw scores are asked for under both names: vLLM ignores the one it does not know, and squashes by default.
    """

    def body(model: str, rows: Sequence[Row]) -> dict[str, Any]:
        lead = {"model": model, "use_activation": False, "activation": False, **extra}
        if rows[0].text:
            return lead | {"input": [row.text for row in rows], "add_special_tokens": False}
        return lead | {"messages": rows[0].messages(), "add_generation_prompt": False, "continue_final_message": False}

    return body


def _in_order(data: Any, count: int) -> list[Any]:
    """Sort entries by their ``index``, where they have one.

    Raises:
        ValueError: the indices are not 0 to `count` - 1.
    """
    if not isinstance(data, list):
        raise TypeError(f"expected a list, got {type(data).__name__}")
    if not all(isinstance(entry, dict) and "index" in entry for entry in data):
        return data
    places = [entry["index"] for entry in data]
    if sorted(places) != list(range(count)):
        raise ValueError(f"indices {places[:8]} for {count} rows")
    return sorted(data, key=lambda entry: int(entry["index"]))


def _scalars(values: Any) -> list[Any]:
    """Read one number, a list of them, or a list of lists of one each."""
    found = values if isinstance(values, list) else [values]
    return [x[0] if isinstance(x, list) and len(x) == 1 else x for x in found]


def _openrlhf(_: str, rows: Sequence[Row]) -> dict[str, Any]:
    labels = [row.reference for row in rows]
    return {"query": [row.text for row in rows], "prompts": [row.prompt for row in rows], "labels": labels}


def ours(_: str, rows: Sequence[Row]) -> dict[str, Any]:
    """Return what our own service is sent."""
    return {
        "samples": [
            {
                "prompt": row.prompt,
                "completion": row.completion,
                "group": place,
                "reference": row.reference,
                "meta": json.loads(row.meta),
            }
            for place, row in enumerate(rows)
        ]
    }


def _said(answer: Any, _: int) -> Scores:
    """Read our own service: a value, or the reason why there is none."""
    return [
        Lost(f"{row['status']}: {row['reason']}") if row["value"] is None else row["value"] for row in answer["rows"]
    ]


DIALECTS: dict[str, Dialect] = {
    "vllm-classify": Dialect(
        "/classify",
        _vllm(),
        lambda answer, n: [entry["probs"][-1] for entry in _in_order(answer["data"], n)],
        None,
    ),
    "vllm-pooling": Dialect(
        "/pooling",
        _vllm(task="classify", encoding_format="float"),
        lambda answer, n: [entry["data"] for entry in _in_order(answer["data"], n)],
        None,
    ),
    "vllm-token-pooling": Dialect(
        "/pooling",
        _vllm(task="token_classify", encoding_format="float"),
        lambda answer, n: [entry["data"] for entry in _in_order(answer["data"], n)],
        None,
    ),
    "vllm-score": Dialect(
        "/score",
        lambda model, rows: {
            "model": model, "use_activation": False, "activation": False,
            "text_1": [row.prompt for row in rows], "text_2": [row.completion for row in rows],
        },
        lambda answer, n: [entry["score"] for entry in _in_order(answer["data"], n)],
        pair=True,
    ),
    "sglang-classify": Dialect(
        "/classify",
        lambda model, rows: {"model": model, "text": [row.text for row in rows]},
        lambda answer, _: [entry["embedding"] for entry in answer],
    ),
    "sglang-embeddings": Dialect(
        "/v1/embeddings",
        lambda model, rows: {"model": model, "input": [row.text for row in rows]},
        lambda answer, n: [entry["embedding"] for entry in _in_order(answer["data"], n)],
    ),
    "openrlhf": Dialect(
        "/get_reward", _openrlhf, lambda answer, _: _scalars(answer["rewards"]), "{prompt}{completion}"
    ),
    "tei": Dialect(
        "/predict",
        lambda _, rows: {
            "inputs": [[row.text] for row in rows], "raw_scores": True, "truncate": True, "truncation_direction": "Left"
        },
        lambda answer, _: [entry[0]["score"] if isinstance(entry, list) else entry["score"] for entry in answer],
    ),
    "infinity-rerank": Dialect(
        "/rerank",
        lambda model, rows: {
            "model": model, "query": rows[0].prompt, "documents": [row.completion for row in rows], "raw_scores": True
        },
        lambda answer, n: [entry["relevance_score"] for entry in _in_order(answer["results"], n)],
        pair=True,
        one_prompt=True,
    ),
    "herokit": Dialect("/v1/sources/{model}", ours, _said, pair=True),
}  # fmt: skip
"""Name -> dialect."""


def row_of(sample: Sample, template: str | None, system: str, *, meta: bool = False) -> Row:
    """Write a sample as it is sent.

    Args:
        sample: the rollout.
        template: the text with ``{prompt}``, ``{completion}`` and ``{system}``; None sends messages instead.
        system: the system prompt.
        meta: whether the sample's other values are sent.
    """
    text = (
        ""
        if template is None
        else fill_in(template, {"prompt": sample.prompt, "completion": sample.completion, "system": system})
    )
    return Row(text, system, sample.prompt, sample.completion, sample.reference, plain(sample.meta) if meta else "{}")


def plain(meta: Mapping[str, Any]) -> str:
    """Write what JSON can carry of a sample's other values.

    Example:
        >>> plain({"task": "math", "when": object(), "limit": float("inf")})
        '{"task": "math"}'
    """
    kept = {}
    for name, value in meta.items():
        try:
            kept[str(name)] = json.loads(json.dumps(value, allow_nan=False))
        except (TypeError, ValueError, RecursionError):
            continue  # an image, a tensor: it stays on this side
    return json.dumps(kept, sort_keys=True)

"""What each kind of server is sent, and where the scores are in its response."""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from herokit.reward_models.inputs import InputView
from herokit.types import Sample, Status
from herokit_http.batches import Failure
from herokit_http.client import RequestError
from herokit_http.conversation import json_messages, json_sample, json_value

__all__ = ["DIALECTS", "TEMPLATES", "Dialect", "Row", "fill_template", "make_row", "parse_response", "service_body"]

TEMPLATES = {
    "plain": "{prompt}\n{completion}",
    "chatml": "<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n{prompt}<|im_end|>\n"
    "<|im_start|>assistant\n{completion}<|im_end|>\n",
    "llama3": "<|start_header_id|>user<|end_header_id|>\n\n{prompt}<|eot_id|>"
    "<|start_header_id|>assistant<|end_header_id|>\n\n{completion}<|eot_id|>",
}
"""Templates by name, without a BOS: servers add their own."""


@dataclass(frozen=True, slots=True)
class Row:
    """One rollout as a server is sent it; equal rows get equal scores.

    Attributes:
        text: prompt and completion in one text, as the server's model was trained on; "" where it is not sent.
        prompt: the text of the prompt.
        completion: the text of the completion.
        messages: the conversation as JSON; "" where it is not sent.
        reference: the reference as JSON, for servers that judge.
        sample: the whole sample as JSON, for `herokit serve`.
    """

    text: str = ""
    prompt: str = ""
    completion: str = ""
    messages: str = ""
    reference: str = "null"
    sample: str = "{}"


@dataclass(frozen=True, slots=True)
class Dialect:
    """How to talk to one kind of server.

    Attributes:
        path: is appended to the URL; ``{model}`` is replaced.
        body: model name and rows -> what to send.
        parse: response, number of rows and model name -> for each row a number, a list of the numbers of all labels, a mapping
            of label to number, or `Failure`; of a stepwise dialect a list of these, one per token or step. Anything it
            raises means that the response has another form.
        template: how prompt and completion become one text by default; "" requires the user to set it, None sends messages,
            one row per request.
        pairs: the server is sent prompt and completion separately, and needs no template.
        samples: the server is sent whole samples, and needs no template.
        single_prompt: the rows of a request must share their prompt.
        stepwise: the server gives one number, or one per label, for each token or step.
        truncation: the longest input in tokens -> fields of the request with which the server cuts it on the left; None if
            the server cannot.
        question: a language model is asked; the setting ``label_token_ids`` holds its two answers.
    """

    path: str
    body: Callable[[str, Sequence[Row]], dict[str, Any]]
    parse: Callable[[Any, int, str], list[Any]]
    template: str | None = ""
    pairs: bool = False
    samples: bool = False
    single_prompt: bool = False
    stepwise: bool = False
    truncation: Callable[[int], dict[str, Any]] | None = None
    question: bool = False


_MIN_PROBABILITY = 1e-12
"""Probabilities are raised to this before their logarithm is taken."""


def _truncate_vllm(max_length: int) -> dict[str, Any]:
    return {"truncate_prompt_tokens": max_length, "truncation_side": "left"}


def _vllm(**extra: str) -> Callable[[str, Sequence[Row]], dict[str, Any]]:
    """Return what makes the body for vLLM's /classify or /pooling.

    Raw scores are requested under both names: vLLM ignores the one it does not know, and applies a sigmoid by default.
    """

    def body(model: str, rows: Sequence[Row]) -> dict[str, Any]:
        head = {"model": model, "use_activation": False, "activation": False, **extra}
        if not rows[0].messages:
            return head | {"input": [row.text for row in rows], "add_special_tokens": False}
        messages = json.loads(rows[0].messages)
        return head | {"messages": messages, "add_generation_prompt": False, "continue_final_message": False}

    return body


def _in_order(data: Any, count: int) -> list[Any]:
    """Return entries sorted by their ``index``, if all have one.

    Raises:
        TypeError: not a list.
        ValueError: the indices are not 0 to `count` - 1.
    """
    if not isinstance(data, list):
        raise TypeError(f"expected a list, got {type(data).__name__}")
    if not all(isinstance(entry, dict) and "index" in entry for entry in data):
        return data
    indices = [entry["index"] for entry in data]
    if sorted(indices) != list(range(count)):
        raise ValueError(f"indices {indices[:8]} for {count} rows")
    return sorted(data, key=lambda entry: int(entry["index"]))


def _flatten(values: Any) -> list[Any]:
    """Return one number, a list of numbers, or a list of lists of one number each, as a list of numbers."""
    items = values if isinstance(values, list) else [values]
    return [x[0] if isinstance(x, list) and len(x) == 1 else x for x in items]


def _by_label(entries: Any) -> Any:
    """Return what each label got: servers order the labels by score, so only names say which is which."""
    entries = entries if isinstance(entries, list) else [entries]
    values = {entry["label"]: entry["score"] for entry in entries}
    if len(values) != len(entries):
        raise ValueError(f"labels {[entry['label'] for entry in entries][:8]} are not distinct")
    return values


def _question_body(field: str) -> Callable[[str, Sequence[Row]], dict[str, Any]]:
    def body(model: str, rows: Sequence[Row]) -> dict[str, Any]:
        items = {"query": rows[0].prompt, "items": [row.completion for row in rows]}
        return {"model": model, **items, "apply_softmax": field == "data"}

    return body


def _log_odds(first: Any, second: Any) -> Any:
    """Return the logarithm of the ratio of two probabilities; what is no number stays for the message."""
    if any(isinstance(p, bool) or not isinstance(p, int | float) or not 0 <= p <= 1 for p in (first, second)):
        return f"{first}, {second}"
    return math.log(max(first, _MIN_PROBABILITY)) - math.log(max(second, _MIN_PROBABILITY))


def _parse_pairs(response: Any, _: int, __: str) -> list[Any]:
    """Return the log-odds of two answers, given the probability of each."""
    return [_log_odds(first, second) for first, second in response["scores"]]


def _parse_first(response: Any, count: int, _: str) -> list[Any]:
    """Return the log-odds of two answers, given the share of the first."""
    shares = [entry["score"] for entry in _in_order(response["data"], count)]
    return [_log_odds(p, 1 - p) if isinstance(p, float | int) else p for p in shares]


def _openrlhf_body(_: str, rows: Sequence[Row]) -> dict[str, Any]:
    labels = [json.loads(row.reference) for row in rows]
    return {"query": [row.text for row in rows], "prompts": [row.prompt for row in rows], "labels": labels}


def service_body(_: str, rows: Sequence[Row]) -> dict[str, Any]:
    """Return what `herokit serve` is sent."""
    return {"samples": [json.loads(row.sample) | {"group": number} for number, row in enumerate(rows)]}


def _parse_service(response: Any, _: int, source: str) -> list[Any]:
    """Return the value of each row of `herokit serve`, or why it has none, with the status that the server gave."""
    return [
        Failure(row[f"{source}_reason"], Status(row[f"{source}_status"])) if row[source] is None else row[source]
        for row in response["rows"]
    ]


DIALECTS: dict[str, Dialect] = {
    "vllm-classify": Dialect(
        "/classify",
        _vllm(),
        lambda response, n, _: [entry["probs"] for entry in _in_order(response["data"], n)],
        None,
        truncation=_truncate_vllm,
    ),
    "vllm-pooling": Dialect(
        "/pooling",
        _vllm(task="classify", encoding_format="float"),
        lambda response, n, _: [entry["data"] for entry in _in_order(response["data"], n)],
        None,
        truncation=_truncate_vllm,
    ),
    "vllm-token-pooling": Dialect(
        "/pooling",
        _vllm(task="token_classify", encoding_format="float"),
        lambda response, n, _: [entry["data"] for entry in _in_order(response["data"], n)],
        None,
        stepwise=True,
        truncation=_truncate_vllm,
    ),
    "vllm-score": Dialect(
        "/score",
        lambda model, rows: {
            "model": model, "use_activation": False, "activation": False,
            "text_1": [row.prompt for row in rows], "text_2": [row.completion for row in rows],
        },
        lambda response, n, _: [entry["score"] for entry in _in_order(response["data"], n)],
        pairs=True,
        truncation=_truncate_vllm,
    ),
    "vllm-rerank": Dialect(
        "/rerank",
        lambda model, rows: {
            "model": model, "query": rows[0].prompt, "documents": [row.completion for row in rows],
            "use_activation": False, "activation": False,
        },
        lambda response, n, _: [entry["relevance_score"] for entry in _in_order(response["results"], n)],
        pairs=True,
        single_prompt=True,
        truncation=_truncate_vllm,
    ),
    "vllm-question": Dialect(
        "/generative_scoring", _question_body("data"), _parse_first, single_prompt=True, question=True
    ),
    "sglang-classify": Dialect(
        "/classify",
        lambda model, rows: {"model": model, "text": [row.text for row in rows]},
        lambda response, _, __: [entry["embedding"] for entry in response],
    ),
    "sglang-embeddings": Dialect(
        "/v1/embeddings",
        lambda model, rows: {"model": model, "input": [row.text for row in rows]},
        lambda response, n, _: [entry["embedding"] for entry in _in_order(response["data"], n)],
    ),
    "sglang-question": Dialect(
        "/v1/score", _question_body("scores"), _parse_pairs, single_prompt=True, question=True
    ),
    "openrlhf": Dialect(
        "/get_reward", _openrlhf_body, lambda response, _, __: _flatten(response["rewards"]), "{prompt}{completion}"
    ),
    "tei": Dialect(
        "/predict",
        lambda _, rows: {
            "inputs": [[row.text] for row in rows], "raw_scores": True, "truncate": True, "truncation_direction": "Left"
        },
        lambda response, _, __: [_by_label(entry) for entry in response],
    ),
    "tei-rerank": Dialect(
        "/rerank",
        lambda _, rows: {
            "query": rows[0].prompt, "texts": [row.completion for row in rows],
            "raw_scores": True, "truncate": True, "truncation_direction": "Left",
        },
        lambda response, n, _: [entry["score"] for entry in _in_order(response, n)],
        pairs=True,
        single_prompt=True,
    ),
    "infinity-classify": Dialect(
        "/classify",
        lambda model, rows: {"model": model, "input": [row.text for row in rows], "raw_scores": True},
        lambda response, _, __: [_by_label(entry) for entry in response["data"]],
    ),
    "infinity-rerank": Dialect(
        "/rerank",
        lambda model, rows: {
            "model": model, "query": rows[0].prompt, "documents": [row.completion for row in rows], "raw_scores": True
        },
        lambda response, n, _: [entry["relevance_score"] for entry in _in_order(response["results"], n)],
        pairs=True,
        single_prompt=True,
    ),
    "herokit": Dialect("/v1/sources/{model}", service_body, _parse_service, samples=True),
}  # fmt: skip
"""Name -> dialect."""


def parse_response(dialect: str, parse: Callable[[], list[Any]]) -> list[Any]:
    """Call what reads a response of any form.

    Raises:
        RequestError: the response does not have the form of the dialect.
    """
    try:
        return parse()
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        message = f"the response does not have the form of {dialect}: {type(error).__name__}: {error}"
        raise RequestError(message[:200], caused_by_content=True, is_malformed=True) from None


def make_row(sample: Sample, dialect: Dialect, template: str | None, view: InputView) -> Row:
    """Return a sample as it is sent.

    Args:
        sample: the rollout.
        dialect: of the server.
        template: a text with ``{prompt}``, ``{completion}`` and ``{system}``; None sends messages.
        view: what the server's model is shown.

    Raises:
        UnscorableError: nothing can be scored, or a part cannot be sent.
    """
    if dialect.samples:
        return Row(sample=json.dumps(json_sample(sample)))
    if template is None and not dialect.pairs:
        return Row(messages=json.dumps(json_messages(view.messages(sample))))
    prompt, completion = view.texts(sample)
    fields = {"prompt": prompt, "completion": completion, "system": view.system_prompt}
    if dialect.question:  # the rows of one prompt share the text up to the completion
        before, _, after = (template or "").partition("{completion}")
        return Row(prompt=fill_template(before, fields), completion=completion + fill_template(after, fields))
    text = "" if dialect.pairs or template is None else fill_template(template, fields)
    return Row(text, prompt, completion, reference=json.dumps(json_value(sample.reference, "reference")))


def fill_template(template: str, fields: Mapping[str, str]) -> str:
    """Fill a template in one pass, so that braces in the values stay as they are.

    Example:
        >>> fill_template("{a} {b} {c}", {"a": "{b}", "b": "x"})
        '{b} x {c}'
    """
    return re.sub(r"\{([a-z]+)\}", lambda match: fields.get(match[1], match[0]), template)

"""Samples from mappings: rows with the usual column names, as files and trainers have them."""

from collections.abc import Hashable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, TypeAlias

from herokit.conversations import read_conversation
from herokit.conversations.columns import COLUMN_NAMES, find_path, is_completion_list, join_instruction, native_value
from herokit.conversations.messages import check_messages
from herokit.conversations.prompts import content_key, fill_images
from herokit.conversations.readers.rollout import find_truncation
from herokit.errors import DataError
from herokit.types import Sample

__all__ = ["SampleLike", "as_samples", "sample_from_mapping"]

SampleLike: TypeAlias = Sample | Mapping[str, Any]
"""A sample, or a mapping with the keys of one or the usual column names; see `sample_from_mapping`."""

_OWN_NAMES = ("prompt", "completion", "group", "reference", "meta", "num_tokens", "truncated", "thinking_opened")


def as_samples(samples: Sequence[SampleLike], *, grouped: bool = False) -> Sequence[Sample]:
    """Return samples as they are, and mappings as samples; see `sample_from_mapping`.

    Args:
        samples: N samples or mappings.
        grouped: whether a mapping must have a group or a prompt.

    Raises:
        DataError: a row is neither, or a mapping that is no sample; the message names the row.

    Example:
        >>> as_samples([{"question": "1 + 1?", "response": "2", "answer": 2}])[0].reference
        2
    """
    given: Any = samples
    kind = type(given).__name__
    if given is None or isinstance(samples, Mapping | str | Sample):
        raise DataError(f"expected a list of samples, got one {kind}; write [sample]")
    if not isinstance(given, Sequence) and (hasattr(given, "columns") or hasattr(given, "to_pylist")):
        raise DataError(
            f"expected a list of samples, got a {kind}; herokit.score takes tables: herokit.score(table, scheme)"
        )
    if set(map(type, samples)) <= {Sample}:  # faster than to ask each
        return samples  # type: ignore[return-value] # each is a sample
    rows = [
        sample if isinstance(sample, Sample) else sample_from_mapping(sample, f"row {row}")
        for row, sample in enumerate(samples)
    ]
    for row, sample in enumerate(rows):
        if grouped and sample.group is None and isinstance(samples[row], Mapping):
            raise DataError(
                f"row {row}: neither a group nor a prompt among the keys {', '.join(map(str, samples[row]))}; expected the "  # type: ignore[arg-type] # a mapping
                "same group, or the same prompt, for all rollouts of a prompt"
            )
    return rows


def sample_from_mapping(row: Mapping[str, Any], location: str = "sample") -> Sample:
    """Make a sample of a mapping with the keys of `Sample` or the usual column names.

    Other keys go to `Sample.meta`. Without a group, samples with the same prompt share one. ``messages`` may hold prompt and
    completion.

    Args:
        row: the mapping; `herokit.conversations.columns.COLUMN_NAMES` lists the keys.
        location: of the row, for messages.

    Raises:
        DataError: there is no completion, a key is misspelt, a list holds several completions, or a value is neither text
            nor messages; the message names the row and the keys.

    Example:
        >>> sample = sample_from_mapping({"problem": "1 + 1?", "output": "2", "ground_truth": "2", "source": "gsm8k"})
        >>> sample.prompt, sample.completion, sample.group, sample.reference, sample.meta
        ('1 + 1?', '2', '1 + 1?', '2', {'source': 'gsm8k'})
        >>> sample_from_mapping({"prompt": "1 + 1?", "completon": "2"})
        Traceback (most recent call last):
        ...
        herokit.errors.DataError: sample: unknown key 'completon'; did you mean 'completion'?
    """
    if not isinstance(row, Mapping):
        raise DataError(
            f'{location}: expected a Sample or a mapping such as {{"prompt": ..., "completion": ..., "reference": ...}}, '
            f"got {type(row).__name__}"
        )
    names = _find_keys(row, location)
    values = {role: find_path(row, [name] if name in row else name.split(".")) for role, name in names.items()}
    prompt, completion, facts = _read_texts(names, values, row, location)
    meta = {str(key): value for key, value in row.items() if key not in {*names.values(), "meta", "thinking_opened"}}
    return Sample(
        prompt,
        completion,
        _group(values.get("group"), prompt),
        native_value(values.get("reference")),
        {**meta, **(row.get("meta") or {})},
        thinking_opened=row.get("thinking_opened"),
        **facts,
    )


def _find_keys(row: Mapping[str, Any], location: str) -> dict[str, str]:
    """Return role -> key or path of a mapping, by the one table of names."""
    names: dict[str, str] = {}
    for role, candidates in COLUMN_NAMES.items():
        if role == ("conversation" if "completion" in names else ""):
            continue
        name = next((n for n in candidates if n not in names.values() and _has_value(row, n)), None)
        if name is not None:
            names[role] = name
    for key in row:
        near = get_close_matches(str(key), _OWN_NAMES, 1, 0.85)
        if key not in {*names.values(), *_OWN_NAMES} and near and near[0] not in names and near[0] not in row:
            raise DataError(f"{location}: unknown key {key!r}; did you mean {near[0]!r}?")
    if "completion" not in names and "conversation" not in names:
        usual = ", ".join(name for name in COLUMN_NAMES["completion"] if "." not in name)
        raise DataError(
            f"{location}: no completion among the keys {', '.join(map(str, row))}; expected one of {usual}, or messages"
        )
    return names


def _has_value(row: Mapping[str, Any], name: str) -> bool:
    return name in row or ("." in name and find_path(row, name.split(".")) is not None)


def _read_texts(
    names: Mapping[str, str], values: Mapping[str, Any], row: Mapping[str, Any], location: str
) -> tuple[Any, Any, dict[str, Any]]:
    """Return prompt, completion, and what is known of the completion's length."""
    prompt: Any
    completion: Any
    facts = {"num_tokens": values.get("num_tokens"), "truncated": values.get("truncated")}
    if "completion" not in names:
        conversation = read_conversation(values["conversation"], place=f"{location}: {names['conversation']}")
        prompt, completion = conversation.prompt, conversation.completion
        facts = {"num_tokens": conversation.num_tokens, "truncated": conversation.truncated} | {
            name: value for name, value in facts.items() if value is not None
        }
    else:
        prompt = _text_or_messages(values.get("prompt", ""), f"{location}: {names.get('prompt', 'prompt')}")
        if names.get("prompt") == "instruction":
            prompt = join_instruction([prompt], [row.get("input")])[0]
        if is_completion_list(native_value(values["completion"])):
            raise DataError(f"{location}: {names['completion']} is a list of completions; write one row for each")
        completion = _text_or_messages(values["completion"], f"{location}: {names['completion']}")
    images = native_value(values.get("images"))
    if images:
        messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
        prompt = fill_images(messages, images if isinstance(images, list) else [images])
    if isinstance(facts["truncated"], str):
        facts["truncated"] = find_truncation(facts["truncated"])
    return prompt, completion, facts


def _text_or_messages(value: Any, location: str) -> Any:
    return value if isinstance(value, str) else check_messages(native_value(value), location)


def _group(value: Any, prompt: Any) -> Hashable:
    key: Hashable = (content_key(prompt) if prompt else None) if value is None else value
    return key

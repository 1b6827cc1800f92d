"""From samples to token ids: templates, one BOS, truncation on the left, and the positions at which scores are read."""

import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Self

from herokit.errors import SetupError
from herokit.reward_models.inputs import UnscorableError
from herokit.types import Sample

__all__ = [
    "DEFAULT_TEMPLATE",
    "FIELDS",
    "EncodedRows",
    "check_step_token",
    "encode_rows",
    "fill_fields",
    "fill_template",
    "is_template",
    "tokenize_rows",
]

DEFAULT_TEMPLATE = "{prompt}\n{completion}"
FIELDS = ("{prompt}", "{completion}")
"""The fields of a template, where a source does not name others."""


def is_template(text: str, fields: Sequence[str] = FIELDS) -> bool:
    """Return whether a text has all fields, by default ``{prompt}`` and ``{completion}``."""
    return all(name in text for name in fields)


def fill_template(template: str, prompt: str, completion: str) -> str:
    """Replace ``{prompt}`` and ``{completion}`` in one pass: a completion that contains "{prompt}" stays as it is.

    Example:
        >>> fill_template("Q: {prompt} A: {completion}", "1 + 1?", "{prompt}")
        'Q: 1 + 1? A: {prompt}'
    """
    return fill_fields(template, {"{prompt}": prompt, "{completion}": completion})


def fill_fields(template: str, fields: Mapping[str, str]) -> str:
    """Replace fields, such as ``{prompt}``, in one pass; fields in the values stay as they are.

    Example:
        >>> fill_fields("{a} {b}", {"{a}": "{b}", "{b}": "1"})
        '{b} 1'
    """
    return re.sub("|".join(map(re.escape, fields)), lambda match: fields[match[0]], template)


def check_step_token(token: str, ids: Sequence[int]) -> int:
    """Return the id of a step token, given the ids that the tokenizer makes of it.

    Raises:
        SetupError: it is not exactly one token.
    """
    if len(ids) != 1:
        raise SetupError(f"step_token = {token!r} is {len(ids)} tokens for this tokenizer; expected one")
    return int(ids[0])


@dataclass(frozen=True, slots=True)
class EncodedRows:
    """Token ids of N samples and how to read their scores.

    Attributes:
        ids: token ids of each row.
        positions: the positions of each row at which scores are read.
        reasons: what truncation dropped from each row, ``""`` for nothing.
        dropped_steps: how many step tokens truncation dropped from each row.
        prefix_keys: rows with equal keys may share a prefix; None shares with no row.
        problems: row -> why it cannot be scored; such a row has no ids.
    """

    ids: list[list[int]]
    positions: list[list[int]]
    reasons: list[str]
    prefix_keys: list[Hashable]
    dropped_steps: list[int] = field(default_factory=list)
    problems: dict[int, UnscorableError] = field(default_factory=dict)

    def select(self, rows: Iterable[int]) -> Self:
        """Return the given rows, which can be scored, in the given order."""
        order = list(rows)
        columns = (self.ids, self.positions, self.reasons, self.prefix_keys, self.dropped_steps)
        return type(self)(*([column[i] for i in order] for column in columns))  # type: ignore[arg-type] # of one kind each


def tokenize_rows(
    samples: Sequence[Sample],
    render: Callable[[Sample], str],
    tokenize: Callable[[list[str]], Iterable[Sequence[int]]],
) -> Iterator[Sequence[int] | UnscorableError]:
    """Return the token ids of N samples, or why one cannot be scored.

    Args:
        samples: N samples.
        render: returns the text of one sample, or raises `UnscorableError`.
        tokenize: texts -> token ids of each.

    Example:
        >>> list(tokenize_rows([Sample("", "a", 0)], lambda sample: sample.completion_text, lambda texts: [[97]]))
        [[97]]
    """
    rows: list[str | UnscorableError] = []
    for sample in samples:
        try:
            rows.append(render(sample).encode("utf-8", "replace").decode("utf-8"))  # no tokenizer takes lone surrogates
        except UnscorableError as error:
            rows.append(error)
    texts = [row for row in rows if isinstance(row, str)]
    ids = iter(tokenize(texts) if texts else [])
    return (next(ids) if isinstance(row, str) else row for row in rows)


def encode_rows(
    samples: Sequence[Sample],
    token_ids: Iterable[Sequence[int] | UnscorableError],
    *,
    max_length: int,
    first_ids: frozenset[int] = frozenset(),
    end_id: int | None = None,
    step_id: int | None = None,
    pooling: Literal["last", "first"] = "last",
    trailing_pad_id: int | None = None,
) -> EncodedRows:
    """Fit the token ids of N samples to a model.

    The end carries the score, so an input that is too long loses its start, but keeps a BOS or CLS in front. A second BOS
    is dropped: many templates write one and many tokenizers add another. An empty input is one token 0.

    Args:
        samples: N samples.
        token_ids: their token ids, uncut, or why a sample cannot be scored.
        max_length: tokens that the model takes, at least 1.
        first_ids: ids of BOS and CLS.
        end_id: an id that must end the input.
        step_id: the id of the step token; its positions are read instead of the last.
        pooling: the position that is read without a step token.
        trailing_pad_id: tokens of this id at the end of an input are left out, where padding and the end of a text are one
            token: the stock classes of transformers, and so TRL in training, read the token before them.

    Example:
        >>> rows = encode_rows([Sample("", "", 0)], [[9, 9, 1, 2, 3]], max_length=3, first_ids=frozenset({9}))
        >>> rows.ids, rows.positions, rows.reasons
        ([[9, 2, 3]], [[2]], ['truncated: 1 of 4 tokens dropped on the left'])
    """
    rows = EncodedRows([], [], [], [])
    end = [] if end_id is None else [end_id]
    room = max_length - len(end)
    for row, (sample, raw) in enumerate(zip(samples, token_ids, strict=True)):
        if isinstance(raw, UnscorableError):
            rows.problems[row] = raw
            for column in (rows.ids, rows.positions):
                column.append([])
            rows.reasons.append("")
            rows.prefix_keys.append(None)
            rows.dropped_steps.append(0)
            continue
        full = _trim(list(raw) or [0], first_ids, trailing_pad_id)
        ids = full
        if len(full) > room:
            first = full[:1] if full[0] in first_ids and room > 1 else []
            ids = first + full[len(full) - room + len(first) :]
        dropped = len(full) - len(ids)
        ids = ids + end
        last = [len(ids) - 1 if pooling == "last" else 0]
        rows.ids.append(ids)
        rows.positions.append(last if step_id is None else [i for i, x in enumerate(ids) if x == step_id])
        rows.reasons.append(f"truncated: {dropped} of {len(full)} tokens dropped on the left" if dropped else "")
        rows.prefix_keys.append(None if dropped else sample.prompt_text)
        rows.dropped_steps.append(full.count(step_id) - len(rows.positions[-1]) if step_id is not None else 0)
    return rows


def _trim(ids: list[int], first_ids: frozenset[int], trailing_pad_id: int | None) -> list[int]:
    """Return the ids with one BOS in front and without padding at the end."""
    start, end = 0, len(ids)
    while end > 1 and ids[end - 1] == trailing_pad_id:
        end -= 1
    while start + 1 < end and ids[start] == ids[start + 1] and ids[start] in first_ids:
        start += 1
    return ids[start:end]

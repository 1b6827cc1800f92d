"""Read the texts of the report's rollouts: what the policy thought, wrote and called, and what each source found."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, count
from typing import Any, TypeAlias

import numpy as np

from herokit.combiners.base import CORRECT_THRESHOLD
from herokit.conversations.messages import ToolCall
from herokit.errors import DataError
from herokit.files.blocks import Block
from herokit.files.reading import parse_rows
from herokit.report.mathml import make_trees, split_formulas
from herokit.report.results import Results, read_row_blocks
from herokit.types import Sample, Status

__all__ = ["RolloutTexts", "read_texts"]

MAX_CHARS = 40_000
"""Characters kept of one text; the middle of a longer one is left out."""
MAX_FORMULAS = 3_000
"""Different formulas that the page sets, the most frequent first."""
MAX_PROMPT, MAX_TAIL = 160, 120
"""Characters of a prompt and of the end of a completion in the tables."""
UNKNOWN = "unknown"
"""Shown for a status that is none of `Status`."""
RESULTS = ("", "_status", "_reason", "_answer", "_origin")

Part: TypeAlias = tuple[str, str, str]
"""What it is ("text", "thinking", "call" or "result"), its title, and its text."""


@dataclass(slots=True)
class RolloutTexts:
    """The texts of R rollouts of K groups.

    Attributes:
        sources: the names of the sources; True for those that give verdicts.
        group_keys: (K,) keys as text, all different.
        prompts: (K,) the prompt.
        references: (K,) the reference of the group's first rollout.
        completions: (R,) text, or messages.
        parts: (R,) the parts of each completion.
        results: (R,) for each source: value, status, reason, answer and origin.
        tokens: (R,) tokens of the completion; None where the input does not count them.
        chars: (R,) its characters.
        turn_starts: (R,) for each turn of a completion the number of parts before it.
        credit: (R,) the advantages of the turns or steps; None where the file has none.
        cut: (R,) whether the middle of the prompt, the reference or the completion is left out.
    """

    sources: list[tuple[str, bool]]
    group_keys: list[str] = field(default_factory=list)
    prompts: list[str] = field(default_factory=list)
    references: list[Any] = field(default_factory=list)
    completions: list[Any] = field(default_factory=list)
    parts: list[list[Part]] = field(default_factory=list)
    results: list[list[list[Any]]] = field(default_factory=list)
    tokens: list[int | None] = field(default_factory=list)
    chars: list[int] = field(default_factory=list)
    turn_starts: list[list[int]] = field(default_factory=list)
    credit: list[list[float | None] | None] = field(default_factory=list)
    cut: list[bool] = field(default_factory=list)

    @property
    def prompts_short(self) -> list[str]:
        """The beginning of each prompt."""
        return [" ".join(prompt[: 2 * MAX_PROMPT].split())[:MAX_PROMPT] for prompt in self.prompts]

    @property
    def tails(self) -> list[str]:
        """The end of each completion."""
        texts = (parts[-1][2] if parts else "" for parts in self.parts)
        return [" ".join(text[-2 * MAX_TAIL :].split())[-MAX_TAIL:] for text in texts]

    @property
    def unit(self) -> str:
        """The unit of `lengths`: tokens if the input counts them for every rollout, else characters."""
        return "characters" if None in self.tokens else "tokens"

    @property
    def lengths(self) -> Sequence[int | None]:
        """(R,) the length of each completion."""
        return self.chars if self.unit == "characters" else self.tokens

    def has_status(self, *statuses: Status) -> Any:
        """(R,) whether any source has one of the statuses."""
        names = {status.value for status in statuses}
        return np.array([any(result[1] in names for result in row) for row in self.results], dtype=bool)

    def worst_statuses(self) -> list[str]:
        """(R,) of the statuses of all sources the one that is furthest from a judgement."""
        order = {status.value: number for number, status in enumerate(Status)}
        statuses = [[result[1] if result[1] in order else UNKNOWN for result in row] for row in self.results]
        return [max(row, key=lambda status: order.get(status, len(order)), default="") for row in statuses]

    def answers(self) -> list[Any]:
        """(R,) the beginning of the answer that the first verifier read; None for none."""
        place = next((i for i, (_, is_verifier) in enumerate(self.sources) if is_verifier), None)
        answers = [None if place is None else row[place][3] for row in self.results]
        return [answer[:MAX_TAIL] if isinstance(answer, str) else answer for answer in answers]

    def verifiers_disagree(self) -> Any:
        """(R,) whether one verifier accepts and another rejects."""
        places = [i for i, (_, is_verifier) in enumerate(self.sources) if is_verifier]
        verdicts = [[row[i][0] for i in places if row[i][0] is not None] for row in self.results]
        return np.array([len({value > CORRECT_THRESHOLD for value in row}) > 1 for row in verdicts], dtype=bool)

    def as_json(self) -> dict[str, Any]:
        """Return JSON values; a formula is its number in ``formulas``, where each is a tree of MathML elements."""
        texts = [*self.prompts, *(text for parts in self.parts for _, _, text in parts)]
        formulas, segments = split_formulas(texts, MAX_FORMULAS)
        split = iter(segments)
        return {
            "prompts": [next(split) for _ in self.prompts],
            "references": self.references,
            "parts": [[[kind, title, next(split)] for kind, title, _ in parts] for parts in self.parts],
            "completions": [
                None if isinstance(completion, str) and [p[2] for p in parts] == [completion] else completion
                for completion, parts in zip(self.completions, self.parts, strict=True)
            ],
            "results": self.results,
            "cut": self.cut,
            "turn_starts": self.turn_starts,
            "credit": self.credit,
            "formulas": make_trees(formulas),
        }


def read_texts(results: Results, rows: Sequence[int], groups: Sequence[int]) -> RolloutTexts:
    """Read the texts of some rows in their order; ``groups`` are the numbers of their groups in theirs."""
    texts = RolloutTexts([(name, name in results.verifiers) for name in results.statuses])
    wanted, first_rows = np.asarray(rows), dict.fromkeys(groups)
    keys: dict[int, tuple[Any, str, Any]] = {}
    for start, block in read_row_blocks(results.files):
        inside = wanted[(wanted >= start) & (wanted < start + len(block))] - start
        if not len(inside):
            continue
        for i, sample in zip(inside.tolist(), _read_samples(block, results, inside.tolist()), strict=True):
            group = int(results.groups.ids[start + i])
            if group in first_rows and group not in keys:
                keys[group] = sample.group, _shorten(sample.prompt_text)[0], sample.reference
            _add_completion(texts, sample)
        columns = [[block.values(f"{results.prefix}{name}{end}") for end in RESULTS] for name, _ in texts.sources]
        credit = block.values(f"{results.prefix}credit")
        texts.credit += [_read_credit(credit[i]) for i in inside.tolist()]
        texts.results += [[[_plain(column[i]) for column in source] for source in columns] for i in inside.tolist()]
    texts.prompts = [keys[group][1] for group in groups]
    texts.references = [_plain(keys[group][2]) for group in groups]
    texts.group_keys = _make_unique([keys[group][0] for group in groups])
    return texts


def _read_samples(block: Block, results: Results, rows: Sequence[int]) -> list[Sample]:
    parsed = parse_rows(block, results.columns)
    lengths = parsed.lengths or [(None, None)] * len(block)
    return [
        Sample(
            parsed.prompts[i], parsed.completions[i], parsed.groups[i], parsed.references[i],
            num_tokens=lengths[i][0], truncated=lengths[i][1],
        )
        for i in rows
    ]  # fmt: skip


def _add_completion(texts: RolloutTexts, sample: Sample) -> None:
    read, starts = _read_parts(sample)
    parts = [(kind, title, *_shorten(text)) for kind, title, text in read]
    texts.turn_starts.append(starts)
    texts.parts.append([(kind, title, text) for kind, title, text, _ in parts])
    completion = _plain(sample.completion)
    is_long = any(is_cut for *_, is_cut in parts) or len(json.dumps(completion)) > 2 * MAX_CHARS
    texts.cut.append(is_long or max(len(sample.prompt_text), len(str(sample.reference))) > MAX_CHARS)
    texts.completions.append(None if is_long else completion)
    texts.tokens.append(sample.num_tokens)
    texts.chars.append(len(sample.completion_text))


def _read_credit(values: Any) -> list[float | None] | None:
    """Return the numbers of a cell of the column ``credit``; None for anything else."""
    if not isinstance(values, list | tuple):
        return None
    numbers = [value if type(value) in (int, float) and np.isfinite(value) else None for value in values]
    return [None if value is None else float(f"{value:.6g}") for value in numbers]


def _read_parts(sample: Sample) -> tuple[list[Part], list[int]]:
    """Return the parts of a completion in their order (each turn's thinking, text, calls, results), and where turns begin."""
    try:
        turns = sample.turns
    except DataError:
        return [("text", "", sample.completion_text)], []
    parts: list[Part] = []
    starts: list[int] = []
    for turn in turns:
        starts.append(len(parts))
        parts += [("thinking", "thinking", turn.thinking)] if turn.thinking else []
        parts += [("text", "", turn.text)] if turn.text else []
        parts += [("call", call.name, _describe_arguments(call)) for call in turn.calls]
        parts += [("result", result.name or result.role, result.text) for result in turn.results]
    return parts or [("text", "", sample.completion_text)], starts


def _describe_arguments(call: ToolCall) -> str:
    if call.arguments is None:
        return call.text
    return json.dumps(call.arguments, ensure_ascii=False, indent=1, default=str)


def _shorten(text: str) -> tuple[str, bool]:
    """Return a text without the middle of a very long one, and whether it was cut."""
    if len(text) <= MAX_CHARS:
        return text, False
    half = MAX_CHARS // 2
    return f"{text[:half]}\n[... {len(text) - MAX_CHARS:,} characters ...]\n{text[-half:]}", True


def _plain(value: Any) -> Any:
    """Return a value that JSON can hold: None for a number that is not finite, text for what JSON does not know."""
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if isinstance(value, str):
        return _shorten(value)[0]
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return str(value)


def _make_unique(keys: Sequence[Any]) -> list[str]:
    """Return keys as text that a link can hold; where two look alike, such as 1 and "1", the later one as Python writes it."""
    unique: dict[str, None] = {}
    for key in keys:
        texts = chain((str(key), repr(key)), (f"{key!r} ({number})" for number in count(2)))
        escaped = (text.encode("utf-8", "backslashreplace").decode() for text in texts)
        unique[next(text for text in escaped if text not in unique)] = None
    return list(unique)

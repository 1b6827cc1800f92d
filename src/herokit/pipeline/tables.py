"""Score rollouts in memory: tables of pandas, polars and Arrow, data sets, mappings, and files that fit in memory."""

from collections.abc import Iterable, Iterator, Mapping
from glob import has_magic
from itertools import islice
from pathlib import Path
from typing import Any

from herokit.config import Scheme, build_scheme, load_scheme
from herokit.conversations.columns import native_value
from herokit.errors import ConfigError, DataError
from herokit.files.blocks import Block, JsonBlock, read_blocks
from herokit.files.inputs import find_inputs
from herokit.files.reading import Rollouts, check_prompts_as_groups, join_blocks
from herokit.outcome import RewardOutput
from herokit.rewarder import Rewarder

__all__ = ["read_table", "score"]


def score(
    data: Any,
    scheme: Scheme | Rewarder | Mapping[str, Any] | str | Path | None = None,
    *,
    columns: Mapping[str, str] | None = None,
    limit: int | None = None,
) -> RewardOutput:
    """Score rollouts that fit in memory, as one batch; ``herokit score`` scores files of any length.

    Args:
        data: a table of pandas, polars or Arrow, a data set of `datasets`, mappings; a file, folder or glob, or several.
        scheme: a scheme, its table, a file of one or a name, as `load_scheme` takes it; or a rewarder.
        columns: role -> column, for columns with unusual names: ``{"reference": "reward_model.ground_truth"}``.
        limit: the number of rows to score; None for all.

    Returns:
        One row for each completion, in order; lists of completions are rows of their own.

    Raises:
        DataError: there is no row, a row is no mapping, columns or values do not fit, or prompts differ inside a group.
        ConfigError: the scheme cannot be built.

    Example:
        >>> rows = [{"question": "6 * 7?", "response": text, "answer": "42"} for text in ("It is 42.", "It is 41.")]
        >>> from herokit import Rewarder, Select
        >>> from herokit.verifiers import Number
        >>> score(rows, Rewarder({"verifier": Number()}, Select("verifier"))).reward.tolist()
        [1.0, 0.0]
    """
    samples = read_table(data, columns, limit=limit).samples
    if isinstance(scheme, Rewarder):
        return scheme(samples)
    with _find_scheme(scheme).rewarder() as rewarder:
        return rewarder(samples)


def _find_scheme(scheme: Any) -> Scheme:
    if isinstance(scheme, Scheme):
        return scheme
    if isinstance(scheme, Mapping):
        return build_scheme(scheme)
    if scheme is not None and not isinstance(scheme, str | Path):
        raise ConfigError(
            f"expected a scheme, its name or a rewarder, got {type(scheme).__name__}; a chain needs sources: "
            'Rewarder({"verifier": "math"}, chain)'
        )
    return load_scheme(scheme)


def read_table(data: Any, columns: Mapping[str, str] | None = None, *, limit: int | None = None) -> Rollouts:
    """Read rollouts that are in memory, or the files that texts name; see `score`.

    Raises:
        DataError: as `score`.

    Example:
        >>> read_table([{"question": "1 + 1?", "response": "2"}]).samples[0].group
        '1 + 1?'
    """
    listed = data if isinstance(data, list | tuple) else [data]
    if listed and all(isinstance(part, str | Path) for part in listed):
        texts = list(map(str, listed))
        if listed is data and not any(Path(text).exists() or has_magic(text) for text in texts):
            raise DataError(
                f"none of {len(texts)} texts such as {texts[0]!r:.60} is a file; expected files or rows: "
                '[{"prompt": ..., "completion": ..., "reference": ...}, ...]'
            )
        location = " ".join(texts)
        blocks: Iterable[Block] = (block for path in find_inputs(texts) for block in read_blocks(path))
    else:
        location = type(data).__name__
        rows = list(islice(_iterate_rows(data), limit))
        blocks = [JsonBlock(Path(location), 0, rows, 0)] if rows else []
    kept = list(_first_rows(blocks, limit))
    if not kept:
        raise DataError(f"{location}: there are no rows")
    rollouts = join_blocks(location, kept, columns)
    if "group" not in rollouts.columns:
        check_prompts_as_groups((sample.group for sample in rollouts.samples), location)
    return rollouts


def _first_rows(blocks: Iterable[Block], limit: int | None) -> Iterator[Block]:
    """Yield blocks up to a number of rows in all."""
    total = 0
    for block in blocks:
        if limit is not None and total + len(block) >= limit:
            yield block.slice(0, limit - total)
            return
        total += len(block)
        yield block


def _iterate_rows(data: Any) -> Iterator[dict[str, Any]]:
    """Yield the rows of a table, of a data set or of mappings, with Python values."""
    kind = type(data).__name__
    if hasattr(data, "to_dict") and hasattr(data, "iloc"):  # pandas
        data = data.to_dict("records")
    elif method := next((name for name in ("to_dicts", "to_pylist") if hasattr(data, name)), None):  # polars, Arrow
        data = getattr(data, method)()
    elif isinstance(data, Mapping):
        names = ", ".join(map(repr, list(data)[:4]))
        raise DataError(f"expected rows, got a {kind} of {names}; pass one split of a data set, or a list of mappings")
    elif not hasattr(data, "__iter__"):
        raise DataError(f"expected a table, a data set, mappings or files, got {kind}")
    for row, value in enumerate(data):
        if not isinstance(value, Mapping):
            raise DataError(
                f"{kind}: row {row + 1} is a {type(value).__name__}; expected a mapping from column to value"
            )
        yield native_value(value)

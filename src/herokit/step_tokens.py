"""From the steps of a process reward model, in characters, to the tokens that the policy wrote."""

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import Any

from herokit.conversations.thinking import split_thinking
from herokit.conversations.views import read_text_spans
from herokit.credit import Span, token_runs
from herokit.errors import DataError
from herokit.types import Sample

__all__ = ["step_tokens"]

_INCOMPLETE = "\N{REPLACEMENT CHARACTER}"


def step_tokens(
    sample: Sample,
    steps: Sequence[Span],
    tokenizer: Any,
    token_ids: Sequence[int],
    mask: Sequence[float] | None = None,
    *,
    name: str = "the rollout",
) -> list[Span]:
    r"""Return the tokens of each step of a rollout, for `Credit.tokens`: half open, in order, without a gap.

    Every trained token is in exactly one step:

    - A token is in the step that holds its first character that is not white space. A token of white space alone, such as a
      separator, is in the step before it; so is what else lies between two steps.
    - What a turn has before its first step, such as thinking that is not scored, the markers around it, or white space, is in that
      first step. What it has after its last one, such as a tool call or the end token, is in that last step.
    - A turn without steps is in the last step before it, else in the first step.
    - A step that begins and ends inside a token of another step has no token.

    Args:
        sample: the rollout; its `completion` is what the policy wrote, as text or as messages.
        steps: the place of each step in ``sample.completion_text``, in characters, as in `StepScores.spans`.
        tokenizer: the policy's, of transformers, or anything with ``decode(ids, skip_special_tokens=...)``.
        token_ids: the response, T tokens.
        mask: (T,), not 0 where the policy wrote the token; without one it wrote all of them. Its runs are the turns.
        name: what messages call the rollout.

    Raises:
        DataError: the mask shows another number of turns than the sample has, a step is outside of every turn, or the text of a turn
            with several steps is not that of its tokens or has several places in it; the message has the name and both numbers.

    Example:
        >>> class Letters:
        ...     def decode(self, ids, **settings):
        ...         return "".join(map(chr, ids))
        >>> text = "a. \n\nb."
        >>> step_tokens(Sample("p", text, "q"), [(0, 2), (5, 7)], Letters(), [*map(ord, text), 36])
        [(0, 5), (5, 8)]
    """
    runs = token_runs([1] * len(token_ids) if mask is None else mask)
    turns = read_text_spans(sample.completion)
    if len(runs) != len(turns):
        raise DataError(
            f"{name}: the completion has {len(turns)} turns, but its tokens have {len(runs)} runs of the policy"
        )
    if not steps:
        return []
    owners = _owners(turns, steps, name)
    begins: list[int] = []
    for turn, (start, end) in enumerate(runs):
        own = [span for span, owner in zip(steps, owners, strict=True) if owner == turn]
        if own:
            begins.append(start)
        if len(own) > 1:
            places = _places(
                sample.completion_text, turns[turn], own, tokenizer, token_ids[start:end], f"{name}, turn {turn}"
            )
            begins += [start + place for place in places[1:]]
    begins[0] = 0
    return list(pairwise([*begins, len(token_ids)]))


def _owners(turns: Sequence[Sequence[Span]], steps: Sequence[Span], name: str) -> list[int]:
    """Return the turn of each step."""
    texts = [(start, end, turn) for turn, own in enumerate(turns) for start, end in own]
    begins = [start for start, _, _ in texts]
    owners = []
    for number, (first, last) in enumerate(steps):
        place = bisect_right(begins, first) - 1
        if place < 0 or not first <= last <= texts[place][1]:
            raise DataError(
                f"{name}: step {number} has the characters {first} to {last}, which are in no text of the policy"
            )
        owners.append(texts[place][2])
    if owners != sorted(owners) or list(steps) != sorted(steps):
        raise DataError(f"{name}: the steps are not in the order of the text")
    return owners


def _places(
    text: str, texts: Sequence[Span], steps: Sequence[Span], tokenizer: Any, token_ids: Sequence[int], name: str
) -> list[int]:
    """Return the first token of each step of one turn."""
    problem = ""
    own = [next(k for k, span in enumerate(texts) if span[0] <= first and last <= span[1]) for first, last in steps]
    for skip in (False, True):
        written, firsts = _read_tokens(tokenizer, token_ids, skip_special_tokens=skip)
        begins = _find_texts([text[start:end] for start, end in texts], set(own), written)
        missing = next((place for k in own if isinstance(place := begins[k], str)), None)
        if missing is None:
            return [
                bisect_left(firsts, int(begins[k]) + first - texts[k][0])
                for k, (first, _) in zip(own, steps, strict=True)
            ]
        problem = problem or f"the text of its message occurs {missing} in the text of its tokens, {written!r:.80}"
    raise DataError(f"{name}: {problem}; expected one place, in the text that the tokenizer decodes")


def _find_texts(texts: Sequence[str], answers: Collection[int], written: str) -> list[int | str]:
    """Return where the texts of a turn begin in what its tokens decode to; for one without a place, how often it occurs.

    A text is after those before it, and an answer does not end inside the thinking. Of several places a text has the first one if
    the text before it has one or markers show where the thinking ends, because a call may repeat it. Otherwise it has the last one if no
    text follows, because the thinking may repeat it. A text that is alone in its turn has none then.

    Args:
        texts: thinking, answers and calls in their order.
        answers: the numbers of the texts with steps.
        written: what the tokens decode to.
    """
    answer = split_thinking(written).start or 0
    begins: list[int | str] = []
    end, is_certain = 0, len(texts) > 1
    for number, text in enumerate(texts):
        start = max(end, answer - len(text) + 1) if number in answers else end
        stop = answer if answer and number < min(answers) else len(written)
        place = written.find(text, start, stop)
        if place < 0 or (written.find(text, place + 1, stop) >= 0 and not is_certain):
            is_last = place >= 0 and number == len(texts) - 1 > 0
            begins.append(written.rfind(text) if is_last else "0 times" if place < 0 else "several times")
            is_certain = is_certain and answer > 0 and number < min(answers)
        else:
            begins.append(place)
            end, is_certain = place + len(text), len(texts) > 1
    return begins


def _read_tokens(tokenizer: Any, token_ids: Sequence[int], *, skip_special_tokens: bool) -> tuple[str, list[int]]:
    """Return the text of tokens, and the place of the first character of each token that is not white space, else its start."""
    settings = {"skip_special_tokens": skip_special_tokens, "clean_up_tokenization_spaces": False}
    text = tokenizer.decode(list(token_ids), **settings)
    ends = None if skip_special_tokens else _ends_of_offsets(tokenizer, token_ids, text)
    if ends is None:
        text, ends = _ends_of_decoding(tokenizer, token_ids, settings)
    firsts, start = [], 0
    for end in ends:
        piece = text[start:end]
        firsts.append(start + len(piece) - len(piece.lstrip()) if piece.strip() else start)
        start = end
    return text, firsts


def _ends_of_offsets(tokenizer: Any, token_ids: Sequence[int], text: str) -> list[int] | None:
    """Return where each token ends by the offsets of the tokenizer, if it writes the text with these tokens."""
    if not getattr(tokenizer, "is_fast", False):
        return None
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    if list(encoded["input_ids"]) != list(token_ids):
        return None  # the policy has written the text with other tokens
    return [end for _, end in encoded["offset_mapping"]]


def _ends_of_decoding(tokenizer: Any, token_ids: Sequence[int], settings: dict[str, bool]) -> tuple[str, list[int]]:
    """Return the text of tokens and where each ends, by decoding a few tokens at a time.

    A token that ends inside a character ends with the token that completes it.
    """
    text, ends = "", [0] * len(token_ids)
    before = done = 0
    for number in range(len(token_ids)):
        shown = tokenizer.decode(list(token_ids[before:done]), **settings)
        longer = tokenizer.decode(list(token_ids[before : number + 1]), **settings)
        if not longer.endswith(_INCOMPLETE) or number == len(token_ids) - 1:
            text += longer[len(shown) :]
            ends[done : number + 1] = [len(text)] * (number + 1 - done)
            before, done = done, number + 1
    return text, ends

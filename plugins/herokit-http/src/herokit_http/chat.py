"""The OpenAI-compatible chat API: one question, one text that answers it."""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, TypeAlias

from herokit.errors import ConfigError
from herokit.types import Status, Verdict
from herokit_http.client import Link, UnansweredError, addresses
from herokit_http.rows import Call, Lost

Read: TypeAlias = Callable[["Question", str], Any]
"""What a judge's text means for a question: a value, or `Lost` when its grammar is not kept."""

SHOWN = 120
"""Characters of a judge's text that a reason repeats."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a judge is asked; equal questions get equal answers.

    Attributes:
        text: the user's message.
        mark: a word that no completion can contain on purpose, as it depends on all of it; verdicts must carry it.
        seed: differs between votes on the same thing.
        parts: how many verdicts the answer must have.
    """

    text: str
    mark: str
    seed: int = 0
    parts: int = 1


@dataclass(frozen=True, slots=True)
class Judge:
    """The model that judges, and how it is sampled.

    Attributes:
        model: its name as the server knows it.
        system: the system prompt, "" for none.
        temperature: 0 takes the likeliest token.
        max_tokens: a judge that writes more has no answer.
        longest: characters of a completion that are shown to it, from the end, where the answer is.
        extra: more fields of the request, such as ``{"guided_choice": ["A", "B"]}`` or ``{"reasoning_effort": "low"}``.

    Raises:
        ConfigError: a number that makes no sense.
    """

    model: str = ""
    system: str = ""
    temperature: float = 0.0
    max_tokens: int = 2048
    longest: int = 20_000
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0.0 <= self.temperature < float("inf") or self.max_tokens < 1 or self.longest < 1:
            raise ConfigError(
                f"Judge: temperature = {self.temperature}, max_tokens = {self.max_tokens}, longest = {self.longest}; "
                "expected from 0, from 1, from 1"
            )

    def tail(self, completion: str) -> str:
        """Return what is shown of a completion.

        Example:
            >>> Judge(longest=4).tail("so it is 42")
            '[...]s 42'
        """
        return completion if len(completion) <= self.longest else "[...]" + completion[-self.longest :]

    def call(self, link: Link, read: Read) -> Call[Any]:
        """Return what asks one question and reads the answer."""

        async def one(questions: Sequence[Question]) -> list[Any]:
            question = questions[0]
            turns = [{"role": "system", "content": self.system}] if self.system else []
            body: dict[str, Any] = {
                "model": self.model,
                "messages": [*turns, {"role": "user", "content": question.text}],
                "temperature": self.temperature,
                "max_tokens": self.max_tokens,
            }
            body |= {"seed": question.seed} if self.temperature else {}
            answer = await link.post("/chat/completions", body | dict(self.extra))
            return [_text(answer, self.max_tokens, lambda text: read(question, text))]

        return one


def _text(answer: Any, limit: int, read: Callable[[str], Any]) -> Any:
    try:
        choice = answer["choices"][0]
        text = choice["message"]["content"]
        cut = choice.get("finish_reason") == "length"
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        why = f"the answer has not the shape of a chat completion: {type(error).__name__}: {error}"
        raise UnansweredError(why[:200], false=True) from None
    if cut:
        return Lost(f"the judge was cut off at {limit} tokens")
    if not isinstance(text, str):
        return Lost("the judge said nothing")
    said = text.rpartition("</think>")[2]  # what a reasoning model thinks is no verdict
    return Lost("the judge ended in its thoughts") if said.lstrip().startswith("<think>") else read(said)


def blank(text: str) -> bool:
    r"""Say whether a text has no letter, digit or symbol: a bare ``:`` makes judges say yes (arXiv 2507.08794).

    Example:
        >>> blank(" .:\u200b"), blank("+"), blank("\u221e")
        (True, False, False)
    """
    return all(unicodedata.category(character)[0] in "PZCM" for character in text)


BLANK = Verdict(0.0, Status.UNPARSED, "nothing to judge: no letter, digit or symbol")
"""What becomes of a blank completion; no judge is asked."""


def mark_of(*texts: str | None) -> str:
    """Return eight hexadecimal digits that depend on all of the texts.

    A completion that wanted to contain its own mark, to forge a verdict, would have to guess a 32-bit number.

    Example:
        >>> mark_of("a", "b") != mark_of("ab", "")
        True
    """
    text = "\0".join(f"{-1 if t is None else len(t)}:{t}" for t in texts)
    return blake2b(text.encode("utf-8", "replace"), digest_size=4).hexdigest()


def shown(text: str) -> str:
    """Return the end of a judge's text for a reason."""
    flat = " ".join(text.split())
    return repr(flat if len(flat) <= SHOWN else "..." + flat[-SHOWN:])


def check_url(url: str) -> None:
    """Refuse a URL that is none.

    Raises:
        ConfigError: it is not http or https.
    """
    addresses(url)

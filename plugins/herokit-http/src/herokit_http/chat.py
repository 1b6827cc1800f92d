"""Judges behind the OpenAI-compatible chat API: one question per request, one text as the answer."""

import json
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Literal, TypeAlias, get_args

from herokit.conversations import MARKERS, Message, split_thinking
from herokit.errors import ConfigError, DataError
from herokit.reward_models.control_tokens import KNOWN_TOKENS, ControlTokens, check_control_tokens
from herokit.reward_models.inputs import InputView, UnscorableError
from herokit.types import Sample, Status, Verdict
from herokit_http.batches import Failure, SendBatch
from herokit_http.client import Client, RequestError
from herokit_http.connection import HttpSource
from herokit_http.conversation import json_value, show_messages
from herokit_http.dialects import fill_template

__all__ = [
    "ChatSource",
    "Judge",
    "JudgedSample",
    "Question",
    "View",
    "blank_verdict",
    "compute_mark",
    "is_blank",
    "shorten",
]

View: TypeAlias = Literal["final", "completion", "messages"]
"""What a judge is shown of a completion: the final text, everything that the policy wrote, or all messages."""

Parse: TypeAlias = Callable[["Question", str], Any]
"""A question and the judge's text -> a value, or `Failure` if the text is outside the grammar."""

_MAX_SHOWN = 120
"""Characters of a judge's text in a reason."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a judge is asked; equal questions get equal answers.

    Attributes:
        text: the user's message.
        mark: hexadecimal digits that the verdict must contain; they depend on the completion, which cannot contain them.
        seed: differs between votes on the same text.
        num_verdicts: how many verdicts the answer must have.
        images: parts of the user's message after the text, as JSON.
    """

    text: str
    mark: str
    seed: int = 0
    num_verdicts: int = 1
    images: tuple[str, ...] = ()

    @property
    def content(self) -> str | list[Any]:
        """The content of the user's message."""
        if not self.images:
            return self.text
        return [{"type": "text", "text": self.text}, *map(json.loads, self.images)]


@dataclass(frozen=True, slots=True)
class JudgedSample:
    """What a judge is shown of one sample.

    Attributes:
        prompt: the prompt as messages.
        completion: the completion as messages of `view` "messages", or one text.
        reference: the reference as text, None for none.
        problem: why nothing was answered, "" if something was.
        view: what of parts and thinking is shown.
    """

    prompt: Sequence[Message]
    completion: str | Sequence[Message]
    reference: str | None
    problem: str
    view: InputView

    def key(self) -> tuple[str, str | None, str]:
        """Return all that is shown, as texts from which a mark is made."""
        (prompt, seen), (completion, more) = self.show("")
        return "".join((prompt, *seen)), self.reference, "".join((completion, *more))

    def show(self, mark: str) -> tuple[tuple[str, list[str]], tuple[str, list[str]]]:
        """Return prompt and completion, each as a text and the images in it.

        Raises:
            UnscorableError: a part cannot be shown.
        """
        if isinstance(self.completion, str):
            return show_messages(self.prompt, mark, self.view), (self.completion, [])
        return show_messages(self.prompt, mark, self.view), show_messages(self.completion, mark, self.view)


@dataclass(frozen=True, slots=True)
class Judge:
    """The model that judges, and how it is sampled.

    Attributes:
        model: its name on the server.
        system_prompt: the first message, "" for none.
        temperature: 0 takes the likeliest token.
        max_tokens: a judge that writes more has no answer.
        max_completion_chars: characters of a completion that it is shown, from the end, where the answer is.
        extra_body: more fields of the request, such as ``{"guided_choice": ["A", "B"]}`` or
            ``{"reasoning_effort": "low"}``.

    Raises:
        ConfigError: a number outside its range.
    """

    model: str = ""
    system_prompt: str = ""
    temperature: float = 0.0
    max_tokens: int = 2048
    max_completion_chars: int = 20_000
    extra_body: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, minimum in (("temperature", 0), ("max_tokens", 1), ("max_completion_chars", 1)):
            if not minimum <= getattr(self, name) < float("inf"):
                raise ConfigError(f"Judge: {name} = {getattr(self, name)}; expected at least {minimum}")

    def truncate(self, completion: str) -> str:
        """Return the part of a completion that the judge is shown.

        Example:
            >>> Judge(max_completion_chars=4).truncate("so it is 42")
            '[...]s 42'
        """
        limit = self.max_completion_chars
        return completion if len(completion) <= limit else "[...]" + completion[-limit:]

    def sender(self, client: Client, parse: Parse) -> SendBatch[Any]:
        """Return what sends one question and reads the answer."""

        async def send(questions: Sequence[Question]) -> list[Any]:
            question = questions[0]
            system = [{"role": "system", "content": self.system_prompt}] if self.system_prompt else []
            body: dict[str, Any] = {
                "model": self.model,
                "messages": [*system, {"role": "user", "content": question.content}],
                "temperature": self.temperature,
                "max_tokens": self.max_tokens,
            }
            body |= {"seed": question.seed} if self.temperature else {}
            text = self._extract_text(await client.post("/chat/completions", body | dict(self.extra_body)))
            return [text if isinstance(text, Failure) else parse(question, text)]

        return send

    def _extract_text(self, response: Any) -> str | Failure:
        """Return the answer of a chat completion, without the thoughts of a reasoning model."""
        try:
            choice = response["choices"][0]
            text = choice["message"]["content"]
            is_cut = choice.get("finish_reason") == "length"
        except (KeyError, TypeError, IndexError, AttributeError) as error:
            message = f"the response does not have the form of a chat completion: {type(error).__name__}: {error}"
            raise RequestError(message[:200], is_malformed=True) from None
        if is_cut:
            return Failure(f"the judge was cut off at {self.max_tokens} tokens")
        if not isinstance(text, str):
            return Failure("the judge gave no text")
        split = split_thinking(text)
        if not split.problem:
            return split.answer
        start = text.lstrip()[:40].lower()
        starts_thinking = start.startswith(tuple(marker.opening.lower() for marker in MARKERS))
        return Failure("the judge did not finish thinking") if starts_thinking else text


@dataclass(frozen=True)
class ChatSource(HttpSource):
    """Base of the judges.

    Attributes:
        judge: the model, and how it is sampled.
        cache_size: answers to store.
        view: what the judge is shown of a completion: ``final``, the last message of the policy without its thinking;
            ``completion``, everything that the policy wrote; or ``messages``, all messages with tool results.
        ignore_images: leave images out; otherwise the judge is sent them.
        control_tokens: control tokens of known families in prompt and completion, such as ``<|im_end|>``: ``escape`` breaks
            them up, so that no text opens a turn of the judge's conversation; ``keep`` leaves them to the server.
    """

    judge: Judge = field(default_factory=Judge, kw_only=True)
    cache_size: int = field(default=0, kw_only=True)
    view: View = field(default="final", kw_only=True)
    ignore_images: bool = field(default=False, kw_only=True)
    control_tokens: ControlTokens = field(default="escape", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_control_tokens(self.control_tokens, type(self).__name__)
        self._check_at_least("cache_size", 0)
        if self.view not in get_args(View):
            raise ConfigError(f"{type(self).__name__}: view = {self.view!r}; expected one of {get_args(View)}")

    def _read(self, sample: Sample) -> JudgedSample | Failure:
        """Return what the judge is shown of a sample, or why it cannot be shown."""
        prompt: Sequence[Message] = (
            [{"role": "user", "content": sample.prompt}] if isinstance(sample.prompt, str) else sample.prompt
        )
        try:
            completion: Any = sample.final_text if self.view == "final" else sample.completion_text
            if self.view == "messages" and not isinstance(sample.completion, str):
                completion = sample.completion
            reference = sample.reference
            if reference is not None and not isinstance(reference, str):
                reference = json.dumps(json_value(reference, "reference"), ensure_ascii=False)
            control = KNOWN_TOKENS if self.control_tokens == "escape" else None
            view = InputView(ignore_images=self.ignore_images, takes_images=True, control=control)
            if isinstance(completion, str):
                completion = view.escape(completion)
            problem = sample.final.problem if self.view == "final" else ""
            judged = JudgedSample(prompt, completion, reference, problem, view)
            judged.show("")
        except (DataError, UnscorableError) as error:
            return Failure(str(error)[:300])
        return judged

    def _write_question(self, template: str, mark: str, fields: Mapping[str, str], *shown: JudgedSample) -> Question:
        """Return a question about the completions of samples with one prompt, named ``completion``, or ``a`` and ``b``."""
        names = ("completion",) if len(shown) == 1 else ("a", "b")
        (prompt, images), _ = shown[0].show(mark)
        texts = {"prompt": prompt, "mark": mark}
        for name, judged in zip(names, shown, strict=True):
            text, more = judged.show(mark)[1]
            texts[name] = self.judge.truncate(text)
            images = [*images, *more]
        return Question(fill_template(template, {**fields, **texts}), mark, images=tuple(images))

    def _describe(self) -> str:
        return f"judge: {self.judge.model} at {self._public_url}"

    def _query(self, questions: Sequence[Question], parse: Parse) -> list[Any | Failure]:
        """Return an answer per question, or why there is none."""
        return self._send(questions, lambda client: self.judge.sender(client, parse), cache_size=self.cache_size)


def blank_verdict(judged: JudgedSample) -> Verdict | None:
    """Return the verdict of a completion without an answer, for which the judge is not asked; None for any other."""
    completion = judged.completion
    if judged.problem:
        return Verdict(0.0, Status.UNPARSED, judged.problem)
    if not isinstance(completion, str) or not is_blank(completion):
        return None
    return Verdict(0.0, Status.UNPARSED, "blank: no letter, digit or symbol")


def is_blank(text: str) -> bool:
    r"""Return whether a text has no letter, digit or symbol: a bare ``:`` makes judges say yes (arXiv 2507.08794).

    Example:
        >>> is_blank(" .:\u200b"), is_blank("+"), is_blank("\u221e")
        (True, False, False)
    """
    return all(unicodedata.category(character)[0] in "PZCM" for character in text)


def compute_mark(*texts: str | None) -> str:
    """Return eight hexadecimal digits that depend on all of the texts.

    To forge a verdict, a completion would have to contain its own mark, a 32-bit number that it cannot compute.

    Example:
        >>> compute_mark("a", "b") != compute_mark("ab", "")
        True
    """
    text = "\0".join(f"{-1 if t is None else len(t)}:{t}" for t in texts)
    return blake2b(text.encode("utf-8", "replace"), digest_size=4).hexdigest()


def shorten(text: str) -> str:
    """Return the end of a judge's text, quoted, for a reason."""
    flat = " ".join(text.split())
    return repr(flat if len(flat) <= _MAX_SHOWN else "..." + flat[-_MAX_SHOWN:])

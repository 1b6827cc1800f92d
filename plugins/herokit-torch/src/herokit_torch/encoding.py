"""From samples to token ids: chat template or plain template, then the tokenizer of transformers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from herokit.errors import SetupError
from herokit.reward_models.encoding import (
    DEFAULT_TEMPLATE,
    EncodedRows,
    check_step_token,
    encode_rows,
    fill_template,
    tokenize_rows,
)
from herokit.reward_models.inputs import InputView, UnscorableError
from herokit.types import Sample

__all__ = ["Encoder"]


@dataclass(frozen=True, slots=True)
class Encoder:
    r"""Turns samples into token ids the way one reward model was trained on.

    Attributes:
        tokenizer: a transformers tokenizer.
        view: what the model is shown of a sample.
        template: a text with ``{prompt}`` and ``{completion}``; None takes the tokenizer's chat template, or
            ``"{prompt}\n{completion}"`` if it has none.
        max_length: longer inputs are truncated on the left, but keep a BOS or CLS in front.
        end_id: an id that must end the input.
        trailing_pad_id: tokens of this id at the end of an outcome model's input are left out.
    """

    tokenizer: Any
    view: InputView
    template: str | None
    max_length: int
    end_id: int | None = None
    trailing_pad_id: int | None = None

    def text(self, sample: Sample) -> str:
        """Return the text of one input.

        Raises:
            UnscorableError: nothing can be scored, or the chat template rejects the conversation.
        """
        if not self.has_chat:
            return fill_template(self.template or DEFAULT_TEMPLATE, *self.view.texts(sample))
        return self._apply_chat_template(self.view.messages(sample), add_generation_prompt=False)

    def _apply_chat_template(self, messages: list[Any], *, add_generation_prompt: bool) -> str:
        try:
            return str(
                self.tokenizer.apply_chat_template(
                    messages, tokenize=False, add_generation_prompt=add_generation_prompt
                )
            )
        except Exception as error:  # a template raises its own errors and any of Python's
            raise UnscorableError(f"the chat template raised {type(error).__name__}: {error}"[:300]) from error

    @property
    def has_chat(self) -> bool:
        """Whether the text comes from the tokenizer's chat template, which writes special tokens itself."""
        return self.template is None and bool(self.tokenizer.chat_template)

    def encode(self, samples: Sequence[Sample]) -> EncodedRows:
        """Return the ids of N samples.

        Raises:
            SetupError: the step token is not one token of this tokenizer, or the template writes it too.
        """
        return encode_rows(
            samples,
            tokenize_rows(samples, self.text, self._tokenize),
            max_length=self.max_length,
            first_ids=self._first_ids,
            end_id=self.end_id,
            step_id=self._step_id(),
            trailing_pad_id=self.trailing_pad_id if self.view.step_token is None else None,
        )

    @property
    def _first_ids(self) -> frozenset[int]:
        return frozenset({self.tokenizer.bos_token_id, self.tokenizer.cls_token_id} - {None})

    def _tokenize(self, texts: list[str]) -> list[list[int]]:
        ids: list[list[int]] = self.tokenizer(texts, add_special_tokens=not self.has_chat, verbose=False)["input_ids"]
        return ids

    def _step_id(self) -> int | None:
        token = self.view.step_token
        if token is None:
            return None
        step_id = check_step_token(token, self.tokenizer.encode(token, add_special_tokens=False))
        try:
            count = self._tokenize([self.text(Sample("", "x", 0))])[0].count(step_id)
        except UnscorableError as error:
            raise SetupError(f"an empty prompt with one step cannot be encoded: {error.reason}") from error
        if count != 1:
            raise SetupError(
                f"step_token = {token!r} occurs {count} times in the text of one step; expected once: the template "
                "must not write it too"
            )
        return step_id

"""From samples to token ids: chat template or plain template, then the tokenizer of transformers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from herokit.errors import SetupError
from herokit.reward_models.encoding import DEFAULT_TEMPLATE, EncodedRows, check_step_token, encode_rows, fill_template
from herokit.reward_models.process import escape_step_token, insert_step_tokens
from herokit.types import Sample

__all__ = ["Encoder"]


@dataclass(frozen=True, slots=True)
class Encoder:
    r"""Turns samples into token ids the way one reward model was trained on.

    Attributes:
        tokenizer: a transformers tokenizer.
        system_prompt: the first message of the chat, ``""`` for none.
        template: a text with ``{prompt}`` and ``{completion}``; None takes the tokenizer's chat template, or
            ``"{prompt}\n{completion}"`` if it has none.
        max_length: longer inputs are truncated on the left, but keep a BOS or CLS in front.
        step_token: of a process reward model, None for an outcome reward model.
        separator: the text between two steps of a completion.
        end_id: an id that must end the input.
    """

    tokenizer: Any
    system_prompt: str
    template: str | None
    max_length: int
    step_token: str | None = None
    separator: str = "\n\n"
    end_id: int | None = None

    def text(self, sample: Sample) -> str:
        """Return the text of one input."""
        prompt, completion = sample.prompt_text, sample.completion_text
        if self.step_token is not None:
            completion = insert_step_tokens(completion, self.separator, self.step_token)
            prompt = escape_step_token(prompt, self.step_token)
        if not self.has_chat:
            return fill_template(self.template or DEFAULT_TEMPLATE, prompt, completion)
        system = [{"role": "system", "content": self.system_prompt}] if self.system_prompt else []
        turns = [{"role": "user", "content": prompt}, {"role": "assistant", "content": completion}]
        return str(self.tokenizer.apply_chat_template([*system, *turns], tokenize=False, add_generation_prompt=False))

    @property
    def has_chat(self) -> bool:
        """Whether the text comes from the tokenizer's chat template, which writes special tokens itself."""
        return self.template is None and bool(self.tokenizer.chat_template)

    def encode(self, samples: Sequence[Sample]) -> EncodedRows:
        """Return the ids of N samples.

        Raises:
            SetupError: the step token is not one token of this tokenizer, or the template writes it too.
        """
        first_ids = {self.tokenizer.bos_token_id, self.tokenizer.cls_token_id} - {None}
        return encode_rows(
            samples,
            self._tokenize([self.text(sample) for sample in samples]) if samples else [],
            max_length=self.max_length,
            first_ids=frozenset(first_ids),
            end_id=self.end_id,
            step_id=self._step_id(),
        )

    def _tokenize(self, texts: list[str]) -> list[list[int]]:
        ids: list[list[int]] = self.tokenizer(texts, add_special_tokens=not self.has_chat, verbose=False)["input_ids"]
        return ids

    def _step_id(self) -> int | None:
        token = self.step_token
        if token is None:
            return None
        step_id = check_step_token(token, self.tokenizer.encode(token, add_special_tokens=False))
        count = self._tokenize([self.text(Sample("", "", 0))])[0].count(step_id)
        if count != 1:
            raise SetupError(
                f"step_token = {token!r} occurs {count} times in the text of one empty step; expected once: the template "
                "must not write it too"
            )
        return step_id

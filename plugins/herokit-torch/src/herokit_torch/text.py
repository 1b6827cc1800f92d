"""From samples to token ids: chat template or plain template, one BOS, truncation from the left, step positions."""

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from herokit.errors import SetupError
from herokit.reward_models.process import escape_step_token, insert_step_tokens
from herokit.types import Sample

_FIELD = re.compile(r"\{prompt\}|\{completion\}")  # one pass: a completion that says "{prompt}" stays as it is


@dataclass(frozen=True, slots=True)
class Encoded:
    """Token ids of N samples; where each is scored; the tokens each lost; who may share a prefix with whom."""

    rows: list[list[int]]
    positions: list[list[int]]
    reasons: list[str]
    families: list[Hashable]


@dataclass(frozen=True, slots=True)
class Encoder:
    r"""Turns samples into token ids the way one reward model was trained on.

    Attributes:
        tokenizer: a transformers tokenizer.
        system_prompt: first message of the chat, ``""`` for none.
        template: a text with ``{prompt}`` and ``{completion}``; None takes the tokenizer's chat template, or
            ``"{prompt}\n{completion}"`` if it has none.
        max_tokens: longer inputs lose tokens on the left, behind a leading BOS or CLS.
        step: the step token and the separator of steps, None for an outcome reward model.
        append: an id that must end the input.
    """

    tokenizer: Any
    system_prompt: str
    template: str | None
    max_tokens: int
    step: tuple[str, str] | None = None
    append: int | None = None

    def text(self, sample: Sample) -> str:
        """Return the text of one input."""
        prompt, completion = sample.prompt, sample.completion
        if self.step:
            token, separator = self.step
            completion = insert_step_tokens(completion, separator, token)
            prompt = escape_step_token(prompt, token)
        if self.chat:
            system = [{"role": "system", "content": self.system_prompt}] if self.system_prompt else []
            turns = [{"role": "user", "content": prompt}, {"role": "assistant", "content": completion}]
            return str(
                self.tokenizer.apply_chat_template([*system, *turns], tokenize=False, add_generation_prompt=False)
            )
        fields = {"{prompt}": prompt, "{completion}": completion}
        return _FIELD.sub(lambda match: fields[match[0]], self.template or "{prompt}\n{completion}")

    @property
    def chat(self) -> bool:
        """Whether the text comes from the tokenizer's chat template, which writes special tokens itself."""
        return self.template is None and bool(self.tokenizer.chat_template)

    def encode(self, samples: Sequence[Sample]) -> Encoded:
        """Return the ids of N samples; an empty text is one token 0.

        Raises:
            SetupError: the step token is not one token of this tokenizer, or the template writes it too.
        """
        step = self._step_id()
        texts = [self.text(sample) for sample in samples]
        found = self.tokenizer(texts, add_special_tokens=not self.chat, verbose=False)["input_ids"] if texts else []
        encoded = Encoded([], [], [], [])
        for sample, raw in zip(samples, found, strict=True):
            full = self._once(list(raw)) or [0]
            ids = self._fit(full)
            cut = len(full) - len(ids) + (self.append is not None)
            encoded.rows.append(ids)
            encoded.positions.append([len(ids) - 1] if step is None else [i for i, x in enumerate(ids) if x == step])
            encoded.reasons.append(f"truncated: {cut} of {len(full)} tokens dropped on the left" if cut else "")
            encoded.families.append(None if cut else sample.prompt)
        return encoded

    def _fit(self, ids: list[int]) -> list[int]:
        """Cut on the left to `max_tokens`, keep a leading BOS or CLS, end in `append`."""
        end = [] if self.append is None else [self.append]
        room = self.max_tokens - len(end)
        if len(ids) > room:
            first = ids[:1] if ids[0] in (self.tokenizer.bos_token_id, self.tokenizer.cls_token_id) else []
            ids = first + ids[len(ids) - max(0, room - len(first)) :]
        return ids + end

    def _once(self, ids: list[int]) -> list[int]:
        """Drop a second BOS or CLS: many templates write one and many tokenizers add another."""
        for first in (self.tokenizer.bos_token_id, self.tokenizer.cls_token_id):
            while first is not None and ids[:2] == [first, first]:
                ids = ids[1:]
        return ids

    def _step_id(self) -> int | None:
        if self.step is None:
            return None
        ids = self.tokenizer.encode(self.step[0], add_special_tokens=False)
        if len(ids) != 1:
            raise SetupError(f"step_token = {self.step[0]!r} is {len(ids)} tokens for this tokenizer; expected one")
        probe = self.tokenizer(self.text(Sample("", "", 0)), add_special_tokens=not self.chat)["input_ids"]
        if probe.count(ids[0]) != 1:
            raise SetupError(
                f"step_token = {self.step[0]!r} stands {probe.count(ids[0])} times in the text of one empty step; "
                "expected once: the template may not write it too"
            )
        return int(ids[0])

"""From samples to token ids: template or annotation, then the tokenizer, then truncation from the left."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from herokit.errors import SetupError
from herokit.reward_models.process import escape_step_token, insert_step_tokens
from herokit.types import Sample
from herokit_onnx.annotate import annotate
from herokit_onnx.config import ModelConfig

_FIELD = re.compile(r"\{prompt\}|\{completion\}")  # one pass: a completion that says "{prompt}" stays as it is


def open_tokenizer(path: Path) -> Any:
    """Load a `tokenizers` JSON file.

    Raises:
        SetupError: no such file, or not a tokenizer.
    """
    from tokenizers import Tokenizer

    if not path.is_file():
        raise SetupError(f"{path}: no such tokenizer file; expected the model's tokenizer.json (a `tokenizers` JSON)")
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the Rust side raises Exception itself
        raise SetupError(f"{path}: not a `tokenizers` JSON: {error}") from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


@dataclass(frozen=True, slots=True)
class Encoder:
    """Turns samples into token ids as one model's config says; `separator` lies between the steps of a completion."""

    tokenizer: Any
    config: ModelConfig
    separator: str = "\n\n"

    def text(self, sample: Sample) -> str:
        """Return the text of one input."""
        if self.config.annotation == "arithmetic":
            return annotate(sample.prompt, sample.completion)
        prompt, completion = self.fields(sample)
        fields = {"{prompt}": prompt, "{completion}": completion}
        text = _FIELD.sub(lambda match: fields[match[0]], self.config.template)
        return text.encode("utf-8", "replace").decode("utf-8")  # the tokenizer refuses lone surrogates

    def fields(self, sample: Sample) -> tuple[str, str]:
        """Return prompt and completion as the template gets them: with step tokens, if there are any, of our own only."""
        token = self.config.step_token
        if token is None:
            return sample.prompt, sample.completion
        return escape_step_token(sample.prompt, token), insert_step_tokens(sample.completion, self.separator, token)

    def step_id(self) -> int | None:
        """Return the id of the step token, None for an outcome reward model.

        Raises:
            SetupError: it is not one token of this tokenizer.
        """
        if self.config.step_token is None:
            return None
        ids = self.tokenizer.encode(self.config.step_token, add_special_tokens=False).ids
        if len(ids) != 1:
            raise SetupError(
                f"step_token = {self.config.step_token!r} is {len(ids)} tokens for this tokenizer; expected one"
            )
        return int(ids[0])

    def encode(self, samples: Sequence[Sample]) -> tuple[list[list[int]], list[str]]:
        """Return the ids of N samples, and for each what was cut (``""`` for nothing).

        The end carries the score, so the start goes, behind the config's `first_id` if the input has it in front; a second
        one is dropped. An empty text is one token 0.
        """
        texts = [self.text(sample) for sample in samples]
        rows: list[list[int]] = []
        reasons: list[str] = []
        for encoding in self.tokenizer.encode_batch_fast(texts, add_special_tokens=self.config.special_tokens):
            ids = self._once(encoding.ids or [0])
            kept = self._fit(ids)
            rows.append(kept)
            cut = len(ids) - len(kept)
            reasons.append(f"truncated: {cut} of {len(ids)} tokens dropped on the left" if cut else "")
        return rows, reasons

    def _once(self, ids: list[int]) -> list[int]:
        """Drop a second BOS: many templates write one and many tokenizers add another."""
        while self.config.first_id is not None and ids[:2] == [self.config.first_id] * 2:
            ids = ids[1:]
        return ids

    def _fit(self, ids: list[int]) -> list[int]:
        """Cut on the left to `max_tokens`, and keep a leading BOS or CLS."""
        most = self.config.max_tokens
        if len(ids) <= most:
            return ids
        first = ids[:1] if ids[0] == self.config.first_id and most > 1 else []
        return first + ids[len(ids) - most + len(first) :]

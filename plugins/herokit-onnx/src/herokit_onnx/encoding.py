"""From samples to token ids: template or annotation, then the tokenizer of a JSON file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from herokit.errors import SetupError
from herokit.reward_models.encoding import EncodedRows, check_step_token, encode_rows, fill_template
from herokit.reward_models.process import escape_step_token, insert_step_tokens
from herokit.types import Sample
from herokit_onnx.annotate import annotate
from herokit_onnx.config import ModelConfig

__all__ = ["Encoder", "open_tokenizer"]


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
    """Turns samples into token ids as one model's config says; `separator` is the text between steps of a completion."""

    tokenizer: Any
    config: ModelConfig
    separator: str = "\n\n"

    def text(self, sample: Sample) -> str:
        """Return the text of one input."""
        if self.config.annotation == "arithmetic":
            return annotate(sample.prompt_text, sample.completion_text)
        text = fill_template(self.config.template, *self.fields(sample))
        return text.encode("utf-8", "replace").decode("utf-8")  # the tokenizer rejects lone surrogates

    def fields(self, sample: Sample) -> tuple[str, str]:
        """Return prompt and completion for the template; with step tokens, if the model has any, only after each step."""
        token = self.config.step_token
        if token is None:
            return sample.prompt_text, sample.completion_text
        return escape_step_token(sample.prompt_text, token), insert_step_tokens(
            sample.completion_text, self.separator, token
        )

    def step_id(self) -> int | None:
        """Return the id of the step token, None for an outcome reward model.

        Raises:
            SetupError: it is not one token of this tokenizer.
        """
        token = self.config.step_token
        if token is None:
            return None
        return check_step_token(token, self.tokenizer.encode(token, add_special_tokens=False).ids)

    def encode(self, samples: Sequence[Sample]) -> EncodedRows:
        """Return the token ids of N samples."""
        config = self.config
        encodings = self.tokenizer.encode_batch_fast(
            [self.text(sample) for sample in samples], add_special_tokens=config.special_tokens
        )
        return encode_rows(
            samples,
            (encoding.ids for encoding in encodings),
            max_length=config.max_length,
            first_ids=frozenset() if config.first_id is None else frozenset({config.first_id}),
            step_id=self.step_id(),
            pooling=config.pooling,
        )

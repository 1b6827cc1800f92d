"""From samples to token ids: template or annotation, then the tokenizer, then truncation from the left."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from herokit.errors import SetupError
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
    """Turns samples into token ids as one model's config says."""

    tokenizer: Any
    config: ModelConfig

    def text(self, sample: Sample) -> str:
        """Return the text of one input."""
        if self.config.annotation == "arithmetic":
            return annotate(sample.prompt, sample.completion)
        fields = {"{prompt}": sample.prompt, "{completion}": sample.completion}
        text = _FIELD.sub(lambda match: fields[match[0]], self.config.template)
        return text.encode("utf-8", "replace").decode("utf-8")  # the tokenizer refuses lone surrogates

    def encode(self, samples: Sequence[Sample]) -> tuple[list[list[int]], list[str]]:
        """Return the ids of N samples, and for each what was cut (``""`` for nothing).

        The end carries the score, so the start goes. An empty text is one token 0.
        """
        texts = [self.text(sample) for sample in samples]
        rows: list[list[int]] = []
        details: list[str] = []
        for encoding in self.tokenizer.encode_batch_fast(texts, add_special_tokens=self.config.special_tokens):
            ids = encoding.ids or [0]
            kept = ids[-self.config.max_tokens :]
            rows.append(kept)
            cut = len(ids) - len(kept)
            details.append(f"truncated: the first {cut} of {len(ids)} tokens dropped" if cut else "")
        return rows, details

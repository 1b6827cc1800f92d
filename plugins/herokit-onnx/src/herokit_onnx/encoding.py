"""From samples to token ids: chat template, plain template or annotation, then the tokenizer of a JSON file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from herokit.errors import SetupError
from herokit.reward_models.control_tokens import ControlTokens, compile_tokens, writes_tokens
from herokit.reward_models.encoding import EncodedRows, check_step_token, encode_rows, fill_template, tokenize_rows
from herokit.reward_models.inputs import InputView
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
    """Turns samples into token ids as one model's config says.

    Attributes:
        tokenizer: of the package `tokenizers`.
        config: of the model.
        separator: the text between steps of a completion.
        ignore_images: images are left out; otherwise samples with images cannot be scored.
        control_tokens: control tokens in the texts of a sample are broken up (``escape``) or left as they are.
        view: what the model is shown of a sample.
    """

    tokenizer: Any
    config: ModelConfig
    separator: str = "\n\n"
    ignore_images: bool = False
    control_tokens: ControlTokens = "escape"
    view: InputView = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "view", self._make_view())

    def _make_view(self) -> InputView:
        config = self.config
        template = config.chat_template or config.template
        added = self.tokenizer.get_added_tokens_decoder().values()
        return InputView(
            thinking=config.thinking,
            ignore_images=self.ignore_images,
            system_prompt=config.system_prompt,
            step_token=config.step_token,
            separator=self.separator,
            control=compile_tokens(added, template) if self.control_tokens == "escape" else None,
            keep_templated=not config.chat_template and config.annotation == "none" and not writes_tokens(template),
        )

    def text(self, sample: Sample) -> str:
        """Return the text of one input.

        Raises:
            UnscorableError: nothing can be scored, or the chat template rejects the conversation.
        """
        if self.config.annotation == "arithmetic":
            return annotate(*self.view.texts(sample))
        if self.config.chat_template is None:
            return fill_template(self.config.template, *self.view.texts(sample))
        from herokit_onnx.chat_template import render_chat

        return render_chat(self.config.chat_template, self.view.messages(sample), self.config.chat_variables)

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
        return encode_rows(
            samples,
            tokenize_rows(samples, self.text, self._tokenize),
            max_length=config.max_length,
            first_ids=frozenset() if config.first_id is None else frozenset({config.first_id}),
            step_id=self.step_id(),
            pooling=config.pooling,
            trailing_pad_id=None if config.step_token else config.trailing_pad_id,
        )

    def _tokenize(self, texts: list[str]) -> Iterator[list[int]]:
        encodings = self.tokenizer.encode_batch_fast(texts, add_special_tokens=self.config.special_tokens)
        return (encoding.ids for encoding in encodings)

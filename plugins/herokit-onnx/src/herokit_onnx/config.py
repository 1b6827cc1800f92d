"""What a model expects of its input and means by its output: a JSON file next to the .onnx file."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, Self

from herokit.errors import SetupError, did_you_mean
from herokit.reward_models.encoding import DEFAULT_TEMPLATE, is_template

__all__ = ["ModelConfig"]

_ANNOTATIONS = ("none", "arithmetic")
_POOLINGS = ("last", "first")
_CHECKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "template": (lambda x: isinstance(x, str) and is_template(x), "a text with {prompt} and {completion}"),
    "annotation": (lambda x: x in _ANNOTATIONS, f"one of {', '.join(_ANNOTATIONS)}"),
    "max_length": (lambda x: type(x) is int and x > 0, "an integer of at least 1"),
    "output": (lambda x: isinstance(x, str), "the name of an output"),
    "pooling": (lambda x: x in _POOLINGS, f"one of {', '.join(_POOLINGS)}"),
    "special_tokens": (lambda x: type(x) is bool, "true or false"),
    "first_id": (lambda x: type(x) is int and x >= 0, "a token id"),
    "trailing_pad_id": (lambda x: type(x) is int and x >= 0, "a token id"),
    "step_token": (lambda x: isinstance(x, str) and bool(x), "the text of one token"),
    "chat_template": (lambda x: isinstance(x, str) and bool(x), "a chat template in jinja's language"),
    "chat_variables": (
        lambda x: isinstance(x, dict) and all(isinstance(key, str) for key in x),
        "an object of texts by name",
    ),
    "system_prompt": (lambda x: isinstance(x, str), "a text"),
    "thinking": (lambda x: x in ("drop", "keep"), "drop or keep"),
    "labels": (
        lambda x: isinstance(x, list) and bool(x) and all(isinstance(name, str) for name in x),
        "a list of texts, one for each output",
    ),
}


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """How to turn a sample into tokens, and the model's output into one score per row.

    Attributes:
        template: the text of one input, with ``{prompt}`` and ``{completion}``; not used with a chat template or annotation.
        annotation: ``arithmetic`` rewrites the text as the embedded model was trained on (`herokit_onnx.annotate`).
        max_length: longer inputs are truncated on the left, which the row's reason says.
        output: the name of the output to read, None for the first.
        pooling: the position that is read when the output is one score per token: the ``last`` real one or the ``first``.
        special_tokens: let the tokenizer add its own special tokens; off, because a template writes them itself.
        first_id: the id of a BOS or CLS token: a second one in front is dropped, and truncation keeps the first.
        trailing_pad_id: tokens of this id at the end of an outcome model's input are left out.
        step_token: makes it a process reward model: the token is written after every step, and the output, one score or L per
            token, is read there as the logits of a probability.
        chat_template: renders the whole conversation, special tokens included.
        chat_variables: texts of special tokens for the chat template, such as ``bos_token``.
        system_prompt: the first message of a chat that has no system message.
        thinking: what the model is shown of the policy's thinking: ``drop`` (nothing) or ``keep``.
        labels: the names of the numbers that the output has per row or token, in order; None names them ``LABEL_0``, ``LABEL_1``.

    Example:
        >>> ModelConfig.from_dict({"max_length": 512}, "rm.json").max_length
        512
    """

    template: str = DEFAULT_TEMPLATE
    annotation: Literal["none", "arithmetic"] = "none"
    max_length: int = 1024
    output: str | None = None
    pooling: Literal["last", "first"] = "last"
    special_tokens: bool = False
    first_id: int | None = None
    trailing_pad_id: int | None = None
    step_token: str | None = None
    chat_template: str | None = None
    chat_variables: Mapping[str, Any] = field(default_factory=dict)
    system_prompt: str = ""
    thinking: Literal["drop", "keep"] = "drop"
    labels: Sequence[str] | None = None

    @classmethod
    def from_dict(cls, data: Any, location: str) -> Self:
        """Check the settings of a file.

        Args:
            data: the parsed JSON.
            location: the file, for messages.

        Raises:
            SetupError: not an object, an unknown key, or a value of the wrong kind.
        """
        if not isinstance(data, dict):
            raise SetupError(f"{location}: expected a JSON object of settings, found {type(data).__name__}")
        names = [each.name for each in fields(cls)]
        for key in data:
            if key not in names:
                raise SetupError(f"{location}: unknown setting {key!r}; {did_you_mean(key, names)}")
        settings = {key: value for key, value in data.items() if value is not None}
        for name, value in settings.items():
            is_valid, expected = _CHECKS[name]
            if not is_valid(value):
                raise SetupError(f"{location}: {name} = {value!r}; expected {expected}")
        return cls(**settings)

    @classmethod
    def load(cls, model: Path) -> Self:
        """Read ``<model>.json`` next to ``<model>.onnx``; the defaults if there is none.

        Raises:
            SetupError: the file cannot be read or has an invalid setting.
        """
        path = model.with_suffix(".json")
        if not path.exists():
            return cls()
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise SetupError(f"{path}: not a readable JSON file: {error}") from error
        return cls.from_dict(data, str(path))

"""What a model expects of its input and means by its output: a JSON file beside the .onnx file."""

import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, Self

from herokit.errors import SetupError, did_you_mean

ANNOTATIONS = ("none", "arithmetic")
POOLINGS = ("last", "first")
_SETTINGS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "template": (
        lambda x: isinstance(x, str) and "{prompt}" in x and "{completion}" in x,
        "a text with {prompt} and {completion}",
    ),
    "annotation": (lambda x: x in ANNOTATIONS, f"one of {', '.join(ANNOTATIONS)}"),
    "max_tokens": (lambda x: type(x) is int and x > 0, "a whole number from 1"),
    "output": (lambda x: isinstance(x, str), "the name of an output"),
    "pooling": (lambda x: x in POOLINGS, f"one of {', '.join(POOLINGS)}"),
    "special_tokens": (lambda x: type(x) is bool, "true or false"),
    "first_id": (lambda x: type(x) is int and x >= 0, "a token id"),
    "step_token": (lambda x: isinstance(x, str) and bool(x), "the text of one token"),
}


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """How to turn a sample into tokens, and the model's output into one score a row.

    Attributes:
        template: the text of one input, with ``{prompt}`` and ``{completion}``; ignored when annotated.
        annotation: ``arithmetic`` rewrites the text as the embedded model was trained on (`herokit_onnx.annotate`).
        max_tokens: longer inputs lose tokens on the left and say so.
        output: the name of the output to read, None for the first.
        pooling: which position counts when the output is one score a token: the ``last`` real one or the ``first``.
        special_tokens: let the tokenizer add its own special tokens; off, since a template writes them itself.
        first_id: the id of a BOS or CLS token: one in front is enough, and it stays there when the start is cut.
        step_token: makes it a process reward model: it is written after every step, and the output, one score a token,
            is read there as the logit of a probability.

    Example:
        >>> ModelConfig.of({"max_tokens": 512}, "rm.json").max_tokens
        512
    """

    template: str = "{prompt}\n{completion}"
    annotation: Literal["none", "arithmetic"] = "none"
    max_tokens: int = 1024
    output: str | None = None
    pooling: Literal["last", "first"] = "last"
    special_tokens: bool = False
    first_id: int | None = None
    step_token: str | None = None

    @classmethod
    def of(cls, data: Any, where: str) -> Self:
        """Check what a file says.

        Args:
            data: the parsed JSON.
            where: the file, for messages.

        Raises:
            SetupError: not an object, an unknown key, or a value of the wrong kind.
        """
        if not isinstance(data, dict):
            raise SetupError(f"{where}: expected a JSON object of settings, found {type(data).__name__}")
        known = [field.name for field in fields(cls)]
        for key in data:
            if key not in known:
                raise SetupError(f"{where}: unknown setting {key!r}; {did_you_mean(key, known)}")
        given = {key: value for key, value in data.items() if value is not None}
        for name, value in given.items():
            fits, expected = _SETTINGS[name]
            if not fits(value):
                raise SetupError(f"{where}: {name} = {value!r}; expected {expected}")
        return cls(**given)

    @classmethod
    def beside(cls, model: Path) -> Self:
        """Read ``<model>.json`` beside ``<model>.onnx``; the defaults where there is none.

        Raises:
            SetupError: the file cannot be read or says something impossible.
        """
        path = model.with_suffix(".json")
        if not path.exists():
            return cls()
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise SetupError(f"{path}: not a readable JSON file: {error}") from error
        return cls.of(data, str(path))

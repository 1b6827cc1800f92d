"""What a model expects of its input and means by its output: a JSON file beside the .onnx file."""

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, Self

from herokit.errors import SetupError, nearest

ANNOTATIONS = ("none", "arithmetic")
POOLINGS = ("last", "first")


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
                raise SetupError(f"{where}: unknown setting {key!r}; {nearest(key, known)}")
        template, pooling, annotation = (data.get(x) for x in ("template", "pooling", "annotation"))
        if template is not None and not (
            isinstance(template, str) and "{prompt}" in template and "{completion}" in template
        ):
            raise _refused(where, "template", template, "a text with {prompt} and {completion}")
        if annotation not in (None, *ANNOTATIONS):
            raise _refused(where, "annotation", annotation, f"one of {', '.join(ANNOTATIONS)}")
        if pooling not in (None, *POOLINGS):
            raise _refused(where, "pooling", pooling, f"one of {', '.join(POOLINGS)}")
        if type(data.get("max_tokens", 1)) is not int or data.get("max_tokens", 1) < 1:
            raise _refused(where, "max_tokens", data["max_tokens"], "a whole number from 1")
        if not isinstance(data.get("output"), str | None):
            raise _refused(where, "output", data["output"], "the name of an output")
        if type(data.get("special_tokens", False)) is not bool:
            raise _refused(where, "special_tokens", data["special_tokens"], "true or false")
        return cls(**{key: value for key, value in data.items() if value is not None})

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


def _refused(where: str, name: str, value: object, expected: str) -> SetupError:
    return SetupError(f"{where}: {name} = {value!r}; expected {expected}")

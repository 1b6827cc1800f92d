"""Inspect the parameters of registered classes: name, type, default, documentation."""

import inspect
import re
import typing
from collections.abc import Callable, Iterable
from dataclasses import dataclass, is_dataclass
from typing import Any

from herokit.combiners.base import is_step_type
from herokit.registry import SOURCE_KINDS, STEP_KINDS, Entry, Kind

__all__ = [
    "CONFIG_KINDS",
    "Parameter",
    "docstring_args",
    "nested_dataclasses",
    "parameters_of",
    "undocumented_parameters",
]

CONFIG_KINDS: tuple[Kind, ...] = (*SOURCE_KINDS, *STEP_KINDS)
"""The kinds of names that scheme files use."""

_SECTION = re.compile(r"^(?:Attributes|Args):\n((?:[ ]+.*\n|\n)+)", re.MULTILINE)
_ITEM = re.compile(r"^    (\w+(?:, \w+)*): (.*(?:\n {5,}.*)*)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a registered class, which is a key of its table in a scheme file.

    Attributes:
        name: the key.
        hint: its type annotation.
        default: its default; meaningless if `required`.
        required: whether it has no default.
        doc: its text in the docstring; empty if there is none.

    Example:
        >>> from herokit import Stratify
        >>> parameters_of(Stratify)[1].doc[:44]
        'half-width of the lowest band, in (0, 1]. Th'
    """

    name: str
    hint: Any
    default: Any
    required: bool
    doc: str


def parameters_of(factory: Callable[..., Any]) -> list[Parameter]:
    """Return the parameters of a class or function that a scheme file can set, in the order of the signature.

    Parameters that no file can hold, such as callbacks, are left out.

    Args:
        factory: the target of a registered name.

    Example:
        >>> from herokit import WeightByStd
        >>> [p.name for p in parameters_of(WeightByStd)][:3]
        ['signal', 'min_weight', 'max_weight']
    """
    docs = docstring_args(factory)
    return [
        Parameter(name, p.annotation, p.default, p.default is p.empty, docs.get(name, ""))
        for name, p in inspect.signature(factory, eval_str=True).parameters.items()
        if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL) and not _is_callback(p.annotation)
    ]


def docstring_args(factory: object) -> dict[str, str]:
    """Return the sections Args and Attributes of a docstring: name -> text.

    Example:
        >>> from herokit import Sample
        >>> docstring_args(Sample)["prompt"]
        'the text that the policy was given, or the messages.'
    """
    docs: dict[str, str] = {}
    for section in _SECTION.findall((inspect.getdoc(factory) or "") + "\n"):
        for names, text in _ITEM.findall(section):
            docs |= dict.fromkeys(names.split(", "), " ".join(text.split()))
    return docs


def nested_dataclasses(hint: Any) -> list[type]:
    """Return the dataclasses in a type annotation that a scheme file writes as tables without ``use``.

    Example:
        >>> nested_dataclasses(int | None)
        []
    """
    parts: Iterable[Any] = typing.get_args(hint) or (hint,)
    return [part for part in parts if isinstance(part, type) and is_dataclass(part) and not is_step_type(part)]


def undocumented_parameters(entries: Iterable[Entry]) -> list[str]:
    """Return the parameters without a text in the docstring, also those of nested dataclasses.

    Example:
        >>> from herokit.registry import get_registry
        >>> undocumented_parameters([get_registry().find("stratify")])
        []
    """
    names = []
    for entry in entries:
        if entry.kind not in CONFIG_KINDS:
            continue
        prefix = f"{entry.owner}: {entry.name}"
        for parameter in parameters_of(entry.load()):
            if not parameter.doc:
                names.append(f"{prefix}.{parameter.name}")
            for nested in nested_dataclasses(parameter.hint):
                names += [f"{prefix}.{parameter.name}.{p.name}" for p in parameters_of(nested) if not p.doc]
    return names


def _is_callback(hint: Any) -> bool:
    return any(typing.get_origin(part) is Callable for part in (hint, *typing.get_args(hint)))

"""What the registered names can be told, read off the code: each setting with its type, default and meaning."""

import inspect
import re
import typing
from collections.abc import Callable, Iterable
from dataclasses import dataclass, is_dataclass
from typing import Any

from herokit.registry import Entry, Kind

IN_FILES: tuple[Kind, ...] = ("verifier", "reward model", "combiner", "scheme")
"""The kinds of names that scheme files use."""

_SECTION = re.compile(r"^(?:Attributes|Args):\n((?:[ ]+.*\n|\n)+)", re.MULTILINE)
_ITEM = re.compile(r"^    (\w+(?:, \w+)*): (.*(?:\n {5,}.*)*)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Setting:
    """One key of a table in a scheme file.

    Attributes:
        name: the key.
        hint: the type of its value, as the constructor is annotated.
        default: what it is when it is left out; meaningless if `required`.
        required: whether it must be given.
        text: what it means, from the docstring; empty if that does not say.

    Example:
        >>> from herokit import Stratify
        >>> settings_of(Stratify)[1].text
        'half-width of the lowest band, in (0, 1]. The paper: 0.05 on easy-to-verify data, 0.1 on mixed and hard-to-verify data.'
    """

    name: str
    hint: Any
    default: Any
    required: bool
    text: str


def settings_of(factory: Callable[..., Any]) -> list[Setting]:
    """Return what a class or function can be told from a scheme file, in the order of its signature.

    Parameters that no file can hold, such as callbacks, are left out.

    Args:
        factory: what a registered name stands for.

    Example:
        >>> from herokit import WeightByStd
        >>> [s.name for s in settings_of(WeightByStd)][:3]
        ['signal', 'min_weight', 'max_weight']
    """
    said = described(factory)
    return [
        Setting(name, p.annotation, p.default, p.default is p.empty, said.get(name, ""))
        for name, p in inspect.signature(factory, eval_str=True).parameters.items()
        if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL) and not _callback(p.annotation)
    ]


def described(factory: object) -> dict[str, str]:
    """Return what the sections Args and Attributes of a docstring say, by name.

    Example:
        >>> from herokit import Sample
        >>> described(Sample)["prompt"]
        'the text the policy was given.'
    """
    found: dict[str, str] = {}
    for section in _SECTION.findall((inspect.getdoc(factory) or "") + "\n"):
        for names, text in _ITEM.findall(section):
            found |= dict.fromkeys(names.split(", "), " ".join(text.split()))
    return found


def groups_in(hint: Any) -> list[type]:
    """Return the groups of settings that a type names: dataclasses that a file writes as tables without ``use``.

    Example:
        >>> groups_in(int | None)
        []
    """
    parts: Iterable[Any] = typing.get_args(hint) or (hint,)
    return [part for part in parts if isinstance(part, type) and is_dataclass(part) and not hasattr(part, "combine")]


def silent_settings(entries: Iterable[Entry]) -> list[str]:
    """Name the settings that no docstring explains, also those inside groups of settings.

    Example:
        >>> from herokit.registry import registry
        >>> silent_settings([registry().find("stratify")])
        []
    """
    silent = []
    for entry in entries:
        if entry.kind not in IN_FILES:
            continue
        for setting in settings_of(entry.load()):
            if not setting.text:
                silent.append(f"{entry.owner}: {entry.name}.{setting.name}")
            for group in groups_in(setting.hint):
                silent += [
                    f"{entry.owner}: {entry.name}.{setting.name}.{s.name}" for s in settings_of(group) if not s.text
                ]
    return silent


def _callback(hint: Any) -> bool:
    """Whether a hint asks for a function."""
    return any(typing.get_origin(part) is Callable for part in (hint, *typing.get_args(hint)))

"""Write the generated pages of the reference: Python API, commands, scheme files, hooks.

Every build writes them to docs/reference/generated, which git ignores; it fails if something public is not documented.
"""

import inspect
import json
import textwrap
import types
import typing
from collections.abc import Mapping
from types import NoneType
from typing import Any

from copied_pages import PLACE, copied_pages
from public_names import Page, constant_text, pages, undocumented_names

from herokit import hookspecs
from herokit.combiners import Combiner
from herokit.config.parameters import (
    Parameter,
    nested_dataclasses,
    parameters_of,
    undocumented_parameters,
)
from herokit.registry import ENTRY_POINT_GROUP, Entry, get_registry
from herokit.testing.law import Law
from herokit.types import RewardModel, Verifier

KINDS = {
    "verifier": "Verifiers",
    "reward model": "Reward models",
    "scheme": "Named schemes",
    "combiner": "Steps, normalizers and schedules",
}

GROUPS = {
    ENTRY_POINT_GROUP: "A module with the hook below: verifiers, reward models, steps, schemes, commands.",
    "herokit.language": "A function `detect(text, among)` that detects the language of a text, for `language` and `ifeval`.",
}
"""Entry-point group -> what its entry points provide."""


def undocumented() -> list[str]:
    """Return everything public that is not documented: names, parameters, options."""
    from make_commands import undocumented_options

    return [
        *undocumented_names(),
        *undocumented_parameters(get_registry()),
        *undocumented_options(),
    ]


def write() -> None:
    """Write all pages.

    Raises:
        SystemExit: something public is not documented; the message lists it.
    """
    from make_commands import commands

    if missing := undocumented():
        raise SystemExit("public, and not documented:\n" + "\n".join(missing))
    texts = (
        {"commands.md": commands(), "scheme-file.md": scheme_file(), "hooks.rst": hooks()}
        | api()
        | copied_pages()
    )
    for old in {p.relative_to(PLACE).as_posix() for p in PLACE.rglob("*.*")} - set(texts):
        PLACE.joinpath(old).unlink()
    for name, text in texts.items():
        path = PLACE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if (
            not path.exists() or path.read_text(encoding="utf-8") != text
        ):  # Sphinx reads newer files again
            path.write_text(text, encoding="utf-8")


def api() -> dict[str, str]:
    """Return a page for each public module; a name is documented on the first page that lists it."""
    homes: dict[tuple[int, str], str] = {}
    texts, rows = {}, []
    listed = pages()
    for page in sorted(listed, key=lambda p: p.name == "herokit"):
        for name, value in page.names.items():
            homes.setdefault((id(value), name), f"{page.name}.{name}")
    for page in listed:
        texts[f"api/{page.name}.rst"] = _api_page(page, homes)
        first = (
            (page.module.__doc__ or "")
            .strip()
            .splitlines()[0]
            .replace("`", "``")
            .replace("````", "``")
        )
        rows.append(f"   * - :doc:`{page.name} <{page.name}>`\n     - {first}\n")
    texts["api/index.rst"] = (
        _title("Python API")
        + "All public names. Other names are internal and may change at any time.\n\n"
        + ".. list-table::\n\n"
        + "".join(rows)
        + "\n.. toctree::\n   :hidden:\n\n"
        + "".join(f"   {page.name}\n" for page in listed)
    )
    return texts


def _api_page(page: Page, homes: dict[tuple[int, str], str]) -> str:
    text = _title(page.name) + f".. automodule:: {page.name}\n   :no-members:\n\n"
    elsewhere, laws = [], []
    for name, value in page.names.items():
        home = homes[id(value), name]
        if isinstance(value, Law):
            laws.append(f"``{name}``\n    {value.statement}\n\n")
        elif home != f"{page.name}.{name}":
            elsewhere.append(f"- :py:obj:`~{home}` of ``{home.rpartition('.')[0]}``\n")
        elif inspect.isclass(value):
            text += f".. autoclass:: {page.name}.{name}\n   :members:\n   :special-members: __call__\n\n"
        elif inspect.isroutine(value):
            text += f".. autofunction:: {page.name}.{name}\n\n"
        else:
            text += f".. py:data:: {page.name}.{name}\n\n{textwrap.indent(constant_text(page.module, name), '   ')}\n\n"
    text += "".join(laws)
    return text + ("Documented elsewhere:\n\n" + "".join(elsewhere) if elsewhere else "")


def scheme_file() -> str:
    """Return the page of scheme files: all names with their parameters."""
    text = textwrap.dedent(
        """\
        # Scheme files

        A scheme file is TOML or YAML with two keys: `sources`, a table for each verifier and reward model, under the
        name that steps refer to; and `steps`, a step or a list of steps. Every table says `use = "name"`; its other keys
        are the parameters listed here, with all packages of this project installed. A number of a step can be a schedule
        (see `linear-schedule`). `herokit schema` prints the same as a JSON schema, for
        [editors](../../how-to/scheme-files.md).

        """
    )
    for kind, title in KINDS.items():
        text += f"## {title}\n\n"
        text += "".join(_entry(entry) for entry in get_registry() if entry.kind == kind)
    return text


def _entry(entry: Entry) -> str:
    factory = entry.load()
    first = (inspect.getdoc(factory) or "").splitlines()[0].replace("``", "`")
    text = f"### {entry.name}\n\n{_literal_stars(first)} *{entry.owner}*, `{entry.target}`\n\n"
    parameters = parameters_of(factory)
    text += _table(parameters)
    for parameter in parameters:
        for nested in nested_dataclasses(parameter.hint):
            text += f"Keys of `{parameter.name}`:\n\n{_table(parameters_of(nested))}"
    return text


def _table(parameters: list[Parameter]) -> str:
    if not parameters:
        return "No keys.\n\n"
    rows = "".join(
        f"| `{p.name}` | {_type(p.hint)} | {_default(p)} | {_cell(p.doc)} |\n" for p in parameters
    )
    return f"| key | type | default | |\n|---|---|---|---|\n{rows}\n"


TYPES = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    Any: "any",
    NoneType: "",
}
TYPES |= {Verifier: "verifier", RewardModel: "reward model", Combiner: "step or steps"}


def _type(hint: Any) -> str:  # noqa: PLR0911 - one return per kind of type
    """Return the name of a type for the page."""
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return "number or schedule"
    if origin is typing.Literal:
        return ", ".join(f"`{part}`" for part in parts)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(filter(None, map(_type, parts)))
    if origin is tuple:
        return f"list: {_type(parts[0])}"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"table: {_type(parts[1])}"
    if nested_dataclasses(hint):
        return "table, see below"
    if hint in TYPES or origin in TYPES:
        return TYPES[hint if hint in TYPES else origin]
    names = [e.name for e in get_registry() if e.kind == "combiner" and issubclass(e.load(), hint)]
    return ", ".join(f"`{name}`" for name in names)


def _default(parameter: Parameter) -> str:
    if parameter.required:
        return "*required*"
    try:
        text = json.dumps(parameter.default)
    except TypeError:
        text = get_registry().name_of(type(parameter.default)) or ""
    return f"`{_cell(text)}`" if text and parameter.default is not None else ""


def _cell(text: str) -> str:
    return _literal_stars(text.replace("``", "`")).replace("|", "\\|")


def _literal_stars(text: str) -> str:
    return text.replace("*", "\\*") if "`" not in text else text


def hooks() -> str:
    """Return the page of the plugin hook and of its parameter."""
    text = _title("Hooks") + "Entry-point groups that a package can declare:\n\n"
    text += "".join(
        f"``{group}``\n    {what.replace('`', '``')}\n\n" for group, what in GROUPS.items()
    )
    text += ".. automodule:: herokit.hookspecs\n   :no-members:\n   :no-index:\n\n"
    for name, spec in vars(hookspecs).items():
        if hasattr(spec, "herokit_spec"):
            text += f".. autofunction:: herokit.hookspecs.{name}\n   :no-index:\n\n"
    return text + ".. autoclass:: herokit.hookspecs.Register\n   :members:\n   :no-index:\n"


def _title(text: Any) -> str:
    return f"{text}\n{'=' * len(text)}\n\n"


if __name__ == "__main__":
    write()

"""Write the pages of the reference that are read off the code, at each build: names, commands, scheme files, hooks.

They lie in docs/reference/generated, which git ignores. Nothing is written if something public is not explained.
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
from public_names import Page, constant_text, pages, silent

from herokit import hookspecs
from herokit.combiners import Combiner
from herokit.config.parameters import Setting, groups_in, settings_of, silent_settings
from herokit.registry import GROUP, Entry, registry
from herokit.testing.law import Law
from herokit.types import RewardModel, Verifier

KINDS = {
    "verifier": "Verifiers",
    "reward model": "Reward models",
    "scheme": "Named schemes",
    "combiner": "Steps, normalizers and schedules",
}

GROUPS = {
    GROUP: "A module with the hook below: verifiers, reward models, steps, schemes, commands.",
    "herokit.language": "A function `detect(text, among)` that tells languages apart, for `language` and `ifeval`.",
}
"""Entry-point groups that a package can declare, and what they are for."""


def complaints() -> list[str]:
    """Name everything public that is not explained: names, settings, options."""
    from make_commands import silent_options

    return [*silent(), *silent_settings(registry()), *silent_options()]


def write() -> None:
    """Write all pages.

    Raises:
        SystemExit: something public is not explained; the message names it.
    """
    from make_commands import commands

    if missing := complaints():
        raise SystemExit("public, and not explained:\n" + "\n".join(missing))
    found = {"commands.md": commands(), "scheme-file.md": scheme_file(), "hooks.rst": hooks()} | api() | copied_pages()
    for old in {p.relative_to(PLACE).as_posix() for p in PLACE.rglob("*.*")} - set(found):
        PLACE.joinpath(old).unlink()
    for name, text in found.items():
        path = PLACE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:  # Sphinx reads again what is newer
            path.write_text(text, encoding="utf-8")


def api() -> dict[str, str]:
    """Return a page for each public module; a name is explained where it is first listed."""
    homes: dict[tuple[int, str], str] = {}
    made, rows = {}, []
    listed = pages()
    for page in sorted(listed, key=lambda p: p.name == "herokit"):
        for name, value in page.names.items():
            homes.setdefault((id(value), name), f"{page.name}.{name}")
    for page in listed:
        made[f"api/{page.name}.rst"] = _api_page(page, homes)
        first = (page.module.__doc__ or "").strip().splitlines()[0].replace("`", "``").replace("````", "``")
        rows.append(f"   * - :doc:`{page.name} <{page.name}>`\n     - {first}\n")
    made["api/index.rst"] = (
        _title("Python API")
        + "Every public name. What is not listed here is internal and may change at any time.\n\n"
        + ".. list-table::\n\n"
        + "".join(rows)
        + "\n.. toctree::\n   :hidden:\n\n"
        + "".join(f"   {page.name}\n" for page in listed)
    )
    return made


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
    return text + ("Explained elsewhere:\n\n" + "".join(elsewhere) if elsewhere else "")


def scheme_file() -> str:
    """Return the page of scheme files: every name, every key."""
    text = textwrap.dedent(
        """\
        # Scheme files

        A scheme file is TOML or YAML with two keys: `sources`, a table for each verifier and reward model, under the
        name that steps refer to; and `combine`, a step or a list of steps. Every table says `use = "name"`; its other
        keys are listed here, as installed with all packages of this project. A number of a step may be a schedule (see
        `linear`). `herokit schema` prints the same as a JSON schema, for [editors](../../how-to/scheme-files.md).

        """
    )
    for kind, title in KINDS.items():
        text += f"## {title}\n\n"
        text += "".join(_entry(entry) for entry in registry() if entry.kind == kind)
    return text


def _entry(entry: Entry) -> str:
    factory = entry.load()
    first = (inspect.getdoc(factory) or "").splitlines()[0].replace("``", "`")
    text = f"### {entry.name}\n\n{_literal_stars(first)} *{entry.owner}*, `{entry.target}`\n\n"
    settings = settings_of(factory)
    text += _table(settings)
    for setting in settings:
        for group in groups_in(setting.hint):
            text += f"Keys of `{setting.name}`:\n\n{_table(settings_of(group))}"
    return text


def _table(settings: list[Setting]) -> str:
    if not settings:
        return "No keys.\n\n"
    rows = "".join(f"| `{s.name}` | {_type(s.hint)} | {_default(s)} | {_cell(s.text)} |\n" for s in settings)
    return f"| key | type | default | |\n|---|---|---|---|\n{rows}\n"


TYPES = {str: "text", int: "whole number", float: "number", bool: "true or false", Any: "any", NoneType: ""}
TYPES |= {Verifier: "verifier", RewardModel: "reward model", Combiner: "step or steps"}


def _type(hint: Any) -> str:  # noqa: PLR0911 - one return a kind of type
    """Say what a file may hold there."""
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
    if groups_in(hint):
        return "table, see below"
    if hint in TYPES or origin in TYPES:
        return TYPES[hint if hint in TYPES else origin]
    kin = [e.name for e in registry() if e.kind == "combiner" and issubclass(e.load(), hint)]
    return ", ".join(f"`{name}`" for name in kin)


def _default(setting: Setting) -> str:
    if setting.required:
        return "*needed*"
    try:
        text = json.dumps(setting.default)
    except TypeError:
        text = registry().name_of(type(setting.default)) or ""
    return f"`{_cell(text)}`" if text and setting.default is not None else ""


def _cell(text: str) -> str:
    return _literal_stars(text.replace("``", "`")).replace("|", "\\|")


def _literal_stars(text: str) -> str:
    return text.replace("*", "\\*") if "`" not in text else text


def hooks() -> str:
    """Return the page of the hook, and of what it is handed."""
    text = _title("Hooks") + "Entry-point groups that a package can declare:\n\n"
    text += "".join(f"``{group}``\n    {what.replace('`', '``')}\n\n" for group, what in GROUPS.items())
    text += ".. automodule:: herokit.hookspecs\n   :no-members:\n   :no-index:\n\n"
    for name, spec in vars(hookspecs).items():
        if hasattr(spec, "herokit_spec"):
            text += f".. autofunction:: herokit.hookspecs.{name}\n   :no-index:\n\n"
    return text + ".. autoclass:: herokit.hookspecs.Register\n   :members:\n   :no-index:\n"


def _title(text: Any) -> str:
    return f"{text}\n{'=' * len(text)}\n\n"


if __name__ == "__main__":
    write()

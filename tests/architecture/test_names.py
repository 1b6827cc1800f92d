"""The naming rule of CONTRIBUTING.md, on every name that the sources define."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [*ROOT.glob("src/**/*.py"), *ROOT.glob("plugins/*/src/**/*.py")]
BANNED = frozenset(
    # past participles that stand alone
    [
        "told",
        "said",
        "found",
        "asked",
        "made",
        "heard",
        "mingled",
        "unread",
        "lost",
        "lonely",
        "begun",
        "of",
        "by",
        "to",
        "between",
        "ours",
        "theirs",
        "crew",
        "desk",
        "keeper",
        "thing",
        "things",
        "gold",
        "ask",
        "remember",
    ]
)
BANNED_CONSTANTS = frozenset(
    ["LARGEST", "LONGEST", "MOST", "LEAST", "SHOWN", "TAIL", "FAR", "WIDE", "PART", "HELD", "AGAIN"]
)


def names_defined(tree):
    """Yield (line, name) of every class, function, parameter, variable and attribute that a module defines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr


def is_banned(name):
    bare = name.strip("_")
    return bare.lower() in BANNED or bare in BANNED_CONSTANTS


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_name_is_banned(path):
    tree = ast.parse(path.read_text())
    assert [f"line {line}: {name}" for line, name in names_defined(tree) if is_banned(name)] == []


@pytest.mark.parametrize("code", ["told = 1", "def f(by): ...", "class Desk: ...", "self._lost = 0", "MOST = 3"])
def test_a_banned_name_is_found(code):
    assert any(is_banned(name) for _, name in names_defined(ast.parse(code)))

"""Docstrings use the present names: formulas of steps and schemes, and references such as `Stratify.min_range`."""

import dataclasses
import inspect
import re
from importlib import import_module
from pathlib import Path

import pytest

import herokit
from herokit import combiners
from herokit.combiners import STEPS
from herokit.schemes import SCHEMES

ROOT = Path(__file__).resolve().parents[2]
SYMBOLS = frozenset(
    [
        "c_it",
        "clip",
        "else",
        "elsewhere",
        "every",
        "exp",
        "group",
        "groups",
        "half",
        "incorrect",
        "level",
        "mad_g",
        "max_g",
        "mean",
        "mean_",
        "mean_b",
        "mean_g",
        "mean_i",
        "mean_s",
        "min_g",
        "minmax_g",
        "mixed",
        "ones",
        "over",
        "p_ik",
        "p_it",
        "q_high",
        "q_low",
        "q_ik",
        "q_it",
        "r_ik",
        "r_it",
        "rank",
        "rhat",
        "rollouts",
        "second_g",
        "seen",
        "sigma_bar",
        "sigma_u",
        "sigmoid",
        "signal",
        "softmax",
        "softmax_t",
        "std_b",
        "std_g",
        "sum_",
        "sum_j",
        "sum_k",
        "those",
        "u_it",
        "uniform",
        "where",
        "z_gt",
    ]
)
"""Words of formulas that are functions, statistics, inputs or English."""


def formulas(factory):
    """Return the formulas before the arguments: texts in double backticks and literal blocks."""
    text = inspect.getdoc(factory).split("\nArgs:")[0]
    blocks = re.findall(r"::\n\n((?:    .*\n?|\n)+)", f"{text}\n")
    quoted = [part for part in re.findall(r"``([^`]+)``", text) if not re.fullmatch(r"\w+=\S+", part)]  # a setting
    return [formula for formula in [*quoted, *blocks] if "=" in formula or "<" in formula]


def parameters(factory):
    if dataclasses.is_dataclass(factory):
        return {field.name for field in dataclasses.fields(factory)}
    return set(inspect.signature(factory).parameters)


@pytest.mark.parametrize("factory", [*STEPS, *SCHEMES], ids=lambda factory: factory.__name__)
def test_formula_of_a_step_has_the_names_of_its_parameters(factory):
    words = {word for formula in formulas(factory) for word in re.findall(r"(?<![\\\w])[a-z][a-z_]{3,}", formula)}
    assert words - parameters(factory) - SYMBOLS == set()


@pytest.mark.parametrize("path", [*ROOT.glob("src/**/*.py"), *ROOT.glob("plugins/*/src/**/*.py")], ids=str)
def test_references_in_docstrings_exist(path):
    references = set(re.findall(r"(?<!`)`([A-Z]\w+)\.([a-z_]\w*)`(?!`)", path.read_text()))
    if not references or path.stem.startswith("__main"):
        return
    parts = path.relative_to(ROOT).with_suffix("").parts
    module = import_module(".".join(parts[parts.index("src") + 1 :]).removesuffix(".__init__"))
    for owner, member in references:
        value = next((found for room in (module, herokit, combiners) if (found := getattr(room, owner, None))), None)
        if isinstance(value, type):
            assert hasattr(value, member) or member in inspect.get_annotations(value), f"`{owner}.{member}`"

"""A scheme says all of its errors at once, and one command that installs all that is missing."""

import pickle
import subprocess
import sys
import time

import pytest

from herokit.config import build, build_scheme, load_scheme
from herokit.errors import ConfigError, ErrorCollector, NotInstalledError, SchemeError
from herokit.registry import load_registry

BAD = """
extra = 1
[sources.verifier]
use = "number"
decimls = 3
rel_tol = "x"
[sources.rm]
use = "regexx"
[sources.reward]
use = "regex"
[sources.mine]
use = "my.py:foo"
[sources.routed]
use = "route"
verifiers = { a = { use = "choice", x = 1 }, b = { use = "hero" } }
[[steps]]
use = "stratify"
alpha = 2
beta = -1
ties = "roof"
[[steps]]
use = "select"
signal = "rmm"
"""

LINES = [
    "unknown key 'extra'; known: sources, steps",
    "sources: source 'reward' has the name of a result column; choose another name",
    "sources.verifier: 'number' has no parameter 'decimls'; known: ",
    "sources.verifier: 'number': rel_tol: input should be a valid number, got 'x'",
    "sources.rm: nothing is registered as 'regexx'; did you mean 'regex'?",
    "sources.mine: ",  # the path, no such file
    "sources.routed: 'route': verifiers.a: 'choice' has no parameter 'x'; known: ",
    "steps[0]: 'stratify': ties: input should be 'floor' or 'midpoint', got 'roof'",
    "steps[0]: 'stratify': alpha lies in (0, 1], got 2",
    "steps[0]: 'stratify': beta lies in (0, 1], got -1",
    "steps[1]: a step reads the signal 'rmm', but no source has that name; did you mean 'rm'?",
]


def test_load_scheme_says_every_error_of_a_file(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text(BAD)
    with pytest.raises(SchemeError) as caught:
        load_scheme(path)
    heading, *lines = str(caught.value).splitlines()
    assert heading == f"{path}: {len(LINES)} errors"
    assert [line[2 : 2 + len(start)] for line, start in zip(lines, LINES, strict=True)] == LINES
    assert isinstance(caught.value, ConfigError)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_command_prints_every_error_on_a_line(tmp_path):
    (tmp_path / "bad.toml").write_text(BAD)
    (tmp_path / "rollouts.jsonl").write_text('{"prompt": "p", "completion": "c", "reference": "c"}\n')
    for command in (["check"], ["score", "rollouts.jsonl", "-o", "out.parquet", "--scheme"]):
        done = subprocess.run(
            [sys.executable, "-m", "herokit", *command, "bad.toml"],
            check=False,
            capture_output=True,
            text=True,
            cwd=tmp_path,
        )
        assert done.returncode == 2
        assert done.stderr.splitlines()[0] == f"error: bad.toml: {len(LINES)} errors"
        assert len(done.stderr.splitlines()) == len(LINES) + 1


def test_build_scheme_says_every_error_of_a_mapping():
    table = {"sources": {"rm": {"use": "regex", "x": 1}, "v": 3}, "steps": [{"use": "center", "y": 2}]}
    with pytest.raises(SchemeError) as caught:
        build_scheme(table)
    assert [str(error).partition(":")[2] for error in caught.value.errors] == [
        " sources.rm: 'regex' has no parameter 'x'; known: extract, max_workers, mode, pattern, timeout, view",
        ' sources.v: expected a table with use = "name", got 3',
        " steps[0]: 'center' has no parameter 'y'; known: none",
    ]


def test_build_says_every_range_of_a_step():
    with pytest.raises(SchemeError, match="'stratify': 2 errors\n  alpha lies in .*got 2\n  beta lies in .*got -1$"):
        build({"use": "stratify", "alpha": 2, "beta": -1})
    with pytest.raises(ConfigError, match="^'stratify': the bands overlap"):  # of both together, once
        build({"use": "stratify", "alpha": 0.6, "beta": 0.6})


def test_build_scheme_names_what_is_missing_with_one_command():
    sources = {"verifier": {"use": "math"}, "rm": {"use": "torch", "modle": 1}, "spare": {"use": "onnx"}}
    with pytest.raises(SchemeError) as caught:
        build_scheme(
            {"sources": sources, "steps": [{"use": "hero", "alpha": 2}]}, registry=load_registry(plugins=False)
        )
    assert str(caught.value).splitlines() == [
        "scheme: 4 errors",
        "  sources.verifier: 'math' is not installed",
        "  sources.rm: 'torch' is not installed",
        "  sources.spare: 'onnx' is not installed",
        "  steps[0]: 'hero': alpha lies in (0, 1], got 2",
        "  To install what is missing, run: pip install 'herokit[math,onnx,torch]'",
    ]


def test_build_scheme_names_one_missing_package_in_one_line():
    table = {"sources": {"verifier": {"use": "math"}}, "steps": [{"use": "verifier-only"}]}
    with pytest.raises(NotInstalledError) as caught:
        build_scheme(table, registry=load_registry(plugins=False))
    message = "scheme: sources.verifier: 'math' is not installed; run: pip install 'herokit[math]'"
    assert str(caught.value) == str(pickle.loads(pickle.dumps(caught.value))) == message


def test_many_errors_are_counted_and_not_all_shown():
    table = {"sources": {f"s{i}": {"use": "route"} for i in range(50)}, "steps": [{"use": "center"}]}
    with pytest.raises(SchemeError) as caught:
        build_scheme(table)
    lines = str(caught.value).splitlines()
    assert (lines[0], len(lines), lines[-1]) == ("scheme: 50 errors", 22, "  and 30 more")


def test_unknown_keys_of_a_table_are_bounded_in_number_and_time():
    start = time.process_time()
    with pytest.raises(SchemeError, match="has no parameter of 3,995 more keys") as caught:
        build({"use": "number", **{f"k{i}": 1 for i in range(4_000)}})
    assert len(caught.value.errors) == 6
    assert time.process_time() - start < 3.0


def test_collector_passes_other_errors_and_raises_nothing_for_nothing():
    errors = ErrorCollector()
    with pytest.raises(KeyError), errors.collect():
        raise KeyError
    errors.raise_all()
    assert not errors

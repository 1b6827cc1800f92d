import json
import time

import pytest

from herokit.errors import ConfigError, DataError
from herokit_code import CodeVerifier, ExpressionCase, Limits, ScriptCase, StdoutCase
from herokit_code.cases import read_cases
from herokit_code.cases_runner import is_passed
from herokit_code.extract import extract_program


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        # APPS: inputs and outputs, as text or as lists of lines
        ({"inputs": ["1 2\n"], "outputs": ["3\n"]}, [StdoutCase("1 2\n", "3\n")]),
        ({"inputs": [["1", "2"]], "outputs": [["3"]]}, [StdoutCase("1\n2", "3")]),
        ({"fn_name": "f", "inputs": [[1, "a"]], "outputs": [[2]]}, [ExpressionCase("_solution('f')(1, 'a')", [2], exact=False, accept_unwrapped=True)]),
        # pytest: functions that are not called
        ("from solution import f\ndef test_a():\n    assert f(1)", [ScriptCase("from solution import f\ndef test_a():\n    assert f(1)\ntest_a()\n")]),
        # LiveCodeBench
        ([{"input": "5", "output": "25", "testtype": "stdin"}], [StdoutCase("5", "25")]),
        (
            [{"input": "[1, 2]\n3", "output": "4", "testtype": "functional", "fn_name": "f"}],
            [ExpressionCase("_solution('f')([1, 2], 3)", 4, exact=False)],
        ),
        # MBPP
        (["assert f(1) == [2]", "assert g(1)"], [ExpressionCase("f(1)", [2]), ScriptCase("\nassert g(1)\n")]),
        # HumanEval
        ({"test": "def check(c):\n    assert c(1)", "entry_point": "f"}, [ScriptCase("def check(c):\n    assert c(1)\ncheck(f)\n")]),
        # plain code: statements before an assertion are its setup
        ("import math\nassert f(3) == (1, 2)", [ExpressionCase("f(3)", (1, 2), "import math")]),
        # other statements than imports may show what is expected
        ("x = 3\nassert f(x) == (1, 2)", [ScriptCase("x = 3\nassert f(x) == (1, 2)\n", shared_process=ExpressionCase("f(x)", (1, 2), "x = 3"))]),
        # an expression that shows the expected value is not evaluated by the solution
        ("assert sorted(f(2)) == [1]", [ExpressionCase("sorted(f(2))", [1])]),
        ("assert abs(f(2) - 4) == 0", [ScriptCase("\nassert abs(f(2) - 4) == 0\n", shared_process=ExpressionCase("abs(f(2) - 4)", 0))]),
        ("assert g(f(2), 4) == 1", [ScriptCase("\nassert g(f(2), 4) == 1\n", shared_process=ExpressionCase("g(f(2), 4)", 1))]),
        ("assert f(2).x == 4", [ScriptCase("\nassert f(2).x == 4\n", shared_process=ExpressionCase("f(2).x", 4))]),
        ("assert f(2) == g(3)", [ScriptCase("\nassert f(2) == g(3)\n")]),
        ("for i in range(3):\n    assert f(i)", [ScriptCase("for i in range(3):\n    assert f(i)")]),
    ],
)  # fmt: skip
def test_read_cases_reads_each_form_of_a_reference(reference, expected):
    text = reference if isinstance(reference, str) else json.dumps(reference)
    assert list(read_cases(text)) == expected


@pytest.mark.parametrize(
    "reference",
    [
        "",
        "[]",
        "{}",
        "42",
        "null",
        "not python (",
        '{"inputs": ["1"], "outputs": []}',
        '{"fn_name": "f(); import os", "inputs": [[1]], "outputs": [1]}',
        '[{"input": "1"}]',
        "[" * 100_000,
        "(" * 100_000,
        "assert f(1) == 2\n" * 1_001,
        "x" * 4_000_001,
        '{"test": 3}',
        '{"test": "def check(:", "entry_point": "f"}',  # no solution could pass
        '{"test": "def chek(f): pass", "entry_point": "f"}',
        '{"inputs": "12", "outputs": "24"}',
        "def helper():\n    assert f(1)",  # any solution would pass
        "import unittest\nclass T(unittest.TestCase):\n    def test_a(self): pass\nif __name__ == '__main__':\n    unittest.main()",
        "[1, 2]",
    ],
)
def test_read_cases_rejects_references_without_readable_tests(reference):
    with pytest.raises(DataError, match="tests"):
        read_cases(reference)


@pytest.mark.parametrize(
    ("completion", "expected"),
    [
        ("```python\na\n```", "a\n"),
        ("```py\na\n```\ntext\n```python\nb\n```", "b\n"),  # the last block of the language wins
        ("```python\na\n```\n```text\noutput\n```", "a\n"),  # before later blocks of other languages
        ("```\na\n```", "a\n"),  # without a language
        ("```bash\nls\n```", None),  # another language is not a program
        ("```python\na = 1", "a = 1"),  # cut off
        ("````python\n```\ninner\n```\n````", "```\ninner\n```\n"),  # a longer fence holds shorter ones
        ("~~~python\na\n~~~", "a\n"),
        ("  ```Python\na\n  ```", "a\n"),  # indented, capital
        ("1. So:\n   ```python\n   def f():\n       return 1\n\n   ```", "def f():\n    return 1\n\n"),  # in a list
        ("  ```python\n  if a:\n b\n  ```", "if a:\n b\n"),
        ("import a\nprint(a)\n```\nIt prints a.", "import a\nprint(a)\n"),  # the prompt opened the block
        ("import a\n```", "import a\n"),
        ("import a\n```\nb\n```", "b\n"),
        ("So:\n```\na", "a"),
        ("# Solution\n```\nimport a", "import a"),
        ("print(1)", "print(1)"),
        ("N = int(input())\nprint(N)", "N = int(input())\nprint(N)"),
        ("a, b=map(int, input().split())", "a, b=map(int, input().split())"),
        ('"""Adds."""\nimport a', '"""Adds."""\nimport a'),
        ("Hence, x == 4", None),
        ("I think that it is 4.", None),
        ("", None),
        ("```python\n\n```", None),
        ("42", None),  # a literal does nothing
        ("`" * 100_000, None),
        ("```python\n" * 20_000, None),  # fences without end
        ("x = 1\x00", "x = 1\x00"),  # the sandbox rejects it
        ("(" * 50_000, None),
        ("import math\nprint(math.pi)", "import math\nprint(math.pi)"),
        ("for those who wonder, the answer is 4", None),
        (" " * 200_000, None),
        ("<answer>```python\na\n```</answer>", "a\n"),  # within tags
        ("<answer>\n```python\na\n```\n</answer>", "a\n"),
        ("Here is the code: ```python\na\n```", "a\n"),  # behind text
        ("Here is the code: ```\na\n```", "a\n"),
        ("- ```python\n  if a:\n    b\n  ```", "if a:\n  b\n"),  # a list's item
        ("```python\na\n``` Done.", "a\n"),  # text behind the closing fence
        ("```python\na\n```That is it.", "a\n"),
        ("```{python}\na\n```", "a\n"),
        ("<answer>print(4)</answer>", "print(4)"),  # tags without a fence
        ("So:\n<code>\n  x = 4\n  print(x)\n</code>", "\nx = 4\nprint(x)\n"),
        ("[PYTHON]\nprint(4)\n[/PYTHON]", "\nprint(4)\n"),
        ("<answer>print(3)</answer><answer>print(4)</answer>", "print(4)"),
        ("<answer>I give up</answer>", None),
        ('print("<answer>9</answer>"[8])', 'print("<answer>9</answer>"[8])'),  # a program that holds tags
        ("<answer>" * 20_000, None),
        ("```python\na\n```, which prints 4.", "a\n"),
        ("```python\na\n```</answer>\nI used ``` for code.", "a\n"),
        ("```python\nprint(4)```", "print(4)\n"),  # the closing fence behind code
        ("<answer>```python\nprint(4)```</answer>", "print(4)\n"),
        ("```python print(4)```", "print(4)\n"),  # all on one line
        ("<answer>```py print(4)```</answer>", "print(4)\n"),
        ("```python import a\nprint(a)\n```", "import a\nprint(a)\n"),
        ("```python title=main.py\na\n```", "a\n"),
        ("``` python\na\n```", "a\n"),
        ("import a\n``` Done.", "import a\n"),  # the prompt opened the block
        ("import a```", "import a"),
        ("<think>try ```python\nb\n```</think>\n```python\na\n```", "a\n"),
        ("The marks ``` and ``` stand around code.\n```python\na\n```", "a\n"),
        (
            '```python\ndef f():\n    """\n    ```python\n    f(1)\n    ```\n    """\n```',
            'def f():\n    """\n    ```python\n    f(1)\n    ```\n    """\n',
        ),
    ],
)
def test_extract_program(completion, expected):
    program = extract_program(completion)
    assert program == expected or (expected is None and not (program or "").strip("`\npython"))


@pytest.mark.parametrize(
    "text",
    [
        "x```python\n" * 20_000,
        "```" + "```python print(1)" * 10_000,
        "```py " * 30_000,
        "a```\n```a" * 20_000,
        "~" * 200_000,
    ],
)
def test_extract_program_reads_hostile_fences_once(text):
    start = time.perf_counter()
    extract_program(text)
    assert time.perf_counter() - start < 2.0


@pytest.mark.parametrize(
    ("case", "stdout", "correct"),
    [
        (StdoutCase("", "a b"), "a b\n\n", True),  # trailing blanks do not count
        (StdoutCase("", "a  b"), "a b", True),  # nor does the width of a gap
        (StdoutCase("", "a\nb"), "a b", False),  # lines do
        (StdoutCase("", "3"), "3.0", False),  # an integer is expected
        (StdoutCase("", "3.0"), "3", True),
        (StdoutCase("", "0.3333333333"), "0.33333334", True),
        (StdoutCase("", "0.5"), "0.51", False),
        (StdoutCase("", "1.5"), "nan", False),
        (StdoutCase("", "YES"), "yes", False),
        (ExpressionCase("f()", [1, 2]), "noise\n[1, 2]", True),
        (ExpressionCase("f()", [1, 2]), "\n(1, 2)", False),  # compared with ==
        (ExpressionCase("f()", [1, 2], exact=False), "\n(1, 2)", True),  # JSON has no tuples
        (ExpressionCase("f()", {"a": 0.1}, exact=False), "\n{'a': 0.1000000001}", True),
        (ExpressionCase("f()", {"1": 2}, exact=False), "\n{1: 2}", True),  # nor keys that are not texts
        (ExpressionCase("f()", [2], exact=False, accept_unwrapped=True), "\n2", True),  # as in APPS' own script
        (ExpressionCase("f()", [2], exact=False), "\n2", False),
        (ExpressionCase("f()", [2, 3], exact=False, accept_unwrapped=True), "\n2", False),
        (ExpressionCase("f()", 2.5, exact=False), "\n1" + "0" * 400, False),  # beyond every float
        (ExpressionCase("f()", [float("inf"), "inf"], exact=False), "\n[inf, 'inf']", True),
        (ExpressionCase("f()", -float("inf")), "\n-inf", True),
        (
            ExpressionCase("f()", ["'\\\n\u2028\x00\ud800", b"\x00'", 1e22, 2j, {()}]),
            "\n" + repr(["'\\\n\u2028\x00\ud800", b"\x00'", 1e22, 2j, {()}]),
            True,
        ),
        (ExpressionCase("f()", list(range(30_000))), "\n" + repr(list(range(30_000))), True),  # as long as expected
        (ExpressionCase("f()", 1), "\n" + repr(list(range(30_000))), False),
        (ExpressionCase("f()", 1), "\n<object>", False),
        (ExpressionCase("f()", 1), "", False),
        (ExpressionCase("f()", 1), "\n" + "(" * 10_000, False),
        (ExpressionCase("f()", 1), "\n" + "9" * 10_000, False),
        (ExpressionCase("f()", 1), "\n__import__('os')", False),
        (ScriptCase(""), "\nsecret", True),
        (ScriptCase(""), "\nother", False),
    ],
)
def test_is_passed(case, stdout, correct):
    assert is_passed(case, stdout, "secret", 1e-6) is correct


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Limits(timeout=0), "Limits: timeout must be positive and finite, got 0"),
        (lambda: Limits(memory_mb=-1), "memory_mb"),
        (lambda: Limits(timeout=float("inf")), "timeout must be positive and finite, got inf"),
        (lambda: CodeVerifier(sandbox="maybe"), "sandbox must be 'required' or 'none', got 'maybe'"),
        (lambda: CodeVerifier(test_process="inside"), "test_process must be 'separate' or 'shared', got 'inside'"),
        (lambda: CodeVerifier(max_workers=0), "max_workers must be positive"),
        (lambda: CodeVerifier(tolerance=float("nan")), "tolerance"),
    ],
)
def test_settings_are_rejected_if_invalid(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


def test_is_passed_prints_no_warnings_for_hostile_results(capsys):
    for text in ("1if 1else 2", "'\\d'", "[0or 1]", "0x1for x in y", "1_0", "f'{1}'", "1 (2)"):
        assert not is_passed(ExpressionCase("f()", "nothing"), f"\n{text}", "", 1e-6)
    assert capsys.readouterr() == ("", "")

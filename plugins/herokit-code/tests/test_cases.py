import json

import pytest

from herokit.errors import ConfigError, DataError
from herokit_code import CodeVerifier, Finishes, Gives, Limits, Prints, cases
from herokit_code.cases_runner import passed
from herokit_code.extract import program


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        # APPS: inputs and outputs, as text or as lists of lines
        ({"inputs": ["1 2\n"], "outputs": ["3\n"]}, [Prints("1 2\n", "3\n")]),
        ({"inputs": [["1", "2"]], "outputs": [["3"]]}, [Prints("1\n2", "3")]),
        ({"fn_name": "f", "inputs": [[1, "a"]], "outputs": [[2]]}, [Gives("_solution('f')(1, 'a')", [2], exact=False, boxed=True)]),
        # pytest: functions that nothing calls
        ("from solution import f\ndef test_a():\n    assert f(1)", [Finishes("from solution import f\ndef test_a():\n    assert f(1)\ntest_a()\n")]),
        # LiveCodeBench
        ([{"input": "5", "output": "25", "testtype": "stdin"}], [Prints("5", "25")]),
        (
            [{"input": "[1, 2]\n3", "output": "4", "testtype": "functional", "fn_name": "f"}],
            [Gives("_solution('f')([1, 2], 3)", 4, exact=False)],
        ),
        # MBPP
        (["assert f(1) == [2]", "assert g(1)"], [Gives("f(1)", [2]), Finishes("\nassert g(1)\n")]),
        # HumanEval
        ({"test": "def check(c):\n    assert c(1)", "entry_point": "f"}, [Finishes("def check(c):\n    assert c(1)\ncheck(f)\n")]),
        # plain code: what stands before an assertion is its setup
        ("x = 3\nassert f(x) == (1, 2)", [Gives("f(x)", (1, 2), "x = 3")]),
        # what its expression tells of the expected is not for the solution
        ("assert sorted(f(2)) == [1]", [Gives("sorted(f(2))", [1])]),
        ("assert abs(f(2) - 4) == 0", [Finishes("\nassert abs(f(2) - 4) == 0\n", beside=Gives("abs(f(2) - 4)", 0))]),
        ("assert g(f(2), 4) == 1", [Finishes("\nassert g(f(2), 4) == 1\n", beside=Gives("g(f(2), 4)", 1))]),
        ("assert f(2).x == 4", [Finishes("\nassert f(2).x == 4\n", beside=Gives("f(2).x", 4))]),
        ("assert f(2) == g(3)", [Finishes("\nassert f(2) == g(3)\n")]),
        ("for i in range(3):\n    assert f(i)", [Finishes("for i in range(3):\n    assert f(i)")]),
    ],
)  # fmt: skip
def test_the_forms_of_a_reference(reference, expected):
    text = reference if isinstance(reference, str) else json.dumps(reference)
    assert list(cases(text)) == expected


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
def test_a_reference_without_readable_tests_is_named(reference):
    with pytest.raises(DataError, match="tests"):
        cases(reference)


@pytest.mark.parametrize(
    ("completion", "expected"),
    [
        ("```python\na\n```", "a\n"),
        ("```py\na\n```\ntext\n```python\nb\n```", "b\n"),  # the last block of the language wins
        ("```python\na\n```\n```text\noutput\n```", "a\n"),  # over later blocks of others
        ("```\na\n```", "a\n"),  # no language
        ("```bash\nls\n```", None),  # another language is no program
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
        ("x = 1\x00", "x = 1\x00"),  # the sandbox finds out
        ("(" * 50_000, None),
        ("import math\nprint(math.pi)", "import math\nprint(math.pi)"),
        ("for those who wonder, the answer is 4", None),
        (" " * 200_000, None),
    ],
)
def test_the_program_in_a_completion(completion, expected):
    found = program(completion)
    assert found == expected or (expected is None and not (found or "").strip("`\npython"))


@pytest.mark.parametrize(
    ("case", "printed", "right"),
    [
        (Prints("", "a b"), "a b\n\n", True),  # trailing blanks do not count
        (Prints("", "a  b"), "a b", True),  # nor does the width of a gap
        (Prints("", "a\nb"), "a b", False),  # lines do
        (Prints("", "3"), "3.0", False),  # an integer is asked for
        (Prints("", "3.0"), "3", True),
        (Prints("", "0.3333333333"), "0.33333334", True),
        (Prints("", "0.5"), "0.51", False),
        (Prints("", "1.5"), "nan", False),
        (Prints("", "YES"), "yes", False),
        (Gives("f()", [1, 2]), "noise\n[1, 2]", True),
        (Gives("f()", [1, 2]), "\n(1, 2)", False),  # as == has it
        (Gives("f()", [1, 2], exact=False), "\n(1, 2)", True),  # JSON knows no tuple
        (Gives("f()", {"a": 0.1}, exact=False), "\n{'a': 0.1000000001}", True),
        (Gives("f()", {"1": 2}, exact=False), "\n{1: 2}", True),  # nor other keys than text
        (Gives("f()", [2], exact=False, boxed=True), "\n2", True),  # as APPS' own script has it
        (Gives("f()", [2], exact=False), "\n2", False),
        (Gives("f()", [2, 3], exact=False, boxed=True), "\n2", False),
        (Gives("f()", 2.5, exact=False), "\n1" + "0" * 400, False),  # beyond every float
        (Gives("f()", [float("inf"), "inf"], exact=False), "\n[inf, 'inf']", True),
        (Gives("f()", -float("inf")), "\n-inf", True),
        (
            Gives("f()", ["'\\\n\u2028\x00\ud800", b"\x00'", 1e22, 2j, {()}]),
            "\n" + repr(["'\\\n\u2028\x00\ud800", b"\x00'", 1e22, 2j, {()}]),
            True,
        ),
        (Gives("f()", list(range(30_000))), "\n" + repr(list(range(30_000))), True),  # as long as it must be
        (Gives("f()", 1), "\n" + repr(list(range(30_000))), False),
        (Gives("f()", 1), "\n<object>", False),
        (Gives("f()", 1), "", False),
        (Gives("f()", 1), "\n" + "(" * 10_000, False),
        (Gives("f()", 1), "\n" + "9" * 10_000, False),
        (Gives("f()", 1), "\n__import__('os')", False),
        (Finishes(""), "\nsecret", True),
        (Finishes(""), "\nother", False),
    ],
)
def test_what_is_printed_against_what_is_expected(case, printed, right):
    assert passed(case, printed, "secret", 1e-6) is right


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Limits(seconds=0), "Limits: seconds must be positive and finite, got 0"),
        (lambda: Limits(memory_mb=-1), "memory_mb"),
        (lambda: Limits(seconds=float("inf")), "seconds must be positive and finite, got inf"),
        (lambda: CodeVerifier(partial_credit="half"), "credit is 'share' or 'all', got 'half'"),
        (lambda: CodeVerifier(isolation="maybe"), "isolation is"),
        (lambda: CodeVerifier(tests="inside"), "tests are 'apart' or 'beside', got 'inside'"),
        (lambda: CodeVerifier(max_workers=0), "workers must be positive"),
        (lambda: CodeVerifier(tolerance=float("nan")), "tolerance"),
    ],
)
def test_settings_are_checked(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


def test_a_hostile_result_makes_no_noise(capsys):
    for text in ("1if 1else 2", "'\\d'", "[0or 1]", "0x1for x in y", "1_0", "f'{1}'", "1 (2)"):
        assert not passed(Gives("f()", "nothing"), f"\n{text}", "", 1e-6)
    assert capsys.readouterr() == ("", "")

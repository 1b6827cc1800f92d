"""`herokit check --cases`: the user's own rows find a fault that no made-up answer finds, in three layouts of files."""

import csv
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from herokit import Sample
from herokit.testing.cases import format_of_samples
from herokit.testing.regressions import write_test
from herokit.testing.scheme_checks import CheckOptions, check_target

ROWS = [
    ("When was it built?", "1999-04-12", "It was built on 1999-04-12."),
    ("When was it sold?", "2011-10-03", "It was sold on 2011-10-03."),
    ("When did it close?", "2020-01-30", "It was closed on 2020-01-30."),
]

FAULTY = """
def same_year(completion, reference):
    text, reference = completion.rpartition(" on ")[2].rstrip("."), str(reference)
    if "-" in reference[1:]:
        return float(bool(reference) and text[:4] == reference[:4])  # a date is right if its year is
    return float(bool(text) and text == reference.strip())
"""
TWIN = FAULTY.replace("text[:4] == reference[:4]", "text == reference.strip()")


def write_messages(path):
    rows = [
        {
            "messages": [{"role": "user", "content": prompt}, {"role": "assistant", "content": completion}],
            "answer": reference,
        }
        for prompt, reference, completion in ROWS
    ]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def write_verl(path):
    rows = [
        {
            "data_source": "dates",
            "prompt": [{"role": "user", "content": prompt}],
            "reward_model": {"style": "rule", "ground_truth": reference},
            "response": completion,
        }
        for prompt, reference, completion in ROWS
    ]
    pq.write_table(pa.Table.from_pylist(rows), path)


def write_csv(path):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("prompt", "reference", "completion"), *ROWS])


LAYOUTS = {"rows.jsonl": write_messages, "rows.parquet": write_verl, "rows.csv": write_csv}


def load(text):
    scope = {}
    exec(text, scope)  # noqa: S102 - our own text
    return scope["same_year"]


def report_of(text, **options):
    (report,) = check_target(
        load(text), CheckOptions(budget=4.0, examples=10, laws=("right_above_wrong", "hack_does_not_pay"), **options)
    )
    return report


@pytest.mark.parametrize("name", LAYOUTS)
def test_check_target_finds_through_the_rows_of_a_file_what_made_up_answers_do_not_show(tmp_path, name):
    path = tmp_path / name
    LAYOUTS[name](path)
    report = report_of(FAULTY, cases=str(path))
    assert report.failures, str(report)
    assert any(reference in str(report) for _, reference, _ in ROWS)
    assert report_of(TWIN, cases=str(path)).passed


def test_made_up_answers_do_not_show_the_fault_of_the_rows():
    assert report_of(FAULTY, domain="integers").passed


def test_write_test_names_the_file_of_the_cases(tmp_path):
    path = tmp_path / "rows.csv"
    write_csv(path)
    options = CheckOptions(cases=str(path))
    text = write_test("fault", [report_of(FAULTY, cases=str(path))], options)
    assert f"cases={str(path)!r}" in text
    for target, outcome in ((FAULTY, "failed"), (TWIN, "passed")):
        scope = {}
        exec(text, scope)  # noqa: S102 - our own text
        scope["TARGET"] = load(target)
        tests = [test for key, test in scope.items() if key.startswith("test_")]
        assert tests
        for test in tests:
            if outcome == "failed":
                with pytest.raises(AssertionError):
                    test()
            else:
                test()


@pytest.mark.parametrize("reference", ["2", "-0.5", "Paris", ""])
def test_rollouts_of_one_reference_have_two_wrong_answers(reference):
    samples = [Sample("?", f"It is {reference}", "q", reference), Sample("?", "I pass.", "q", reference)]
    case = format_of_samples(samples).draw_case(lambda n: 0)
    assert len({case.right, case.wrong, case.other}) == 3


def test_check_target_takes_rollouts_of_one_prompt():
    samples = tuple(
        Sample("When?", text, "q", "1999-04-12") for text in ("It was built on 1999-04-12.", "I do not know.")
    )
    assert report_of(TWIN, cases=samples)["hack_does_not_pay"].checked

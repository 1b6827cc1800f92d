"""Mappings as samples: the usual names of files and trainers, wherever samples go."""

import numpy as np
import pytest

from herokit import Rewarder, Sample, Select, as_verifier, hero
from herokit.conversations.columns import COLUMN_NAMES
from herokit.errors import DataError
from herokit.samples import as_samples, sample_from_mapping
from herokit.sources import AllOf, execution
from herokit.verifiers import ExactMatch

ROW = {"prompt": "1 + 1?", "completion": "2", "reference": "2"}
CHAT = [{"role": "user", "content": "1 + 1?"}, {"role": "assistant", "content": "2"}]


@pytest.mark.parametrize(
    ("role", "name"),
    [(r, n) for r in ("prompt", "completion", "reference", "group") for n in COLUMN_NAMES[r] if "." not in n],
)
def test_each_usual_name_is_taken(role, name):
    row = {**ROW, "group": "g"}
    row[name] = row.pop(role)
    sample = sample_from_mapping(row)
    assert (sample.prompt, sample.completion, sample.reference, sample.group) == ("1 + 1?", "2", "2", "g")


LAYOUTS = [
    ({"messages": CHAT, "answer": 2}, 2),
    ({"conversations": [{"from": "human", "value": "1 + 1?"}, {"from": "gpt", "value": "2"}], "label": "2"}, "2"),
    ({"prompt": CHAT[:1], "completion": CHAT[1:], "answer": np.array([2])}, [2]),
    ({"prompt": CHAT[:1], "response": "2", "reward_model": {"ground_truth": "2"}}, "2"),
    ({"instruction": "1 + 1?", "input": "", "output": "2", "solution": "2"}, "2"),
    ({"problem": "1 + 1?", "generation": "2", "solution": "2", "finish_reason": "stop"}, "2"),
]


@pytest.mark.parametrize(("row", "reference"), LAYOUTS)
def test_mappings_of_usual_layouts_are_samples(row, reference):
    sample = sample_from_mapping(row)
    assert (sample.prompt_text, sample.final_text, sample.reference) == ("1 + 1?", "2", reference)
    assert sample.group is not None


def test_other_keys_and_meta_are_meta():
    sample = sample_from_mapping({**ROW, "meta": {"a": 1}, "b": 2, "num_tokens": 3, "truncated": True})
    assert sample.meta == {"a": 1, "b": 2}
    assert (sample.num_tokens, sample.truncated) == (3, True)


REFUSED = [
    ({"prompt": "p", "completon": "c"}, "row 0: unknown key 'completon'; did you mean 'completion'?"),
    ({**ROW, "completion": "c", "grup": 1}, "row 0: unknown key 'grup'; did you mean 'group'?"),
    ({"prompt": "p", "text": "c"}, "row 0: no completion among the keys prompt, text; expected one of completion, response,"),
    ({"prompt": "p", "responses": ["a", "b"]}, "row 0: responses is a list of completions; write one row for each"),
    ({"prompt": 3, "completion": "c"}, "row 0: prompt"),
    (("p", "c"), "row 0: expected a Sample or a mapping such as"),
]  # fmt: skip


@pytest.mark.parametrize(("row", "message"), REFUSED)
def test_wrong_keys_are_said(row, message):
    with pytest.raises(DataError) as caught:
        as_samples([row])
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_one_mapping_instead_of_a_list_is_said():
    with pytest.raises(DataError, match="expected a list of samples, got one NoneType"):
        as_samples(None)
    with pytest.raises(DataError, match=r"expected a list of samples, got one dict; write \[sample\]"):
        ExactMatch().verify(ROW)


ROWS = [ROW, {**ROW, "completion": "three"}, {**ROW, "completion": "2 "}]


@pytest.mark.parametrize(
    "verify",
    [
        ExactMatch().verify,
        as_verifier(lambda completion, reference: completion.strip() == reference).verify,
        lambda rows: execution.verify("verifier", AllOf([ExactMatch()]), rows),
        lambda rows: AllOf([ExactMatch()]).verify(rows),
    ],
)  # fmt: skip
def test_verifiers_take_mappings(verify):
    assert [verdict.value for verdict in verify(ROWS)] == [1.0, 0.0, 1.0]


def test_rewarder_takes_mappings():
    sources = {"verifier": ExactMatch(), "rm": lambda completion: -float(len(completion))}
    by_rows = Rewarder(sources, hero())(ROWS)
    samples = [Sample(row["prompt"], row["completion"], "g", row["reference"]) for row in ROWS]
    np.testing.assert_array_equal(by_rows.reward, Rewarder(sources, hero())(samples).reward)
    assert by_rows.group_keys == ("1 + 1?",) * 3


def test_rewarder_refuses_mappings_that_belong_to_no_group():
    rewarder = Rewarder({"rm": lambda completion: 1.0}, Select("rm"))
    with pytest.raises(DataError, match="row 0: neither a group nor a prompt among the keys completion"):
        rewarder([{"completion": "a"}, {"completion": "b"}])

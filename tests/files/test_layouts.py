"""Files that people already have, in the layouts of trainers and evaluation tools, scored without a flag."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from herokit.cli.app import app
from herokit.files.blocks import read_blocks
from herokit.files.reading import read_rollouts

SCHEME = '[sources.verifier]\nuse = "number"\n[[steps]]\nuse = "verifier-only"\n'

USER = [{"role": "user", "content": "6 * 7?"}]


def say(text):
    return [{"role": "assistant", "content": text}]


RIGHT, WRONG = "The answer is 42.", "The answer is 41."

VERL = {
    "data_source": "sums",
    "prompt": USER,
    "reward_model": {"style": "rule", "ground_truth": "42"},
    "extra_info": {"index": 3, "split": "train"},
}

LAYOUTS = {
    "verl-responses": [VERL | {"responses": [RIGHT, WRONG]}],
    "verl-response": [VERL | {"response": RIGHT}, VERL | {"response": WRONG}],
    "verl-rollout-dump": [
        {"input": "6 * 7?", "output": text, "gts": "42", "score": score, "step": 1}
        for text, score in ((RIGHT, 1.0), (WRONG, 0.0))
    ],
    "trl": [{"prompt": USER, "completion": say(text), "solution": "42"} for text in (RIGHT, WRONG)],
    "trl-text": [{"prompt": "6 * 7?", "completion": text, "ground_truth": 42, "step": 1} for text in (RIGHT, WRONG)],
    "openrlhf": [{"input": "6 * 7?", "output": text, "label": "42"} for text in (RIGHT, WRONG)],
    "openrlhf-response": [{"prompt": "6 * 7?", "response": text, "labels": "42"} for text in (RIGHT, WRONG)],
    "lm-eval": [
        {
            "doc_id": 0,
            "doc": {"question": "6 * 7?"},
            "target": "42",
            "arguments": {"gen_args_0": {"arg_0": "Q: 6 * 7?\nA:", "arg_1": {"until": ["Q:"]}}},
            "resps": [[RIGHT, WRONG]],
            "filtered_resps": ["42"],
        }
    ],
    "lm-eval-lists": [
        {"doc_id": 0, "doc": {}, "target": "42", "arguments": [["Q: 6 * 7?", {"until": []}]], "resps": [[RIGHT, WRONG]]}
    ],
    "verifiers": [
        {"example_id": 5, "prompt": USER, "completion": say(text), "answer": "42", "info": {"a": 1}, "state": {}}
        for text in (RIGHT, WRONG)
    ],
    "openai": [{"messages": [*USER, *say(text)], "answer": "42"} for text in (RIGHT, WRONG)],
    "sharegpt": [
        {"conversations": [{"from": "human", "value": "6 * 7?"}, {"from": "gpt", "value": text}], "answer": "42"}
        for text in (RIGHT, WRONG)
    ],
    "alpaca": [
        {"instruction": "Multiply.", "input": "6, 7", "output": text, "answer": "42"} for text in (RIGHT, WRONG)
    ],
    "nemo-gym": [
        {
            "responses_create_params": {"input": USER},
            "response": {
                "object": "response",
                "status": "completed",
                "output": [
                    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}
                ],
            },
            "expected_answer": "42",
            "_ng_task_index": 7,
        }
        for text in (RIGHT, WRONG)
    ],
    "open-r1-math": [{"uuid": "u1", "problem": "6 * 7?", "answer": "42", "generations": [RIGHT, WRONG]}],
    "inspect-samples": [
        {
            "id": 1,
            "epoch": epoch,
            "input": "6 * 7?",
            "target": "42",
            "messages": [*USER, *say(text)],
            "output": {"choices": [{"message": say(text)[0], "stop_reason": "stop"}]},
        }
        for epoch, text in enumerate((RIGHT, WRONG), start=1)
    ],
}


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("s.toml").write_text(SCHEME)


def write(name, rows):
    if name.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist(rows), name)
    else:
        Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows))


def score(*words):
    done = CliRunner().invoke(app, ["score", *words, "--scheme", "s.toml"])
    message = str(done.exception) if done.exception and done.exit_code == 1 else ""
    return done.exit_code, done.output + message


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_every_layout_is_scored_without_a_flag(layout, suffix):
    rows = LAYOUTS[layout]
    if suffix == ".parquet" and layout in ("lm-eval-lists", "verifiers"):
        pytest.skip("Arrow has no type for these values")
    write(f"r{suffix}", rows)
    code, output = score(f"r{suffix}", "-o", "o.jsonl", "--prefix", "h_")
    assert code == 0, output
    assert "2 rollouts of 1 prompt\n" in output
    results = [json.loads(line) for line in Path("o.jsonl").read_text().splitlines()]
    assert [(row["h_verifier"], row["h_verifier_answer"]) for row in results] == [(1.0, "42"), (0.0, "41")]


def test_columns_of_the_input_stay_beside_exploded_completions():
    write("r.jsonl", LAYOUTS["verl-responses"])
    assert score("r.jsonl", "-o", "o.jsonl")[0] == 0
    rows = [json.loads(line) for line in Path("o.jsonl").read_text().splitlines()]
    assert [row["responses"] for row in rows] == [RIGHT, WRONG]
    assert [row["extra_info"]["index"] for row in rows] == [3, 3]
    code, output = score("o.jsonl", "-o", "again.jsonl", "--prefix", "again_")
    assert code == 0, output


def test_a_dotted_path_names_a_column():
    rows = [
        VERL
        | {"prompt": f"{i} * 7?", "response": f"The answer is {i * 7}.", "extra_info": {"index": i // 2, "gold": i * 7}}
        for i in range(2)
    ]
    write("r.jsonl", rows)
    code, output = score("r.jsonl", "--column", "group=extra_info.index")
    assert code == 2
    assert "rows 1 and 2 are in group 0, but their prompts differ" in output
    code, output = score("r.jsonl", "--column", "reference=extra_info.gold", "--allow-incomplete", "--json")
    assert code == 0
    assert json.loads(output.splitlines()[-1])["statuses"] == {"verifier": {"judged": 2}}
    code, output = score("r.jsonl", "--column", "reference=extra_info.golden")
    assert code == 2
    assert "no column 'extra_info.golden' for the reference" in output


def test_a_reference_inside_an_object_may_be_of_any_type():
    truths = ["42", 42, [42], {"target": 42}]
    write("r.jsonl", [VERL | {"response": RIGHT, "reward_model": {"ground_truth": truth}} for truth in truths])
    code, output = score("r.jsonl", "-o", "o.jsonl")
    assert code == 0, output
    rows = [json.loads(line) for line in Path("o.jsonl").read_text().splitlines()]
    assert [row["verifier"] for row in rows] == [1.0] * 4


def test_an_empty_input_is_not_part_of_the_prompt():
    write(
        "r.jsonl", [{"instruction": "6 * 7?", "input": "", "output": text, "answer": "42"} for text in (RIGHT, WRONG)]
    )
    code, output = score("r.jsonl")
    assert code == 0
    assert "prompt from instruction" in output


def test_exploded_rows_of_scattered_groups_keep_their_order():
    rows = [VERL | {"prompt": f"{i % 5}?", "responses": [RIGHT, WRONG, str(i)]} for i in range(40)]
    write("r.jsonl", rows)
    code, output = score("r.jsonl", "-o", "o.jsonl", "--batch-groups", "2")
    assert code == 0, output
    results = [json.loads(line) for line in Path("o.jsonl").read_text().splitlines()]
    assert [row["responses"] for row in results] == [text for row in rows for text in row["responses"]]
    assert [row["verifier"] for row in results[:3]] == [1.0, 0.0, 0.0]
    assert "120 rollouts of 5 prompts" in output


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([VERL | {"responses": [RIGHT]}, VERL | {"responses": RIGHT}], "row 2: responses must be a list of completions, as in the first row"),
        ([VERL | {"responses": [RIGHT]}, VERL | {"responses": []}], "row 2: responses must be a list of completions"),
        ([VERL | {"response": RIGHT}, VERL | {"response": [RIGHT]}], "row 2: response holds a list of completions, the first row only one"),
        ([VERL], "no column for the completion"),
    ],
)  # fmt: skip
def test_lists_and_texts_do_not_mix(rows, message):
    write("r.jsonl", rows)
    code, output = score("r.jsonl")
    assert code == 2
    assert message in output


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
@pytest.mark.parametrize("start", [0, 1, 3, 4, 5])
def test_exploded_rows_are_read_from_any_row_on(suffix, start):
    texts = [["a", "b", "c"], ["d"], ["e", "f"]]
    write(f"r{suffix}", [{"prompt": "p", "responses": row} for row in texts])
    blocks = list(read_blocks(Path(f"r{suffix}"), start, list_column="responses"))
    assert [text for block in blocks for text in block.values("responses")] == list("abcdef")[start:]
    assert blocks[0].first_row == start


def test_read_rollouts_explodes_lists_of_conversations():
    write("r.jsonl", [{"prompt": USER, "completions": [say(RIGHT), say(WRONG)], "answer": 42}])
    samples = read_rollouts("r.jsonl").samples
    assert [(sample.final_text, sample.reference) for sample in samples] == [(RIGHT, 42), (WRONG, 42)]

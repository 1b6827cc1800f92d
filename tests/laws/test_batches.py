"""Drawn batches are valid and reach every kind of input; backends bind them to an array library."""

import json

import numpy as np
import pytest
from hypothesis import find, given, settings

from herokit.files.reading import read_rollouts
from herokit.testing.backends import find_backend, installed_backends
from herokit.testing.batches import batches, drawn
from herokit.testing.samples import draw_chats

KINDS = {"verifier": "binary", "rm": "score"}
MANY = settings(max_examples=2000, deadline=None, derandomize=True, database=None)

KINDS_OF_BATCH = {
    "ragged groups": lambda b: len(np.unique(b.group_ids)) == 3 and len({len(rows) for rows in b.rows_by_group()}) == 3,
    "groups of one": lambda b: all(len(rows) == 1 for rows in b.rows_by_group()) and len(b) > 2,
    "an empty group": lambda b: b.num_groups > len(b.rows_by_group()),
    "many rows": lambda b: len(b) > 60,
    "ties": lambda b: len(b) > 2 and len(set(b.values["rm"].tolist())) == 1,
    "near ties": lambda b: 0 < np.ptp(b.values["rm"]) < 1e-7 and abs(b.values["rm"][0]) > 0.5,
    "subnormal scores": lambda b: 0 < np.abs(b.values["rm"]).max() < 1e-300,
    "extreme scores": lambda b: np.abs(b.values["rm"]).max() > 1e12,
    "large units": lambda b: b.values["rm"].min() > 1e5,
}


@pytest.mark.parametrize("kind", KINDS_OF_BATCH)
def test_batches_reach_every_kind_of_batch(kind):
    is_kind = KINDS_OF_BATCH[kind]
    assert is_kind(find(batches(KINDS, score_range="wide"), is_kind, settings=MANY))


@given(batch=batches(KINDS))
def test_batches_are_finite_with_valid_group_ids(batch):
    assert np.isfinite(batch.values["rm"]).all()
    assert set(np.unique(batch.values["verifier"])) <= {0.0, 1.0}
    assert 0 <= batch.group_ids.min() <= batch.group_ids.max() < batch.num_groups


@pytest.mark.parametrize("name", installed_backends())
def test_backend_signals_have_the_library_and_dtype(name):
    backend = find_backend(name)

    @settings(max_examples=10, deadline=None)
    @given(batch=batches(KINDS))
    def check(batch):
        signals = backend.signals(batch, backend.dtypes[-1])
        assert type(signals["rm"]) is type(backend.from_numpy(np.zeros(1)))
        assert "float32" in str(signals["rm"].dtype)

    check()


@pytest.mark.parametrize("column", ["completion", "response"])
def test_read_rollouts_reads_drawn_chats(tmp_path, column):
    path = tmp_path / "rollouts.jsonl"

    @settings(max_examples=30, deadline=None)
    @given(samples=drawn(draw_chats))
    def check(samples):
        rows = [{"prompt": s.prompt, column: s.completion, "group": s.group, "reference": s.reference} for s in samples]
        path.write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
        read = read_rollouts(path).samples
        assert [(s.prompt, s.completion, s.reference) for s in read] == [
            (s.prompt, s.completion, s.reference) for s in samples
        ]

    check()

"""The strategies make what they say, and nothing is out of reach."""

import numpy as np
import pytest
from hypothesis import find, given, settings

from herokit.files.reading import read_rollouts
from herokit.testing.backends import find_backend, installed
from herokit.testing.strategies import batches, cases, for_namespace
from herokit.testing.values import rollout_files, samples, verdicts
from herokit.types import Status

KINDS = {"verifier": "binary", "rm": "score"}
MANY = settings(max_examples=2000, deadline=None, derandomize=True, database=None)


@pytest.mark.parametrize(
    "wanted",
    [
        lambda b: len(np.unique(b.index)) == 3 and len({len(rows) for rows in b.members()}) == 3,  # ragged
        lambda b: all(len(rows) == 1 for rows in b.members()) and len(b) > 2,  # groups of one
        lambda b: b.count > len(b.members()),  # an empty group
        lambda b: len(b) > 60,  # a huge one
        lambda b: len(b) > 2 and len(set(b.values["rm"].tolist())) == 1,  # ties
        lambda b: 0 < np.ptp(b.values["rm"]) < 1e-7 and abs(b.values["rm"][0]) > 0.5,  # near-ties
        lambda b: 0 < np.abs(b.values["rm"]).max() < 1e-300,  # subnormal
        lambda b: np.abs(b.values["rm"]).max() > 1e12,  # astronomic
        lambda b: b.values["rm"].min() > 1e5,  # other units
    ],
)
def test_every_kind_of_batch_is_reached(wanted):
    assert wanted(find(batches(KINDS, span="wide"), wanted, settings=MANY))


@given(case=cases(KINDS))
def test_a_case_is_finite_and_within_its_groups(case):
    for batch in (case.batch, *case.earlier):
        assert np.isfinite(batch.values["rm"]).all()
        assert set(np.unique(batch.values["verifier"])) <= {0.0, 1.0}
        assert 0 <= batch.index.min() <= batch.index.max() < batch.count


@pytest.mark.parametrize("name", installed())
def test_signals_are_bound_to_any_library(name):
    backend = find_backend(name)
    bound = for_namespace(backend, backend.dtypes[-1])

    @settings(max_examples=10, deadline=None)
    @given(signals=bound.signals(KINDS))
    def look(signals):
        assert type(signals["rm"]) is type(backend.make(np.zeros(1)))
        assert "float32" in str(signals["rm"].dtype)

    look()


@given(verdict=verdicts())
def test_a_verdict_without_a_value_has_failed(verdict):
    assert (verdict.value is None) == (verdict.status is Status.FAILED)


@given(found=samples(hostile=True))
def test_samples_are_samples(found):
    assert all(isinstance(s.completion, str) and s.reference == "1" for s in found)


def test_a_rollout_file_is_read_as_it_was_meant(tmp_path):
    @settings(max_examples=30, deadline=None)
    @given(made=rollout_files(tmp_path))
    def look(made):
        path, rows = made
        read = read_rollouts(path).samples
        assert [(s.prompt, s.completion, s.reference) for s in read] == [
            (s.prompt, s.completion, s.reference) for s in rows
        ]

    look()

"""Outcomes, chains and schemes as tables: in notebooks, and for arrow, pandas and polars."""

import io
import sys
from html.parser import HTMLParser

import numpy as np
import pytest

from herokit import Rewarder, Sample, Status, Verdict, hero, hero_advantage
from herokit.combiners import LinearSchedule
from herokit.config import load_scheme
from herokit.errors import SetupError
from herokit.reward_models.progress import progress_bar, report_progress


class Odd:
    def verify(self, samples):
        return [
            Verdict(None, Status.FAILED, "no <i>reference</i>") if s.completion == "?" else
            Verdict(float(len(s.completion) % 2), answer=s.completion) for s in samples
        ]  # fmt: skip


class Long:
    def score(self, samples):
        return [float(len(s.completion)) for s in samples]


class Tags(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.words = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture
def outcome():
    texts = ["?", *("x" * n for n in range(1, 12))]
    return Rewarder({"verifier": Odd(), "rm": Long()}, hero_advantage())(
        [Sample("p", text, f"<script>{i % 3}", "r") for i, text in enumerate(texts)]
    )


def test_output_columns_have_one_row_per_sample(outcome):
    columns = outcome.columns()
    assert {len(column) for column in columns.values()} == {12}
    assert np.isnan(columns["verifier"][0])
    assert columns["verifier_status"][0] == "failed"
    assert columns["verifier_reason"][0] == "no <i>reference</i>"
    assert columns["verifier_answer"][1] == "x"
    assert columns["rm"].tolist()[1:] == [float(n) for n in range(1, 12)]


def test_arrow_pandas_and_polars_say_the_same_and_copy_no_number(outcome):
    arrow, pandas, polars = outcome.to_arrow(), outcome.to_pandas(), outcome.to_polars()
    assert arrow.column_names == list(pandas.columns) == polars.columns == list(outcome.columns())
    for name in ("reward", "advantage", "rm"):
        expected = outcome.columns()[name]
        for found in (arrow[name].to_numpy(), pandas[name].to_numpy(), polars[name].to_numpy()):
            np.testing.assert_array_equal(found, expected)
    assert np.shares_memory(arrow["reward"].chunk(0).to_numpy(), outcome.reward)
    assert np.shares_memory(polars["reward"].to_numpy(), outcome.reward)
    assert np.shares_memory(pandas["reward"].to_numpy(), outcome.reward)


@pytest.mark.parametrize(("name", "ask"), [("pyarrow", "to_arrow"), ("pandas", "to_pandas"), ("polars", "to_polars")])
def test_output_names_a_missing_library(outcome, monkeypatch, name, ask):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(SetupError, match=f"this needs {name}: pip install"):
        getattr(outcome, ask)()


def test_output_html_shows_first_rows_and_escapes_texts(outcome):
    page = Tags(outcome._repr_html_())
    assert page.tags.count("tr") == 11
    assert "script" not in page.tags
    assert "12 rollouts of 3 groups" in page.words
    assert "1 without a reward: see problems()" in page.words


def test_chains_and_schemes_are_tables_of_their_steps():
    page = Tags(hero(alpha=LinearSchedule(0.2, 0.1, transition_steps=9))._repr_html_())
    assert page.tags.count("tr") == 4
    assert any("LinearSchedule" in word for word in page.words)
    scheme = Tags(load_scheme()._repr_html_())
    assert {"verifier", "rm", "Chain of 3 steps"} <= set(scheme.words)


def test_progress_bar_moves_in_a_terminal_and_is_silent_in_a_pipe(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    for stream, seen in ((Terminal(), True), (io.StringIO(), False)):
        monkeypatch.setattr(sys, "stderr", stream)
        with progress_bar():
            report_progress(3, 12)
        assert ("3/12" in stream.getvalue()) is seen

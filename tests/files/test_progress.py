"""The progress of `herokit score`."""

import io
import re
import time

from helpers.rollout_files import make_rows, write_rows
from herokit import Rewarder, hero
from herokit.cli import console
from herokit.pipeline.run import Job, score_job
from herokit.reward_models.progress import report_progress
from herokit.sources import ScoreColumn, VerdictColumn


def test_progress_bar_shows_rows_and_rate_on_a_terminal_only(monkeypatch, capsys):
    from rich.console import Console

    text = io.StringIO()
    for terminal in (False, True):
        monkeypatch.setattr(console, "err", Console(file=text, force_terminal=terminal, width=100))
        with console.progress_bar() as watch:
            watch("checking", 500, None)
            watch("scoring", 100, 1000)
            time.sleep(0.02)
            watch("scoring", 300, 1000)
        assert bool(text.getvalue()) == terminal
    assert re.search(r"scoring.*300/1000.*\d rows/s, 0:00:0\d left", text.getvalue())


def test_progress_follows_the_sources_and_never_decreases(tmp_path):
    seen = []

    class Tells(ScoreColumn):
        def score(self, samples, /):
            report_progress(1, 2)
            report_progress(2, 2)
            return super().score(samples)

    asked = Rewarder({"verifier": VerdictColumn("right"), "a": Tells("given"), "rm": Tells("given")}, hero())
    path = write_rows(tmp_path / "i.jsonl", make_rows(16))
    job = Job("i", [path], {}, batch_groups=2)
    score_job(job, asked, on_progress=lambda *call: seen.append(call))
    assert [done for what, done, _ in seen if what == "scoring"] == [0, 4, 8, 8, 8, 8, 12, 16, 16, 16, 16]
    assert seen[0] == ("checking", 16, None)

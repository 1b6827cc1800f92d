"""The replication benchmark at a tiny size: the same table twice, stacked runs, honest verifiers, claims that can fail."""

import math
import random
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("herokit_math")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.gpu import replication as gpu  # noqa: E402 - found beside the tests, not installed
from benchmarks.replication import finals, learn, pipeline, protocol, stepwise, tables  # noqa: E402
from benchmarks.replication.claims import check  # noqa: E402
from benchmarks.replication.grpo import Batch  # noqa: E402
from benchmarks.replication.measure import auc  # noqa: E402
from benchmarks.replication.plan import Base, Run, Scheme  # noqa: E402
from benchmarks.replication.policy import generators, initialize, logits_of, write  # noqa: E402
from benchmarks.replication.store import Store  # noqa: E402
from benchmarks.replication.tasks import POOLS  # noqa: E402
from benchmarks.replication.text import Codec  # noqa: E402
from benchmarks.replication.verifiers import HerokitMath, HiddenForm  # noqa: E402
from benchmarks.replication.work import make  # noqa: E402

from herokit import Sample  # noqa: E402

TASKS = list(pipeline.TASKS.values())
TINY = Base(width=32, layers=1, epochs=12, labels=2)


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    monkeypatch.setattr(learn, "TEACHER", 640)
    monkeypatch.setattr(stepwise, "EPOCHS", 1)
    monkeypatch.setattr(stepwise, "POOL", 40)
    for name, size in (("PROBLEMS", 32), ("ALONG", 16), ("END", 16)):
        monkeypatch.setattr(pipeline, name, size)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def grid(task="remainders", seeds=(0,)):
    return {
        (recall, name): [
            Run(replace(TINY, task=task, seed=seed), scheme, recall, 1e-3, "test", batch=Batch(3, 4, 4), every=2)
            for seed in seeds
        ]
        for recall in (1.0, 0.1)
        for name, scheme in protocol.schemes(recall).items()
    }


def table(cache, cells):
    make(cache, [run for runs in cells.values() for run in runs], processes=0)
    results = {cell: [Store(cache).run(run) for run in runs] for cell, runs in cells.items()}
    return tables.overview(cells, results), results


def test_replication_repeats_with_the_same_seeds(tmp_path):
    cells = grid()
    first, results = table(tmp_path / "a", cells)
    second, again = table(tmp_path / "b", cells)
    assert first == second
    assert first.count("\n") == len(cells) + 1  # a heading of two lines, and RM only once
    for cell, runs in results.items():
        assert [repr(r["curve"]) for r in runs] == [repr(r["curve"]) for r in again[cell]]
    final = {cell: [(r["final"]["score"], r["final"]["entropy"]) for r in runs] for cell, runs in results.items()}
    assert final[1.0, "verifier only"] != final[0.1, "verifier only"]  # something was learned, and from the verdicts
    assert final[1.0, "verifier only"] != final[1.0, "RM only"]
    claims = check(results)
    assert {claim.holds for claim in claims} <= {True, False}
    assert any("DOES NOT HOLD" in str(claim) for claim in claims)  # three steps bear nothing out


def test_replication_uses_its_cache(tmp_path, monkeypatch):
    cells = dict(list(grid().items())[:1])
    table(tmp_path, cells)
    monkeypatch.setattr(pipeline, "run_stack", None)
    monkeypatch.setattr(pipeline, "fine_tune", None)
    table(tmp_path, cells)


@pytest.mark.parametrize("task", TASKS, ids=lambda t: t.name)
def test_stacked_runs_do_what_single_ones_do(task):
    codec = Codec(task)
    shape = codec.shape(16, 1)
    both = initialize(shape, [3, 4])
    prompts = codec.prompts(task.pool("dev", 6)).view(2, 3, -1)
    stacked = write(shape, both, prompts, 2, task.completion_length, generators([1, 2]))
    for run in range(2):
        one = {name: w[run : run + 1] for name, w in both.items()}
        alone = write(shape, one, prompts[run : run + 1], 2, task.completion_length, generators([run + 1]))
        length = alone.tokens.shape[2]
        assert torch.equal(stacked.tokens[run, :, :length], alone.tokens[0])
        chances = logits_of(shape, one, prompts[run : run + 1], alone.tokens).log_softmax(-1)
        taken = chances.gather(-1, alone.tokens.clamp(max=shape.vocabulary - 1)[..., None])[..., 0] * alone.mask
        torch.testing.assert_close(taken, alone.log_probability, atol=1e-4, rtol=1e-4)  # writing and reading agree


@pytest.mark.parametrize("task", TASKS, ids=lambda t: t.name)
def test_pools_share_no_problem_and_answers_are_right_in_every_form(task):
    pools = [set(task.pool(name, 60)) for name in POOLS]
    assert len(set.union(*pools)) == 60 * len(pools)
    rng, right = random.Random(0), 0  # noqa: S311 - seeded, not secret
    for problem in task.pool("teacher", 60):
        steps, value = task.solve(problem)
        assert value == task.answer(problem)
        assert len(task.prompt(problem)) == task.prompt_length
        for form in range(4):
            text = [*steps, *task.render(value, form)]
            assert len(text) < task.completion_length
            assert task.oracle(problem, "".join(text))
        steps, value = task.solve(problem, rng)
        right += task.oracle(problem, "".join([*steps, *task.render(value, 0)]))
    assert 10 < right < 50  # the teacher is noisy


def samples_of(task, problems, value_of):
    return [
        Sample(
            "".join(task.prompt(p)),
            "0;" + "".join(task.render(value_of(p), form)),
            group=i,
            reference="".join(task.render(task.answer(p), 0)),
            meta={"problem": p, "finished": True},
        )
        for i, p in enumerate(problems)
        for form in range(4)
    ]


@pytest.mark.parametrize("task", TASKS, ids=lambda t: t.name)
@pytest.mark.parametrize("recall", [1.0, 0.7, 0.5, 0.25, 0.1])
def test_replication_verifier_has_the_given_recall(task, recall):
    problems = task.pool("dev", 300)
    right = samples_of(task, problems, task.answer)
    verdicts = [v.value for v in HiddenForm(task, recall).verify(right)]
    assert np.mean(verdicts) == pytest.approx(recall, abs=0.04)
    wrong = samples_of(task, problems, lambda p: task.answer(p) + 1)
    assert not any(v.value for v in HiddenForm(task, recall).verify(wrong))
    lucky = HiddenForm(task, recall, false_positives=0.2)
    assert np.mean([v.value for v in lucky.verify(wrong)]) == pytest.approx(0.2, abs=0.06)


def test_herokit_math_reads_every_form_of_an_equations_answer():
    task = pipeline.TASKS["equations"]
    problems = task.pool("dev", 40)
    math_verifier = HerokitMath()
    assert all(v.value == 1.0 for v in math_verifier.verify(samples_of(task, problems, task.answer)))
    assert not any(v.value for v in math_verifier.verify(samples_of(task, problems, lambda p: task.answer(p) + 1)))
    math_verifier.close()


def test_auc_counts_ties_half():
    assert auc([1.0, 1.0], [0, 1]) == 0.5
    assert auc([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1]) == 0.75
    assert math.isnan(auc([1.0], [1]))


def test_replication_runs_a_changed_chain_again():
    run = Run(TINY, Scheme("stratified"), 0.1, 1e-3, "test")
    assert run.key == replace(run, scheme=Scheme("stratified")).key
    assert len({run.key, replace(run, scheme=run.scheme.but(alpha=0.2)).key, replace(run, split="dev").key}) == 3


def test_replication_gpu_path_runs_on_a_cpu(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(protocol, "RECALLS", (0.1,))
    gpu.main(tmp_path, seeds=2, stack=8, device="cpu", toy=True)
    printed = capsys.readouterr().out
    assert "hero-advantage" in printed
    assert "rollouts a second" in printed


def test_replication_command_prints_and_writes_its_results(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    parquet = pytest.importorskip("pyarrow.parquet")
    testing = pytest.importorskip("typer.testing")
    from benchmarks.replication import __main__ as command
    from benchmarks.replication import report

    few = {name: protocol.schemes(0.1)[name] for name in ("verifier only", "RM only", "naive blend", "stratified")}
    few |= {name: Scheme(name.replace("-", "_")) for name in ("hero-advantage", "earned-trust")}
    few["HERO as published"] = Scheme("hero")
    monkeypatch.setattr(protocol, "schemes", lambda _: few)
    monkeypatch.setattr(protocol, "chosen_rate", lambda *_: 1e-3)
    monkeypatch.setattr(protocol, "TASKS", {"remainders": (1.0, 0.1)})
    monkeypatch.setattr(protocol, "Base", lambda task, seed, **world: replace(TINY, task=task, seed=seed, **world))
    monkeypatch.setattr(protocol, "Run", lambda *a: Run(*a, batch=Batch(1, 2, 4), every=1))
    monkeypatch.setattr(report, "DOCS", tmp_path)
    (tmp_path / "reference").mkdir()
    options = ["--cache", str(tmp_path), "--processes", "0", "--seeds", "2", "--first-seed", "8"]
    done = testing.CliRunner().invoke(command.app, options)
    assert done.exit_code == 0, done.output
    assert "DOES NOT HOLD: with recall 0.1, stratified is ahead of verifier only" in done.output
    assert parquet.read_table(tmp_path / "remainders.parquet").num_rows == 2 * 14 * 2
    assert (tmp_path / "remainders.svg").stat().st_size > 1000
    again = testing.CliRunner().invoke(
        command.app, ["report", "--cache", str(tmp_path), "--seeds", "2", "--first-seed", "8"]
    )
    assert again.exit_code == 0, again.output
    page = (tmp_path / "reference" / "replication.md").read_text()
    assert "earned-trust minus" in page
    results = finals.read(tmp_path / "reference" / "replication.csv")["remainders"]
    assert len(results) == 14
    rows = (tmp_path / "reference" / "replication.csv").read_text().splitlines()
    assert {row.split(",")[4] for row in rows} == {"seed", "8", "9"}
    again = [tables.differences(results, r, name) for r in (1.0, 0.1) for name in ("earned-trust", "stratified")]
    assert all(table in page for table in again)
    assert page.count(" minus |") == len(again)  # every table of differences
    assert all(f"- {claim}" in page for claim in check(results))
    assert page.count("\n- ") == len(check(results))

"""The benchmark with a pretrained model, on a tiny random one: what it writes and reads, what it learns, what it keeps."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")
pytest.importorskip("herokit_math")  # the replication's verifiers import it
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.language_model import __main__ as command  # noqa: E402 - found beside the tests, not installed
from benchmarks.language_model.pipeline import Start, load  # noqa: E402
from benchmarks.language_model.policy import Policy, write  # noqa: E402
from benchmarks.language_model.scores import Likelihood, best_of, samples_of, teach  # noqa: E402
from benchmarks.language_model.tasks import KINDS, Arithmetic  # noqa: E402
from benchmarks.language_model.training import Sizes, imitate, reinforce  # noqa: E402
from benchmarks.replication.tasks import FORMS, POOLS  # noqa: E402
from benchmarks.replication.verifiers import HiddenForm  # noqa: E402

from herokit import Rewarder, Verdict  # noqa: E402
from herokit.schemes import verifier_only  # noqa: E402

CHARACTERS = [*"0123456789+-=x.{}QA:? \npenscotdlar", "<end>"]
SUMS = Arithmetic("sums")


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def tiny():
    """A policy of two layers that reads and writes characters."""
    vocabulary = {c: i for i, c in enumerate(CHARACTERS)}
    raw = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="?"))  # noqa: S106 - a token of text
    raw.pre_tokenizer = tokenizers.pre_tokenizers.Split("", "isolated")
    raw.decoder = tokenizers.decoders.Fuse()
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=raw, eos_token="<end>")  # noqa: S106
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=len(CHARACTERS),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        tie_word_embeddings=True,
    )
    return Policy(tokenizer, transformers.LlamaForCausalLM(config).eval(), bf16=False)


@pytest.mark.parametrize("kind", KINDS)
def test_arithmetic_pools_are_disjoint_and_every_form_is_right(kind):
    task = Arithmetic(kind)
    sizes = {"teacher": 640, "test": 600, "dev": 300, "rm": 150, "test-eval": 200, "dev-eval": 150}
    pools = [set(task.pool(name, sizes[name])) for name in POOLS]
    assert len(set.union(*pools)) == sum(map(len, pools)) == sum(sizes.values())
    for problem in task.pool("rm", 20):
        forms = ["".join(task.render(task.answer(problem), form)) for form in range(FORMS)]
        assert all(task.oracle(problem, text) for text in forms)
        assert not task.oracle(problem, forms[0] + "1")
        assert not task.oracle(problem, f"{forms[0]} or {task.answer(problem) + 1}")
    assert len({"".join(task.render(7, form)) for form in range(FORMS)}) == FORMS


def test_hidden_form_verifies_arithmetic_with_its_recall():
    problems = SUMS.pool("dev", 40)
    policy = tiny()
    rollouts = write(policy, [SUMS.text(p) for p in problems], FORMS, torch.Generator().manual_seed(0))
    samples = samples_of(policy, SUMS, problems, rollouts)
    right = [
        replace(
            s,
            completion="".join(SUMS.render(SUMS.answer(s.meta["problem"]), i % FORMS)),
            meta={**s.meta, "finished": True},
        )
        for i, s in enumerate(samples)
    ]
    assert np.mean([v.value for v in HiddenForm(SUMS, 0.25).verify(right)]) == pytest.approx(0.25, abs=0.01)


def test_policy_reads_what_it_wrote():
    policy, texts = tiny(), [SUMS.text((12, 34)), Arithmetic("prices").text((3, 4, 12))]  # prompts of different lengths
    rollouts = write(policy, texts, 3, torch.Generator().manual_seed(1))
    assert rollouts.tokens.shape[0] == 6
    read, hidden = policy.read(rollouts.prompts, rollouts.seen, rollouts.tokens, rollouts.mask)
    torch.testing.assert_close(read, rollouts.log_probability, atol=1e-4, rtol=1e-4)
    assert hidden.shape[:2] == rollouts.tokens.shape
    alone = write(policy, texts[:1], 1, None)
    both = write(policy, texts, 1, None)
    assert torch.equal(alone.tokens[0], both.tokens[0, : alone.tokens.shape[1]])  # padding on the left changes nothing


def test_imitate_learns_the_forms():
    policy = tiny()
    losses = imitate(policy, SUMS, SUMS.pool("teacher", 320), 0, Sizes(examples=320, cold_rate=1e-2))
    assert np.mean(losses[-3:]) < 0.65 * losses[0]


class ShortIsRight:
    def verify(self, samples):
        return [Verdict(float(len(s.completion) <= 2)) for s in samples]


def test_reinforce_raises_what_the_verifier_accepts():
    policy, problems = tiny(), SUMS.pool("test", 40)
    sizes, shares = Sizes(steps=12, groups=4, group_size=8), []

    def look(_):
        rollouts = write(policy, [SUMS.text(p) for p in problems], 4, torch.Generator().manual_seed(5))
        shares.append(np.mean([len(s.completion) <= 2 for s in samples_of(policy, SUMS, problems, rollouts)]))

    with Rewarder({"verifier": ShortIsRight()}, verifier_only()) as rewarder:
        reinforce(
            policy, SUMS, problems, rewarder, 3e-3, 0, sizes, lambda step: look(step) if step in {0, 12} else None
        )
    assert shares[-1] > shares[0] + 0.15


def test_scores_are_those_of_the_frozen_model():
    policy, problems = tiny(), SUMS.pool("rm", 12)
    rollouts = write(policy, [SUMS.text(p) for p in problems], 4, torch.Generator().manual_seed(2))
    samples = samples_of(policy, SUMS, problems, rollouts)
    np.testing.assert_allclose(Likelihood(policy).score(samples), rollouts.log_probability.sum(1), atol=1e-3)
    right = [len(s.completion) > 5 for s in samples]
    head = teach(policy, samples, right)
    scores = head.score(samples)
    assert np.mean(scores[right]) > np.mean(scores[~np.array(right)])


def test_best_of_takes_the_favourite():
    scores, right = [[0.0, 3.0, 1.0, 2.0]] * 2, [[0, 1, 1, 0], [1, 0, 1, 1]]
    assert best_of(scores, right) == {1: 0.625, 4: 0.5}


def test_pieces_are_made_once_and_printed(tmp_path, monkeypatch, capsys):
    sizes = Sizes(examples=32, steps=2, groups=2, group_size=4)
    monkeypatch.setattr(command, "open_policy", tiny)
    monkeypatch.setattr(
        command, "Start", lambda kind, seed: Start(kind, seed, sizes, 20, measured=8, each=2, many=4, favoured=3)
    )
    command.main(tmp_path, pieces=3, seeds=1)
    printed = capsys.readouterr().out
    assert "6 of 8 trainings not made" in printed
    assert "| sums | 0.25 | likelihood | HERO as published | 1 |" in printed
    run = next(command.grid(["sums"], 1, ["likelihood"]))
    made = load(tmp_path, run)
    assert set(made["final"]) == {"curve", "sampled", "greedy"}
    assert [row["step"] for row in made["curve"]] == [0, 2]
    assert load(tmp_path, run.start)["head"]["best_of"].keys() == {"1", "4"}
    monkeypatch.setattr(command, "make_start", None)
    monkeypatch.setattr(command, "make_run", None)
    command.main(tmp_path, pieces=0, seeds=1)
    assert "6 of 8" in capsys.readouterr().out

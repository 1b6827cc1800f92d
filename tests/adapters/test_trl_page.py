"""The page on TRL: its example runs, and a reward model trained with TRL scores as TRL scores."""

import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from herokit.adapters.trl import RewardFunction
from herokit_torch import TorchRewardModel

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "how-to" / "trl.md"
README = ROOT / "README.md"
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*(gradient|activation)_checkpointing.*:FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture(scope="module")
def folders(runs, tmp_path_factory):
    """A policy and a reward model, saved with the tokenizer."""
    saved_folders = {}
    for name, model in {"policy": runs.model(), "rm": runs.reward_model()}.items():
        saved_folders[name] = tmp_path_factory.mktemp(name)
        model.save_pretrained(saved_folders[name])
        runs.tokenizer().save_pretrained(saved_folders[name])
    return saved_folders


def test_trl_page_example_runs(runs, folders, tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    log, names = run_example(code, runs, folders, tmp_path)
    names["reward"].rewarder.close()
    assert np.isfinite(log["loss"])
    assert log["herokit/rm/judged"] == 1.0


def test_readme_example_runs(runs, folders, tmp_path):
    code = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)[1]
    with TorchRewardModel(str(folders["rm"])) as model:
        rewarder = runs.rewarder({"verifier": runs.Half(), "rm": model})
        log, _ = run_example(code + "\ntrainer.train()", runs, folders, tmp_path, rewarder=rewarder)
    assert np.isfinite(log["loss"])


def test_trainer_script_runs(runs, tmp_path, herokit, capsys):
    path = tmp_path / "train_trl.py"
    assert herokit("new", "trainer-script", "trl", "-o", path) == 0
    assert f"python {path}" in capsys.readouterr().out
    names = {"__name__": "train_trl"}
    code = path.read_text().replace("max_steps=100", "max_steps=2").replace("logging_steps=10", "logging_steps=1")
    exec(compile(code, path, "exec"), names)  # noqa: S102 - our own template
    names["main"]()
    head, *rows = capsys.readouterr().out.splitlines()[-3:]
    assert head == "step  correct  closeness  groups without a signal"
    assert [row.split()[0] for row in rows] == ["1", "2"]
    assert all(-1.0 <= float(row.split()[2]) < 0.0 <= float(row.split()[1]) < 0.5 for row in rows)
    assert herokit("new", "trainer-script", "trl", "-o", path) == 2
    assert "already exists; choose another file with --output" in " ".join(capsys.readouterr().err.split())


def run_example(code, runs, folders, tmp_path, **names):
    """Run the code of a page for one step of a small model; return what it logged, and its names."""
    small = {
        "output_dir": str(tmp_path), "use_cpu": True, "bf16": False, "max_steps": 1, "max_completion_length": 6,
        "report_to": "none", "disable_tqdm": True, "activation_checkpointing": False, "save_strategy": "no", "logging_steps": 1,
    }  # fmt: skip
    code = code.replace("Qwen/Qwen3-0.6B", str(folders["policy"])).replace(
        "Skywork/Skywork-Reward-V2-Qwen3-0.6B", str(folders["rm"])
    )
    names |= {"dataset": runs.data(), "small": partial(runs.GRPOConfig, **small)}
    exec(compile(code.replace("GRPOConfig(", "small("), "page", "exec"), names)  # noqa: S102 - our own page
    return names["trainer"].state.log_history[0], names


def add_turns(row):
    """Put a system message and an earlier turn in front of the question."""
    turn = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ask me."}]
    return {"prompt": [{"role": "system", "content": "Be brief."}, *turn, *row["prompt"]]}


@pytest.mark.parametrize("kind", ["chat", "turns", "plain"])
def test_torch_reward_model_scores_as_trl_does(runs, folders, tmp_path, kind, monkeypatch):
    chat, template = kind != "plain", {"template": "{prompt}{completion}"} if kind == "plain" else {}
    if kind == "turns":
        rows = runs.data().map(add_turns)
        monkeypatch.setattr(runs, "data", lambda **_: rows)
    with TorchRewardModel(str(folders["rm"]), **template) as model:
        ours = RewardFunction(runs.rewarder({"verifier": runs.Half(), "rm": model}), on_cancelled_step="ignore")
        trainer = runs.make("GRPO", tmp_path, [ours, str(folders["rm"])], chat=chat, max_steps=1)
        trainer.train()
    column = next(name for name in trainer._logs["rewards"] if name != "herokit")
    theirs = list(trainer._logs["rewards"][column])
    assert np.ptp(theirs) > 0.01
    np.testing.assert_allclose(list(trainer._logs["extra"]["rm"]), theirs, atol=1e-5)

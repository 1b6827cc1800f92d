"""The tutorial with TRL runs from top to bottom, with fewer steps."""

import contextlib
import io
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "tutorial" / "train-a-tiny-model.md"


@pytest.mark.filterwarnings("ignore:.*(gradient|activation)_checkpointing.*:FutureWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tutorial_runs_and_the_exploited_reward_shortens_completions(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    for name in ("HF_HUB_OFFLINE", "CUDA_VISIBLE_DEVICES", "TOKENIZERS_PARALLELISM"):
        monkeypatch.setenv(name, "")  # the page sets them: put back what was
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    code = "".join(re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL))
    code = (
        code.replace("steps=60", "steps=15")
        .replace("steps=150", "steps=5")
        .replace('"logging_steps": 10', '"logging_steps": 5')
    )
    printed, names = io.StringIO(), {}
    try:
        with contextlib.redirect_stdout(printed):
            exec(compile(code, PAGE.name, "exec"), names)  # noqa: S102 - our own page
    finally:
        torch.set_num_threads(threads)
    lines = printed.getvalue().splitlines()
    assert lines[0] == "0.0"
    brief, _ = re.findall(r"^[0-9.]+ \[(.*)\]$", printed.getvalue(), re.MULTILINE)
    lengths = [float(x) for x in brief.split(",")]
    assert lengths[0] > lengths[-1]
    assert set(names["log"][0]) >= {"herokit/verifier/correct", "herokit/rm/mean", "herokit/groups/zero_signal"}
    assert "1+1=" in lines[-1]

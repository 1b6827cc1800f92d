"""These tests need a real pretrained model: `make test-models` downloads it and runs them with the pytest.ini beside this file."""

import json
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NUM_ROLLOUTS = int(os.environ.get("HEROKIT_TEST_ROLLOUTS", "300"))
NUM_FIT = 32


def pytest_ignore_collect(config):
    return None if config.inipath == Path(__file__).with_name("pytest.ini") else True


@pytest.fixture(scope="session")
def labeled():
    """Rollouts with labels: real ones of GSM8K where the checkout has them beside it, else the example's."""
    from herokit.files.reading import read_rollouts

    shared = ROOT.parent / "shared" / "data" / "gsm8k_rollouts.jsonl"
    path = shared if shared.is_file() else ROOT / "examples" / "rollouts.jsonl"
    labels = [json.loads(line)["label"] for line in path.read_text(encoding="utf-8").splitlines()]
    return read_rollouts(path).samples, labels


@pytest.fixture(scope="session")
def rollouts(labeled):
    """Rollouts whose labels no head has seen, several for each prompt."""
    samples, _ = labeled
    return samples[: min(NUM_ROLLOUTS, len(samples) - NUM_FIT)]


@pytest.fixture(scope="session")
def language_model():
    """Tokenizer and language model, from the GGUF file."""
    import smollm2
    import torch

    torch.set_num_threads(1)
    return smollm2.open_language_model()


@pytest.fixture(scope="session")
def checkpoint(language_model, labeled, tmp_path_factory):
    """Folder, tokenizer and model of a classifier on the real body, its head fitted on the last rollouts."""
    import smollm2

    tokenizer, base = language_model
    samples, labels = labeled
    head = smollm2.fit_head(tokenizer, base.model, samples[-NUM_FIT:], labels[-NUM_FIT:])
    folder = tmp_path_factory.mktemp("smollm2") / "rm"
    return str(folder), tokenizer, smollm2.write_checkpoint(folder, tokenizer, base, head)


@pytest.fixture(scope="session")
def onnx_file(checkpoint, tmp_path_factory):
    """The same as ONNX, fp32."""
    from herokit_onnx import export_reward_model

    return export_reward_model(checkpoint[0], tmp_path_factory.mktemp("onnx"))

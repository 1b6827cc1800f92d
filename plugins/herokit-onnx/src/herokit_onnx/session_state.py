"""What a reward model holds once it is open, and the cell that keeps it out of pickles."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from herokit.errors import SetupError
from herokit.reward_models.batching import InferenceStats, pad_right
from herokit.reward_models.monitor import ScoreMonitor
from herokit.reward_models.process import Floats
from herokit_onnx.config import ModelConfig
from herokit_onnx.session import CPU, check_inputs, check_output, open_session
from herokit_onnx.text import Encoder, open_tokenizer


@dataclass(frozen=True, slots=True)
class Opened:
    """An open session and how to ask it.

    Attributes:
        session: of ONNX Runtime.
        encoder: samples to token ids.
        config: what the model's JSON says.
        output: the output to read.
        masked: whether the model takes an attention mask.
        path: the .onnx file, for messages.
        provider: what runs it.
        device: (``"cuda"`` or ``"cpu"``, number) to bind inputs and output to; None hands arrays to `run`.
    """

    session: Any
    encoder: Encoder
    config: ModelConfig
    output: str
    masked: bool
    path: Path
    provider: str
    device: tuple[str, int] | None = None

    def run(self, rows: Sequence[Sequence[int]]) -> list[Floats]:
        """Score one batch: token ids of B inputs to B arrays of logits, (1,), or one for each step token."""
        step = self.encoder.step_id()
        ids, mask = pad_right(rows)
        feed = {"input_ids": ids, "attention_mask": mask} if self.masked else {"input_ids": ids}
        raw = np.asarray(self._ask(feed), dtype=np.float64)
        if step is None and raw.shape in ((len(rows),), (len(rows), 1)):
            return list(raw.reshape(-1, 1))
        if raw.shape != ids.shape:
            forms = "(B,), (B, 1) or " if step is None else ""
            raise SetupError(
                f"{self.path}: output {self.output!r} came out as {raw.shape} for {len(rows)} inputs of {ids.shape[1]} "
                f"tokens; expected {forms}one score a token (B, S)"
            )
        return [scores[self._places(row, step)] for scores, row in zip(raw, rows, strict=True)]

    def _places(self, row: Sequence[int], step: int | None) -> list[int]:
        """Say where a row's scores are read."""
        if step is None:
            return [len(row) - 1 if self.config.pooling == "last" else 0]
        return [i for i, x in enumerate(row) if x == step]

    def _ask(self, feed: dict[str, Any]) -> Any:
        if self.device is None:
            return self.session.run([self.output], feed)[0]
        from onnxruntime import OrtValue

        binding = self.session.io_binding()
        for name, array in feed.items():
            binding.bind_ortvalue_input(name, OrtValue.ortvalue_from_numpy(array, *self.device))
        binding.bind_output(self.output, *self.device)
        self.session.run_with_iobinding(binding)
        return binding.copy_outputs_to_cpu()[0]


def plainly(path: Path, graph: Path | None = None) -> Opened:
    """Open a model on the CPU by the files beside it and nothing else; `graph` is run in place of its own."""
    session = open_session(graph or path, (CPU,), 0)
    config = ModelConfig.beside(path)
    encoder = Encoder(open_tokenizer(path.parent / "tokenizer.json"), config)
    output = check_output(session, path, config.output)
    return Opened(session, encoder, config, output, check_inputs(session, path), path, CPU)


class Cell:
    """Where a model keeps its session: equal to every other cell, and empty after pickling or copying."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.opened: Opened | None = None
        self.budget = 0  # what memory had room for, 0 while nobody knows
        self.stats = InferenceStats()
        self.monitor = ScoreMonitor()

    def __reduce__(self) -> tuple[type[Self], tuple[()]]:
        return type(self), ()

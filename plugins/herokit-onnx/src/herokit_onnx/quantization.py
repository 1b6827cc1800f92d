"""An int8 copy of a model, kept only if it ranks rollouts like the original."""

import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from herokit.errors import ConfigError, SetupError
from herokit.types import Sample
from herokit_onnx.model import OnnxRewardModel
from herokit_onnx.parity import PROBE_SAMPLES, run_alone, write_probes
from herokit_onnx.session import open_runner

__all__ = ["quantize_reward_model", "spearman"]

_MIN_SAMPLES = 8
_TOLERANCE = 0.01


def quantize_reward_model(
    model: Path, samples: Sequence[Sample], *, out: Path | None = None, min_rank_correlation: float = 0.99
) -> Path:
    """Write an int8 copy (dynamic, per channel) of a model, and return its path, if it ranks `samples` like the original.

    It is kept if Spearman's ``rho = corr(rank(s_fp32), rank(s_int8)) >= min_rank_correlation``. Dynamic quantization uses
    one scale per batch, so int8 scores depend a little on the other rows of their batch.

    Args:
        model: a .onnx file that `OnnxRewardModel` opens.
        samples: rollouts like those to be scored, at least 8.
        out: where to write; ``<model>.int8.onnx`` if None. It must be in the model's folder, because it shares its tokenizer.
        min_rank_correlation: in (0, 1].

    Raises:
        ConfigError: too few samples, or a bound outside (0, 1].
        SetupError: the correlation is below the bound (the copy is deleted), or `onnx` is not installed.
    """
    if len(samples) < _MIN_SAMPLES or not 0 < min_rank_correlation <= 1:
        raise ConfigError(
            f"quantizing needs at least {_MIN_SAMPLES} samples and min_rank_correlation in (0, 1], got {len(samples)} "
            f"samples and {min_rank_correlation}"
        )
    path = out or model.with_suffix(".int8.onnx")
    _write_int8(model, path)
    with OnnxRewardModel(str(model)) as exact, OnnxRewardModel(str(path)) as small:
        rho = spearman(exact.score(samples).values, small.score(samples).values)
    if not rho >= min_rank_correlation:
        for file in (path, path.with_suffix(".json")):
            file.unlink(missing_ok=True)
        raise SetupError(
            f"{path}: int8 ranks {len(samples)} samples with correlation {rho:.4f} to fp32, expected at least "
            f"{min_rank_correlation}; the copy is deleted"
        )
    runner = open_runner(path)
    rows = runner.encode(PROBE_SAMPLES)
    write_probes(path, rows, run_alone(runner, rows), _TOLERANCE)
    return path


def _write_int8(model: Path, path: Path) -> None:
    """Write the quantized graph and the model's settings."""
    try:
        import onnx
        from onnxruntime.quantization import QuantType, quantize_dynamic
    except ImportError as error:
        raise SetupError(f'quantizing needs onnx ({error}); run: pip install "herokit-onnx[export]"') from error
    graph = onnx.load(model)
    del graph.graph.value_info[:]  # the quantizer infers other shapes, and raises on the difference
    float32 = {"DefaultTensorType": onnx.TensorProto.FLOAT}
    with _quiet_quantizer():
        quantize_dynamic(graph, path, per_channel=True, weight_type=QuantType.QInt8, extra_options=float32)
    if model.with_suffix(".json").exists():
        shutil.copy(model.with_suffix(".json"), path.with_suffix(".json"))


@contextmanager
def _quiet_quantizer() -> Iterator[None]:
    """Drop the quantizer's messages to the root logger, one for every tensor of a given type."""

    def is_other(record: logging.LogRecord) -> bool:
        return f"onnxruntime{os.sep}quantization" not in record.pathname

    root = logging.getLogger()
    root.addFilter(is_other)
    try:
        yield
    finally:
        root.removeFilter(is_other)


def spearman(a: Any, b: Any) -> float:
    """Return the rank correlation of two score arrays, (N,) each; ties get their mean rank; NaN when one is constant.

    Example:
        >>> spearman(np.array([1.0, 2.0, 3.0]), np.array([10.0, 30.0, 20.0]))
        0.5
    """
    ranks = []
    for x in (a, b):
        _, inverse, count = np.unique(x, return_inverse=True, return_counts=True)
        last = np.cumsum(count)
        ranks.append((last - (count - 1) / 2)[inverse])
    x, y = (r - r.mean() for r in ranks)
    norm = np.sqrt((x @ x) * (y @ y))
    return float(x @ y / norm) if norm else float("nan")

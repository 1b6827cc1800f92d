"""An int8 copy of a model, kept only if it ranks rollouts as the original does."""

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
from herokit_onnx import parity_probes
from herokit_onnx.model import OnnxRewardModel
from herokit_onnx.session_state import plainly

LEAST_SAMPLES = 8


def quantize_reward_model(
    model: Path, samples: Sequence[Sample], *, out: Path | None = None, least_rank_correlation: float = 0.99
) -> Path:
    """Write an int8 copy (dynamic, per channel) beside a model, if it ranks `samples` like the original.

    The gate is Spearman's ``rho = corr(rank(s_fp32), rank(s_int8)) >= least_rank_correlation``. Dynamic quantization takes
    one scale a batch, so int8 scores move a little with their neighbours in a batch.

    Args:
        model: a .onnx file that `OnnxRewardModel` opens.
        samples: rollouts like those to be scored, at least 8.
        out: where to write; ``<model>.int8.onnx`` if None. It must lie in the model's folder, for it shares its tokenizer.
        least_rank_correlation: in (0, 1].

    Returns:
        the path of the int8 model.

    Raises:
        ConfigError: too few samples, or a bound outside (0, 1].
        SetupError: the correlation is below the bound (the copy is deleted), or `onnx` is not installed.
    """
    if len(samples) < LEAST_SAMPLES or not 0 < least_rank_correlation <= 1:
        raise ConfigError(
            f"quantizing needs {LEAST_SAMPLES} samples and a correlation in (0, 1], got {len(samples)} samples and "
            f"{least_rank_correlation}"
        )
    try:
        import onnx
        from onnxruntime.quantization import QuantType, quantize_dynamic
    except ImportError as error:
        raise SetupError(f'quantizing needs onnx ({error}); run: pip install "herokit-onnx[export]"') from error
    path = out or model.with_suffix(".int8.onnx")
    graph = onnx.load(model)
    del graph.graph.value_info[:]  # shapes that the quantizer infers differently, and then refuses
    float32 = {"DefaultTensorType": onnx.TensorProto.FLOAT}
    with _quiet():
        quantize_dynamic(graph, path, per_channel=True, weight_type=QuantType.QInt8, extra_options=float32)
    if model.with_suffix(".json").exists():
        shutil.copy(model.with_suffix(".json"), path.with_suffix(".json"))
    with OnnxRewardModel(str(model)) as exact, OnnxRewardModel(str(path)) as small:
        found = [rm.score(samples).values for rm in (exact, small)]
    rho = spearman(*found)
    if not rho >= least_rank_correlation:
        for file in (path, path.with_suffix(".json")):
            file.unlink(missing_ok=True)
        raise SetupError(
            f"{path}: int8 ranks {len(samples)} samples with correlation {rho:.4f} to fp32, expected at least "
            f"{least_rank_correlation}; the copy is deleted"
        )
    opened = plainly(path)
    rows = opened.encoder.encode(parity_probes.ASKED)[0]
    parity_probes.write(path, rows, [opened.run([row])[0] for row in rows], 0.01)  # alone, as they are asked again
    return path


@contextmanager
def _quiet() -> Iterator[None]:
    """Drop what the quantizer tells the root logger of every tensor whose type it was told."""

    def other(record: logging.LogRecord) -> bool:
        return f"onnxruntime{os.sep}quantization" not in record.pathname

    root = logging.getLogger()
    root.addFilter(other)
    try:
        yield
    finally:
        root.removeFilter(other)


def spearman(a: Any, b: Any) -> float:
    """Return the rank correlation of two score arrays, (N,) each; ties get their mean rank; NaN when one is constant.

    Example:
        >>> spearman(np.array([1.0, 2.0, 3.0]), np.array([10.0, 30.0, 20.0]))
        0.5
    """
    ranks = []
    for x in (a, b):
        _, place, count = np.unique(x, return_inverse=True, return_counts=True)
        last = np.cumsum(count)
        ranks.append((last - (count - 1) / 2)[place])
    x, y = (r - r.mean() for r in ranks)
    norm = np.sqrt((x @ x) * (y @ y))
    return float(x @ y / norm) if norm else float("nan")

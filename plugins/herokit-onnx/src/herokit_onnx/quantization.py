"""A copy of a model with weights of 8 bits, kept only if it ranks rollouts like the original."""

import logging
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from herokit.errors import ConfigError, SetupError
from herokit.reward_models.agreement import RankAgreement, compare_ranks
from herokit.reward_models.labels import Label
from herokit.types import Sample
from herokit_onnx.model import OnnxRewardModel
from herokit_onnx.parity import PROBE_SAMPLES, run_alone, write_probes
from herokit_onnx.session import open_runner

__all__ = ["QuantizedModel", "quantize_reward_model"]

_MIN_SAMPLES = 8
_TOLERANCE = 0.01
_BLOCK_SIZE = 16
"""Weights that share one scale."""
_FP32_ACTIVATIONS = 1
"""The accuracy level of ONNX Runtime at which products are summed in fp32; at 4, in int8, real models rank otherwise."""


class QuantizedModel(NamedTuple):
    """A copy that is kept.

    Attributes:
        path: its .onnx file.
        agreement: how it ranks compared with the original.
    """

    path: Path
    agreement: RankAgreement


def quantize_reward_model(
    model: Path,
    samples: Sequence[Sample],
    *,
    label: Label = None,
    out: Path | None = None,
    min_rank_correlation: float = 0.98,
    min_rank_correlation_within: float = 0.97,
) -> QuantizedModel:
    """Write a copy of a model whose matrices are int8, and return it if it ranks `samples` like the original.

    Blocks of 16 weights share a scale and a zero point; embeddings, norms and activations stay in fp32, so the copy saves
    memory and no time. It is kept if Spearman's correlation to the original's scores reaches both bounds: over all samples,
    and as the mean over prompts of that among their own rollouts, which is what a group advantage reads; and if it scores
    every sample that the original scores, at least 8.

    Args:
        model: a .onnx file that `OnnxRewardModel` opens, in fp32.
        samples: rollouts like those to be scored, at least 8, several for each prompt; `Sample.group` says which.
        label: the output whose ranks are compared where the model has several.
        out: where to write; ``<model>.int8.onnx`` if None. It must be in the model's folder, because it shares its tokenizer.
        min_rank_correlation: over all samples, in (0, 1].
        min_rank_correlation_within: within prompts, in (0, 1]; not checked where every sample has a prompt of its own, which
            the result's agreement says.

    Raises:
        ConfigError: too few samples, or a bound outside (0, 1].
        SetupError: a correlation is below its bound or cannot be measured, or a sample has no score (the copy is deleted);
            nothing can be quantized, or `onnx` is missing.
    """
    bounds = (min_rank_correlation, min_rank_correlation_within)
    if len(samples) < _MIN_SAMPLES or not all(0 < bound <= 1 for bound in bounds):
        raise ConfigError(
            f"quantizing needs at least {_MIN_SAMPLES} samples and rank correlations in (0, 1], got {len(samples)} samples "
            f"and {bounds[0]}, {bounds[1]}"
        )
    path = out or model.with_suffix(".int8.onnx")
    _write_int8(model, path)
    with OnnxRewardModel(str(model), label=label) as exact, OnnxRewardModel(str(path), label=label) as small:
        groups = [sample.group for sample in samples]
        agreement = compare_ranks(exact.score(samples).values, small.score(samples).values, groups)
    is_close_within = agreement.within >= bounds[1] or len(set(groups)) == len(groups)
    is_complete = agreement.rows >= _MIN_SAMPLES and not agreement.failures
    if not (agreement.overall >= bounds[0] and is_close_within and is_complete):
        for file in (path, Path(f"{path}.data"), path.with_suffix(".json")):
            file.unlink(missing_ok=True)
        raise SetupError(
            f"{path}: int8 against fp32: {agreement}; expected at least {bounds[0]} over all and {bounds[1]} within prompts, "
            f"and a score for each sample, at least {_MIN_SAMPLES}; the copy is deleted"
        )
    runner = open_runner(path)
    rows = runner.encode(PROBE_SAMPLES)
    write_probes(path, rows, run_alone(runner, rows), _TOLERANCE)
    return QuantizedModel(path, agreement)


def _write_int8(model: Path, path: Path) -> None:
    """Write the quantized graph and the model's settings."""
    with _quiet_quantizer():
        try:
            import onnx
            from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer
        except ImportError as error:
            raise SetupError(
                f'quantizing needs more packages ({error}); run: pip install "herokit-onnx[export]" "onnxruntime>=1.22"'
            ) from error
        graph = onnx.load(model)
        quantizer = MatMulNBitsQuantizer(graph, bits=8, block_size=_BLOCK_SIZE, accuracy_level=_FP32_ACTIVATIONS)
        quantizer.process()
    if not any(node.op_type == "MatMulNBits" for node in quantizer.model.model.graph.node):
        raise SetupError(f"{model}: has no matrix that can be quantized; it stays in fp32")
    size = sum(tensor.ByteSize() for tensor in quantizer.model.model.graph.initializer)
    quantizer.model.save_model_to_file(str(path), use_external_data_format=size > 10**9)
    if model.with_suffix(".json").exists():
        shutil.copy(model.with_suffix(".json"), path.with_suffix(".json"))


@contextmanager
def _quiet_quantizer() -> Iterator[None]:
    """Keep the quantizer from configuring the root logger, which importing it does, and from a message for every node."""
    root, handler = logging.getLogger(), logging.NullHandler()
    logger = logging.getLogger("onnxruntime.quantization.matmul_nbits_quantizer")
    level = logger.level
    root.addHandler(handler)  # a root logger with a handler is left alone
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        root.removeHandler(handler)
        logger.setLevel(level)

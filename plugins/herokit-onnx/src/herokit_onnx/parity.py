"""Parity probes: samples with the ids and logits of the exported checkpoint, scored again whenever the model opens."""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from herokit.errors import SetupError
from herokit.reward_models.batching import MicroBatch
from herokit.reward_models.encoding import EncodedRows
from herokit.reward_models.process import Floats
from herokit.types import Sample
from herokit_onnx.session import OnnxRunner, SharedBatch, open_runner

__all__ = ["PROBE_SAMPLES", "check_bf16_graph", "check_probes", "run_alone", "widen_to_fp32", "write_probes"]

PROBE_SAMPLES = (
    Sample("What is 3 + 4?", "3 + 4 = 7\n\nThe answer is 7.", group=0),
    Sample("What is 3 + 4?", "It is 8.", group=0),
    Sample("Solve \\(x^2 = 49\\) for x > 0.", "x = \\sqrt{49} = \\boxed{7}" + ", so x is seven" * 12, group=1),
    Sample("Ünïcode? 你好", "Yes: naïve café 🙂\n  and  spaces", group=2),
)


@dataclass(frozen=True, slots=True)
class _Probe:
    """One sample, its token ids, and its logits: one for each label, and so at each step token."""

    prompt: str
    completion: str
    ids: list[int]
    logits: list[float]


def run_alone(runner: OnnxRunner, rows: EncodedRows) -> list[Floats]:
    """Return the logits of each row (P, L), run in a batch of its own."""
    return [runner.run(rows, MicroBatch((i,), len(ids)))[0] for i, ids in enumerate(rows.ids)]


def _run_shared(runner: OnnxRunner, rows: EncodedRows) -> dict[int, Floats]:
    """Return the logits of the rows (P, L) that share a prefix, as they run together; none where the graph takes no past."""
    batches = replace(runner, min_sharing_gain=0).plan(rows, range(len(rows.ids)), max_batch_tokens=1024)
    shared = [batch for batch in batches if isinstance(batch, SharedBatch)]
    return {row: logits for batch in shared for row, logits in zip(batch.rows, runner.run(rows, batch), strict=True)}


def write_probes(model: Path, rows: EncodedRows, logits: Sequence[Floats], tolerance: float) -> None:
    """Store `PROBE_SAMPLES` in ``<model>.probes.json``.

    Args:
        model: the .onnx file.
        rows: the encoded samples.
        logits: (P, L) of each sample.
        tolerance: relative to ``1 + |logit|``.
    """
    probes = [
        asdict(_Probe(sample.prompt_text, sample.completion_text, ids, values.reshape(-1).tolist()))
        for sample, ids, values in zip(PROBE_SAMPLES, rows.ids, logits, strict=True)
    ]
    text = json.dumps({"tolerance": tolerance, "probes": probes}, ensure_ascii=False, indent=1)
    _probes_path(model).write_text(text, encoding="utf-8")


def check_probes(model: Path, runner: OnnxRunner, tolerance: float | None = None) -> None:
    """Score the stored probes one at a time, and those with a common prefix together; a model without probes passes.

    Args:
        model: the .onnx file.
        runner: the open model.
        tolerance: replaces the stored one.

    Raises:
        SetupError: the tokenizer gives other ids or the session other scores than at the export.
    """
    path = _probes_path(model)
    if not path.exists():
        return
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        probes, stored = [_Probe(**each) for each in data["probes"]], float(data["tolerance"])
        expected = [np.array(probe.logits, np.float64) for probe in probes]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SetupError(f"{path}: not a file of probes: {error!r}; export the model again") from error
    near = stored if tolerance is None else tolerance
    rows = runner.encode([Sample(p.prompt, p.completion, group=0) for p in probes])
    for number, (probe, ids) in enumerate(zip(probes, rows.ids, strict=True)):
        if ids != probe.ids:
            raise SetupError(
                f"{path}: probe {number} has {len(ids)} tokens {ids[:8]}, expected {len(probe.ids)} tokens "
                f"{probe.ids[:8]}; tokenizer.json, template or max_length differs from the export"
            )
    scored = [*enumerate(run_alone(runner, rows)), *_run_shared(runner, rows).items()]
    for number, logits in scored:
        values, right = logits.reshape(-1), expected[number]
        if values.shape != right.shape or not (np.abs(values - right) <= near * (1 + np.abs(right))).all():
            raise SetupError(
                f"{path}: probe {number} scores {_format(values)}, expected {_format(right)}; the model file differs "
                "from the export, or this provider computes differently"
            )


def _probes_path(model: Path) -> Path:
    return model.with_suffix(".probes.json")


def _format(logits: Floats) -> str:
    return ", ".join(f"{x:.6g}" for x in logits)


def check_bf16_graph(path: Path, tolerance: float) -> None:
    """Check the probes of a bf16 model on a CPU, where ONNX Runtime has no bf16 kernels: its graph is run in fp32.

    Widening bf16 to fp32 is exact, so this checks structure and weights, but not how a GPU rounds.

    Args:
        path: the .onnx file; its probes, settings and tokenizer are next to it.
        tolerance: relative to ``1 + |logit|``.

    Raises:
        SetupError: the widened graph scores differently.
    """
    import onnx

    model = onnx.load(path)
    widen_to_fp32(model)
    with tempfile.TemporaryDirectory() as folder:
        widened = Path(folder) / "fp32.onnx"
        onnx.save(model, widened, save_as_external_data=True, location="fp32.data")
        check_probes(path, open_runner(path, graph=widened), tolerance)


def widen_to_fp32(model: Any) -> None:
    """Turn every bf16 weight, constant and cast of an ONNX model into fp32, in place."""
    _widen_graph(model.graph)
    for function in model.functions:
        _widen_nodes(function.node)


def _widen_graph(graph: Any) -> None:
    from onnx import TensorProto

    for weight in graph.initializer:
        _widen_tensor(weight)
    for value in (*graph.input, *graph.output):
        if value.type.tensor_type.elem_type == TensorProto.BFLOAT16:
            value.type.tensor_type.elem_type = TensorProto.FLOAT
    del graph.value_info[:]
    _widen_nodes(graph.node)


def _widen_nodes(nodes: Any) -> None:
    from onnx import TensorProto

    for node in nodes:
        for attribute in node.attribute:
            if attribute.name in ("to", "dtype") and attribute.i == TensorProto.BFLOAT16:
                attribute.i = TensorProto.FLOAT
            if attribute.HasField("t"):
                _widen_tensor(attribute.t)
            if attribute.HasField("g"):
                _widen_graph(attribute.g)


def _widen_tensor(tensor: Any) -> None:
    from onnx import TensorProto, numpy_helper

    if tensor.data_type == TensorProto.BFLOAT16:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype("float32"), tensor.name))

"""A bf16 graph on a CPU: ONNX Runtime has no kernels for it there, so its twin with every tensor in fp32 is run.

Widening bf16 to fp32 is exact. The twin shows that structure and weights are right; how a GPU rounds it does not show.
"""

import tempfile
from pathlib import Path
from typing import Any

from herokit_onnx import parity_probes
from herokit_onnx.session_state import plainly


def check_widened(path: Path, tolerance: float) -> None:
    """Ask the probes of a bf16 model, with its graph widened to fp32.

    Args:
        path: the .onnx file; its probes, settings and tokenizer lie beside it.
        tolerance: as in `herokit_onnx.parity_probes.write`.

    Raises:
        SetupError: the widened graph scores otherwise.
    """
    import onnx

    model = onnx.load(path)
    widen(model)
    with tempfile.TemporaryDirectory() as folder:
        twin = Path(folder) / "twin.onnx"
        onnx.save(model, twin, save_as_external_data=True, location="twin.data")
        opened = plainly(path, twin)
        parity_probes.check(path, lambda samples: opened.encoder.encode(samples)[0], opened.run, tolerance)


def widen(model: Any) -> None:
    """Turn every bf16 weight, constant and cast of a model into fp32, in place."""
    _graph(model.graph)
    for function in model.functions:
        _nodes(function.node)


def _graph(graph: Any) -> None:
    from onnx import TensorProto

    for weight in graph.initializer:
        _tensor(weight)
    for value in (*graph.input, *graph.output):
        if value.type.tensor_type.elem_type == TensorProto.BFLOAT16:
            value.type.tensor_type.elem_type = TensorProto.FLOAT
    del graph.value_info[:]
    _nodes(graph.node)


def _nodes(nodes: Any) -> None:
    from onnx import TensorProto

    for node in nodes:
        for attribute in node.attribute:
            if attribute.name in ("to", "dtype") and attribute.i == TensorProto.BFLOAT16:
                attribute.i = TensorProto.FLOAT
            if attribute.HasField("t"):
                _tensor(attribute.t)
            if attribute.HasField("g"):
                _graph(attribute.g)


def _tensor(tensor: Any) -> None:
    from onnx import TensorProto, numpy_helper

    if tensor.data_type == TensorProto.BFLOAT16:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype("float32"), tensor.name))

"""Tiny ONNX models with every form of output that `OnnxRewardModel` accepts or rejects."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, pre_tokenizers

Make = Callable[..., Path]


SHAPES: dict[str, list[str | int]] = {
    "token": ["B", "S"],
    "flat": ["B"],
    "column": ["B", 1],
    "wide": ["B", 3],
    "deep": ["B", 1, "L"],
    "nan": ["B", "S"],
    "wrong": [],
    "wrong labels": ["B", 3],
}


def make_nodes(kind: str) -> list[onnx.NodeProto]:
    """Return the nodes that turn the ids, as floats, into the output."""
    if kind == "token":
        return [helper.make_node("Identity", ["x"], ["y"])]
    if kind in ("flat", "column"):
        return [helper.make_node("ReduceSum", ["x", "one"], ["y"], keepdims=int(kind == "column"))]
    if kind == "nan":  # log(id - 1.5), NaN where the id is 1
        return [helper.make_node("Sub", ["x", "c"], ["z"]), helper.make_node("Log", ["z"], ["y"])]
    mean = helper.make_node("ReduceMean", ["x"], ["m"], axes=[1])
    if kind == "wide":
        more = [helper.make_node("Add", [first, "f"], [second]) for first, second in (("m", "n"), ("n", "o"))]
        return [mean, *more, helper.make_node("Concat", ["m", "n", "o"], ["y"], axis=1)]
    if kind == "deep":
        return [helper.make_node("Unsqueeze", ["x", "one"], ["y"])]
    return [mean, helper.make_node("Squeeze", ["m"], ["y"])]  # a number without rows, for a batch of one row


@pytest.fixture
def make_model(tmp_path: Path) -> Make:
    """Write a tiny model, and a tokenizer of words next to it."""

    def make(kind: str = "token", *, inputs: tuple[str, ...] = ("input_ids",), config: str | None = None) -> Path:
        ids = [helper.make_tensor_value_info(name, TensorProto.INT64, ["B", "S"]) for name in inputs]
        nodes = [helper.make_node("Cast", ["input_ids"], ["x"], to=TensorProto.FLOAT), *make_nodes(kind)]
        one = numpy_helper.from_array(np.array([1], np.int64), "one")
        numbers = [numpy_helper.from_array(np.array(x, np.float32), name) for name, x in (("c", 1.5), ("f", 1.0))]
        out = helper.make_tensor_value_info("y", TensorProto.FLOAT, SHAPES[kind])
        graph = helper.make_graph(nodes, "tiny", ids, [out], [one, *numbers])
        path = tmp_path / "rm.onnx"
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
        vocabulary = {"[unk]": 0, **{w: i for i, w in enumerate("abcdefghij", 1)}}
        words = Tokenizer(models.WordLevel(vocabulary, unk_token="[unk]"))  # noqa: S106 - a word, not a password
        words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        words.save(str(tmp_path / "tokenizer.json"))
        if config is not None:
            path.with_suffix(".json").write_text(config, encoding="utf-8")
        return path

    return make

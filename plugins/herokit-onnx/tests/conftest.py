from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, pre_tokenizers

Make = Callable[..., Path]


@pytest.fixture
def make_model(tmp_path: Path) -> Make:
    """Write a tiny model that turns ids into floats, and a word tokenizer beside it."""

    def make(kind: str = "token", *, inputs: tuple[str, ...] = ("input_ids",), config: str | None = None) -> Path:
        ids = [helper.make_tensor_value_info(name, TensorProto.INT64, ["B", "S"]) for name in inputs]
        nodes = [helper.make_node("Cast", ["input_ids"], ["x"], to=TensorProto.FLOAT)]
        one = numpy_helper.from_array(np.array([1], np.int64), "one")
        mean = {"axes": [1]}
        shapes: dict[str, list[str | int]] = {
            "token": ["B", "S"],
            "flat": ["B"],
            "column": ["B", 1],
            "wide": ["B", 3],
            "nan": ["B", "S"],
            "lying": ["B"],
        }
        if kind == "token":
            nodes.append(helper.make_node("Identity", ["x"], ["y"]))
        elif kind in ("flat", "column"):
            nodes.append(helper.make_node("ReduceSum", ["x", "one"], ["y"], keepdims=int(kind == "column")))
        elif kind == "nan":  # log of a negative where the id is 1: log(id - 1.5)
            nodes += [helper.make_node("Sub", ["x", "c"], ["z"]), helper.make_node("Log", ["z"], ["y"])]
        elif kind == "wide":
            nodes += [
                helper.make_node("ReduceMean", ["x"], ["m"], **mean),
                helper.make_node("Concat", ["m", "m", "m"], ["y"], axis=1),
            ]
        elif kind == "lying":  # says (B,), gives one number for the whole batch
            nodes.append(helper.make_node("ReduceMean", ["x"], ["y"], axes=[0, 1], keepdims=0))
            shapes["lying"] = []
        out = helper.make_tensor_value_info("y", TensorProto.FLOAT, shapes[kind])
        constant = numpy_helper.from_array(np.array(1.5, np.float32), "c")
        graph = helper.make_graph(nodes, "tiny", ids, [out], [one, constant])
        path = tmp_path / "rm.onnx"
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
        alphabet = {"[unk]": 0, **{w: i for i, w in enumerate("abcdefghij", 1)}}
        words = Tokenizer(models.WordLevel(alphabet, unk_token="[unk]"))  # noqa: S106 - a word, not a password
        words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        words.save(str(tmp_path / "tokenizer.json"))
        if config is not None:
            path.with_suffix(".json").write_text(config, encoding="utf-8")
        return path

    return make

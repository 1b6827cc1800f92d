"""Write the trained model as ONNX: fp32, then int8, with its tokenizer and config: ``python export.py --build build``."""

import argparse
import json
import shutil
from pathlib import Path

import onnx
import torch
from network import TinyRM
from onnxruntime.quantization import QuantType, quantize_dynamic

EMBEDDED = Path(__file__).resolve().parents[1] / "src" / "herokit_onnx" / "embedded"


class Scaled(torch.nn.Module):
    """The network with its scores divided by a temperature fitted on held-out problems."""

    def __init__(self, model: TinyRM, temperature: float) -> None:
        super().__init__()
        self.model, self.temperature = model, temperature

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        """Return (B, S) scores."""
        return self.model(input_ids) / self.temperature


def load(build: Path) -> TinyRM:
    """Load the network that `train.py` left in a build folder."""
    model = TinyRM(**json.loads((build / "shape.json").read_text()))
    model.load_state_dict(torch.load(build / "weights.pt"))
    return model.eval()


def export(build: Path, into: Path) -> None:
    """Write model.onnx (int8), model.fp32.onnx (build folder only), tokenizer.json and model.json."""
    temperature = json.loads((build / "temperature.json").read_text()) if (build / "temperature.json").exists() else 1.0
    ids = torch.randint(2, 100, (3, 40))
    shapes = ({0: torch.export.Dim("batch"), 1: torch.export.Dim("seq", max=1024)},)
    program = torch.onnx.export(
        Scaled(load(build), temperature), (ids,), dynamo=True, dynamic_shapes=shapes, input_names=["input_ids"],
        output_names=["token_scores"], verbose=False,
    )  # fmt: skip
    exact = build / "model.fp32.onnx"
    program.save(str(exact))
    model = onnx.load(str(exact))
    del model.graph.value_info[:]  # the quantizer trips over the exporter's inferred shapes
    bare = build / "model.bare.onnx"
    onnx.save(model, str(bare))
    into.mkdir(parents=True, exist_ok=True)
    quantize_dynamic(
        bare, into / "model.onnx", weight_type=QuantType.QInt8, per_channel=True, op_types_to_quantize=["MatMul", "Gather"],
        extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
    )  # fmt: skip
    tokenizer = json.loads((build / "tokenizer.json").read_text(encoding="utf-8"))
    (into / "tokenizer.json").write_text(json.dumps(tokenizer, separators=(",", ":"), ensure_ascii=False), encoding="utf-8")
    shutil.copy(Path(__file__).with_name("model.json"), into / "model.json")
    print({path.name: path.stat().st_size for path in sorted(into.iterdir())}, "fp32", exact.stat().st_size)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path, default=Path("build"))
    parser.add_argument("--into", type=Path, default=EMBEDDED)
    options = parser.parse_args()
    export(options.build, options.into)

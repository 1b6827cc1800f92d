import json
import subprocess
import sys
from pathlib import Path

import herokit_onnx
from herokit_onnx.annotation_tokens import MARK, NAMES

HOME = Path(herokit_onnx.__file__).parent


def test_the_embedded_model_is_small_and_complete():
    files = {p.name: p.stat().st_size for p in (HOME / "embedded").iterdir()}
    assert {"model.onnx", "model.json", "tokenizer.json", "MODEL_CARD.md"} <= set(files)
    assert sum(files.values()) < 3_000_000


def test_marks_are_the_tokenizers_first_ids():
    added = json.loads((HOME / "embedded" / "tokenizer.json").read_text(encoding="utf-8"))["added_tokens"]
    assert {x["content"]: x["id"] for x in added} == {MARK[name]: i for i, name in enumerate(NAMES)}


def test_importing_the_plugin_loads_nothing_heavy():
    code = "import sys, herokit_onnx, herokit_onnx.plugin; print([m for m in ('onnxruntime', 'tokenizers', 'torch', 'transformers') if m in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip() == "[]"
    )


def test_scoring_loads_neither_torch_nor_transformers():
    code = (
        "import sys; from herokit_onnx import OnnxRewardModel; from herokit.types import Sample\n"
        "OnnxRewardModel(threads=1).score([Sample('1', '2', group=0)]); print('torch' in sys.modules, 'transformers' in sys.modules)"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()
        == "False False"
    )


def test_the_model_carries_no_path_of_the_machine_that_wrote_it():
    assert b".py" not in (HOME / "embedded" / "model.onnx").read_bytes()

import json
import subprocess
import sys
from pathlib import Path

import herokit_onnx
from herokit_onnx.annotate import TOKEN_NAMES, TOKENS

HOME = Path(herokit_onnx.__file__).parent


def test_embedded_model_is_small_and_complete():
    files = {p.name: p.stat().st_size for p in (HOME / "embedded").iterdir()}
    assert {"model.onnx", "model.json", "tokenizer.json", "MODEL_CARD.md"} <= set(files)
    assert sum(files.values()) < 3_000_000


def test_annotation_tokens_are_the_first_ids_of_the_tokenizer():
    added = json.loads((HOME / "embedded" / "tokenizer.json").read_text(encoding="utf-8"))["added_tokens"]
    assert {x["content"]: x["id"] for x in added} == {TOKENS[name]: i for i, name in enumerate(TOKEN_NAMES)}


def test_import_loads_no_runtime():
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


def test_embedded_model_contains_no_local_path():
    assert b".py" not in (HOME / "embedded" / "model.onnx").read_bytes()

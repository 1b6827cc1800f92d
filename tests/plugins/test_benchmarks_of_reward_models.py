"""The benchmark for GPUs also runs on a CPU with a small shape, and its sides agree."""

import json
import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


def run(script, *options):
    done = subprocess.run([sys.executable, BENCHMARKS / script, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_gpu_benchmark_runs_on_a_cpu():
    options = (
        "--shape",
        "tiny",
        "--rollouts",
        "24",
        "--naive-rollouts",
        "16",
        "--longest",
        "60",
        "--onnx-shape",
        "tiny",
    )
    result = json.loads(run("gpu/reward_models.py", *options))
    assert result["score_spread"] > 0
    for way in ("packed", "packed_shared"):
        assert result[way]["max_difference"] < 1e-4
        assert result[way]["share_of_ceiling"] > 0
        assert result[way]["forward"] == "(packed)"
    assert result["packed"]["run_ratio"] == 1
    assert result["onnx"]["onnx"]["provider"] == "CPUExecutionProvider"
    assert result["onnx"]["onnx"]["max_difference"] < 1e-4
    assert result["onnx"]["onnx"]["run_ratio"] >= 1
    assert result["transformers"]["run_ratio"] > 1

"""OpenRLHF on the other side: its reward server behind our client, and its client before `herokit serve`.

The server's scores are compared with transformers run here row by row, the client's rewards with a `Rewarder` in this process.

    python -m venv env && env/bin/pip install torch transformers fastapi uvicorn accelerate aiohttp
    env/bin/pip install --no-deps openrlhf==0.11.2 peft einops pylatexenc
    python benchmarks/third_party_server.py --python env/bin/python

The server's code is untouched; two packages that it imports and that need a GPU (deepspeed, flash_attn) are stood in for
by empty modules. The model is a tiny random one, written here.
"""

import argparse
import importlib.util
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import transformers

from herokit.config import load_scheme
from herokit.types import Sample, Status
from herokit_http import HttpRewardModel, RequestPolicy

ROOT = Path(__file__).resolve().parents[1]
STUBS = {
    "deepspeed/__init__.py": "",
    "flash_attn/__init__.py": "",
    "flash_attn/bert_padding.py": "index_first_axis = pad_input = rearrange = unpad_input = None\n",
    "flash_attn/utils/__init__.py": "",
    "flash_attn/utils/distributed.py": "all_gather = None\n",
}
WORDS = ["the", "sum", "of", "two", "and", "three", "is", "five", "so", "we", "add", "seven", "to", "it"]
QUICK = RequestPolicy(max_attempts=2, backoff=0.05, timeout=60.0)


def tiny(folder: Path) -> None:
    """Write a tiny random Qwen2 reward model and its tokenizer, in bf16 as the server runs it."""
    place = ROOT / "tests" / "helpers" / "tiny_models.py"
    spec = importlib.util.spec_from_file_location("tiny_models", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.write_tokenizer(folder)
    module.write_model(folder, "qwen2", dtype=torch.bfloat16)


def serve(python: str, model: Path, stubs: Path) -> tuple[subprocess.Popen[bytes], str]:
    """Start OpenRLHF's server on loopback and wait until it answers."""
    for name, text in STUBS.items():
        (stubs / name).parent.mkdir(parents=True, exist_ok=True)
        (stubs / name).write_text(text)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [
        python, "-m", "openrlhf.cli.serve_rm", "--reward.model_name_or_path", str(model), "--host", "127.0.0.1",
        "--port", str(port), "--ds.attn_implementation", "eager", "--data.max_len", "512", "--batch_size", "8",
    ]  # fmt: skip
    env = os.environ | {"PYTHONPATH": str(stubs), "OMP_NUM_THREADS": "1"}
    log = stubs / "log"
    with log.open("wb") as file:
        child = subprocess.Popen(command, env=env, stdout=file, stderr=file)  # noqa: S603 - the user's own
    for _ in range(600):
        if child.poll() is not None:
            raise SystemExit(log.read_text()[-2000:])
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return child, f"http://127.0.0.1:{port}"
        time.sleep(0.1)
    child.kill()
    raise SystemExit("the server did not start within a minute")


def here(folder: Path, texts: list[str]) -> np.ndarray:
    """Score the texts one by one with transformers."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    kind = transformers.AutoModelForSequenceClassification
    model = kind.from_pretrained(folder, attn_implementation="eager").eval()  # as the server runs it
    with torch.no_grad():
        tokens = (tokenizer(text, add_special_tokens=False, return_tensors="pt") for text in texts)
        return np.array([model(**ids).logits[0, 0].float().item() for ids in tokens])


CLIENT = """
import asyncio, json, sys
from openrlhf.utils.agent import SingleTurnAgentExecutor
url, rows = sys.argv[1], json.load(sys.stdin)
async def main():
    executor = SingleTurnAgentExecutor(url)
    calls = (executor._fetch_rewards_via_http([p + c + "<|im_end|>"], [p], [r]) for p, c, r in rows)
    return [found[0] for found in await asyncio.gather(*calls)]
print(json.dumps(asyncio.run(main())))
"""


def client(python: str, stubs: Path) -> None:
    """Let OpenRLHF's client send rollouts one by one, all at once, to a service that gathers groups of 4."""
    lines = (ROOT / "examples" / "rollouts.jsonl").read_text().splitlines()[:32]
    rollouts = [json.loads(line) for line in lines]
    samples = [
        Sample(r["prompt"], r["response"], (r["prompt_id"], i // 4), r["reference"]) for i, r in enumerate(rollouts)
    ]
    with load_scheme().rewarder() as rewarder:
        expected = np.concatenate([rewarder(samples[i : i + 4]).reward for i in range(0, len(samples), 4)])
    command = [sys.executable, "-m", "herokit", "serve", "--port", "0", "--group-size", "4"]
    service = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)  # noqa: S603 - ourselves
    assert service.stderr is not None
    url = service.stderr.readline().split()[2].rstrip(",")
    rows = json.dumps([[s.prompt, s.completion, s.reference] for s in samples])
    env = os.environ | {"PYTHONPATH": str(stubs)}
    try:
        done = subprocess.run(  # noqa: PLW1510, S603 - the user's own; looked at below
            [python, "-c", CLIENT, f"{url}/get_reward"],
            input=rows,
            env=env,
            capture_output=True,
            text=True,
            timeout=120,
        )
    finally:
        service.terminate()
        service.communicate(timeout=60)
    assert done.returncode == 0, done.stderr[-2000:]
    answers = json.loads(done.stdout.splitlines()[-1])
    assert all(isinstance(answer["rewards"], float) for answer in answers)
    verdicts = [answer["scores"] for answer in answers]
    correct = np.array([r["label"] for r in rollouts], dtype=float)
    print(
        f"OpenRLHF's client, {len(samples)} rollouts one by one, groups of 4: {sum(verdicts):.0f} correct, {correct.sum():.0f} by label"
    )
    off = [
        float(np.abs(np.sort([a["rewards"] for a in answers[i : i + 4]]) - np.sort(expected[i : i + 4])).max())
        for i in range(0, 32, 4)
    ]
    print(f"rewards of each group against a Rewarder here: furthest off {max(off):.1e}")


def main() -> None:
    """Run both comparisons; exit with 1 if something is off."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", required=True, help="of an environment with openrlhf")
    parser.add_argument("--rows", type=int, default=200)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    prompts = [f"Question {i}: what is {i} and three? " for i in range(options.rows // 8)]
    samples = [Sample(p, " ".join(rng.choice(WORDS, rng.integers(1, 40))), p) for p in prompts for _ in range(8)]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "rm"
        tiny(folder)
        child, url = serve(options.python, folder, Path(place) / "stubs")
        try:
            expected = here(folder, [s.prompt + s.completion for s in samples])
            print(f"{len(samples)} rows; transformers, row by row, gives {expected.min():.2f} to {expected.max():.2f}")
            for batch in (1, 8):
                with HttpRewardModel(url, "openrlhf", batch_size=batch, request=QUICK) as rm:
                    start = time.perf_counter()
                    scores = rm.score(samples)
                    off = float(np.abs(scores.values - expected).max())
                    print(
                        f"{batch} rows a request: {time.perf_counter() - start:.2f} s, furthest off {off:.3f}; {rm.report()}"
                    )
                    assert set(scores.statuses) == {Status.JUDGED}
                    assert off == 0.0 or batch > 1  # the server pads a batch in bf16
            with HttpRewardModel(url, "openrlhf", batch_size=1, request=QUICK) as rm:
                bad = rm.score([samples[0], Sample("", "", "q"), samples[1]])
                print(f"an empty text among two rows: {[s.value for s in bad.statuses]}, {bad.reasons[1]!r}")
                assert bad.statuses == (Status.JUDGED, Status.FAILED, Status.JUDGED)
                child.kill()
                child.wait()
                dead = rm.score(samples[:3])
                print(f"after the server was killed: {[s.value for s in dead.statuses]}, {dead.reasons[0]!r}")
                assert set(dead.statuses) == {Status.FAILED}
        finally:
            child.kill()
            child.wait()
        client(options.python, Path(place) / "stubs")


if __name__ == "__main__":
    main()

"""Results of `herokit score` for tests, made up row by row."""

import json

import numpy as np

HOSTILE = (
    "</script><script>alert(1)</script><img src=x onerror=alert(1)> {{ 7*7 }} \u2028 $\\href{javascript:alert(1)}{x}$"
)


def make_rows(groups=30, each=4, seed=0):
    """Return rows as `herokit score` writes them: scores rise from the first group to the last while accuracy falls."""
    rng = np.random.default_rng(seed)
    made = []
    for g in range(groups):
        for i in range(each):
            right = float(rng.random() > g / groups)
            score = right + 4.0 * g / groups + rng.normal(0, 0.2)
            made.append(
                {
                    "prompt": f"What is ${g} + 1$?", "response": f"It is \\boxed{{{i}}}.", "reference": str(i), "prompt_id": g,
                    "label": int(right), "verifier": right, "verifier_status": "judged", "verifier_answer": str(i), "verifier_reason": "exact",
                    "rm": score, "rm_status": "judged", "rm_reason": "",
                    "reward": right + 0.1 * rng.random(), "advantage": right - 0.5, "weight": 1.0 + rng.random(), "kept": True,
                }
            )  # fmt: skip
    return made


def write_rows(folder, data, name="scored.jsonl"):
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in data))
    return str(path)

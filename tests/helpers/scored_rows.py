"""Results of `herokit score` for tests, made up row by row."""

import json

import numpy as np

HOSTILE = (
    "</script><script>alert(1)</script><img src=x onerror=alert(1)> {{ 7*7 }} \u2028 $\\href{javascript:alert(1)}{x}$"
)

ATTACKS = [
    HOSTILE,
    "<!-- <script>",
    "]]></script>",
    "<svg onload=alert(1)><a xlink:href='javascript:alert(1)'>",
    "<math><mtext><mglyph><style><img src=x onerror=alert(1)></style></mglyph></mtext></math>",
    '" onfocus=alert(1) autofocus x="',
    "[x](javascript:alert(1)) data:text/html,<script>alert(1)</script>",
    "a\u202etxt\u202c \u0000 \x1b[2J \ud800 \u2028\u2029",
    "x" * 100_000,
    "$" + "{" * 300 + "$" + r"$\unicode{x3c}\text{<img src=x onerror=alert(1)>}$",
]


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


def make_attacked_rows():
    """Return four rollouts for each of `ATTACKS`, which is in their prompt, group, answer and reason, and the text of the first."""
    rows = make_rows(len(ATTACKS))
    for number, text in enumerate(ATTACKS):
        group = f"{text[:200]}{number}"
        for row in rows[4 * number : 4 * number + 4]:
            row |= {"prompt": text[:300], "prompt_id": group, "verifier_answer": text, "verifier_reason": text}
        rows[4 * number] |= {"response": text, "reference": text[:100]}
    return rows


def write_rows(folder, data, name="scored.jsonl"):
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in data))
    return str(path)

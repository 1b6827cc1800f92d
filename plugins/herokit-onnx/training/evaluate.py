"""Measure a model as it will be used: through `OnnxRewardModel`, on generated, GSM8K and, if asked, real rollouts."""

import argparse
import json
import random

import corpus
import numpy as np
from corpus import Problem
from plant import write

from herokit.types import Sample
from herokit_onnx import OnnxRewardModel
from herokit_onnx.annotate import TOKENS, annotate

ROLLOUTS = corpus.GSM8K.with_name("gsm8k_rollouts.jsonl")


def auc(scores: np.ndarray, labels: np.ndarray) -> float:
    """Probability that a right rollout scores above a wrong one, ties half; NaN when either is missing."""
    right, wrong = scores[labels == 1], np.sort(scores[labels == 0])
    if not len(right) or not len(wrong):
        return float("nan")
    below = np.searchsorted(wrong, right) + np.searchsorted(wrong, right, side="right")
    return float(below.mean() / 2 / len(wrong))


def within(scores: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> tuple[float, int]:
    """Mean AUC over the prompts that have both right and wrong rollouts, and how many there are."""
    each = [auc(scores[groups == g], labels[groups == g]) for g in np.unique(groups)]
    mixed = [a for a in each if a == a]  # noqa: PLR0124 - NaN: only right or only wrong
    return float(np.mean(mixed)), len(mixed)


def planted(problems: list[Problem], r: random.Random) -> tuple[list[Sample], np.ndarray]:
    """Write four rollouts of every problem."""
    samples, labels = [], []
    for i, problem in enumerate(problems):
        for _ in range(4):
            text, label, _ = write(r, problem.solution, problem.numbers, 0.25)
            samples.append(Sample(problem.prompt, text, group=i))
            labels.append(label)
    return samples, np.array(labels)


def real() -> tuple[list[Sample], np.ndarray]:
    """Read the real rollouts: they are for this file alone and never trained on."""
    rows = [json.loads(line) for line in ROLLOUTS.read_text(encoding="utf-8").splitlines()]
    return [Sample(x["prompt"], x["response"], group=x["prompt_id"]) for x in rows], np.array(
        [x["label"] for x in rows]
    )


def sets(*, with_real: bool) -> dict[str, tuple[list[Sample], np.ndarray]]:
    """Return the evaluation sets, by name; what needs a file is left out where the file is absent."""
    r = random.Random(12345)
    out = {
        "generated, known wordings": planted([corpus.generated(r) for _ in range(500)], r),
        "generated, unseen wordings": planted([corpus.generated(r, unseen=True) for _ in range(500)], r),
    }
    held_out = corpus.gsm8k()[-corpus.HELD_OUT :]
    if held_out:
        out["GSM8K train, held out, planted"] = planted(held_out, r)
    if with_real and ROLLOUTS.exists():
        out["real rollouts"] = real()
    return out


def rule(sample: Sample) -> float:
    """Score by the annotation alone: minus the number of marks that look bad. What the network adds is on top of it."""
    text = annotate(sample.prompt, sample.completion)
    left = len(text.partition(TOKENS["unused"])[2].split()) - 2
    return -float(
        left + sum(text.count(TOKENS[name]) for name in ("bad", "mismatch", "nowhere", "fraction", "negative"))
    )


def report(model: OnnxRewardModel, *, with_real: bool) -> dict[str, dict[str, float]]:
    """Return overall and within-prompt AUC for every set."""
    out = {}
    for name, (samples, labels) in sets(with_real=with_real).items():
        scores = model.score(samples).values
        mean, mixed = within(scores, labels, np.array([str(s.group) for s in samples]))
        plain = np.array([rule(s) for s in samples])
        out[name] = {
            "n": len(labels), "right": round(float(labels.mean()), 3), "auc": round(auc(scores, labels), 4),
            "within": round(mean, 4), "mixed prompts": mixed, "std": round(float(scores.std()), 2), "rule": round(auc(plain, labels), 4),
        }  # fmt: skip
    return out


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--tokenizer", default=None)
    parser.add_argument(
        "--real", action="store_true", help="also score the real rollouts; each look counts, see the card"
    )
    options = parser.parse_args()
    for name, row in report(
        OnnxRewardModel(options.model, tokenizer=options.tokenizer), with_real=options.real
    ).items():
        print(name, row)

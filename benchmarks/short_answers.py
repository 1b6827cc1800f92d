"""Compare verifiers of short answers in words with what people said: EVOUNA and NQ301, and the attack panel.

The data are not part of herokit. Download them by hand into a folder that git ignores, such as ``benchmarks/data``:

- EVOUNA (Apache-2.0): ``NQ.json`` and ``TQ.json`` from the folder EVOUNA of the GitHub repository wangcunxiang/QA-Eval
- NQ301 (MIT): ``NQ301_human.tsv`` and the files ``NQ*.jsonl`` of ``data/model_outputs`` from ehsk/OpenQA-eval

Usage: ``python benchmarks/short_answers.py benchmarks/data``; without the folder only the attack panel runs.
"""

import argparse
import csv
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from herokit import Sample, Verifier
from herokit.testing import check_verifier
from herokit.verifiers import Contains, ExactMatch, TokenF1

VERIFIERS: dict[str, Verifier] = {
    "exact-match, squad": ExactMatch(normalize="squad", extract="whole"),
    "token-f1": TokenF1(extract="whole"),
    "contains": Contains(),
    "contains, 50 words": Contains(max_words=50),
    "contains, no guards": Contains(guards=False, max_words=10**6),
}

Row = tuple[str, str, list[str], bool]
"""Question, answer, references, what people said."""


def evouna(folder: Path) -> Iterator[Row]:
    """Yield the proper questions of EVOUNA with their judged answers."""
    for name in ("NQ.json", "TQ.json"):
        for item in json.loads((folder / name).read_text(encoding="utf-8")):
            models = [key.removeprefix("judge_") for key in item if key.startswith("judge_")]
            for model in models:
                answer, judged = item.get(f"answer_{model}"), item[f"judge_{model}"]
                if not item["improper"] and isinstance(answer, str) and isinstance(judged, bool):
                    yield item["question"], answer, str(item["golden_answer"]).split("/"), judged


def nq301(folder: Path) -> Iterator[Row]:
    """Yield the judged answers of NQ301."""
    references: dict[str, list[str]] = {}
    for path in folder.glob("NQ*.jsonl"):
        for line in path.read_text(encoding="utf-8").splitlines():
            item = json.loads(line)
            references.setdefault(item["question"].strip().lower(), list(item["answer"]))
    with (folder / "NQ301_human.tsv").open(encoding="utf-8", newline="") as file:
        for item in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            golden = references.get(item["Question"].strip().lower())
            if golden and item["Acceptable?"] in ("Yes", "No"):
                yield item["Question"], item["Model answer"], golden, item["Acceptable?"] == "Yes"


def measure(name: str, rows: list[Row]) -> None:
    """Print accuracy and F1 of every verifier; of a graded one, at the threshold that is best for it."""
    samples = [Sample(question, answer, 0, references) for question, answer, references, _ in rows]
    judged = np.array([row[3] for row in rows])
    print(f"\n{name}: {len(rows):,} answers, {judged.mean():.3f} of them accepted")
    for label, verifier in VERIFIERS.items():
        values = np.array([verdict.value or 0.0 for verdict in verifier.verify(samples)])
        graded = len(np.unique(values)) > 2  # noqa: PLR2004 - 0 and 1
        thresholds = [0.5, *np.quantile(values, np.linspace(0.02, 0.98, 49))] if graded else [0.5]
        for threshold in (0.5, max(thresholds, key=lambda t: score(values >= t, judged)[0])) if graded else (0.5,):
            accuracy, f1, precision, recall = score(values >= threshold, judged)
            name = f"{label} >= {threshold:.2f}" if graded else label
            print(f"{name:24} accuracy {accuracy:.3f}  F1 {f1:.3f}  precision {precision:.3f}  recall {recall:.3f}")


def score(accepted: np.ndarray, judged: np.ndarray) -> tuple[float, float, float, float]:
    """Return accuracy, F1, precision and recall."""
    both = float((accepted & judged).sum())
    precision, recall = both / max(accepted.sum(), 1), both / max(judged.sum(), 1)
    return float((accepted == judged).mean()), 2 * both / (accepted.sum() + judged.sum()), precision, recall


def main() -> None:
    """Print everything."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, nargs="?", help="where the data are")
    folder = parser.parse_args().folder
    for kind in ("short-text", "integers"):
        print(f"attacks on answers that are {kind}:")
        for label, verifier in VERIFIERS.items():
            report = check_verifier(verifier, domain=kind)
            result = report["hack_does_not_pay"]
            paid = {} if result.violation is None else result.violation.columns
            print(f"{label:24} {result.headline}: {', '.join(sorted(set(paid.get('attack', []))))}")
    if folder is not None and (folder / "NQ.json").exists():
        measure("EVOUNA", list(evouna(folder)))
    if folder is not None and (folder / "NQ301_human.tsv").exists():
        measure("NQ301", list(nq301(folder)))


if __name__ == "__main__":
    main()

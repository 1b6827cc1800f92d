"""Parity probes: what the exporting side scored, stored beside the model and asked again whenever it opens."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from herokit.errors import SetupError
from herokit.reward_models.process import Floats
from herokit.types import Sample

ASKED = (
    Sample("What is 3 + 4?", "3 + 4 = 7\n\nThe answer is 7.", group=0),
    Sample("What is 3 + 4?", "It is 8.", group=0),
    Sample("Solve \\(x^2 = 49\\) for x > 0.", "x = \\sqrt{49} = \\boxed{7}" + ", so x is seven" * 12, group=1),
    Sample("Ünïcode? 你好", "Yes: naïve café 🙂\n  and  spaces", group=2),
)


@dataclass(frozen=True, slots=True)
class Probe:
    """One sample, the token ids it must become, and the logits it must get: one, or one for each step token."""

    prompt: str
    completion: str
    ids: list[int]
    logits: list[float]


def beside(model: Path) -> Path:
    """Return where a model's probes lie: ``<model>.probes.json``."""
    return model.with_suffix(".probes.json")


def write(model: Path, rows: Sequence[list[int]], logits: Sequence[Floats], tolerance: float) -> None:
    """Store the probes `ASKED` with their ids and logits; `tolerance` is relative to ``1 + |logit|``."""
    probes = [
        asdict(Probe(s.prompt, s.completion, ids, x.tolist())) for s, ids, x in zip(ASKED, rows, logits, strict=True)
    ]
    text = json.dumps({"tolerance": tolerance, "probes": probes}, ensure_ascii=False, indent=1)
    beside(model).write_text(text, encoding="utf-8")


def check(
    model: Path,
    encode: Callable[[Sequence[Sample]], Sequence[list[int]]],
    run: Callable[[list[list[int]]], list[Floats]],
    tolerance: float | None = None,
) -> None:
    """Ask the stored probes again, one at a time; a model without probes passes.

    Args:
        model: the .onnx file.
        encode: samples -> token ids.
        run: token ids of a batch -> logits.
        tolerance: in place of the stored one.

    Raises:
        SetupError: the tokenizer gives other ids or the session other scores than when the model was exported.
    """
    path = beside(model)
    if not path.exists():
        return
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        probes, stored = [Probe(**each) for each in data["probes"]], float(data["tolerance"])
        logits = [np.array(probe.logits, np.float64) for probe in probes]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SetupError(f"{path}: not a file of probes: {error!r}; export the model again") from error
    near = stored if tolerance is None else tolerance
    rows = encode([Sample(p.prompt, p.completion, group=0) for p in probes])
    for number, (probe, ids, expected) in enumerate(zip(probes, rows, logits, strict=True)):
        if ids != probe.ids:
            raise SetupError(
                f"{path}: probe {number} becomes {len(ids)} tokens {ids[:8]}, expected {len(probe.ids)} tokens "
                f"{probe.ids[:8]}; tokenizer.json, template or max_tokens is not that of the export"
            )
        found = run([ids])[0]
        if found.shape != expected.shape or not (np.abs(found - expected) <= near * (1 + np.abs(expected))).all():
            raise SetupError(
                f"{path}: probe {number} scores {_said(found)}, expected {_said(expected)}; the model file is not that "
                "of the export, or this provider computes otherwise"
            )


def _said(logits: Floats) -> str:
    return ", ".join(f"{x:.6g}" for x in logits)

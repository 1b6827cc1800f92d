"""The verifier that asks constraints."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from herokit.types import Sample, Status, Verdict
from herokit.verifiers.base import PerSampleVerifier, abstain, to_list, unparsed
from herokit.verifiers.extraction import read_json
from herokit.verifiers.instructions.registry import ArgumentError, find

Asked = Sequence[tuple[str, Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class IFEval(PerSampleVerifier):
    """How many of a prompt's checkable instructions a completion follows: ``followed / asked``, a graded value.

    Instructions come from `constraints`, else from ``meta["instruction_id_list"]`` and ``meta["kwargs"]``, else from the
    reference, JSON with the same two keys. An unknown instruction and arguments it does not take are the data's fault:
    the verdict abstains. An empty completion follows none.

    Args:
        constraints: name -> arguments, the same for every sample.
        partial_credit: the value is the share; else 1 where all are followed, else 0.
        strict: look at the completion as it is; else also without its first line, its last, both, and without
            asterisks, and an instruction is followed where one of these eight texts follows it.

    Raises:
        SetupError: asked for a language that a detector must tell, and none is installed.

    Source: IFEval (Zhou et al., arXiv 2311.07911): its 25 instructions, its strict and loose criteria (section 2).

    Example:
        >>> asked = {"punctuation:no_comma": {}, "startend:end_checker": {"end_phrase": "Bye."}}
        >>> verifier = IFEval(constraints=asked)
        >>> [(v.value, v.reason) for v in verifier.verify([Sample("?", text, 0) for text in ("Well, bye.", "Bye")])]
        [(0.5, 'not followed: punctuation:no_comma'), (0.5, 'not followed: startend:end_checker')]
    """

    constraints: Mapping[str, Mapping[str, Any]] | None = None
    partial_credit: bool = True
    strict: bool = True

    def __post_init__(self) -> None:
        for name in self.constraints or {}:
            find(name)

    def judge(self, sample: Sample) -> Verdict:
        """Return the verdict on one sample."""
        try:
            asked = self._asked(sample)
            if not asked:
                return abstain("no instructions: neither a setting, nor meta['instruction_id_list'], nor a reference")
            texts = [text for text in self._texts(sample.completion) if text.strip()]
            followed = [any(find(name).holds(text, given) for text in texts) for name, given in asked]
            [find(name).holds("", given) for name, given in asked if not texts]  # the data are judged all the same
        except ArgumentError as error:
            return abstain(str(error))
        missed = [name for (name, _), done in zip(asked, followed, strict=True) if not done]
        reason = f"not followed: {', '.join(missed)}" if missed else ""
        if not texts:
            return unparsed("empty")
        value = sum(followed) / len(asked) if self.partial_credit else float(not missed)
        return Verdict(value, Status.JUDGED, reason)

    def _asked(self, sample: Sample) -> Asked:
        if self.constraints is not None:
            return list(self.constraints.items())
        table: Any = sample.meta
        if "instruction_id_list" not in table and sample.reference is not None:
            try:
                table = read_json(sample.reference)
            except ValueError as error:
                raise ArgumentError(f"reference: {error}") from None
        names = to_list(table.get("instruction_id_list")) if isinstance(table, Mapping) else None
        given = (to_list(table.get("kwargs")) or [{}] * len(names)) if names else []
        if not names:
            return []
        if len(names) != len(given) or not all(isinstance(one, Mapping | None) for one in given):
            raise ArgumentError(f"{len(names)} instructions with {len(given)} tables of arguments")
        return [(str(name), one or {}) for name, one in zip(names, given, strict=True)]

    def _texts(self, completion: str) -> list[str]:
        if self.strict:
            return [completion]
        lines = completion.split("\n")
        cuts = [completion, *("\n".join(part).strip() for part in (lines[1:], lines[:-1], lines[1:-1]))]
        return [text for cut in cuts for text in (cut, cut.replace("*", ""))]

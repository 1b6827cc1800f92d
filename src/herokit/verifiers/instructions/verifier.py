"""The verifier of instruction following."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from herokit.conversations.columns import to_list
from herokit.types import Sample, Status, Verdict
from herokit.verifiers.base import PerSampleVerifier, abstain, unparsed
from herokit.verifiers.instructions.registry import ArgumentError, get_constraint
from herokit.verifiers.references import reference_data

__all__ = ["IFEval"]

_Instructions: TypeAlias = Sequence[tuple[str, Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class IFEval(PerSampleVerifier):
    """Share of a prompt's checkable instructions that the completion follows, in [0, 1].

    Instructions come from `constraints`, else from ``meta["instruction_id_list"]`` and ``meta["kwargs"]``, else from the
    reference, JSON with the same two keys. If an instruction is unknown, or does not take its arguments, the data are at
    fault and the verifier abstains. An empty completion follows none.

    Args:
        constraints: name -> arguments, the same for every sample.
        partial_credit: give the share of followed instructions; else 1 if all are followed, else 0.
        strict: check the completion as it is; else an instruction is also followed if the completion follows it without
            its first line, without its last, without both, or with the asterisks removed from any of these texts.

    Raises:
        SetupError: an instruction needs a language detector, and none is installed.

    Source: IFEval (Zhou et al., arXiv 2311.07911): its 25 instructions, its strict and loose criteria (section 2).

    Example:
        >>> constraints = {"punctuation:no_comma": {}, "startend:end_checker": {"end_phrase": "Bye."}}
        >>> verifier = IFEval(constraints=constraints)
        >>> [(v.value, v.reason) for v in verifier.verify([Sample("?", text, 0) for text in ("Well, bye.", "Bye")])]
        [(0.5, 'not followed: punctuation:no_comma'), (0.5, 'not followed: startend:end_checker')]
    """

    constraints: Mapping[str, Mapping[str, Any]] | None = None
    partial_credit: bool = True
    strict: bool = True

    def __post_init__(self) -> None:
        for name in self.constraints or {}:
            get_constraint(name)

    def judge(self, sample: Sample) -> Verdict:
        """Return the verdict on one sample."""
        try:
            instructions = self._read_instructions(sample)
            if not instructions:
                return abstain("no instructions in constraints, meta['instruction_id_list'] or the reference")
            texts = [text for text in self._variants(sample.final_text) if text.strip()]
            for name, arguments in [] if texts else instructions:
                get_constraint(name).is_followed("", arguments)  # checks the arguments
            missed = [
                name for name, given in instructions
                if not any(get_constraint(name).is_followed(text, given) for text in texts)
            ]  # fmt: skip
        except ArgumentError as error:
            return abstain(str(error))
        if not texts:
            return unparsed("empty")
        followed = len(instructions) - len(missed)
        value = followed / len(instructions) if self.partial_credit else float(not missed)
        return Verdict(value, Status.JUDGED, f"not followed: {', '.join(missed)}" if missed else "")

    def _read_instructions(self, sample: Sample) -> _Instructions:
        if self.constraints is not None:
            return list(self.constraints.items())
        table: Any = sample.meta
        if "instruction_id_list" not in table and sample.reference is not None:
            table = reference_data(sample)
        names = to_list(table.get("instruction_id_list")) if isinstance(table, Mapping) else None
        if not names:
            return []
        arguments = to_list(table.get("kwargs")) or [{}] * len(names)
        if len(names) != len(arguments) or not all(isinstance(given, Mapping | None) for given in arguments):
            raise ArgumentError(f"{len(names)} instructions with {len(arguments)} tables of arguments")
        return [(str(name), given or {}) for name, given in zip(names, arguments, strict=True)]

    def _variants(self, text: str) -> list[str]:
        """Return the texts of which one must follow an instruction."""
        if self.strict:
            return [text]
        lines = text.split("\n")
        cuts = [text, *("\n".join(part).strip() for part in (lines[1:], lines[:-1], lines[1:-1]))]
        return [variant for cut in cuts for variant in (cut, cut.replace("*", ""))]

"""Format rewards: is a completion built as it was told to be? They need no reference and say nothing of correctness."""

import re
from dataclasses import dataclass

from herokit.errors import ConfigError, check_choice
from herokit.types import Sample, Status, Verdict
from herokit.verifiers.base import PerSampleVerifier, binary_verdict, unparsed
from herokit.verifiers.extraction import FenceMode, extract_code_block, read_json


@dataclass(frozen=True, slots=True)
class Tags(PerSampleVerifier):
    """Right where a completion is its tagged parts, each once, in order, none empty, and nothing stands around them.

    ``<think>...</think><answer>...</answer>`` for ``names = ("think", "answer")``; white space may stand between.
    With `partial_credit` the value is the share of right tags (each name's opening and closing tag occurs once), the partial
    credit with which training on formats starts.

    Args:
        names: the tags' names in order.
        partial_credit: whether to give partial credit.
        allow_extra_text: whether text may stand before, between and after the parts.
        first_tag_in_prompt: the prompt ends with the first opening tag, so that the completion lacks it.

    Raises:
        ConfigError: no name, or one that is not a word, or a name twice.

    Source: the format reward of DeepSeek-R1 (arXiv 2501.12948, section 2.2.2); counting tags as in Open R1's
    ``tag_count_reward``; chat templates that open the first tag, as DeepSeek-R1's of February 2025.

    Example:
        >>> tags = Tags()
        >>> texts = ("<think>2+2</think> <answer>4</answer>", "<answer>4</answer>", "<think></think><answer>4</answer>")
        >>> [v.value for v in tags.verify([Sample("?", text, 0) for text in texts])]
        [1.0, 0.0, 0.0]
    """

    names: tuple[str, ...] = ("think", "answer")
    partial_credit: bool = False
    allow_extra_text: bool = False
    first_tag_in_prompt: bool = False

    def __post_init__(self) -> None:
        if not self.names or len(set(self.names)) != len(self.names) or not all(map(_is_word, self.names)):
            raise ConfigError(f"tags need one or more different words as names, got {self.names!r}")

    def judge(self, sample: Sample) -> Verdict:
        """Return the verdict on one sample."""
        text = f"<{self.names[0]}>{sample.completion}" if self.first_tag_in_prompt else sample.completion
        tags = [tag for name in self.names for tag in (f"<{name}>", f"</{name}>")]
        once = [text.count(tag) == 1 for tag in tags]
        why = self._fault(text, tags) if all(once) else f"{sum(once)} of {len(tags)} tags occur once"
        if self.partial_credit:
            own = once[1:] if self.first_tag_in_prompt else once
            return Verdict(sum(own) / len(own), Status.JUDGED, why)
        return binary_verdict(correct=not why, reason=why)

    def _fault(self, text: str, tags: list[str]) -> str:
        places = [text.index(tag) for tag in tags]
        if places != sorted(places):
            return "tags out of order"
        ends = [0, *(place + len(tag) for place, tag in zip(places, tags, strict=True))]
        gaps = [text[end:begin].strip() for end, begin in zip(ends, [*places, len(text)], strict=True)]
        if not all(gaps[1::2]):
            return "an empty part"
        return "text around the parts" if any(gaps[::2]) and not self.allow_extra_text else ""


@dataclass(frozen=True, slots=True)
class JsonBlock(PerSampleVerifier):
    """Right where a completion holds one JSON value, strictly: no NaN, no key twice, no comments.

    Args:
        fence: ``"required"``: exactly one block between lines of three backticks marked ``json`` or unmarked, with
            any text around; ``"none"``: the whole completion is the value; ``"optional"``: either.
        keys: keys that the value, then an object, must have.

    Source: RFC 8259; that a key occurs once is its section 4's "should", and I-JSON's (RFC 7493, section 2.3) "must".

    Example:
        >>> block = JsonBlock(keys=("answer",))
        >>> [v.value for v in block.verify([Sample("?", t, 0) for t in ('{"answer": 4}', "{answer: 4}", '{"a": 4}')])]
        [1.0, 0.0, 0.0]
    """

    fence: FenceMode = "optional"
    keys: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_choice("fence", self.fence, FenceMode)

    def judge(self, sample: Sample) -> Verdict:
        """Return the verdict on one sample."""
        text = extract_code_block(sample.completion, ("json",), self.fence)
        if text is None:
            return unparsed("not exactly one JSON block")
        try:
            value = read_json(text)
        except ValueError as error:
            return unparsed(f"not JSON: {error}")
        missing = [key for key in self.keys if not isinstance(value, dict) or key not in value]
        return binary_verdict(correct=not missing, reason=f"lacks {', '.join(missing)}" if missing else "", answer=text)


def _is_word(name: str) -> bool:
    return re.fullmatch(r"[A-Za-z][\w-]*", name) is not None

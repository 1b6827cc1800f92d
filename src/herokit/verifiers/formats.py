"""Format verifiers: a completion's tags, or the JSON, XML or YAML it consists of. They need no reference."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal
from xml.parsers import expat

from herokit.errors import ConfigError, check_choice
from herokit.types import Sample, Status, Verdict
from herokit.verifiers.base import PerSampleVerifier, binary_verdict, unparsed
from herokit.verifiers.text import FenceMode, extract_code_block, read_json

__all__ = ["JsonBlock", "Tags", "Xml", "Yaml", "YamlRoot"]

YamlRoot = Literal["mapping", "list", "any"]

_MAX_DEPTH = 100
"""Levels of nesting that are read."""

_MAX_XML_CHARS = 1_000_000
_MAX_YAML_CHARS = 50_000
"""Characters that are read; PyYAML takes about a second for this many."""


@dataclass(frozen=True, slots=True)
class Tags(PerSampleVerifier):
    """1 if the completion consists exactly of the given tags, each once, in order and not empty, else 0.

    ``<think>...</think><answer>...</answer>`` for ``names = ("think", "answer")``; white space between them is allowed.

    Args:
        names: the tags' names in order.
        partial_credit: give the share of tags that occur exactly once (opening and closing ones) instead of 0 or 1.
        allow_extra_text: whether text before, between and after the tagged parts is allowed.
        first_tag_in_prompt: the prompt ends with the first opening tag, so the completion lacks it.

    Raises:
        ConfigError: there is no name, a name is not a word, or occurs twice.

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
        if not self.names or len(set(self.names)) != len(self.names) or not all(map(_is_tag_name, self.names)):
            raise ConfigError(f"names must be one or more different words, got {self.names!r}")

    def judge(self, sample: Sample) -> Verdict:
        """Return the verdict on one sample."""
        text = sample.completion_text
        text = f"<{self.names[0]}>{text}" if self.first_tag_in_prompt else text
        tags = [tag for name in self.names for tag in (f"<{name}>", f"</{name}>")]
        once = [text.count(tag) == 1 for tag in tags]
        problem = self._find_problem(text, tags) if all(once) else f"{sum(once)} of {len(tags)} tags occur once"
        if self.partial_credit:
            counted = once[1:] if self.first_tag_in_prompt else once
            return Verdict(sum(counted) / len(counted), Status.JUDGED, problem)
        return binary_verdict(correct=not problem, reason=problem)

    def _find_problem(self, text: str, tags: list[str]) -> str:
        """Return what is wrong with a text in which each tag occurs once; "" if nothing is."""
        starts = [text.index(tag) for tag in tags]
        if starts != sorted(starts):
            return "tags out of order"
        ends = [0, *(start + len(tag) for start, tag in zip(starts, tags, strict=True))]
        gaps = [text[end:start].strip() for end, start in zip(ends, [*starts, len(text)], strict=True)]
        if not all(gaps[1::2]):
            return "an empty part"
        return "text around the parts" if any(gaps[::2]) and not self.allow_extra_text else ""


def _is_tag_name(name: str) -> bool:
    return re.fullmatch(r"[A-Za-z][\w-]*", name) is not None


@dataclass(frozen=True, slots=True)
class JsonBlock(PerSampleVerifier):
    """1 if the completion holds one strict JSON value (no NaN, no key twice, no comments), else 0.

    Args:
        fence: ``"required"``: in exactly one block between lines of three backticks, marked ``json`` or unmarked, with
            any text around it; ``"none"``: the whole completion is the value; ``"optional"``: either.
        keys: keys that the value must have; it must then be an object.

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
        text = extract_code_block(sample.final_text, ("json",), self.fence)
        if text is None:
            return unparsed("not exactly one JSON block")
        try:
            value = read_json(text)
        except ValueError as error:
            return unparsed(f"not JSON: {error}")
        return _check_members(self.keys, value if isinstance(value, dict) else (), text)


@dataclass(frozen=True, slots=True)
class Xml(PerSampleVerifier):
    """1 if the completion is one well-formed XML document, else 0.

    A document type declaration is rejected, and with it every entity that the document defines: nothing is expanded and
    nothing external is read.

    Args:
        root: the name that the root element must have; None for any.
        tags: names of elements that must occur.
        fence: whether the document is in one block between lines of three backticks, marked ``xml`` or unmarked.

    Source: XML 1.0 (W3C, fifth edition), section 2.1; what is rejected as in OWASP's "XML External Entity Prevention".

    Example:
        >>> xml = Xml(root="a", tags=("b",))
        >>> [v.value for v in xml.verify([Sample("?", t, 0) for t in ("<a><b/></a>", "<a><b></a>", "<!DOCTYPE a><a/>")])]
        [1.0, 0.0, 0.0]
    """

    root: str | None = None
    tags: tuple[str, ...] = ()
    fence: FenceMode = "optional"

    def __post_init__(self) -> None:
        check_choice("fence", self.fence, FenceMode)

    def judge(self, sample: Sample) -> Verdict:
        """Return the verdict on one sample."""
        text = extract_code_block(sample.final_text, ("xml",), self.fence)
        if text is None:
            return unparsed("not exactly one XML block")
        if len(text) > _MAX_XML_CHARS:
            return unparsed(f"longer than {_MAX_XML_CHARS:,} characters")
        try:
            names = _element_names(text)
        except (expat.ExpatError, ValueError, UnicodeEncodeError) as error:
            return unparsed(f"not XML: {error}")
        if self.root is not None and names[0] != self.root:
            return binary_verdict(correct=False, reason=f"the root is {names[0]!r:.60}", answer=text)
        return _check_members(self.tags, names, text)


@dataclass(frozen=True, slots=True)
class Yaml(PerSampleVerifier):
    r"""1 if the completion is one YAML document of plain values, else 0.

    Rejected are aliases (a few lines of them expand to gigabytes), tags that name types of a language, and a key twice.

    Args:
        root: what the document must be.
        keys: keys that it must have; it must then be a mapping.
        fence: whether the document is in one block between lines of three backticks, marked ``yaml``, ``yml`` or unmarked.

    Source: YAML 1.1 as PyYAML reads it; unique keys by section 3.2.1.3 of YAML 1.2.2; aliases as the "billion laughs".

    Example:
        >>> yaml = Yaml(keys=("a",))
        >>> [v.value for v in yaml.verify([Sample("?", t, 0) for t in ("a: 1", "- a", "a: &x 1\nb: *x", "a: 1\na: 2")])]
        [1.0, 0.0, 0.0, 0.0]
    """

    root: YamlRoot = "mapping"
    keys: tuple[str, ...] = ()
    fence: FenceMode = "optional"

    def __post_init__(self) -> None:
        check_choice("root", self.root, YamlRoot)
        check_choice("fence", self.fence, FenceMode)

    def judge(self, sample: Sample) -> Verdict:
        """Return the verdict on one sample."""
        text = extract_code_block(sample.final_text, ("yaml", "yml"), self.fence)
        if text is None:
            return unparsed("not exactly one YAML block")
        if len(text) > _MAX_YAML_CHARS:
            return unparsed(f"longer than {_MAX_YAML_CHARS:,} characters")
        try:
            value = _read_yaml(text)
        except ValueError as error:
            return unparsed(f"not YAML: {error}"[:200])
        kind = "mapping" if isinstance(value, dict) else "list" if isinstance(value, list) else "scalar"
        if self.root not in (kind, "any"):
            return binary_verdict(correct=False, reason=f"expected a {self.root}, got a {kind}", answer=text)
        return _check_members(self.keys, value if isinstance(value, dict) else (), text)


def _check_members(required: tuple[str, ...], members: Collection[Any], text: str) -> Verdict:
    """Return the verdict on a document that must have some keys or elements."""
    missing = [name for name in required if name not in members]
    return binary_verdict(correct=not missing, reason=f"lacks {', '.join(missing)}" if missing else "", answer=text)


def _element_names(text: str) -> list[str]:
    """Return the names of an XML document's elements in order.

    Raises:
        ValueError: it has a document type declaration, or is nested too deeply.
        expat.ExpatError: it is not well formed.

    Example:
        >>> _element_names("<a><b/></a>")
        ['a', 'b']
    """
    names: list[str] = []
    depth = 0

    def start(name: str, _: Any) -> None:
        nonlocal depth
        depth += 1
        if depth > _MAX_DEPTH:
            raise ValueError(f"nested deeper than {_MAX_DEPTH}")
        names.append(name)

    def end(_: str) -> None:
        nonlocal depth
        depth -= 1

    def reject(*_: Any) -> None:
        raise ValueError("a document type declaration is not allowed")

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.StartDoctypeDeclHandler = reject
    parser.Parse(text, True)  # noqa: FBT003 - expat's signature
    return names


def _read_yaml(text: str) -> Any:
    """Read one YAML document of plain values.

    Raises:
        ValueError: the text is not one, or has an alias, a tag of a language, or a key twice.

    Example:
        >>> _read_yaml("a: [1, two]")
        {'a': [1, 'two']}
    """
    import yaml

    try:
        depth = 0
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent):
                raise ValueError("an alias is not allowed")  # noqa: TRY004 - the text is at fault, not a type
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            if depth > _MAX_DEPTH:
                raise ValueError(f"nested deeper than {_MAX_DEPTH}")
        _check_unique_keys(yaml.compose(text, Loader=yaml.SafeLoader))
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None
    except (RecursionError, OverflowError, TypeError, LookupError, AttributeError) as error:  # "!!int ''", "!!bool x"
        raise ValueError(f"{type(error).__name__}: {error}") from None


def _check_unique_keys(node: Any) -> None:
    import yaml

    if isinstance(node, yaml.MappingNode):
        keys = [(key.tag, key.value) for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if len(set(keys)) != len(keys):
            raise ValueError("duplicate key")
    if isinstance(node, yaml.CollectionNode):
        for part in node.value:
            for inner in part if isinstance(part, tuple) else (part,):
                _check_unique_keys(inner)

"""XML and YAML that are well formed and safe to load."""

from dataclasses import dataclass
from typing import Any, Literal
from xml.parsers import expat

from herokit.errors import check_choice
from herokit.types import Sample, Verdict
from herokit.verifiers.base import PerSampleVerifier, binary_verdict, unparsed
from herokit.verifiers.extraction import FenceMode, extract_code_block

Root = Literal["mapping", "list", "any"]

DEEPEST = 100
"""Levels of nesting that are read."""

LONGEST_XML = 1_000_000
LONGEST_YAML = 50_000
"""Characters that are read; PyYAML takes a second or so for so many."""


@dataclass(frozen=True, slots=True)
class Xml(PerSampleVerifier):
    """Right where a completion is one well-formed XML document. It needs no reference.

    A document type is refused, and with it every entity of the document's own: no expansion, nothing from outside.

    Args:
        root: the name that the root element must have; None for any.
        tags: names of elements that must occur.
        fence: whether it stands in one block between lines of three backticks, marked ``xml`` or unmarked.

    Source: XML 1.0 (W3C, fifth edition), section 2.1; the refusals as in OWASP's "XML External Entity Prevention".

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
        text = extract_code_block(sample.completion, ("xml",), self.fence)
        if text is None or len(text) > LONGEST_XML:
            return unparsed("not exactly one XML block" if text is None else f"longer than {LONGEST_XML:,} characters")
        try:
            names = elements(text)
        except (expat.ExpatError, ValueError, UnicodeEncodeError) as error:
            return unparsed(f"not XML: {error}")
        missing = [tag for tag in self.tags if tag not in names]
        if self.root is not None and names[0] != self.root:
            return binary_verdict(correct=False, reason=f"the root is {names[0]!r:.60}", answer=text)
        return binary_verdict(correct=not missing, reason=f"lacks {', '.join(missing)}" if missing else "", answer=text)


def elements(text: str) -> list[str]:
    """Return the names of a document's elements in order.

    Raises:
        ValueError: it has a document type, or is nested too deep.
        expat.ExpatError: it is not well formed.

    Example:
        >>> elements("<a><b/></a>")
        ['a', 'b']
    """
    names: list[str] = []
    depth = 0

    def begin(name: str, _: Any) -> None:
        nonlocal depth
        depth += 1
        if depth > DEEPEST:
            raise ValueError(f"nested deeper than {DEEPEST}")
        names.append(name)

    def end(_: str) -> None:
        nonlocal depth
        depth -= 1

    def refuse(*_: Any) -> None:
        raise ValueError("a document type is refused")

    parser = expat.ParserCreate()
    parser.StartElementHandler = begin
    parser.EndElementHandler = end
    parser.StartDoctypeDeclHandler = refuse
    parser.Parse(text, True)  # noqa: FBT003 - expat's signature
    return names


@dataclass(frozen=True, slots=True)
class Yaml(PerSampleVerifier):
    r"""Right where a completion is one YAML document of plain values. It needs no reference.

    Refused: aliases (a few lines of them unfold to gigabytes), tags that name types of a language, a key twice.

    Args:
        root: what the document is.
        keys: keys that it, then a mapping, must have.
        fence: whether it stands in one block between lines of three backticks, marked ``yaml``, ``yml`` or unmarked.

    Source: YAML 1.1 as PyYAML reads it; unique keys by section 3.2.1.3 of YAML 1.2.2; aliases as the "billion laughs".

    Example:
        >>> yaml = Yaml(keys=("a",))
        >>> [v.value for v in yaml.verify([Sample("?", t, 0) for t in ("a: 1", "- a", "a: &x 1\nb: *x", "a: 1\na: 2")])]
        [1.0, 0.0, 0.0, 0.0]
    """

    root: Root = "mapping"
    keys: tuple[str, ...] = ()
    fence: FenceMode = "optional"

    def __post_init__(self) -> None:
        check_choice("root", self.root, Root)
        check_choice("fence", self.fence, FenceMode)

    def judge(self, sample: Sample) -> Verdict:
        """Return the verdict on one sample."""
        text = extract_code_block(sample.completion, ("yaml", "yml"), self.fence)
        if text is None or len(text) > LONGEST_YAML:
            return unparsed(
                "not exactly one YAML block" if text is None else f"longer than {LONGEST_YAML:,} characters"
            )
        try:
            value = read_yaml(text)
        except ValueError as error:
            return unparsed(f"not YAML: {error}"[:200])
        kind = "mapping" if isinstance(value, dict) else "list" if isinstance(value, list) else "scalar"
        if self.root not in (kind, "any"):
            return binary_verdict(correct=False, reason=f"a {kind}, expected a {self.root}", answer=text)
        missing = [key for key in self.keys if not isinstance(value, dict) or key not in value]
        return binary_verdict(correct=not missing, reason=f"lacks {', '.join(missing)}" if missing else "", answer=text)


def read_yaml(text: str) -> Any:
    """Read one YAML document of plain values.

    Raises:
        ValueError: it is none, or holds an alias, a tag of a language, or a key twice.

    Example:
        >>> read_yaml("a: [1, two]")
        {'a': [1, 'two']}
    """
    import yaml

    try:
        depth = 0
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent):
                raise ValueError("an alias is refused")  # noqa: TRY004 - the text is wrong, not a type of ours
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            if depth > DEEPEST:
                raise ValueError(f"nested deeper than {DEEPEST}")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        _unique(node)
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None
    except (RecursionError, OverflowError, TypeError, LookupError, AttributeError) as error:  # "!!int ''", "!!bool x"
        raise ValueError(f"{type(error).__name__}: {error}") from None


def _unique(node: Any) -> None:
    import yaml

    if isinstance(node, yaml.MappingNode):
        keys = [(key.tag, key.value) for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if len(set(keys)) != len(keys):
            raise ValueError("a key is given twice")
    if isinstance(node, yaml.CollectionNode):
        for part in node.value:
            for inner in part if isinstance(part, tuple) else (part,):
                _unique(inner)

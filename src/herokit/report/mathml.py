"""Convert untrusted text to safe HTML: everything escaped, TeX formulas as MathML."""

import html
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree as ET

__all__ = ["make_trees", "split_formulas", "to_html"]

MAX_LENGTH = 4_000
"""Characters shown of a text; the middle of a longer one is left out."""
MAX_FORMULA_LENGTH = 400
"""A longer formula is shown as text."""
MAX_FORMULAS = 60
"""Formulas converted per text."""

# single dollars as in pandoc, so that prices are text: `$5 and $6`
_FORMULA = re.compile(
    r"\$\$(.{1,400}?)\$\$|\\\[(.{1,400}?)\\\]|\\\((.{1,400}?)\\\)"
    r"|(?<!\\)\$(?!\s)([^$\n]{1,400}?)(?<![\s\\])\$(?!\d)|\$ ([^$\n]{1,398}?) \$(?!\d)|(\\boxed\{[^{}\n]{1,200}\})",
    re.DOTALL,
)
_NAMESPACE = "{http://www.w3.org/1998/Math/MathML}"
_ALLOWED_TAGS = {
    "math", "mrow", "mi", "mn", "mo", "mtext", "mspace", "msup", "msub", "msubsup", "mfrac", "msqrt", "mroot", "mover",
    "munder", "munderover", "mtable", "mtr", "mtd", "mstyle", "mpadded", "mphantom", "menclose", "mfenced",
}  # fmt: skip
_ALLOWED_ATTRIBUTES = {
    "display", "mathvariant", "stretchy", "fence", "accent", "linethickness", "columnalign", "form",
}  # fmt: skip


def to_html(text: str) -> str:
    r"""Return a text as HTML with its formulas as MathML.

    Example:
        >>> to_html("<b> is $x$")
        '&lt;b&gt; is <math display="inline"><mrow><mi>x</mi></mrow></math>'
        >>> to_html(r"$\frac{1}{$")
        '$\\frac{1}{$'
    """
    if len(text) > MAX_LENGTH:
        half = MAX_LENGTH // 2
        text = f"{text[:half]}\n[... {len(text) - MAX_LENGTH:,} characters ...]\n{text[-half:]}"
    parts, end = [], 0
    for number, match in enumerate(_FORMULA.finditer(text)):
        if number == MAX_FORMULAS:
            break
        formula = next(group for group in match.groups() if group is not None)
        parts += [html.escape(text[end : match.start()]), _to_mathml(formula) or html.escape(match.group())]
        end = match.end()
    return "".join(parts) + html.escape(text[end:])


def split_formulas(texts: Sequence[str], max_formulas: int) -> tuple[list[str], list[list[str | int]]]:
    r"""Split texts at their formulas.

    Args:
        texts: N texts.
        max_formulas: how many different formulas to find, the most frequent ones; the others remain text.

    Returns:
        The formulas; and for every text its pieces, a formula as its number.

    Example:
        >>> split_formulas(["is $x$.", "none"], 10)
        (['$x$'], [['is ', 0, '.'], ['none']])
    """
    counts = Counter(match.group() for text in texts for match in _FORMULA.finditer(text))
    numbers = {formula: number for number, (formula, _) in enumerate(counts.most_common(max_formulas))}
    split: list[list[str | int]] = []
    for text in texts:
        pieces: list[str | int] = []
        end = 0
        for match in _FORMULA.finditer(text):
            if match.group() in numbers:
                pieces += [text[end : match.start()], numbers[match.group()]]
                end = match.end()
        split.append([piece for piece in (*pieces, text[end:]) if piece != ""])
    return list(numbers), split


def make_trees(formulas: Sequence[str]) -> list[list[Any]]:
    """Return for every formula its text and its MathML as nested lists of tag, attributes and children, or None.

    A script builds the elements one by one: no text of a model is read as HTML.
    """
    trees = []
    for text in formulas:
        match = _FORMULA.fullmatch(text)
        formula = next((group for group in match.groups() if group is not None), "") if match else ""
        element = _parse_formula(formula)
        trees.append([text, None if element is None else _to_lists(element)])
    return trees


def _to_lists(element: ET.Element) -> list[Any]:
    children: list[Any] = [element.text] if element.text else []
    for child in element:
        children += [_to_lists(child), child.tail] if child.tail else [_to_lists(child)]
    return [element.tag, dict(element.attrib), children]


def _to_mathml(formula: str) -> str:
    element = _parse_formula(formula)
    return "" if element is None else ET.tostring(element, encoding="unicode")


def _parse_formula(formula: str) -> ET.Element | None:
    """Return MathML of allowed elements only, or None if the formula cannot be parsed."""
    from latex2mathml.converter import convert

    if len(formula) > MAX_FORMULA_LENGTH or not formula.strip():
        return None
    try:
        return _sanitize(ET.fromstring(convert(formula)))  # noqa: S314 - the converter's own output, of bounded length
    except Exception:  # noqa: BLE001 - the converter raises errors of many kinds; the formula is then shown as text
        return None


def _sanitize(element: ET.Element) -> ET.Element:
    tag = element.tag.removeprefix(_NAMESPACE)
    if tag not in _ALLOWED_TAGS:
        raise ValueError(f"element {tag} is not allowed in formulas")
    attributes = {k: v for k, v in element.attrib.items() if k in _ALLOWED_ATTRIBUTES}
    safe = ET.Element("mrow" if tag == "menclose" else tag, attributes)
    if tag == "menclose":
        safe.set("class", "boxed")
    safe.text, safe.tail = element.text, element.tail
    safe.extend(_sanitize(child) for child in element)
    return safe

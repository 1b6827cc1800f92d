"""Convert untrusted text to safe HTML: everything escaped, TeX formulas as MathML."""

import html
import re
from xml.etree import ElementTree as ET

__all__ = ["to_html"]

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


def _to_mathml(formula: str) -> str:
    """Return MathML of allowed elements only, or "" if the formula cannot be parsed."""
    from latex2mathml.converter import convert

    if len(formula) > MAX_FORMULA_LENGTH or not formula.strip():
        return ""
    try:
        tree = ET.fromstring(convert(formula))  # noqa: S314 - the converter's own output, of bounded length
        return ET.tostring(_sanitize(tree), encoding="unicode")
    except Exception:  # noqa: BLE001 - the converter raises errors of many kinds; the formula is then shown as text
        return ""


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

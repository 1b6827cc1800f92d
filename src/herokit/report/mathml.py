"""Model text as safe HTML: everything escaped, formulas between TeX's marks as MathML."""

import html
import re
from xml.etree import ElementTree as ET

LONGEST = 4_000
"""Characters shown of a text; its middle is left out."""
FORMULA = 400
"""Characters of a formula that is typeset; a longer one is shown as it is written."""
FORMULAS = 60
"""Formulas typeset in one text."""

# single dollars as in pandoc, so that prices are text: `$5 and $6`
_MARKS = re.compile(
    r"\$\$(.{1,400}?)\$\$|\\\[(.{1,400}?)\\\]|\\\((.{1,400}?)\\\)"
    r"|(?<!\\)\$(?!\s)([^$\n]{1,400}?)(?<![\s\\])\$(?!\d)|\$ ([^$\n]{1,398}?) \$(?!\d)|(\\boxed\{[^{}\n]{1,200}\})",
    re.DOTALL,
)
_MATHML = "{http://www.w3.org/1998/Math/MathML}"
_TAGS = frozenset(
    [
        "math",
        "mrow",
        "mi",
        "mn",
        "mo",
        "mtext",
        "mspace",
        "msup",
        "msub",
        "msubsup",
        "mfrac",
        "msqrt",
        "mroot",
        "mover",
        "munder",
        "munderover",
        "mtable",
        "mtr",
        "mtd",
        "mstyle",
        "mpadded",
        "mphantom",
        "menclose",
        "mfenced",
    ]
)
_KEPT = {"display", "mathvariant", "stretchy", "fence", "accent", "linethickness", "columnalign", "form"}


def as_html(text: str) -> str:
    r"""Return a text as HTML with its formulas typeset.

    Example:
        >>> as_html("<b> is $x$")
        '&lt;b&gt; is <math display="inline"><mrow><mi>x</mi></mrow></math>'
        >>> as_html(r"$\frac{1}{$")
        '$\\frac{1}{$'
    """
    if len(text) > LONGEST:
        half = LONGEST // 2
        text = f"{text[:half]}\n[... {len(text) - LONGEST:,} characters ...]\n{text[-half:]}"
    made, at = [], 0
    for number, found in enumerate(_MARKS.finditer(text)):
        if number == FORMULAS:
            break
        made.append(html.escape(text[at : found.start()]))
        formula = next(group for group in found.groups() if group is not None)
        made.append(_typeset(formula) or html.escape(found.group()))
        at = found.end()
    return "".join(made) + html.escape(text[at:])


def _typeset(formula: str) -> str:
    """Return MathML made of harmless elements only, ``""`` if the formula cannot be read."""
    from latex2mathml.converter import convert

    if len(formula) > FORMULA or not formula.strip():
        return ""
    try:
        tree = ET.fromstring(convert(formula))  # noqa: S314 - what the converter has written, of bounded length
        return ET.tostring(_safe(tree), encoding="unicode")
    except Exception:  # noqa: BLE001 - the converter raises all sorts; a formula that it cannot read is shown as text
        return ""


def _safe(element: ET.Element) -> ET.Element:
    tag = element.tag.removeprefix(_MATHML)
    if tag not in _TAGS:
        raise ValueError(f"no element for formulas: {tag}")
    made = ET.Element("mrow" if tag == "menclose" else tag, {k: v for k, v in element.attrib.items() if k in _KEPT})
    if tag == "menclose":
        made.set("class", "boxed")
    made.text, made.tail = element.text, element.tail
    made.extend(_safe(child) for child in element)
    return made

# ruff: noqa: RUF001 - the characters that look alike are the point
r"""The normal form of an answer's text: one spelling for what LaTeX, unicode and markdown write in many ways."""

import re
from fractions import Fraction

from herokit_math.limits import MAX_DIGITS

_UNICODE = str.maketrans({
    "−": "-", "–": "-", "—": "-", "﹣": "-", "－": "-", "×": "*", "·": "*", "⋅": "*", "∗": "*", "÷": "/", "∕": "/", "⁄": "/",
    "，": ",", "（": "(", "）": ")", "：": ":", "；": ";", "　": " ", "\u00a0": " ", "\u2009": " ", "\u202f": " ", "＝": "=",
    "％": "%", "“": '"', "”": '"', "’": "'",
})  # fmt: skip
_SPACING = re.compile(r"\\(?:[!,;:> ]|quad\b|qquad\b|left\b|right\b|displaystyle\b|[bB]igg?[lr]?\b)|~")
_FRAC = re.compile(r"\\[dtc]frac")
_RATIONAL = re.compile(r"([-+]?)(?:\\frac\{([-+]?\d+)\}\{([-+]?\d+)\}|(\d+)/(\d+)|(\d+)(?:\.(\d*))?|\.(\d+))")
_THOUSANDS = re.compile(r"[-+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?")


def normal(text: str) -> str:
    r"""Return the normal form of an answer.

    Example:
        >>> normal(r" $\dfrac{1}{2}$. ")
        '\\frac{1}{2}'
        >>> normal("**1,004**")
        '1004'
    """
    text = text.translate(_UNICODE).strip()
    text = text.strip("*\"' ")
    text = text.replace("{,}", ",").replace("\\$", "").replace("$", "").replace("\\%", "%")
    text = _FRAC.sub(r"\\frac", _SPACING.sub("", text)).strip().rstrip(".").strip().replace(" ", "")
    return text.replace(",", "") if _THOUSANDS.fullmatch(text) else text


def rational(text: str) -> Fraction | None:
    r"""Return the exact value of a normal form that is a plain number, or None.

    Example:
        >>> rational(r"\frac{1}{2}")
        Fraction(1, 2)
    """
    found = _RATIONAL.fullmatch(text)
    if found is None or len(text) > MAX_DIGITS:
        return None
    sign, top, bottom, left, right, whole, places, only = found.groups()
    try:
        if top or left:
            value = Fraction(int(top or left), int(bottom or right))
        else:
            value = Fraction(f"{whole or 0}.{places or only or 0}")
    except ZeroDivisionError:
        return None
    return -value if sign == "-" else value

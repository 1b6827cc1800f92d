"""Numbers whose spelling takes arithmetic to read."""

from fractions import Fraction

from herokit_math.tree import Num


def repeating(text: str) -> Num:
    r"""Return the exact value of ``0.1\overline{6}``.

    Example:
        >>> repeating(r"0.1\overline{6}").value
        Fraction(1, 6)
    """
    fixed, _, cycle = text.partition("\\")
    whole, _, places = fixed.partition(".")
    digits = "".join(c for c in cycle if c.isdigit())
    head = Fraction(f"{whole or 0}.{places or 0}")
    return Num(head + Fraction(int(digits), (10 ** len(digits) - 1) * 10 ** len(places)))

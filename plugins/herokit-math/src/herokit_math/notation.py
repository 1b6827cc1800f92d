r"""Rewrite notation that the tokens alone do not show: numerals with a base, ``8C2``, dates, angles, vectors, congruences, chemical formulas."""

import re

__all__ = ["rewrite_notation", "spell_chemical_formula"]

_BASE_WORDS = "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|sixteen"
_BASE = re.compile(
    rf"(?<![\w.])([0-9A-Fa-f]+)(?:\\text\s*\{{|[\s(}}])*(?:in\s+)?base[\s-]*(?:\}}\s*)?(\d{{1,2}}|{_BASE_WORDS})\b[\s)}}]*"
)
_ABBREVIATED_POWER = re.compile(r"(?<![a-z])(sq|cu)\.\s?(?=[a-z])")
_PREFIXED = re.compile(r"(?<![\w.])0(?:[xX](?P<x>[0-9A-Fa-f]+)|b(?P<b>[01]+)|o(?P<o>[0-7]+))(?![\w.])")
_BASES = {"x": 16, "b": 2, "o": 8}
_SELECTION = re.compile(
    r"(?<![\w)}\]])(?:\{\s*\})?\s?[_^]\s?(?:\{\s*(\w{1,4})\s*\}|(\w))\s*([CP])\s*_\s*(?:\{\s*(\w{1,4})\s*\}|(\w{1,4}))"
    r"|(?<![\w\\.])(\d{1,3})\s?([CP])_?(\d{1,3})(?!\w)"
)
_MODULUS = re.compile(r"\(\s*(?:\\(?:text|mathrm|operatorname)\s*\{\s*)?\\?b?mod(?:ulo)?\b\s*(?:\}\s*)?([^()]{1,20})\)")
_DECORATED = re.compile(
    r"\\(widehat|hat|vec|mathbf|boldsymbol|bm)\s*"
    r"(?:\{\s*(?:\\(?:mathbf|boldsymbol|bm)\s*\{\s*([ijk])\s*\}|\\?([ij])math|([ijk]))\s*\}|([ijk])(?![a-zA-Z]))"
)
_OHM = re.compile(r"(?<=\d)([\s~]*)(k|M|m)?\s*\\Omega(?=[\s})]*$)")
_OHM_UNITS = {"k": "kiloohms", "M": "megaohms", "m": "milliohms"}
_EXTREMUM = re.compile(
    r"([Mm](?<![\\a-zA-Z].)(?:ax|in))(?:imum)?(?:\s+value)?(\s*\})?\s*(?:(?:is|of|=|:)\s*)?(?=-?\s?\d)"
)
_DOTS = re.compile(r"(?<![\d.])(\d*\.)(\d{2,30})\s*(?:\\[lc]dots|\.\.\.)")
_DOTTED = re.compile(r"(?<![\d.])(\d*\.\d*)\\dot\s?\{?(\d)\}?(\d{0,20})\\dot\s?\{?(\d)\}?")
_MINUTES = re.compile(
    r"(?<![\d.])(\d{1,6})\s?\^\s?(?:\{\s?\\circ\s?\}|\\circ)\s*([0-5]?\d)\s?(?:'|\^\s?\{?\\prime\}?)(?!')"
    r"(?:\s*([0-5]?\d)\s?(?:''|\^\s?\{\\prime\s?\\prime\}|\^\s?\{?\\(?:d|double)prime\}?)?(?![\d'.]))?"
)
_MAP = re.compile(r"(?:([a-zA-Z])\s*(?::|\\colon)\s*)?([a-z])\s*\\mapsto(?![a-z])")
_BARE_FRACTION = re.compile(r"(?<![\\a-zA-Z])(?=[dt]?frac\s?\{)")
_OVER = re.compile(r"\{([^{}]{1,80})\\over(?![a-z])([^{}]{1,80})\}")
_POSITIVE_REALS = re.compile(r"\\mathbb\s?\{?R\}?\s?\^\s?(?:\+|\{\s?\+\s?\})")
_MAX_PERIOD = 6  # digits of the period of a decimal such as 0.142857142857...
_SUFFIX = re.compile(r"(?<=\d)'[^\W\d_]{2,6}(?!\w)")  # 42'dir, 42'nin: the end of a number in Turkish
_NUMBERS_BEYOND = re.compile(
    r"(?:\\text\s*\{\s*)?(?:all )?(?:real )?numbers (?:that are |which are )?(greater|larger|more|less|smaller) than( or equal to)?\s*(?:\}\s*)?(?=[-\d\\])"
)
_SUFFIX_COMMAND = r"\\(?:text|mathrm|textsuperscript)\s?\{(st|nd|rd|th)\}"
_ORDINAL = re.compile(rf"(?<=\d)(?:\s?\^\s?)?(?:\{{\s?{_SUFFIX_COMMAND}\s?\}}|{_SUFFIX_COMMAND})")
_PERIOD_IN_BRACKETS = re.compile(r"(\d{1,20}\.\d{0,20})\((\d{1,20})\)")  # the whole text: elsewhere it is a product
_TIMES_OF_DAY = {"noon": "12:00 p.m.", "midday": "12:00 p.m.", "midnight": "12:00 a.m."}
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_MONTH_START = re.compile(f"(?:{'|'.join(month[:3] for month in _MONTHS)})")
_DAY_FIRST = re.compile(rf"(?<!\d)(\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?({'|'.join(_MONTHS)})\b,?")
_DAY_LAST = re.compile(rf"\b({'|'.join(_MONTHS)})\s+(\d{{1,2}})(?:st|nd|rd|th)?\b(?:,?\s+(\d{{4}}))?")
_ISO_DATE = re.compile(r"(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
_SYMBOL = re.compile(r"[A-Z][a-z]?")
_ELEMENTS = frozenset(
    _SYMBOL.findall(
        "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb Sr Y Zr Nb Mo Tc Ru Rh "
        "Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr "
        "Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og"
    )
)
_CHEMICAL_WRAPPER = re.compile(r"\\(?:ce|mathrm|text|rm)(?![a-zA-Z])\s?")
_CHEMICAL_MARKS = re.compile(r"[{}_$\s]")
_COMPOUND = re.compile(r"(?:[A-Z][a-z]?|[()\[\]])(?:[A-Z][a-z]?|[()\[\]]|\d){1,60}(?:\^?\d?[+-])?")
_MIN_ELEMENTS = 2  # "N_2" may be the second of several N
_MAX_COMPOUND_CHARS = 120


def rewrite_notation(text: str) -> str:
    r"""Return a normalized text in which one spelling stands for several.

    Example:
        >>> rewrite_notation("1011 base 2"), rewrite_notation("0x3F"), rewrite_notation("{}_{10}C_3")
        ('1011_{2}', '3F_{16}', '\\binom{10}{3}')
        >>> rewrite_notation("14th of June"), rewrite_notation("0.1666..."), rewrite_notation("x = 3 (mod 7)")
        ('June 14', '0.1\\overline{6}', 'x = 3 \\pmod{7}')
    """
    if text.isdigit():
        return text
    if "base" in text:
        text = _BASE.sub(r"\1_{\2}", text)
    if "0x" in text or "0b" in text or "0o" in text or "0X" in text:
        text = _PREFIXED.sub(lambda m: f"{m[str(m.lastgroup)]}_{{{_BASES[str(m.lastgroup)]}}}", text)
    if "C" in text or "P" in text:
        text = _SELECTION.sub(_write_selection, text)
    if "mod" in text:
        text = _MODULUS.sub(r"\\pmod{\1}", text)
        text = re.sub(r"\\b?mod(?![a-z])", r"\\pmod", text) if "\\equiv" in text else text
    if "\\" in text:
        text = _rewrite_commands(text)
    if "..." in text or "dots" in text:
        text = _DOTS.sub(_write_period, text)
    if "'" in text:
        text = _SUFFIX.sub("", text)
    if "max" in text or "min" in text or "Max" in text or "Min" in text:
        text = _EXTREMUM.sub(_write_label, text)
    return _rewrite_words(text)


def _write_selection(match: re.Match[str]) -> str:
    """Return the number of combinations or permutations that ``{}_n C_k`` or ``8P2`` stands for."""
    total, kind, chosen = (part for part in match.groups() if part is not None)
    if kind == "C":
        return rf"\binom{{{total}}}{{{chosen}}}"
    return rf"\frac{{({total})!}}{{({total}-{chosen})!}}"


def _rewrite_commands(text: str) -> str:
    r"""Return a text in which one spelling stands for several commands: unit vectors, recurring digits, minutes of a degree, maps."""
    names = [(match[1], match[2] or match[3] or match[4] or match[5]) for match in _DECORATED.finditer(text)]
    if any(decoration in {"hat", "vec", "widehat"} or name in "jk" for decoration, name in names):
        text = _DECORATED.sub(lambda m: rf"\hat{{{m[2] or m[3] or m[4] or m[5]}}}", text)
    text = _ORDINAL.sub(lambda m: m[1] or m[2], text)
    if "\\dot" in text:
        text = _DOTTED.sub(r"\1\\overline{\2\3\4}", text)
    if "circ" in text:
        text = _MINUTES.sub(_write_degrees, text)
    if "\\mapsto" in text and (match := _MAP.match(text)):
        text = f"{match[1] or 'f'}({match[2]}) = {text[match.end() :]}"
    if "\\over" in text:
        text = _OVER.sub(r"\\frac{\1}{\2}", text)
    if "\\mathbb" in text:
        text = _POSITIVE_REALS.sub(r"(0,\\infty)", text)
    if "\\Omega" in text:
        text = _OHM.sub(lambda m: f"{m[1]} {_OHM_UNITS.get(m[2], 'ohms')}", text)
    return text


def _write_degrees(match: re.Match[str]) -> str:
    """Return degrees, minutes and seconds as degrees."""
    seconds = int(match[1]) * 3600 + int(match[2]) * 60 + int(match[3] or 0)
    return rf"\frac{{{seconds}}}{{3600}}^\circ "


def _write_period(match: re.Match[str]) -> str:
    r"""Return ``0.\overline{3}`` for ``0.333...``; the text itself if no digits recur."""
    whole, digits = match.groups()
    for length in range(1, _MAX_PERIOD + 1):
        period = digits[-length:]
        times = 3 if length == 1 else 2
        if digits.endswith(period * times):
            while digits.endswith(period):
                digits = digits[:-length]
            return f"{whole}{digits}\\overline{{{period}}}"
    return match[0]


def _write_label(match: re.Match[str]) -> str:
    """Return "maximum = " for "max", unless it is a number of minutes."""
    if match.string[: match.start()].rstrip()[-1:].isdigit():
        return match[0]
    return f"{match[1].lower()}imum{match[2] or ''} = "


def _rewrite_words(text: str) -> str:
    """Return a text with one spelling of what needs no command: dates, times of day, "numbers greater than 5", a bare "frac"."""
    if "sq." in text or "cu." in text:
        text = _ABBREVIATED_POWER.sub(lambda m: "square " if m[1] == "sq" else "cubic ", text)
    if "frac" in text:
        text = _BARE_FRACTION.sub(r"\\", text)
    if "numbers" in text and (match := _NUMBERS_BEYOND.match(text)):
        sign = {"less": "<", "smaller": "<"}.get(match[1], ">")
        text = f"x {sign}{'=' if match[2] else ''} {text[match.end() :]}"
    if time := _TIMES_OF_DAY.get(text.lower()):
        return time
    if match := _PERIOD_IN_BRACKETS.fullmatch(text):
        return f"{match[1]}\\overline{{{match[2]}}}"
    if "-" in text and (match := _ISO_DATE.fullmatch(text)):
        return f"{_MONTHS[int(match[2]) - 1]} {int(match[3])}, {match[1]}"
    if _MONTH_START.search(text) is None:
        return text
    text = _DAY_FIRST.sub(r"\2 \1", text)
    return _DAY_LAST.sub(lambda m: f"{m[1]} {int(m[2])}" + (f", {m[3]}" if m[3] else ""), text)


def spell_chemical_formula(text: str) -> str:
    r"""Return a compound without LaTeX and subscripts; an empty text for other texts.

    Args:
        text: a reference or an answer; hostile.

    Example:
        >>> spell_chemical_formula(r"\ce{H2SO4}"), spell_chemical_formula(r"\mathrm{Fe_2O_{3}}"), spell_chemical_formula("AB_2")
        ('H2SO4', 'Fe2O3', '')
    """
    if len(text) > _MAX_COMPOUND_CHARS or (
        not text[:1].isupper() and not text.startswith(("\\ce", "\\m", "\\t", "$", "{"))
    ):
        return ""
    spelled = _CHEMICAL_MARKS.sub("", _CHEMICAL_WRAPPER.sub("", text))
    if _COMPOUND.fullmatch(spelled) is None or not any(mark.isdigit() for mark in spelled):
        return ""
    symbols = set(_SYMBOL.findall(spelled))
    return spelled if symbols <= _ELEMENTS and len(symbols) >= _MIN_ELEMENTS else ""

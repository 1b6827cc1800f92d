# ruff: noqa: RUF001 - ambiguous characters are intended
r"""Normalize spellings of LaTeX, Unicode and Markdown; string operations only, linear in the length."""

import re
from functools import lru_cache

from herokit_math.notation import rewrite_notation
from herokit_math.references import repair_commands

__all__ = ["DIGIT_GROUP_SEPARATOR", "normalize_text"]

_CHARACTERS = str.maketrans({
    "−": "-", "–": "-", "—": "-", "﹣": "-", "－": "-", "‐": "-", "‑": "-", "＋": "+", "×": "*", "·": "*", "⋅": "*", "∗": "*", "•": "*",
    "÷": "/", "∕": "/", "⁄": "/", "，": ",", "、": ",", "（": "(", "）": ")", "［": "[", "］": "]", "：": ":", "∶": ":", "；": ";",
    "　": " ", "\u00a0": " ", "＝": "=", "≠": "\\ne ", "≤": "\\le ", "≥": "\\ge ", "⩽": "\\le ", "⩾": "\\ge ", "＜": "<",
    "＞": ">", "％": "%", "“": " ", "”": " ", "‘": " ", "’": "'", "`": " ", '"': " ", "π": "\\pi ", "∞": "\\infty ",
    "√": "\\sqrt ", "∛": "\\sqrt[3]", "∪": "\\cup ", "∩": "\\cap ", "∈": "\\in ", "∅": "\\emptyset ", "°": "^\\circ ",
    "º": "^\\circ ", "±": "\\pm ", "∓": "\\mp ", "≈": "\\approx ", "≃": "\\approx ", "∑": "\\sum ", "∏": "\\prod ",
    "∫": "\\int ", "ℝ": "\\mathbb{R}", "ℤ": "\\mathbb{Z}", "ℕ": "\\mathbb{N}", "ℚ": "\\mathbb{Q}", "ℂ": "\\mathbb{C}",
    "½": "\\frac{1}{2}", "⅓": "\\frac{1}{3}", "⅔": "\\frac{2}{3}",
    "¼": "\\frac{1}{4}", "¾": "\\frac{3}{4}", "⅕": "\\frac{1}{5}", "⅛": "\\frac{1}{8}", "…": "\\ldots ", "⋯": "\\cdots ",
    "α": "\\alpha ", "β": "\\beta ", "γ": "\\gamma ", "θ": "\\theta ", "λ": "\\lambda ", "μ": "\\mu ", "ρ": "\\rho ",
    "σ": "\\sigma ", "φ": "\\phi ", "ω": "\\omega ", "δ": "\\delta ", "ε": "\\epsilon ", "ϵ": "\\epsilon ", "ζ": "\\zeta ", "η": "\\eta ", "ι": "\\iota ", "κ": "\\kappa ", "ν": "\\nu ",
    "ξ": "\\xi ", "τ": "\\tau ", "υ": "\\upsilon ", "χ": "\\chi ", "ψ": "\\psi ", "Γ": "\\Gamma ", "Δ": "\\Delta ", "∆": "\\Delta ", "Θ": "\\Theta ", "Λ": "\\Lambda ", "Ξ": "\\Xi ",
    "Π": "\\Pi ", "Σ": "\\Sigma ", "Φ": "\\Phi ", "Ψ": "\\Psi ", "ϕ": "\\phi ", "ϑ": "\\theta ", "ℏ": "\\hbar ", "ħ": "\\hbar ", "ℓ": "\\ell ", "或": " or ", "和": " and ", "与": " and ", "Ω": "\\Omega ", "\u2126": "\\Omega ", "≡": "\\equiv ", "¢": " cents ", "∧": "\\land ", "∨": "\\lor ", "¬": "\\neg ", "∖": "\\setminus ", "⊆": "\\subseteq ", "⊇": "\\supseteq ", "˚": "^\\circ ", "｛": "\\{", "｝": "\\}", "∠": "\\angle ", "⌊": "\\lfloor ", "⌋": "\\rfloor ", "⌈": "\\lceil ", "⌉": "\\rceil ",
    "′": "'", "″": "''", "∣": "|", "→": "\\to ", "⇒": "\\Rightarrow ", "。": ". ", "？": " ", "\u200b": "", "€": " ", "£": " ", "¥": " ", "₹": " ", "\ufeff": "", "\u2009": "\\,", "\u202f": "\\,",
})  # fmt: skip
_MICRO = re.compile(
    r"(?<=\d)((?:\\[ ,]|[\s~])*)(?:[µμ]|\\(?:text|mathrm)\s*\{\s*(?:[µμ]|\\mu)\s*|\\mu\s*\\(?:text|mathrm)\s*\{)\s*([msgL])(?![a-zA-Z])"
)
_MICRO_UNITS = {"m": "micrometers", "s": "microseconds", "g": "micrograms", "L": "microliters"}
_NEGATIVE_WORD = re.compile(r"\b(?:minus|negative) +(?=[\d\\.(])", re.IGNORECASE)
_GROUPED_BY_POINTS = re.compile(r"(?<![\d.,])\d{1,3}(?:\.\d{3}){2,}(?![\d.])")
_TWO_GROUPS = re.compile(r"\.\d{3}\.\d{3}")  # in all of them; found fast, because a point begins it
_LOST_BACKSLASH = re.compile(r"[\a\b\v\f]")  # no text has these characters otherwise
_RAISED = re.compile("[⁰¹²³⁴-⁹⁺⁻ⁿ⁽⁾]+")
_LOWERED = re.compile("[₀-₉₊₋ₙ]+")
_SCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ⁽⁾₀₁₂₃₄₅₆₇₈₉₊₋ₙ", "0123456789+-n()0123456789+-n")
DIGIT_GROUP_SEPARATOR = re.compile(r"(?<=\d)(?:\s?\{\s?,\s?\}\s?|,\\[!,;:] ?|\\[!,;: ]|~)(?=\d{3}(?!\d))")
_DIGIT_GROUP_UNDERSCORE = re.compile(r"(?<=\d)_(?=\d{3}(?:_\d{3})*(?![\d_]))")
_DECIMAL_COMMA = re.compile(r"(?<=\d)\{,\}(?=\d)")  # digit groups are joined before
_COMMA_IN_NUMBER = re.compile(r"(?<=\d),(?=\d)")
_LETTER_TIMES = re.compile(r"(?<=\d) {0,3}[xX] {0,3}(?=10 {0,3}\^)")
_MONEY = re.compile(r"(?<=\d) ?\$(?=\s|\Z)")  # 12 $, as in French; a pair of signs is mathematics
_DOUBLE_BACKSLASH = re.compile(r"\\\\(?=[a-zA-Z(){}\[\]])")
_SPACE_COMMANDS = re.compile(
    r"\\[!,;:>]|\\ |~|\\q?quad|\\(?:displaystyle|textstyle|scriptstyle|limits|nolimits|hfill|newline|nonumber|bf|rm|it|tt|sf|ensuremath|"
    r"tiny|scriptsize|textdollar|pounds|euro|yen|footnotesize|small|normalsize|large|Large|LARGE|huge|Huge)(?![a-zA-Z])"
)
_SIZE_COMMANDS = re.compile(r"\\(?:left|right|middle|[bB]igg?[lrm]?)(?![a-zA-Z])\.?")
_INVISIBLE_COMMANDS = re.compile(r"\\(?:hspace|vspace|phantom|hphantom|label|tag|color|textcolor)\*?\s?\{[^{}]*\}")
_JOINED_CONJUNCTION = re.compile(r"(?<=[\d)}])(and|or)(?=[A-Z(\\\d]|[a-z]\s*[=(])")
_ENDS = "\\.。 \t\r\n"  # full stops and line breaks
_INTERVAL = re.compile(r"([\[\]])([^\[\]()]{1,80}[,;][^\[\]()]{1,80})([\[\]])")
_CHAT_TOKEN = re.compile(r"<\|[a-z_]{1,20}\|>")


@lru_cache(maxsize=1_024)  # each tier normalizes the same two texts
def normalize_text(text: str) -> str:
    r"""Return `text` with ASCII operators and LaTeX commands, without size commands, space commands and dollar signs.

    Example:
        >>> normalize_text(r"$\left( 1\,004,\ 2π \right)$")
        '( 1004, 2\\pi   )'
    """
    if not text.isprintable() and _LOST_BACKSLASH.search(text):
        text = repair_commands(text)
    if "\\mu" in text or "µ" in text or "μ" in text:
        text = _MICRO.sub(_name_micro_unit, text)
    if not text.isascii():
        text = _RAISED.sub(lambda match: f"^{{{match[0].translate(_SCRIPTS)}}}", text)
        text = _LOWERED.sub(lambda match: f"_{{{match[0].translate(_SCRIPTS)}}}", text).translate(_CHARACTERS)
    else:
        text = text.replace('"', " ").replace("`", " ")
    if "\\" in text:
        text = _normalize_commands(text)
    elif "{" in text:
        text = DIGIT_GROUP_SEPARATOR.sub("", text)
    text = _normalize_numbers(text)
    if "$" in text:
        text = _MONEY.sub(" dollars ", text) if text.count("$") == 1 else text
        text = text.replace("$", " ")
    if "inus " in text or "egative " in text:
        text = _NEGATIVE_WORD.sub("-", text)
    if "[" in text or "]" in text:
        text = _INTERVAL.sub(_turn_brackets, text)
    if "and" in text or "or" in text:
        text = _JOINED_CONJUNCTION.sub(r" \1 ", text)
    return _strip_ends(rewrite_notation(text))


def _normalize_commands(text: str) -> str:
    """Return a text without size commands, space commands and the backslashes of brackets and signs."""
    if "\\\\" in text:
        text = text.replace("\\\\", " \\cr ") if "\\begin" in text else _DOUBLE_BACKSLASH.sub(r"\\", text)
    text = _SIZE_COMMANDS.sub(" ", _INVISIBLE_COMMANDS.sub(" ", text))
    text = (
        text.replace("\\$", " ").replace("\\%", "%").replace("\\#", "#").replace("\\&", "&").replace("\\lbrace", "\\{")
    )
    text = text.replace("\\rbrace", "\\}").replace("\\(", " ").replace("\\)", " ")
    text = text.replace("\\[", " ").replace("\\]", " ")
    return _SPACE_COMMANDS.sub(" ", DIGIT_GROUP_SEPARATOR.sub("", text))


def _normalize_numbers(text: str) -> str:
    """Return a text without the separators of digit groups, with decimal points and with ``*`` before a power of ten."""
    if "^" in text and ("x" in text or "X" in text):
        text = _LETTER_TIMES.sub("*", text)
    if "_" in text:
        text = _DIGIT_GROUP_UNDERSCORE.sub("", text)
    text = _DECIMAL_COMMA.sub(".", text).replace("{,}", ",") if "{,}" in text else text
    if "." in text and _TWO_GROUPS.search(text):
        text = _GROUPED_BY_POINTS.sub(lambda match: match[0].replace(".", ""), text)
    return text


def _name_micro_unit(match: re.Match[str]) -> str:
    r"""Return "micrometers" for ``\mu\text{m}`` behind a number."""
    opening = r"\text{" if "{" in match[0] else " "
    return match[1] + opening + _MICRO_UNITS[match[2]]


def _turn_brackets(match: re.Match[str]) -> str:
    """Return ``(1, 3)`` for ``]1, 3[``, and ``(1.5; 3)`` for ``]1,5; 3[``: such brackets enclose two ends."""
    inside = match[2]
    if ";" in inside and (match[1], match[3]) != ("[", "]"):
        inside = _COMMA_IN_NUMBER.sub(".", inside)
    return ("[" if match[1] == "[" else "(") + inside + ("]" if match[3] == "]" else ")")


def _strip_ends(text: str) -> str:
    """Return a text without emphasis and quotes around it, chat tokens, full stops and line breaks after it."""
    if text.startswith("**"):
        text = text.removeprefix("**").removesuffix("**")
    if "<|" in text:
        text = _CHAT_TOKEN.split(text)[0]
    text = text.strip()
    if text[:1] in {"'", '"'} and text[-1:] == text[:1]:
        text = text[1:-1]
    return text.strip().rstrip(_ENDS)

# ruff: noqa: RUF001 - the characters that look alike are the point
r"""One spelling for what LaTeX, unicode and markdown write in many ways; string work only, linear in the length."""

import re

_SINGLE = str.maketrans({
    "−": "-", "–": "-", "—": "-", "﹣": "-", "－": "-", "‐": "-", "‑": "-", "＋": "+", "×": "*", "·": "*", "⋅": "*", "∗": "*", "•": "*",
    "÷": "/", "∕": "/", "⁄": "/", "，": ",", "、": ",", "（": "(", "）": ")", "［": "[", "］": "]", "：": ":", "∶": ":", "；": ";",
    "　": " ", "\u00a0": " ", "＝": "=", "≠": "\\ne ", "≤": "\\le ", "≥": "\\ge ", "⩽": "\\le ", "⩾": "\\ge ", "＜": "<",
    "＞": ">", "％": "%", "“": " ", "”": " ", "‘": " ", "’": "'", "`": " ", '"': " ", "π": "\\pi ", "∞": "\\infty ",
    "√": "\\sqrt ", "∛": "\\sqrt[3]", "∪": "\\cup ", "∩": "\\cap ", "∈": "\\in ", "∅": "\\emptyset ", "°": "^\\circ ",
    "º": "^\\circ ", "±": "\\pm ", "∓": "\\mp ", "≈": "\\approx ", "≃": "\\approx ", "∑": "\\sum ", "∏": "\\prod ",
    "∫": "\\int ", "ℝ": "\\mathbb{R}", "ℤ": "\\mathbb{Z}", "ℕ": "\\mathbb{N}", "ℚ": "\\mathbb{Q}", "ℂ": "\\mathbb{C}",
    "²": "^{2}", "³": "^{3}", "⁴": "^{4}", "⁵": "^{5}", "⁶": "^{6}", "⁷": "^{7}", "⁸": "^{8}", "⁹": "^{9}", "⁰": "^{0}",
    "¹": "^{1}", "⁻": "^-", "ⁿ": "^{n}", "₀": "_{0}", "₁": "_{1}", "₂": "_{2}", "₃": "_{3}", "₄": "_{4}", "₅": "_{5}",
    "₆": "_{6}", "₇": "_{7}", "₈": "_{8}", "₉": "_{9}", "½": "\\frac{1}{2}", "⅓": "\\frac{1}{3}", "⅔": "\\frac{2}{3}",
    "¼": "\\frac{1}{4}", "¾": "\\frac{3}{4}", "⅕": "\\frac{1}{5}", "⅛": "\\frac{1}{8}", "…": "\\ldots ", "⋯": "\\cdots ",
    "α": "\\alpha ", "β": "\\beta ", "γ": "\\gamma ", "θ": "\\theta ", "λ": "\\lambda ", "μ": "\\mu ", "ρ": "\\rho ",
    "σ": "\\sigma ", "φ": "\\phi ", "ω": "\\omega ", "⌊": "\\lfloor ", "⌋": "\\rfloor ", "⌈": "\\lceil ", "⌉": "\\rceil ",
    "∣": "|", "→": "\\to ", "⇒": "\\Rightarrow ", "。": ". ", "？": " ", "\u200b": "", "€": " ", "£": " ", "¥": " ", "₹": " ", "\ufeff": "", "\u2009": "\\,", "\u202f": "\\,",
})  # fmt: skip
_SUPERSCRIPTS = re.compile(r"(\^-?\{?\d\}?)\^\{(\d)\}")
GROUPED = re.compile(r"(?<=\d)(?:\s?\{\s?,\s?\}\s?|,\\[!,;:] ?|\\[!,;: ]|~)(?=\d{3}(?!\d))")
_DOUBLED = re.compile(r"\\\\(?=[a-zA-Z(){}\[\]])")
_SPACING = re.compile(
    r"\\[!,;:>]|\\ |~|\\q?quad|\\(?:displaystyle|textstyle|limits|nolimits|hfill|newline|bf|rm|it|tt|sf)(?![a-zA-Z])"
)
_SIZING = re.compile(r"\\(?:left|right|middle|[bB]igg?[lrm]?)(?![a-zA-Z])\.?")
_HIDDEN = re.compile(r"\\(?:hspace|vspace|phantom|hphantom|label|tag)\*?\{[^{}]*\}")
_GLUED = re.compile(r"(?<=[\d)}])(and|or)(?=[A-Z(\\\d]|[a-z]\s*[=(])")
_TURN = re.compile(r"<\|[a-z_]{1,20}\|>")


def unify(text: str) -> str:
    r"""Return `text` in one spelling: ASCII operators, LaTeX commands, no sizing, no spacing commands, no dollars.

    Example:
        >>> unify(r"$\left( 1\,004,\ 2π \right)$")
        '( 1004, 2\\pi   )'
    """
    if not text.isascii():
        text = text.translate(_SINGLE)
        text = _SUPERSCRIPTS.sub(r"\1\2", text)
    else:
        text = text.replace('"', " ").replace("`", " ")
    if "\\" in text:
        if "\\\\" in text:
            text = text.replace("\\\\", " \\cr ") if "\\begin" in text else _DOUBLED.sub(r"\\", text)
        text = _SIZING.sub(" ", _HIDDEN.sub(" ", text))
        text = (
            text.replace("\\$", " ")
            .replace("\\%", "%")
            .replace("\\#", "#")
            .replace("\\&", "&")
            .replace("\\lbrace", "\\{")
        )
        text = text.replace("\\rbrace", "\\}").replace("\\(", " ").replace("\\)", " ")
        text = text.replace("\\[", " ").replace("\\]", " ")
        text = _SPACING.sub(" ", GROUPED.sub("", text))
    elif "{" in text:
        text = GROUPED.sub("", text)
    text = text.replace("{,}", ",") if "{,}" in text else text
    if "$" in text:
        text = text.replace("$", " ")
    if "and" in text or "or" in text:
        text = _GLUED.sub(r" \1 ", text)
    if "**" in text and text.startswith("**"):
        text = text.removeprefix("**").removesuffix("**")
    if "<|" in text:
        text = _TURN.split(text)[0]
    return text.strip().strip("\"'").rstrip(".。").strip()

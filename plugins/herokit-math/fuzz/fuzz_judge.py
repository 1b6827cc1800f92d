# ruff: noqa: INP001 - a script, not a package
"""Coverage-guided fuzzing of everything that runs in the caller's process: extraction, parsing, comparing.

    pip install atheris
    python plugins/herokit-math/fuzz/fuzz_judge.py -max_total_time=300 -max_len=400 [CORPUS_FOLDER]

A finding is an exception out of `judge`, a run past one second (``-timeout=1``), or a canary file.
"""

import sys

import atheris

with atheris.instrument_imports(include=["herokit_math"]):
    from herokit_math.equivalence_policy import Policy
    from herokit_math.verdicts import judge

POLICY = Policy()
GOLDS = (
    "7",
    "x+1",
    r"\sqrt{2}",
    r"\{1,x\}",
    "(0,1]",
    "x<2",
    r"\begin{pmatrix}1&2\end{pmatrix}",
    "B",
    r"\text{yes}",
    "3:1",
    "12_7",
    "f(x)=x",
)
WORDS = (
    "\\frac", "\\sqrt", "\\boxed{", "\\text{", "\\begin{pmatrix}", "\\end{pmatrix}", "\\cup", "\\in", "\\pm", "\\le", "\\infty", "\\pi", "\\sum_{k=1}^",
    "\\binom", "\\log_", "^\\circ", "answer is ", "A: ", "#### ", " and ", " or ", "percent", "cm", "million", "\\overline{", "\\{", "\\}", "{", "}", "(", ")",
    "[", "]", ",", ";", ":", "=", "<", "|", "^", "_", "!", "%", "$", "1", "2", "0.5", "x", "e", "i", "f(", "\\sin", "\\lfloor", "\\rfloor", "\\setminus", "-",
)  # fmt: skip


def one(data: bytes) -> None:
    """Judge one input: a reference, and a text built of mathematical words and raw characters."""
    given = atheris.FuzzedDataProvider(data)
    gold = GOLDS[given.ConsumeIntInRange(0, len(GOLDS) - 1)]
    parts = []
    while given.remaining_bytes() and len(parts) < 60:  # noqa: PLR2004 - longer texts add nothing
        raw = given.ConsumeBool()
        parts.append(given.ConsumeUnicode(3) if raw else WORDS[given.ConsumeIntInRange(0, len(WORDS) - 1)])
    text = "".join(parts)
    judge(gold, text, POLICY)
    judge(text, gold, POLICY)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()

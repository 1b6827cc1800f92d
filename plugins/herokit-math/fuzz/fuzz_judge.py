# ruff: noqa: INP001 - a script, not a package
"""Coverage-guided fuzzing of everything that runs in the caller's process: extraction, parsing, comparing.

    pip install atheris
    python plugins/herokit-math/fuzz/fuzz_judge.py -max_total_time=300 -max_len=400 [CORPUS_FOLDER]

A finding is an exception out of `judge`, a run past one second (``-timeout=1``), or a canary file.
"""

import sys

import atheris

with atheris.instrument_imports(include=["herokit_math"]):
    from herokit_math import Policy
    from herokit_math.verdicts import judge

POLICY = Policy()
REFERENCES = (
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
    "\\max", "\\min(", "\\gcd(", "\\pmod{", "\\equiv", "\\bmod", "\\forall", "\\approx", "\\Rightarrow", "\\mathbb{Z}", " if ", " otherwise ", "noon", "and", "th",
)  # fmt: skip


def fuzz_one(data: bytes) -> None:
    """Judge one input: a reference, and a text built of mathematical words and raw characters."""
    data_provider = atheris.FuzzedDataProvider(data)
    reference = REFERENCES[data_provider.ConsumeIntInRange(0, len(REFERENCES) - 1)]
    parts = []
    while data_provider.remaining_bytes() and len(parts) < 60:  # noqa: PLR2004 - longer texts add nothing
        raw = data_provider.ConsumeBool()
        parts.append(
            data_provider.ConsumeUnicode(3) if raw else WORDS[data_provider.ConsumeIntInRange(0, len(WORDS) - 1)]
        )
    text = "".join(parts)
    judge(reference, text, POLICY)
    judge(text, reference, POLICY)


if __name__ == "__main__":
    atheris.Setup(sys.argv, fuzz_one)
    atheris.Fuzz()

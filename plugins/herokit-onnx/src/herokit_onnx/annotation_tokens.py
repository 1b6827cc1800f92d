"""The alphabet of the arithmetic annotation: one private-use character a mark, so no text can spell one.

The annotator (`herokit_onnx.annotate`) deletes private-use characters from what it reads before it writes its own:
a policy cannot earn a mark by writing it.
"""

SLOTS = 12
"""How many numbers of a prompt, and how many results of a completion, have a mark of their own; the rest share the last."""

NAMES = (
    "pad",
    "sep",  # end of the prompt
    "step",  # a line break of the completion
    "end",  # the position whose score counts
    "ok",  # the equation holds
    "rounded",  # it holds after rounding
    "bad",  # it does not hold
    "mismatch",  # the number written after <<...>> is not the one inside
    "fraction",  # the result is no integer
    "negative",
    "foreign",  # a number found neither in the prompt nor among earlier results; its digits follow
    "derived",  # 0.8, 1.2, 80 or 120 where the prompt says 20 %
    "final",  # the final answer follows
    "last",  # it is the last result
    "nowhere",  # it is no result and no number of the prompt
    "unused",  # numbers of the prompt that the completion never uses follow
    "dangling",  # results that are neither used nor the answer follow
    *(f"n{i}" for i in range(SLOTS)),  # the i-th number of the prompt
    *(f"r{i}" for i in range(SLOTS)),  # the i-th result of the completion
)

MARK = {name: chr(0xE000 + i) for i, name in enumerate(NAMES)}
"""Name -> character. The character's id in the embedded tokenizer is its position in `NAMES`."""

PRIVATE = dict.fromkeys(range(0xE000, 0xF900))
"""A `str.translate` table that deletes every private-use character."""

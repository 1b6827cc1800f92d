"""Reward models whose habits are known: which text they were trained on, and where their score sits. Pure data.

Backends that open a checkpoint look here. Written down from model cards and published code; docs/reference/reward-models.md says what was checked and how.
"""

import re
from dataclasses import dataclass
from typing import Literal

QWEN_MATH = "Please reason step by step, and put your final answer within \\boxed{}."
ACE_MATH = "Please reason step by step, and check your final answer within \\boxed{}."


@dataclass(frozen=True, slots=True)
class Known:
    """How one family of reward models wants to be asked.

    Attributes:
        system_prompt: goes before the prompt when the text is made by the chat template.
        step_token: a process reward model's: it has one score at each of these tokens.
        append_id: the config attribute that names a token which must end the input.
        head: the attribute of the model that turns a hidden state into logits.
        loader: the transformers class that opens the checkpoint.
        pooling: ``last`` takes the hidden state of the last real token; ``own`` leaves pooling to the model's forward.
        output: for ``own``: the field of the forward's result that holds the score.

    Example:
        >>> Known().head
        'score'
    """

    system_prompt: str = ""
    step_token: str | None = None
    append_id: str | None = None
    head: str = "score"
    loader: Literal["AutoModelForSequenceClassification", "AutoModel"] = "AutoModelForSequenceClassification"
    pooling: Literal["last", "own"] = "last"
    output: str = "logits"


PLAIN = Known()
"""The habits of a model that nobody has written down."""

FAMILIES: dict[str, Known] = {
    r"acemath.*-rm": Known(system_prompt=ACE_MATH),
    r"skywork-reward": PLAIN,
    r"qwen2\.5-math-rm": Known(system_prompt=QWEN_MATH),
    r"qwen2\.5-math-(7b-)?prm": Known(system_prompt=QWEN_MATH, step_token="<extra_0>"),  # noqa: S106 - a marker
    r"internlm2.*-reward": Known(append_id="reward_token_id", head="v_head", loader="AutoModel"),
    r"armorm": Known(pooling="own", output="score"),
}
"""Pattern, searched in the lower-cased model name -> habits."""


def lookup(model: str) -> Known:
    r"""Return the habits of a model by its name or folder, `PLAIN` for one that is not known.

    Example:
        >>> lookup("nvidia/AceMath-7B-RM").system_prompt
        'Please reason step by step, and check your final answer within \\boxed{}.'
        >>> lookup("Qwen/Qwen2.5-Math-PRM-7B").step_token
        '<extra_0>'
        >>> lookup("my/own") is PLAIN
        True
    """
    name = model.lower()
    return next((known for pattern, known in FAMILIES.items() if re.search(pattern, name)), PLAIN)

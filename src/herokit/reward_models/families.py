"""Per-family settings of public reward models: system prompt, step token, head, pooling; and MLP heads.

Written down from model cards and published code; docs/reference/reward-models.md says what was checked and how. Importing
this module loads neither torch nor transformers.
"""

import re
from dataclasses import dataclass
from typing import Any, Literal

__all__ = [
    "ACE_MATH",
    "DEFAULT_PROFILE",
    "MLP_ARCHITECTURES",
    "PROFILES",
    "QWEN_MATH",
    "ModelProfile",
    "find_profile",
    "mlp_class",
    "model_class",
]

QWEN_MATH = "Please reason step by step, and put your final answer within \\boxed{}."
ACE_MATH = "Please reason step by step, and check your final answer within \\boxed{}."


@dataclass(frozen=True, slots=True)
class ModelProfile:
    """How to open and query one family of reward models.

    Attributes:
        system_prompt: the first message of the chat template.
        thinking: what the model was trained to see of the policy's thinking: ``drop`` (nothing) or ``keep``.
        step_token: the token at which a process reward model is scored, one score each; None for an outcome reward model.
        end_token_attribute: the config attribute that names a token id which must end the input.
        head: the attribute of the model that turns a hidden state into logits.
        auto_class: the transformers class that opens the checkpoint.
        pooling: ``last`` takes the hidden state of the last real token; ``forward`` leaves pooling to the model's forward.
        output: for ``forward``: the field of the forward's result that holds the score.

    Example:
        >>> ModelProfile().head
        'score'
    """

    system_prompt: str = ""
    thinking: Literal["drop", "keep"] = "drop"
    step_token: str | None = None
    end_token_attribute: str | None = None
    head: str = "score"
    auto_class: Literal["AutoModelForSequenceClassification", "AutoModel"] = "AutoModelForSequenceClassification"
    pooling: Literal["last", "forward"] = "last"
    output: str = "logits"


DEFAULT_PROFILE = ModelProfile()
"""The profile of a model that matches none of `PROFILES`."""

PROFILES: dict[str, ModelProfile] = {
    r"acemath.*-rm": ModelProfile(system_prompt=ACE_MATH),
    r"skywork-reward": DEFAULT_PROFILE,
    r"qwen2\.5-math-rm": ModelProfile(system_prompt=QWEN_MATH),
    r"qwen2\.5-math-(7b-)?prm": ModelProfile(system_prompt=QWEN_MATH, step_token="<extra_0>"),  # noqa: S106 - a marker
    r"internlm2.*-reward": ModelProfile(
        end_token_attribute="reward_token_id",  # noqa: S106 - a name of an attribute
        head="v_head",
        auto_class="AutoModel",
    ),
    r"armorm": ModelProfile(pooling="forward", output="score"),
}
"""Regular expression, searched in the lower-cased model name -> profile."""


def find_profile(model: str) -> ModelProfile:
    r"""Return the profile of a model by its name or folder; `DEFAULT_PROFILE` if none matches.

    Example:
        >>> find_profile("nvidia/AceMath-7B-RM").system_prompt
        'Please reason step by step, and check your final answer within \\boxed{}.'
        >>> find_profile("Qwen/Qwen2.5-Math-PRM-7B").step_token
        '<extra_0>'
        >>> find_profile("my/own") is DEFAULT_PROFILE
        True
    """
    name = model.lower()
    return next((profile for pattern, profile in PROFILES.items() if re.search(pattern, name)), DEFAULT_PROFILE)


MLP_ARCHITECTURES = {
    "Qwen2ForRewardModel": ("Qwen2", 1),
    "Qwen2ForProcessRewardModel": ("Qwen2", 2),
    "INFORMForSequenceClassification": ("Llama", 1),
}
"""Architecture as the checkpoint's config names it -> body, number of labels.

Qwen2.5-Math-RM and -PRM and INF-ORM publish a class of their own only for the head ``Linear(h, h) - ReLU - Linear(h, labels)``
on a stock body. `mlp_class` has the same modules under the same names, so it loads their weights without their code.
"""


def model_class(architecture: str, auto_class: str) -> Any:
    """Return the class whose `from_pretrained` opens a checkpoint.

    Args:
        architecture: as the checkpoint's config names it: one of `MLP_ARCHITECTURES`, a token classifier, or anything else.
        auto_class: the transformers class that opens anything else.

    Example:
        >>> model_class("Qwen2ForTokenClassification", "AutoModelForSequenceClassification").__name__
        'AutoModelForTokenClassification'
    """
    import transformers

    if architecture in MLP_ARCHITECTURES:
        return mlp_class(architecture)
    classifies_tokens = architecture.endswith("ForTokenClassification")
    return getattr(transformers, "AutoModelForTokenClassification" if classifies_tokens else auto_class)


def mlp_class(architecture: str) -> Any:
    """Return a transformers class for one of `MLP_ARCHITECTURES`; it sets the config's number of labels.

    Example:
        >>> mlp_class("Qwen2ForRewardModel").config_class.__name__
        'Qwen2Config'
    """
    import transformers
    from torch import nn

    family, labels = MLP_ARCHITECTURES[architecture]
    base: Any = getattr(transformers, f"{family}PreTrainedModel")
    body: Any = getattr(transformers, f"{family}Model")

    class WithMlpHead(base):  # type: ignore[misc] # the base is chosen at run time
        def __init__(self, config: Any) -> None:
            config.num_labels = labels
            super().__init__(config)
            self.model = body(config)
            width = config.hidden_size
            self.score = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, labels))
            self.post_init()

    return WithMlpHead

"""Reward models whose head is an MLP, opened without running code from their repository.

Qwen2.5-Math-RM and -PRM and INF-ORM publish a class of their own only for ``LinearSchedule(h, h) - ReLU - LinearSchedule(h, labels)``
on top of a stock body. The same modules under the same names load their weights. Importing this loads neither torch nor
transformers.
"""

from typing import Any

MLP = {
    "Qwen2ForRewardModel": ("Qwen2", 1),
    "Qwen2ForProcessRewardModel": ("Qwen2", 2),
    "INFORMForSequenceClassification": ("Llama", 1),
}
"""Architecture as the checkpoint's config names it -> body, labels."""


def loader(architecture: str, usual: str) -> Any:
    """Return the class whose `from_pretrained` opens a checkpoint.

    Args:
        architecture: as the checkpoint's config names it: one of `MLP`, a token classifier, or anything else.
        usual: the transformers class that opens anything else.

    Example:
        >>> loader("Qwen2ForTokenClassification", "AutoModelForSequenceClassification").__name__
        'AutoModelForTokenClassification'
    """
    import transformers

    if architecture in MLP:
        return mlp_class(architecture)
    tokens = architecture.endswith("ForTokenClassification")
    return getattr(transformers, "AutoModelForTokenClassification" if tokens else usual)


def mlp_class(architecture: str) -> Any:
    """Return a transformers class for an architecture in `MLP`; it sets the config's number of labels.

    Example:
        >>> mlp_class("Qwen2ForRewardModel").config_class.__name__
        'Qwen2Config'
    """
    import transformers
    from torch import nn

    family, labels = MLP[architecture]
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

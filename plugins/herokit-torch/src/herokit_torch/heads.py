"""Reward models whose head is an MLP, opened without running code from their repository.

Qwen2.5-Math-RM and -PRM and INF-ORM publish a class of their own only for ``Linear(h, h) - ReLU - Linear(h, labels)``
on top of a stock body. The same modules under the same names load their weights.
"""

from typing import Any

MLP = {
    "Qwen2ForRewardModel": ("Qwen2", 1),
    "Qwen2ForProcessRewardModel": ("Qwen2", 2),
    "INFORMForSequenceClassification": ("Llama", 1),
}
"""Architecture as the checkpoint's config names it -> body, labels."""


def mlp_class(architecture: str) -> Any:
    """Return a transformers class for an architecture in `MLP`; its `from_pretrained` is the usual one."""
    import transformers
    from torch import nn

    family, labels = MLP[architecture]
    base: Any = getattr(transformers, f"{family}PreTrainedModel")
    body: Any = getattr(transformers, f"{family}Model")

    class WithMlpHead(base):  # type: ignore[misc] # the base is chosen at run time
        def __init__(self, config: Any) -> None:
            super().__init__(config)
            self.model = body(config)
            width = config.hidden_size
            self.score = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, labels))
            self.post_init()

    return WithMlpHead

"""The checkpoint: opened as torch, refused if the graph could not score as it does, asked what the probes must score."""

from typing import Any, Literal, TypeAlias

import numpy as np

from herokit.errors import SetupError
from herokit.reward_models.families import ModelProfile, model_class
from herokit.reward_models.process import Floats

Dtype: TypeAlias = Literal["fp32", "fp16", "bf16"]


def open_model(checkpoint: str, dtype: Dtype, revision: str | None, known: ModelProfile, *, steps: bool) -> Any:
    """Load a model in fp32, its weights rounded to `dtype`.

    Args:
        checkpoint: a name on the hub or a folder.
        dtype: of the body that will be written.
        revision: a branch, tag or commit of the hub's repository.
        known: its habits.
        steps: it is to be read at step tokens.

    Raises:
        SetupError: it cannot be opened, weights are missing, it scores by code of its own, its head is not read token by
            token, or it has another number of outputs.
    """
    import torch
    import transformers

    if known.end_token_attribute or known.pooling == "forward":
        raise SetupError(
            f"{checkpoint}: scores by code of its own, which is not exported; TorchRewardModel runs it with remote_code"
        )
    rounded = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}[dtype]
    try:
        config: Any = transformers.AutoConfig.from_pretrained(checkpoint, revision=revision, trust_remote_code=False)
        named = (getattr(config, "architectures", None) or [""])[0]
        model, info = model_class(named, known.auto_class).from_pretrained(
            checkpoint, config=config, dtype=rounded, revision=revision, output_loading_info=True
        )
    except Exception as error:  # transformers raises OSError, ValueError, KeyError and ImportError
        raise SetupError(f"{checkpoint}: cannot be opened as a reward model: {error}") from error
    if info["missing_keys"]:
        raise SetupError(
            f"{checkpoint}: the checkpoint ({named or 'no architecture named'}) lacks weights for "
            f"{sorted(info['missing_keys'])}; it is no reward model, or its head is of a kind that is not known"
        )
    if (steps or named.endswith("ForTokenClassification")) and not hasattr(model, "score"):
        raise SetupError(f"{checkpoint}: {named} has no head `score` to be read at tokens; expected a causal decoder")
    if model.config.num_labels not in ((1, 2) if steps else (1,)):
        expected = "one or two at a step token" if steps else "one, or a step token (step_token) for one or two a step"
        raise SetupError(f"{checkpoint}: has {model.config.num_labels} outputs; expected {expected}")
    return model.eval().float()


def reference(model: Any, rows: list[list[int]], step: int | None) -> list[Floats]:
    """Ask for rows one by one: a stock class's own forward where it gives one score a row, else body and head.

    Nothing is padded and no id counts as padding, so nothing can be pooled wrongly.
    """
    import torch

    decoder = hasattr(model, "score")
    pools = step is None and type(model).__name__.endswith("ForSequenceClassification")
    if decoder:
        model.config.get_text_config().pad_token_id = None
    found = []
    with torch.inference_mode():
        for ids in rows:
            given = torch.tensor([ids])
            if pools:
                logits = model(input_ids=given).logits
            else:
                hidden = model.base_model(input_ids=given, use_cache=False).last_hidden_state[0]
                at = [len(ids) - 1] if step is None else [i for i, x in enumerate(ids) if x == step]
                logits = model.score(hidden[at])
            found.append(np.asarray(logits[:, -1] - logits[:, 0] if logits.shape[1] > 1 else logits[:, 0], np.float64))
    return found

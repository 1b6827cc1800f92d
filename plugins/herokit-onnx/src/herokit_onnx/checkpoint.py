"""The checkpoint to export: its torch model, the logits that the graph must reproduce, its chat template."""

from typing import Any, Literal, TypeAlias

import numpy as np

from herokit.errors import SetupError
from herokit.reward_models.checkpoints import checkpoint_errors, load_model
from herokit.reward_models.encoding import EncodedRows
from herokit.reward_models.families import ModelProfile
from herokit.reward_models.inputs import UnscorableError
from herokit.reward_models.process import Floats
from herokit.types import Sample
from herokit_onnx.encoding import Encoder
from herokit_onnx.parity import PROBE_SAMPLES

__all__ = ["Dtype", "check_chat_template", "open_model", "reference_logits"]

Dtype: TypeAlias = Literal["fp32", "fp16", "bf16"]

_PROMPT, _COMPLETION = "herokit-prompt-7f3a", "herokit-completion-7f3a"


def open_model(checkpoint: str, dtype: Dtype, revision: str | None, profile: ModelProfile, *, stepwise: bool) -> Any:
    """Load a model in fp32, its weights rounded to `dtype`.

    Args:
        checkpoint: a name on the hub or a folder.
        dtype: of the body that will be written.
        revision: a branch, tag or commit of the hub's repository.
        profile: of its family.
        stepwise: whether it is read at step tokens.

    Raises:
        SetupError: it cannot be opened, weights are missing, it scores by code of its own, or its head is not read token by
            token.
    """
    import torch

    if profile.end_token_attribute or profile.pooling == "forward":
        raise SetupError(
            f"{checkpoint}: scores by its own code, which cannot be exported; TorchRewardModel runs it with "
            "trust_remote_code = true"
        )
    rounded = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}[dtype]
    model = load_model(checkpoint, profile, revision=revision, dtype=rounded)
    name = type(model).__name__
    if (stepwise or name.endswith("ForTokenClassification")) and not hasattr(model, "score"):
        raise SetupError(f"{checkpoint}: {name} has no head `score` to read at tokens; expected a causal decoder")
    with checkpoint_errors(checkpoint, "cannot be computed in fp32"):  # a quantized one
        return model.float()


def reference_logits(model: Any, rows: EncodedRows, *, stepwise: bool) -> list[Floats]:
    """Return (P, L) logits of rows, one by one: by a stock class's own forward where it scores rows, else by body and head.

    Nothing is padded and no id counts as padding, so nothing can be pooled wrongly.
    """
    import torch

    pools = not stepwise and type(model).__name__.endswith("ForSequenceClassification")
    if hasattr(model, "score"):
        model.config.get_text_config().pad_token_id = None
    values = []
    with torch.inference_mode():
        for ids, positions in zip(rows.ids, rows.positions, strict=True):
            input_ids = torch.tensor([ids])
            if pools:
                logits = model(input_ids=input_ids).logits
            else:
                hidden = model.base_model(input_ids=input_ids, use_cache=False).last_hidden_state[0]
                logits = model.score(hidden[positions])
            values.append(np.asarray(logits, np.float64))
    return values


def check_chat_template(tokenizer: Any, encoder: Encoder, checkpoint: str) -> None:
    """Check that the chat template writes prompt and completion, and that the encoder renders it as transformers does.

    Raises:
        SetupError: it does not.
    """
    for sample in (Sample(_PROMPT, _COMPLETION, group=0), *PROBE_SAMPLES):
        try:
            text = encoder.text(sample)
            own = tokenizer.apply_chat_template(encoder.view.messages(sample), tokenize=False)
        except UnscorableError as error:
            raise SetupError(f"{checkpoint}: {error.reason}; pass template") from error
        if text != own:
            raise SetupError(f"{checkpoint}: its chat template cannot be rendered without transformers; pass template")
        if sample.prompt == _PROMPT and (text.count(_PROMPT) != 1 or text.count(_COMPLETION) != 1):
            raise SetupError(
                f"{checkpoint}: its chat template does not write prompt and completion once each; pass template"
            )

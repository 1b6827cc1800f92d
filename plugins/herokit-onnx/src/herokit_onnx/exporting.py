"""From a transformers checkpoint to a folder that `OnnxRewardModel` opens: graph, tokenizer, settings, probes."""

import json
import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from herokit.errors import HerokitError, SetupError
from herokit_onnx import probes
from herokit_onnx.config import ModelConfig
from herokit_onnx.text import Encoder

TOLERANCE = 1e-3
"""How far a score may lie from the exporting side's, relative to 1 + |score|."""
_PROMPT, _COMPLETION = "herokit-prompt-7f3a", "herokit-completion-7f3a"


def export_reward_model(
    checkpoint: str,
    out: Path,
    *,
    system_prompt: str = "",
    template: str | None = None,
    max_tokens: int | None = None,
    name: str = "rm",
) -> Path:
    """Write a sequence-classification reward model with one output as ONNX, fp32, for `OnnxRewardModel`.

    ``out`` gets ``<name>.onnx`` (attention fused where it is causal, pooling by mask in the graph, fp32 scores),
    ``tokenizer.json`` (as the checkpoint ships it),
    ``<name>.json`` (template, longest input) and ``<name>.probes.json``: ids and scores of the torch model, which the
    export is checked against here and again whenever it opens.

    Args:
        checkpoint: a name on the hub or a folder.
        out: the folder to write, made if need be.
        system_prompt: the first message of the chat, ``""`` for none.
        template: a text with ``{prompt}`` and ``{completion}``; None takes the tokenizer's chat template, or
            prompt, newline, completion if it has none.
        max_tokens: longer inputs lose tokens on the left; None takes the model's positions.
        name: of the files.

    Returns:
        the path of the .onnx file.

    Raises:
        SetupError: the checkpoint is no such model, its template cannot be written as a plain text, a package is
            missing, or the export scores otherwise than the checkpoint.
    """
    import torch

    try:
        import transformers
        from onnxscript import version_converter  # noqa: F401 - the exporter needs it and says so late
    except ImportError as error:
        raise SetupError(f'exporting needs more packages ({error}); run: pip install "herokit-onnx[export]"') from error
    try:
        tokenizer = _tokenizer(transformers, checkpoint)
        model, info = transformers.AutoModelForSequenceClassification.from_pretrained(
            checkpoint, dtype=torch.float32, output_loading_info=True
        )
    except Exception as error:  # transformers raises OSError, ValueError, KeyError and ImportError
        raise SetupError(f"{checkpoint}: cannot be opened as a reward model: {error}") from error
    if info["missing_keys"] or model.config.num_labels != 1:
        raise SetupError(
            f"{checkpoint}: has {model.config.num_labels} outputs and lacks weights for {sorted(info['missing_keys'])}; "
            "expected a sequence-classification checkpoint with one output"
        )
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{name}.onnx"
    chat = template is None and bool(tokenizer.chat_template)
    positions = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    config = ModelConfig(
        template=_plain(tokenizer, system_prompt, checkpoint) if chat else template or "{prompt}\n{completion}",
        max_tokens=max_tokens or positions or 4096,
        special_tokens=not chat,
    )
    settings = {"template": config.template, "max_tokens": config.max_tokens, "special_tokens": config.special_tokens}
    path.with_suffix(".json").write_text(json.dumps(settings, ensure_ascii=False, indent=1), encoding="utf-8")
    tokenizer.backend_tokenizer.save(str(out / "tokenizer.json"))
    rows = Encoder(tokenizer.backend_tokenizer, config).encode(probes.ASKED)[0]
    if chat:
        _same_ids(tokenizer, system_prompt, rows, checkpoint)
    probes.write(path, rows, _reference(model.eval(), rows), TOLERANCE)
    from herokit_onnx.graph import trace

    loud = logging.getLogger("torch.onnx")
    level = loud.level
    loud.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the exporter's talk about its own deprecations and axis names
            trace(model, path)
    except HerokitError:
        raise
    except Exception as error:  # torch.onnx raises whatever an operator's translation raised
        raise SetupError(f"{checkpoint}: torch.onnx cannot export it: {error}") from error
    finally:
        loud.setLevel(level)
    from herokit_onnx.model import OnnxRewardModel

    with OnnxRewardModel(str(path), providers=("CPUExecutionProvider",)) as exported:
        exported.score([])  # opens it, which asks the probes
    return path


def _tokenizer(transformers: Any, checkpoint: str) -> Any:
    """Load the tokenizer as shipped: transformers 5 rebuilds some with another pre-tokenizer than their file names."""
    usual = transformers.AutoTokenizer.from_pretrained(checkpoint)
    if not transformers.utils.cached_file(checkpoint, "tokenizer.json", _raise_exceptions_for_missing_entries=False):
        return usual
    shipped = transformers.PreTrainedTokenizerFast.from_pretrained(checkpoint)
    texts = [text for sample in probes.ASKED for text in (sample.prompt, sample.completion)]
    same = all(shipped.encode(text) == usual.encode(text) for text in texts)
    return usual if same else shipped


def _plain(tokenizer: Any, system_prompt: str, checkpoint: str) -> str:
    """Write a chat template as a plain one, by rendering it for two words that occur nowhere else."""
    text = _chat(tokenizer, system_prompt, _PROMPT, _COMPLETION)
    if text.count(_PROMPT) != 1 or text.count(_COMPLETION) != 1:
        raise SetupError(
            f"{checkpoint}: its chat template does not write prompt and completion once each; pass template"
        )
    return text.replace(_PROMPT, "{prompt}").replace(_COMPLETION, "{completion}")


def _same_ids(tokenizer: Any, system_prompt: str, rows: list[list[int]], checkpoint: str) -> None:
    for sample, ids in zip(probes.ASKED, rows, strict=True):
        text = _chat(tokenizer, system_prompt, sample.prompt, sample.completion)
        expected = tokenizer.encode(text, add_special_tokens=False)[-len(ids) :]
        if ids != expected:
            raise SetupError(f"{checkpoint}: its chat template changes with what it is given; pass template")


def _chat(tokenizer: Any, system_prompt: str, prompt: str, completion: str) -> str:
    system = [{"role": "system", "content": system_prompt}] if system_prompt else []
    turns = [{"role": "user", "content": prompt}, {"role": "assistant", "content": completion}]
    return str(tokenizer.apply_chat_template([*system, *turns], tokenize=False))


def _reference(model: Any, rows: list[list[int]]) -> list[float]:
    """Score rows one by one with the model's own forward: nothing is padded, so nothing can be pooled wrongly."""
    import torch

    with torch.inference_mode():
        return [float(np.asarray(model(input_ids=torch.tensor([ids])).logits)[0, 0]) for ids in rows]

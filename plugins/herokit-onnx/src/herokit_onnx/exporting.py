"""From a transformers checkpoint to a folder that `OnnxRewardModel` opens: graph, tokenizer, settings, probes."""

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, get_args

from herokit.errors import ConfigError, HerokitError, SetupError
from herokit.reward_models.families import find_profile
from herokit.reward_models.process import split_steps
from herokit_onnx import chat, parity_probes
from herokit_onnx.checkpoint import Dtype, open_model, reference
from herokit_onnx.config import ModelConfig
from herokit_onnx.text import Encoder

TOLERANCE = {"fp32": 1e-3, "fp16": 0.02, "bf16": 0.1}
"""How far a score may lie from the exporting side's, relative to 1 + |score|."""


def export_reward_model(  # noqa: PLR0913 - one for each thing that a checkpoint does not say of itself
    checkpoint: str,
    out: Path,
    *,
    system_prompt: str | None = None,
    template: str | None = None,
    step_token: str | None = None,
    max_tokens: int | None = None,
    name: str = "rm",
    dtype: Dtype = "fp32",
    revision: str | None = None,
) -> Path:
    """Write a transformers reward model as ONNX, for `OnnxRewardModel`.

    What is known: stock classes with one output, decoders or encoders; decoders with the MLP heads of `herokit.reward_models.families`;
    process reward models, decoders whose head gives one or two labels at a step token. Anything else is refused.

    ``out`` gets ``<name>.onnx`` (attention fused where it is causal, pooling by mask in the graph, an fp32 head and fp32
    scores), ``tokenizer.json`` (as the checkpoint ships it), ``<name>.json`` (template, longest input) and
    ``<name>.parity_probes.json``: ids and scores of the torch model, which the export is checked against here and again
    whenever it opens. A half-precision body is checked against its own rounded weights computed in fp32; ONNX Runtime's
    CPU cannot run bf16, so that graph is checked here widened to fp32, and as it is when it opens on a GPU.

    Args:
        checkpoint: a name on the hub or a folder.
        out: the folder to write, made if need be.
        system_prompt: the first message of the chat; None takes what is known of the model, ``""`` means none.
        template: a text with ``{prompt}`` and ``{completion}``; None takes the tokenizer's chat template, or
            prompt, newline, completion if it has none.
        step_token: makes it a process reward model; None takes what is known, ``""`` means an outcome reward model.
        max_tokens: longer inputs lose tokens on the left; None takes the model's positions.
        name: of the files.
        dtype: of the body; ``fp16`` and ``bf16`` are meant for GPUs.
        revision: a branch, tag or commit of the hub's repository.

    Returns:
        the path of the .onnx file.

    Raises:
        ConfigError: a dtype, template or length that cannot be.
        SetupError: the checkpoint is no such model, its template cannot be written as a plain text, it writes step
            tokens of its own, a package is missing, more tokens are asked for than it has positions, or the export
            scores otherwise than the checkpoint (it is deleted again).
    """
    if dtype not in get_args(Dtype):
        raise ConfigError(f"dtype = {dtype!r}; expected one of {', '.join(get_args(Dtype))}")
    if max_tokens is not None and max_tokens < 1:
        raise ConfigError(f"max_tokens = {max_tokens}; expected at least 1")
    if template is not None and not ("{prompt}" in template and "{completion}" in template):
        raise ConfigError(f"template = {template!r}; expected a text with {{prompt}} and {{completion}}")
    transformers = _packages()
    known = find_profile(checkpoint)
    step_token = known.step_token if step_token is None else step_token or None
    model = open_model(checkpoint, dtype, revision, known, steps=step_token is not None)
    try:
        tokenizer = chat.open_tokenizer(transformers, checkpoint, revision)
    except Exception as error:  # transformers raises OSError, ValueError, KeyError and ImportError
        raise SetupError(f"{checkpoint}: its tokenizer cannot be opened: {error}") from error
    path = out / f"{name}.onnx"
    prompt = known.system_prompt if system_prompt is None else system_prompt
    config = replace(_settings(tokenizer, checkpoint, prompt, template), step_token=step_token)
    encoder = Encoder(tokenizer.backend_tokenizer, replace(config, max_tokens=10**9))
    rows = encoder.encode(parity_probes.ASKED)[0]
    if not config.special_tokens:
        chat.check_ids(tokenizer, prompt, encoder, rows, checkpoint)
    step = encoder.step_id()
    _check_steps(encoder, rows, step, checkpoint)
    begins = {row[0] for row in rows} & {tokenizer.bos_token_id, tokenizer.cls_token_id}
    positions = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    if max_tokens and positions and max_tokens > positions:
        raise SetupError(f"{checkpoint}: max_tokens = {max_tokens}, but the model has {positions} positions")
    config = replace(
        config, max_tokens=max_tokens or positions or 4096, first_id=min(begins) if begins else config.first_id
    )
    settings = {key: value for key, value in asdict(config).items() if value != getattr(ModelConfig(), key)}
    out.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".json").write_text(json.dumps(settings, ensure_ascii=False, indent=1), encoding="utf-8")
    tokenizer.backend_tokenizer.save(str(out / "tokenizer.json"))
    rows = Encoder(tokenizer.backend_tokenizer, config).encode(parity_probes.ASKED)[0]
    parity_probes.write(path, rows, reference(model, rows, step), TOLERANCE[dtype])
    from herokit_onnx.bf16_fallback import check_widened
    from herokit_onnx.graph import trace
    from herokit_onnx.model import OnnxRewardModel
    from herokit_onnx.session import CPU

    try:
        with _explained(checkpoint):
            trace(model, path, dtype, tokens=step is not None)
        if dtype == "bf16":
            check_widened(path, TOLERANCE["fp32"])
        else:
            with OnnxRewardModel(str(path), providers=(CPU,)) as exported:
                exported.score([])  # opens it, which asks the probes
    except HerokitError:
        for file in (path, Path(f"{path}.data")):
            file.unlink(missing_ok=True)
        raise
    return path


def _packages() -> Any:
    """Return transformers, once everything that exporting needs is there."""
    try:
        import onnx  # noqa: F401 - the exporter needs these and says so late
        import torch  # noqa: F401
        import transformers
        from onnxscript import version_converter  # noqa: F401
    except ImportError as error:
        raise SetupError(f'exporting needs more packages ({error}); run: pip install "herokit-onnx[export]"') from error
    from herokit_onnx.session import runtime

    runtime()  # what was exported is checked, so this fails before the work rather than after
    return transformers


def _check_steps(encoder: Encoder, rows: list[list[int]], step: int | None, checkpoint: str) -> None:
    """Count step tokens in the probes: the template may write none, and the tokenizer must find each of ours."""
    for sample, ids in zip(parity_probes.ASKED, rows, strict=True):
        steps = len(split_steps(sample.completion, encoder.separator))
        if step is not None and ids.count(step) != steps:
            raise SetupError(
                f"{checkpoint}: a probe of {steps} steps becomes {ids.count(step)} step tokens "
                f"{encoder.config.step_token!r}; expected one a step, and none from the template or the text"
            )


def _settings(tokenizer: Any, checkpoint: str, system_prompt: str, template: str | None) -> ModelConfig:
    """Say how a sample becomes a text: a chat template writes special tokens itself, a plain one does not."""
    chats = template is None and bool(tokenizer.chat_template)
    text = chat.plain(tokenizer, system_prompt, checkpoint) if chats else template or "{prompt}\n{completion}"
    first = next((x for x in (tokenizer.bos_token_id, tokenizer.cls_token_id) if x is not None), None)
    return ModelConfig(template=text, special_tokens=not chats, first_id=first)


@contextmanager
def _explained(checkpoint: str) -> Iterator[None]:
    """Keep the exporter quiet, and turn whatever it raises into a `SetupError`."""
    loud = logging.getLogger("torch.onnx")
    level = loud.level
    loud.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the exporter's talk about its own deprecations and axis names
            yield
    except HerokitError:
        raise
    except Exception as error:  # torch.onnx raises whatever an operator's translation raised
        raise SetupError(f"{checkpoint}: torch.onnx cannot export it: {error}") from error
    finally:
        loud.setLevel(level)

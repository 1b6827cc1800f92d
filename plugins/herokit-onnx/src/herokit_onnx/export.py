"""From a transformers checkpoint to a folder that `OnnxRewardModel` opens: graph, tokenizer, settings, probes.

Exported are stock classes, decoders or encoders; decoders with the MLP heads of `herokit.reward_models.families`; process
reward models, decoders whose head is read at a step token. A head may have several outputs, which `label` chooses from when the
model scores. Anything else raises: a class that scores by its own code, a chat template that rejects a simple conversation or
that writes step tokens, a `max_length` above the model's positions.

The folder gets ``<name>.onnx`` (attention fused where it is causal, pooling by mask in the graph, an fp32 head and fp32 scores),
``tokenizer.json`` (as the checkpoint ships it), ``<name>.json`` (chat template, longest input) and ``<name>.probes.json``: ids and
scores of the torch model, which the export is checked against here and again whenever it opens. If they differ here, the graph
is deleted. A half-precision body is checked against its own rounded weights computed in fp32. ONNX Runtime cannot run bf16 on a
CPU, so that graph is checked here in fp32, and in bf16 when it opens on a GPU.
"""

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, get_args

from herokit.errors import ConfigError, HerokitError, SetupError
from herokit.reward_models.checkpoints import checkpoint_errors, load_tokenizer, resolve_max_length, trailing_pad
from herokit.reward_models.encoding import DEFAULT_TEMPLATE, EncodedRows, is_template
from herokit.reward_models.families import find_profile
from herokit.reward_models.labels import label_names
from herokit.reward_models.process import split_steps
from herokit_onnx.checkpoint import Dtype, check_chat_template, open_model, reference_logits
from herokit_onnx.config import ModelConfig
from herokit_onnx.encoding import Encoder
from herokit_onnx.parity import PROBE_SAMPLES, check_bf16_graph, check_probes, write_probes
from herokit_onnx.session import import_runtime, open_runner

__all__ = ["export_reward_model"]

_TOLERANCE = {"fp32": 1e-3, "fp16": 0.02, "bf16": 0.1}
"""How far a score may differ from the checkpoint's, relative to 1 + |score|."""


def export_reward_model(  # noqa: PLR0913 - one for each setting that a checkpoint does not contain
    checkpoint: str,
    out: Path,
    *,
    system_prompt: str | None = None,
    template: str | None = None,
    step_token: str | None = None,
    max_length: int | None = None,
    name: str = "rm",
    dtype: Dtype = "fp32",
    revision: str | None = None,
) -> Path:
    """Write a transformers reward model as ONNX for `OnnxRewardModel`, and return the path of the .onnx file.

    The module's docstring says what can be exported, which files are written and how they are checked.

    Args:
        checkpoint: a name on the hub or a folder.
        out: the folder to write, created if needed.
        system_prompt: the first message of the chat; None takes that of the model's profile, ``""`` means none.
        template: a text with ``{prompt}`` and ``{completion}``; None takes the chat template, or prompt, newline, completion.
        step_token: makes it a process reward model; None takes that of the model's profile, ``""`` means none.
        max_length: longer inputs are truncated on the left; None takes the model's positions.
        name: of the files.
        dtype: of the body; ``fp16`` and ``bf16`` are meant for GPUs.
        revision: a branch, tag or commit of the hub's repository.

    Raises:
        ConfigError: an invalid dtype, template or length.
        SetupError: the checkpoint or its template cannot be exported, a package is missing, or the export scores differently.
    """
    _check_setup(dtype, max_length, template)
    profile = find_profile(checkpoint)
    system_prompt = profile.system_prompt if system_prompt is None else system_prompt
    step_token = profile.step_token if step_token is None else step_token or None
    model = open_model(checkpoint, dtype, revision, profile, stepwise=step_token is not None)
    tokenizer = load_tokenizer(checkpoint, revision=revision)
    max_length = resolve_max_length(max_length, model.config, checkpoint, 4096)
    config = _make_config(tokenizer, checkpoint, system_prompt, template, step_token, max_length)
    names = label_names(model.config)
    labels = None if names in (None, [f"LABEL_{k}" for k in range(model.config.num_labels)]) else names
    config = replace(config, trailing_pad_id=trailing_pad(model, checkpoint), labels=labels)
    return _write_model(model, tokenizer, config, out / f"{name}.onnx", dtype, checkpoint)


def _check_setup(dtype: str, max_length: int | None, template: str | None) -> None:
    """Check the settings, and import what exporting needs: a missing package raises before the work, not after it."""
    if dtype not in get_args(Dtype):
        raise ConfigError(f"dtype = {dtype!r}; expected one of {', '.join(get_args(Dtype))}")
    if max_length is not None and max_length < 1:
        raise ConfigError(f"max_length = {max_length}; expected at least 1")
    if template is not None and not is_template(template):
        raise ConfigError(f"template = {template!r}; expected a text with {{prompt}} and {{completion}}")
    try:
        import onnx  # noqa: F401 - the exporter imports these late
        import torch  # noqa: F401
        import transformers  # noqa: F401
        from onnxscript import version_converter  # noqa: F401
    except ImportError as error:
        raise SetupError(f'exporting needs more packages ({error}); run: pip install "herokit-onnx[export]"') from error
    import_runtime()


def _make_config(
    tokenizer: Any,
    checkpoint: str,
    system_prompt: str,
    template: str | None,
    step_token: str | None,
    max_length: int,
) -> ModelConfig:
    """Return how a sample becomes text: a chat template writes special tokens itself, a plain one does not."""
    first = next((x for x in (tokenizer.bos_token_id, tokenizer.cls_token_id) if x is not None), None)
    thinking = find_profile(checkpoint).thinking
    if template is None and tokenizer.chat_template:
        with checkpoint_errors(checkpoint, "its chat template cannot be read"):
            chat_template = tokenizer.get_chat_template()
        config = ModelConfig(
            first_id=first,
            step_token=step_token,
            chat_template=chat_template,
            chat_variables=dict(tokenizer.special_tokens_map),
            system_prompt=system_prompt,
            thinking=thinking,
        )
    else:
        plain = template or DEFAULT_TEMPLATE
        config = ModelConfig(plain, special_tokens=True, first_id=first, step_token=step_token, thinking=thinking)
    first_ids = _check_encoding(tokenizer, checkpoint, config)
    return replace(config, max_length=max_length, first_id=min(first_ids, default=first))


def _check_encoding(tokenizer: Any, checkpoint: str, config: ModelConfig) -> set[int]:
    """Check ids and step tokens of the untruncated probes; return the ids of BOS or CLS with which they begin."""
    encoder = Encoder(tokenizer.backend_tokenizer, replace(config, max_length=10**9))
    if config.chat_template is not None:
        check_chat_template(tokenizer, encoder, checkpoint)
    rows = encoder.encode(PROBE_SAMPLES)
    for sample, positions in zip(PROBE_SAMPLES, rows.positions, strict=True):
        steps = len(split_steps(sample.completion_text, encoder.separator))
        if config.step_token is not None and len(positions) != steps:
            raise SetupError(
                f"{checkpoint}: a probe of {steps} steps has {len(positions)} step tokens {config.step_token!r}; "
                "expected one per step, and none from the template or the text"
            )
    return {ids[0] for ids in rows.ids} & {tokenizer.bos_token_id, tokenizer.cls_token_id}


def _write_model(model: Any, tokenizer: Any, config: ModelConfig, path: Path, dtype: Dtype, checkpoint: str) -> Path:
    """Write settings, tokenizer and probes, then the graph, which the probes check; return its path."""
    stepwise = config.step_token is not None
    rows = _write_files(path, tokenizer, config)
    logits = reference_logits(model, rows, stepwise=stepwise)
    write_probes(path, rows, logits, _TOLERANCE[dtype])
    _write_graph(model, path, dtype, checkpoint, stepwise=stepwise)
    return path


def _write_files(path: Path, tokenizer: Any, config: ModelConfig) -> EncodedRows:
    """Write settings and tokenizer next to the graph; return the encoded probes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    settings = {key: value for key, value in asdict(config).items() if value != getattr(ModelConfig(), key)}
    path.with_suffix(".json").write_text(json.dumps(settings, ensure_ascii=False, indent=1), encoding="utf-8")
    tokenizer.backend_tokenizer.save(str(path.parent / "tokenizer.json"))
    return Encoder(tokenizer.backend_tokenizer, config).encode(PROBE_SAMPLES)


def _write_graph(model: Any, path: Path, dtype: Dtype, checkpoint: str, *, stepwise: bool) -> None:
    """Write the graph and check its probes; delete it if they differ."""
    from herokit_onnx.graph import trace

    try:
        with _quiet_exporter(), checkpoint_errors(checkpoint, "torch.onnx cannot export it"):
            trace(model, path, dtype, stepwise=stepwise)
        if dtype == "bf16":
            check_bf16_graph(path, _TOLERANCE["fp32"])
        else:
            check_probes(path, open_runner(path))
    except HerokitError:
        for file in (path, Path(f"{path}.data")):
            file.unlink(missing_ok=True)
        raise


@contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Silence the exporter's warnings about its own deprecations and axis names."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)

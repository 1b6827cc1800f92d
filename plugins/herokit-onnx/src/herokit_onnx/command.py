"""The command `herokit export-rm`: export a transformers reward model to ONNX."""

import json
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeAlias, cast

import typer

from herokit.errors import ConfigError
from herokit.types import Sample
from herokit_onnx.checkpoint import Dtype
from herokit_onnx.config import ModelConfig
from herokit_onnx.export import export_reward_model
from herokit_onnx.quantization import quantize_reward_model

__all__ = ["export_rm"]

_MAX_SAMPLES = 512


class Precision(StrEnum):
    """The dtype of the body's weights."""

    FP32 = "fp32"
    FP16 = "fp16"
    BF16 = "bf16"
    INT8 = "int8"


_Checkpoint: TypeAlias = Annotated[str, typer.Argument(help="A name on the hub or a folder.")]
_Out: TypeAlias = Annotated[Path, typer.Argument(help="The folder to write, created if needed.")]
_Dtype: TypeAlias = Annotated[
    Precision, typer.Option(help="fp32 or int8 for CPUs, fp16 or bf16 for GPUs; int8 needs --rollouts.")
]
_SystemPrompt: TypeAlias = Annotated[
    str | None, typer.Option(help="First message of the chat; by default that of the model's family, '' for none.")
]
_Template: TypeAlias = Annotated[
    str | None, typer.Option(help="A text with {prompt} and {completion} that replaces the chat template.")
]
_StepToken: TypeAlias = Annotated[
    str | None,
    typer.Option(help="The step token of a process reward model; by default that of the model's family, '' for none."),
]
_MaxLength: TypeAlias = Annotated[
    int | None,
    typer.Option(min=2, help="Longer inputs are truncated on the left; by default the model's positions."),
]
_Name: TypeAlias = Annotated[str, typer.Option(help="Name of the files.")]
_Revision: TypeAlias = Annotated[str | None, typer.Option(help="A branch, tag or commit of the hub's repository.")]
_Rollouts: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        help="JSONL or Parquet with rollouts like those to be scored, several for each prompt: int8 must rank them like fp32."
    ),
]
_MinRankCorrelation: TypeAlias = Annotated[
    float, typer.Option(min=0, max=1, help="An int8 model with a lower rank correlation to fp32 is deleted.")
]
_MinRankCorrelationWithin: TypeAlias = Annotated[
    float, typer.Option(min=0, max=1, help="The same for the mean rank correlation within prompts.")
]
_Label: TypeAlias = Annotated[
    str | None, typer.Option(help="The output whose ranks int8 must keep where the model has several: its name.")
]
_AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def export_rm(  # noqa: PLR0913, PLR0917 - typer reads every parameter as one option
    checkpoint: _Checkpoint,
    out: _Out,
    dtype: _Dtype = Precision.FP32,
    system_prompt: _SystemPrompt = None,
    template: _Template = None,
    step_token: _StepToken = None,
    max_length: _MaxLength = None,
    name: _Name = "rm",
    revision: _Revision = None,
    rollouts: _Rollouts = None,
    min_rank_correlation: _MinRankCorrelation = 0.98,
    min_rank_correlation_within: _MinRankCorrelationWithin = 0.97,
    label: _Label = None,
    as_json: _AsJson = False,  # noqa: FBT002 - typer's way of a flag
) -> None:
    """Write a transformers reward model as ONNX, so that scoring needs no torch.

    Exports checkpoints that score samples, on a linear or an MLP head with one output or several, and process reward models,
    which score step tokens. Model, tokenizer, settings and parity probes go to one folder; the probes are checked here and
    whenever the model opens.
    """
    is_int8 = dtype is Precision.INT8
    samples = _read_samples(rollouts) if is_int8 else ()
    path = export_reward_model(
        checkpoint,
        out,
        system_prompt=system_prompt,
        template=template,
        step_token=step_token,
        max_length=max_length,
        name=name,
        dtype=cast("Dtype", "fp32" if is_int8 else dtype.value),
        revision=revision,
    )
    check = "probes pass in fp32; bf16 itself needs a GPU" if dtype is Precision.BF16 else "probes pass"
    if is_int8:
        path, agreement = quantize_reward_model(
            path,
            samples,
            label=label,
            min_rank_correlation=min_rank_correlation,
            min_rank_correlation_within=min_rank_correlation_within,
        )
        check = f"to fp32, which is kept: {agreement}"
    _print_result(path, dtype, check, as_json=as_json)


def _read_samples(rollouts: Path | None) -> Sequence[Sample]:
    from herokit.files.reading import read_rollouts

    if rollouts is None:
        raise ConfigError("--dtype int8 requires --rollouts FILE: an int8 model that ranks them unlike fp32 is deleted")
    return read_rollouts(rollouts).samples[:_MAX_SAMPLES]


def _print_result(path: Path, dtype: Precision, check: str, *, as_json: bool) -> None:
    size = sum(file.stat().st_size for file in (path, Path(f"{path}.data")) if file.exists())
    config = ModelConfig.load(path)
    template = config.chat_template or config.template
    if as_json:
        settings = {"template": template, "system_prompt": config.system_prompt, "thinking": config.thinking}
        typer.echo(json.dumps({"model": str(path), "dtype": dtype.value, "bytes": size, **settings}))
        return
    typer.echo(f"{path}: {dtype.value}, {size / 1e6:.1f} MB, {check}")
    typer.echo(f"{'Chat template' if config.chat_template else 'Template'}: {template!r}")
    typer.echo(f"System prompt: {config.system_prompt!r}; thinking: {config.thinking}")
    typer.echo(f'Scheme file: use = "onnx", model = "{path}"')

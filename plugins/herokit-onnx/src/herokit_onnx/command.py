"""`herokit export-rm`: a transformers reward model becomes a folder that `OnnxRewardModel` opens."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, cast

import typer

from herokit.errors import ConfigError
from herokit_onnx.checkpoint import Dtype
from herokit_onnx.config import ModelConfig
from herokit_onnx.exporting import export_reward_model
from herokit_onnx.quantizing import quantize_reward_model

MOST_SAMPLES = 512


class Precision(StrEnum):
    """What the weights of the body are written in."""

    FP32 = "fp32"
    FP16 = "fp16"
    BF16 = "bf16"
    INT8 = "int8"


def export_rm(  # noqa: PLR0913, PLR0917 - typer reads every parameter as one option
    checkpoint: Annotated[str, typer.Argument(help="A name on the hub or a folder.")],
    out: Annotated[Path, typer.Argument(help="The folder to write, made if need be.")],
    dtype: Annotated[
        Precision, typer.Option(help="fp32 or int8 for CPUs, fp16 or bf16 for GPUs; int8 wants --rollouts.")
    ] = Precision.FP32,
    system_prompt: Annotated[
        str | None, typer.Option(help="First message of the chat; by default what is known of the model, '' for none.")
    ] = None,
    template: Annotated[
        str | None, typer.Option(help="A text with {prompt} and {completion} in place of the chat template.")
    ] = None,
    step_token: Annotated[
        str | None,
        typer.Option(help="Of a process reward model; by default what is known of the model, '' for none."),
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option(min=2, help="Longer inputs lose tokens on the left; by default the model's positions.")
    ] = None,
    name: Annotated[str, typer.Option(help="Of the files.")] = "rm",
    revision: Annotated[str | None, typer.Option(help="A branch, tag or commit of the hub's repository.")] = None,
    rollouts: Annotated[
        Path | None, typer.Option(help="JSONL or Parquet like what will be scored: int8 must rank them as fp32 does.")
    ] = None,
    least_rank_correlation: Annotated[
        float, typer.Option(min=0, max=1, help="Below it the int8 model is deleted again.")
    ] = 0.99,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")] = False,  # noqa: FBT002 - typer's way of a flag
) -> None:
    """Write a transformers reward model as ONNX, so that scoring needs no torch.

    Checkpoints with one score a sample, on a linear or a known MLP head, and process reward models with one or two labels
    at a step token. Model, tokenizer, settings and parity probes go to one folder; the probes are asked here, and again
    whenever the model opens.
    """
    from herokit.files.reading import read_rollouts

    small = dtype is Precision.INT8
    if small and rollouts is None:
        raise ConfigError("--dtype int8 needs --rollouts FILE: a model that ranks them otherwise than fp32 is not kept")
    samples = read_rollouts(rollouts).samples[:MOST_SAMPLES] if small and rollouts else ()
    path = export_reward_model(
        checkpoint,
        out,
        system_prompt=system_prompt,
        template=template,
        step_token=step_token,
        max_tokens=max_tokens,
        name=name,
        dtype=cast("Dtype", "fp32" if small else dtype.value),
        revision=revision,
    )
    said = "bf16 cannot run on a CPU: its graph was checked in fp32" if dtype is Precision.BF16 else "its probes agree"
    if small:
        path = quantize_reward_model(path, samples, least_rank_correlation=least_rank_correlation)
        said = f"ranks {len(samples)} rollouts as fp32 does, to {least_rank_correlation} or better; fp32 lies beside it"
    size = sum(file.stat().st_size for file in (path, Path(f"{path}.data")) if file.exists())
    template = ModelConfig.beside(path).template
    if as_json:
        typer.echo(json.dumps({"model": str(path), "dtype": dtype.value, "bytes": size, "template": template}))
        return
    typer.echo(f"{path}: {dtype.value}, {size / 1e6:.1f} MB, {said}")
    typer.echo(f"Template: {template!r}")
    typer.echo(f'Scheme file: use = "onnx", model = "{path}"')

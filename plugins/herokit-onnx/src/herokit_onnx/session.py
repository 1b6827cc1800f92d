"""Open and run ONNX Runtime sessions; raise on anything that would score wrongly or on the wrong device."""

import logging
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np

from herokit.errors import SetupError
from herokit.reward_models.batching import MicroBatch, pad_right, plan_micro_batches
from herokit.reward_models.encoding import EncodedRows
from herokit.reward_models.inputs import InputView
from herokit.reward_models.process import Floats
from herokit.types import Sample
from herokit_onnx.config import ModelConfig
from herokit_onnx.encoding import Encoder, open_tokenizer

__all__ = ["CPU", "CUDA", "OnnxRunner", "choose_providers", "import_runtime", "open_runner"]

LOG = logging.getLogger(__name__)
CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
_PREFERRED = (CUDA, "ROCMExecutionProvider", "CoreMLExecutionProvider", CPU)
"""The order in which providers are chosen by default."""
_MAX_BATCH_TOKENS = {"cpu": 512, "gpu": 16384}
"""Padded tokens per batch; the CPU's was measured (docs/reference/reward-models.md), the GPU's was not."""


def import_runtime() -> Any:
    """Import onnxruntime, after checking that exactly one of its two distributions is installed.

    Raises:
        SetupError: both distributions are installed, or none; the message has the commands that help.
    """
    versions = {name: _version(name) for name in ("onnxruntime", "onnxruntime-gpu")}
    if all(versions.values()):
        raise SetupError(
            f"onnxruntime {versions['onnxruntime']} and onnxruntime-gpu {versions['onnxruntime-gpu']} are both installed and "
            "overwrite each other's files; run: pip uninstall -y onnxruntime onnxruntime-gpu, then one of: "
            'pip install "herokit-onnx[cpu]" or pip install "herokit-onnx[gpu]"'
        )
    try:
        import onnxruntime
        from onnxruntime import InferenceSession  # noqa: F401 - an empty folder imports too: pip leaves one behind
    except ImportError as error:
        raise SetupError(
            f'onnxruntime cannot be imported ({error}); run one of: pip install "herokit-onnx[cpu]" or '
            'pip install "herokit-onnx[gpu]" (add --force-reinstall when it is listed as installed)'
        ) from error
    return onnxruntime


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def choose_providers(requested: tuple[str, ...] | None, available: list[str]) -> list[str]:
    """Return the providers to open a session with, in order.

    Args:
        requested: by the user; None takes the best of `available`.
        available: in this build of ONNX Runtime.

    Raises:
        SetupError: a requested provider is not part of this build, or none is requested.

    Example:
        >>> choose_providers(None, ["AzureExecutionProvider", "CPUExecutionProvider"])
        ['CPUExecutionProvider']
    """
    if requested is None:
        return [name for name in _PREFERRED if name in available] or [CPU]
    missing = [name for name in requested if name not in available]
    if missing or not requested:
        raise SetupError(
            f"providers: requested {', '.join(missing) or 'none'}, but this onnxruntime has {', '.join(available)}; "
            'CUDA needs pip install "herokit-onnx[gpu]" in place of [cpu]'
        )
    return list(requested)


def _open_session(path: Path, providers: tuple[str, ...] | None, threads: int) -> Any:
    """Open a model file; see `open_runner`."""
    if not path.is_file():
        raise SetupError(f"{path}: no such model file; expected a .onnx file or 'embedded'")
    ort = import_runtime()
    chosen = choose_providers(providers, ort.get_available_providers())
    if CUDA in chosen:
        _load_cuda(ort)
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.inter_op_num_threads = 1
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = ort.InferenceSession(str(path), options, providers=chosen)
    except Exception as error:  # ONNX Runtime's exceptions share no base but Exception
        reason = " ".join(str(error).split())
        if "Could not find an implementation" in reason:
            raise SetupError(
                f"{path}: {chosen[0]} lacks an operator of this graph ({reason}); a bf16 model needs "
                f"{CUDA}, or export it again in fp32"
            ) from error
        raise SetupError(f"{path}: not a model that ONNX Runtime can open: {reason}") from error
    actual = session.get_providers()
    if providers is not None and actual[0] != chosen[0]:
        raise SetupError(
            f"{path}: requested {chosen[0]}, got {actual[0]}; check the driver and the CUDA libraries, "
            f"or set providers=({CPU!r},)"
        )
    return session


def _load_cuda(ort: Any) -> None:
    """Let ONNX Runtime load the CUDA libraries that pip installed; what it prints about missing ones goes to the log."""
    if hasattr(ort, "preload_dlls"):
        output = StringIO()
        with redirect_stdout(output):
            ort.preload_dlls()
        for line in filter(None, output.getvalue().splitlines()):
            LOG.info("onnxruntime: %s", line)


def session_device(session: Any) -> tuple[str, int]:
    """Return the device on which a session takes arrays: ``("cuda", number)`` or ``("cpu", 0)``."""
    provider = session.get_providers()[0]
    if provider != CUDA:
        return "cpu", 0
    return "cuda", int(session.get_provider_options()[provider].get("device_id", 0))


def _check_inputs(session: Any, path: Path) -> bool:
    """Return whether the model takes an attention mask; raise if its inputs are not those of `OnnxRewardModel`."""
    inputs = {node.name: node for node in session.get_inputs()}
    declared = ", ".join(f"{node.name} {node.type} {node.shape}" for node in inputs.values()) or "no input"
    fits = all(node.type == "tensor(int64)" and len(node.shape) == 2 for node in inputs.values())  # noqa: PLR2004 - (B, S)
    if "input_ids" not in inputs or not set(inputs) <= {"input_ids", "attention_mask"} or not fits:
        raise SetupError(
            f"{path}: found inputs {declared}; expected input_ids [, attention_mask], int64 of shape (B, S)"
        )
    return "attention_mask" in inputs


def _check_output(session: Any, path: Path, requested: str | None) -> tuple[str, int]:
    """Return the name of the output to read, and how many numbers it has per row or token; raise if its shape fits neither."""
    outputs = {node.name: node for node in session.get_outputs()}
    name = requested or next(iter(outputs))
    if name not in outputs:
        raise SetupError(f"{path}: no output {name!r}; found {', '.join(outputs)}")
    shape = outputs[name].shape
    last = shape[-1] if len(shape) > 1 else None
    if len(shape) > 3 or (len(shape) == 3 and not isinstance(last, int)):  # noqa: PLR2004 - (B, S, L)
        raise SetupError(
            f"{path}: output {name!r} has shape {shape}; expected (B,), (B, L), or per token (B, S) or (B, S, L), with L a number"
        )
    return name, last if isinstance(last, int) else 1


def _check_label_names(config: ModelConfig, num_labels: int, path: Path) -> None:
    """Check that the settings name as many outputs as the graph has."""
    if config.labels is not None and len(config.labels) != num_labels:
        raise SetupError(
            f"{path.with_suffix('.json')}: labels names {len(config.labels)} outputs, but the graph gives {num_labels} numbers"
        )


@dataclass(frozen=True, slots=True)
class OnnxRunner:
    """An open session and the encoder of its inputs.

    Attributes:
        session: of ONNX Runtime.
        encoder: samples to token ids.
        output: the name of the output to read.
        num_labels: numbers that it has per row or token.
        has_mask: whether the model takes an attention mask.
        path: the .onnx file, for messages.
        provider: the provider that runs it.
        device: (``"cuda"`` or ``"cpu"``, number) to bind inputs and output to; None passes arrays to `run`.
    """

    session: Any
    encoder: Encoder
    output: str
    num_labels: int
    has_mask: bool
    path: Path
    provider: str
    device: tuple[str, int] | None = None

    @property
    def view(self) -> InputView:
        """What the model is shown of a sample."""
        return self.encoder.view

    @property
    def stepwise(self) -> bool:
        """Whether it is a process reward model."""
        return self.encoder.config.step_token is not None

    @property
    def label_names(self) -> Sequence[str] | None:
        """The names of the model's outputs, in order; None if its settings name none."""
        return self.encoder.config.labels

    @property
    def max_batch_tokens(self) -> int:
        """Padded tokens per batch by default."""
        return _MAX_BATCH_TOKENS["cpu" if self.provider == CPU else "gpu"]

    def encode(self, samples: Sequence[Sample]) -> EncodedRows:
        """Return the token ids of N samples."""
        return self.encoder.encode(samples)

    def plan(self, rows: EncodedRows, pending: Sequence[int], max_batch_tokens: int) -> list[MicroBatch]:
        """Cut rows of similar length into micro-batches."""
        return plan_micro_batches(rows.ids, pending, max_batch_tokens)

    def run(self, rows: EncodedRows, batch: MicroBatch) -> list[Floats]:
        """Score one micro-batch: (P, L) logits per row."""
        ids, mask = pad_right([rows.ids[i] for i in batch.rows])
        inputs = {"input_ids": ids, "attention_mask": mask} if self.has_mask else {"input_ids": ids}
        raw = np.asarray(self._run_session(inputs), dtype=np.float64)
        labels = self.num_labels
        if not self.stepwise and raw.shape in ((len(ids), labels), (len(ids),) * (labels == 1)):
            return list(raw.reshape(-1, 1, labels))
        if raw.shape[:2] != ids.shape or raw.size != ids.size * labels:
            shapes = "" if self.stepwise else "(B,), (B, L) or "
            raise SetupError(
                f"{self.path}: output {self.output!r} has shape {raw.shape} for {len(ids)} inputs of {ids.shape[1]} "
                f"tokens; expected {shapes}a score per token, (B, S) or (B, S, L)"
            )
        tokens = raw.reshape(*ids.shape, labels)
        return [logits[rows.positions[i]] for logits, i in zip(tokens, batch.rows, strict=True)]

    def release(self) -> None:
        """Do nothing: ONNX Runtime frees the memory of a failed run itself."""

    def _run_session(self, inputs: dict[str, Any]) -> Any:
        if self.device is None:
            return self.session.run([self.output], inputs)[0]
        from onnxruntime import OrtValue

        binding = self.session.io_binding()
        for name, array in inputs.items():
            binding.bind_ortvalue_input(name, OrtValue.ortvalue_from_numpy(array, *self.device))
        binding.bind_output(self.output, *self.device)
        self.session.run_with_iobinding(binding)
        return binding.copy_outputs_to_cpu()[0]


def open_runner(
    path: Path,
    config: ModelConfig | None = None,
    *,
    tokenizer: Path | None = None,
    providers: tuple[str, ...] | None = (CPU,),
    threads: int = 0,
    io_binding: bool | None = None,
    graph: Path | None = None,
) -> OnnxRunner:
    """Open a model with the files next to it.

    Args:
        path: the .onnx file.
        config: replaces that of ``<model>.json``.
        tokenizer: replaces ``tokenizer.json``.
        providers: see `choose_providers`.
        threads: threads inside one operator, 0 lets ONNX Runtime decide.
        io_binding: bind inputs and output to the provider's device; None does so with CUDA only.
        graph: a .onnx file that runs in place of `path`.

    Raises:
        SetupError: no such file, not a model, inputs or output of another form, or the first requested provider is not
            the one that runs (ONNX Runtime itself falls back to the CPU without an error).
    """
    session = _open_session(graph or path, providers, threads)
    config = ModelConfig.load(path) if config is None else config
    has_mask = _check_inputs(session, path)
    output, num_labels = _check_output(session, path, config.output)
    _check_label_names(config, num_labels, path)
    encoder = Encoder(open_tokenizer(tokenizer or path.parent / "tokenizer.json"), config)
    provider = session.get_providers()[0]
    bind = provider == CUDA if io_binding is None else io_binding
    device = session_device(session) if bind else None
    return OnnxRunner(session, encoder, output, num_labels, has_mask, path, provider, device)

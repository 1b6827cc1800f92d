"""Open and run ONNX Runtime sessions; raise on anything that would score wrongly or on the wrong device."""

import logging
import sys
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
from herokit.reward_models.packing import build_trees
from herokit.reward_models.process import Floats
from herokit.types import Sample
from herokit_onnx.config import ModelConfig
from herokit_onnx.encoding import Encoder, open_tokenizer

__all__ = ["CPU", "CUDA", "OnnxRunner", "SharedBatch", "choose_providers", "import_runtime", "open_runner"]

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
    if path.is_dir():
        raise SetupError(
            f"{path}: is a folder; expected a .onnx file, which herokit export-rm {path} FOLDER writes of a checkpoint"
        )
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


def _check_inputs(session: Any, path: Path) -> tuple[bool, tuple[int, int] | None]:
    """Return whether the model takes an attention mask, and layers and width of its past; raise if its inputs are others."""
    inputs = {node.name: node for node in session.get_inputs()}
    declared = ", ".join(f"{node.name} {node.type} {node.shape}" for node in inputs.values()) or "no input"
    past = inputs.pop("past", None)
    past_shape = _check_past(session, past, path)
    fits = all(node.type == "tensor(int64)" and len(node.shape) == 2 for node in inputs.values())  # noqa: PLR2004 - (B, S)
    if "input_ids" not in inputs or not set(inputs) <= {"input_ids", "attention_mask"} or not fits:
        raise SetupError(
            f"{path}: found inputs {declared}; expected input_ids [, attention_mask], int64 of shape (B, S) [, past]"
        )
    return "attention_mask" in inputs, past_shape


def _check_past(session: Any, past: Any, path: Path) -> tuple[int, int] | None:
    """Return layers and width of keys and values that a graph takes; None if it takes none."""
    if past is None:
        return None
    layers, _, width = past.shape if len(past.shape) == 3 else (None,) * 3  # noqa: PLR2004 - (layers, P, width)
    has_present = any(node.name == "present" for node in session.get_outputs())
    if past.type != "tensor(float)" or not isinstance(layers, int) or not isinstance(width, int) or not has_present:
        raise SetupError(
            f"{path}: input past is {past.type} {past.shape}; expected float of shape (number, P, number), and an output present"
        )
    return layers, width


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
class SharedBatch(MicroBatch):
    """Rows whose first `prefix` tokens are the same and run once; the rest of them runs in parts."""

    prefix: int
    parts: tuple[MicroBatch, ...]


def _plan_tree(rows: EncodedRows, members: list[int], prefix: int, max_batch_tokens: int) -> SharedBatch:
    """Cut what is behind a common prefix into micro-batches.

    They are half as large as others: few rows of different lengths would be padded by 8 % at the full size.
    """
    rest = [ids[prefix:] for ids in rows.ids]
    parts = tuple(plan_micro_batches(rest, members, max(1, max_batch_tokens // 2)))
    return SharedBatch(tuple(members), prefix + sum(part.tokens for part in parts), prefix, parts)


@dataclass(frozen=True, slots=True)
class OnnxRunner:
    """An open session and the encoder of its inputs.

    Attributes:
        session: of ONNX Runtime.
        encoder: samples to token ids.
        output: the name of the output to read.
        num_labels: numbers that it has per row or token.
        has_mask: whether the model takes an attention mask.
        past_shape: layers and width of the keys and values that it takes; None if it cannot share a prefix.
        path: the .onnx file, for messages.
        provider: the provider that runs it.
        min_sharing_gain: see `herokit.reward_models.packing.build_trees`.
        device: (``"cuda"`` or ``"cpu"``, number) to bind inputs and output to; None passes arrays to `run`.
    """

    session: Any
    encoder: Encoder
    output: str
    num_labels: int
    has_mask: bool
    past_shape: tuple[int, int] | None
    path: Path
    provider: str
    device: tuple[str, int] | None = None
    min_sharing_gain: float = 1.25

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
        """Cut rows of similar length into micro-batches; rows that share a prefix are a micro-batch of their own."""
        if self.past_shape is None:
            return plan_micro_batches(rows.ids, pending, max_batch_tokens)
        trees = build_trees(
            [rows.ids[i] for i in pending],
            [rows.prefix_keys[i] for i in pending],
            min_sharing_gain=self.min_sharing_gain,
            max_batch_tokens=sys.maxsize,  # what is behind a prefix runs in parts
        )
        alone = [pending[i] for tree in trees if not tree.prefix for i in tree.rows]
        shared = [
            _plan_tree(rows, [pending[i] for i in tree.rows], tree.prefix, max_batch_tokens)
            for tree in trees
            if tree.prefix
        ]
        return [*plan_micro_batches(rows.ids, alone, max_batch_tokens), *shared]

    def run(self, rows: EncodedRows, batch: MicroBatch) -> list[Floats]:
        """Score one micro-batch: (P, L) logits per row."""
        prefix = batch.prefix if isinstance(batch, SharedBatch) else 0
        parts = batch.parts if isinstance(batch, SharedBatch) else (batch,)
        before, past = np.empty((0, self.num_labels)), None
        if prefix:
            logits, present = self._score([rows.ids[batch.rows[0]][:prefix]])
            before, past = logits[0], present[:, 0]
        results: dict[int, Floats] = {}
        for part in parts:
            logits, _ = self._score([rows.ids[i][prefix:] for i in part.rows], past)
            for row, own in zip(part.rows, logits, strict=True):
                results[row] = own if own.ndim == 1 else np.concatenate([before, own])[rows.positions[row]]
        return [results[i].reshape(-1, self.num_labels) for i in batch.rows]

    def _score(self, token_ids: Sequence[Sequence[int]], past: Any = None) -> tuple[Floats, Any]:
        """Return logits of rows, (B, L), or of their tokens, (B, S, L); and the keys and values of the tokens."""
        ids, mask = pad_right(token_ids)
        inputs: dict[str, Any] = {"input_ids": ids, "attention_mask": mask} if self.has_mask else {"input_ids": ids}
        outputs = [self.output]
        if self.past_shape is not None:
            layers, width = self.past_shape
            inputs["past"] = np.empty((layers, 0, width), np.float32) if past is None else past
            outputs.append("present")
        raw, *present = self._run_session(inputs, outputs)
        return self._check_shape(np.asarray(raw, np.float64), ids), next(iter(present), None)

    def _check_shape(self, raw: Floats, ids: Any) -> Floats:
        labels = self.num_labels
        is_flat = labels == 1 and raw.shape == (len(ids),)
        if not self.stepwise and (is_flat or raw.shape == (len(ids), labels)):
            return raw.reshape(-1, labels)
        if raw.shape[:2] != ids.shape or raw.size != ids.size * labels:
            shapes = "" if self.stepwise else "(B,), (B, L) or "
            raise SetupError(
                f"{self.path}: output {self.output!r} has shape {raw.shape} for {len(ids)} inputs of {ids.shape[1]} "
                f"tokens; expected {shapes}a score per token, (B, S) or (B, S, L)"
            )
        return raw.reshape(*ids.shape, labels)

    def release(self) -> None:
        """Do nothing: ONNX Runtime frees the memory of a failed run itself."""

    def _run_session(self, inputs: dict[str, Any], outputs: list[str]) -> Any:
        if self.device is None:
            return self.session.run(outputs, inputs)
        from onnxruntime import OrtValue

        binding = self.session.io_binding()
        for name, array in inputs.items():
            contiguous = np.ascontiguousarray(array)
            binding.bind_ortvalue_input(name, OrtValue.ortvalue_from_numpy(contiguous, *self.device))
        for name in outputs:
            binding.bind_output(name, *self.device)
        self.session.run_with_iobinding(binding)
        return binding.copy_outputs_to_cpu()


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
    has_mask, past_shape = _check_inputs(session, path)
    output, num_labels = _check_output(session, path, config.output)
    _check_label_names(config, num_labels, path)
    encoder = Encoder(open_tokenizer(tokenizer or path.parent / "tokenizer.json"), config)
    provider = session.get_providers()[0]
    bind = provider == CUDA if io_binding is None else io_binding
    device = session_device(session) if bind else None
    return OnnxRunner(session, encoder, output, num_labels, has_mask, past_shape, path, provider, device)

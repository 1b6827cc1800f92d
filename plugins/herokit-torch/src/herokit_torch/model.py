"""`TorchRewardModel`: settings, and a transformers model that opens on first use."""

import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from herokit.errors import ConfigError, SetupError, install_command
from herokit.reward_models.batching import MicroBatch
from herokit.reward_models.checkpoints import (
    checkpoint_errors,
    load_model,
    load_tokenizer,
    resolve_max_length,
    trailing_pad,
)
from herokit.reward_models.control_tokens import compile_tokens, writes_tokens
from herokit.reward_models.encoding import EncodedRows
from herokit.reward_models.families import ModelProfile, find_profile
from herokit.reward_models.inputs import InputView, UnscorableError
from herokit.reward_models.labels import label_names
from herokit.reward_models.local import LocalRewardModel
from herokit.reward_models.process import Floats
from herokit.types import Sample
from herokit_torch.encoding import Encoder

if TYPE_CHECKING:  # loads torch
    from herokit_torch.forward import Forward
    from herokit_torch.sharing import SharedModel

__all__ = ["TorchRewardModel", "TorchRunner", "check_imports", "default_device", "max_batch_tokens"]

MAX_BATCH_TOKENS = {"cpu": 1024, "gpu": 32768}
"""Tokens per batch by default; on a CPU the activations of more do not stay in the cache."""


def check_imports() -> None:
    """Check that torch and transformers are installed.

    Raises:
        SetupError: one is not; the message says the command that installs both.
    """
    try:
        import torch  # noqa: F401 - for the message
        import transformers  # noqa: F401
    except ImportError as error:
        raise SetupError(
            f"transformers cannot be imported ({error}); run: {install_command('herokit[torch]')}"
        ) from error


def default_device() -> str:
    """Return the device of a model whose settings name none: a GPU if there is one."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def max_batch_tokens(model: Any) -> int:
    """Return the tokens per batch by default for the device of a model."""
    return MAX_BATCH_TOKENS["cpu" if model.device.type == "cpu" else "gpu"]


@dataclass(slots=True)
class TorchRunner:
    """An open model; one thread runs it at a time."""

    encoder: Encoder
    forward: "Forward"
    max_batch_tokens: int
    label_names: Sequence[str] | None = None
    _lock: Any = field(default_factory=threading.RLock)

    @property
    def view(self) -> InputView:
        """What the model is shown of a sample."""
        return self.encoder.view

    @property
    def stepwise(self) -> bool:
        """Whether it is a process reward model."""
        return self.encoder.view.step_token is not None

    def encode(self, samples: Sequence[Sample]) -> EncodedRows:
        """Return the token ids of N samples."""
        with self._lock:
            return self.encoder.encode(samples)

    def plan(self, rows: EncodedRows, pending: Sequence[int], max_batch_tokens: int) -> Sequence[MicroBatch]:
        """Cut unique rows into micro-batches."""
        return self.forward.plan(rows, pending, max_batch_tokens)

    def run(self, rows: EncodedRows, batch: Any) -> list[Floats]:
        """Run one micro-batch."""
        with self._lock:
            return self.forward.run(rows, batch)

    def turn(self) -> AbstractContextManager[None]:
        """Hold a model that other sources read, too, while a batch is scored."""
        from herokit_torch.sharing import Reader

        return self.forward.turn() if isinstance(self.forward, Reader) else nullcontext()

    def release(self) -> None:
        """Give cached GPU memory back."""
        import torch

        if torch.cuda.is_available():
            torch.cuda.empty_cache()


@dataclass(frozen=True)
class TorchRewardModel(LocalRewardModel[TorchRunner]):
    r"""Score completions with a transformers reward model: raw fp32 logits as float64, one per sample, in order.

    ``score = head(h)``, h the body's hidden state at the last real token; the head runs in fp32 in any dtype of the body.
    A process reward model gives one probability per step at its step tokens, joined by `aggregate`. Causal decoders run
    packed, without padding, and the rollouts of one prompt run its tokens once; other models run in padded batches of
    similar length. Equal inputs run once. In fp32 neither order nor batch changes a score by more than rounding.

    Attributes:
        model: a name on the hub or a folder: a reward model, an adapter of PEFT on one, which is merged, or a language model
            with the value head of TRL.
        revision: a branch, tag or commit of the hub's repository.
        dtype: of the body: ``"auto"`` (the checkpoint's), ``"float32"``, ``"bfloat16"``, ``"float16"``.
        device: e.g. ``"cuda:1"``; None takes a GPU if there is one.
        device_map: how transformers spreads the model over devices, e.g. ``"auto"``; needs accelerate; excludes `device`.
        attn_implementation: transformers' attention implementation, for models that are not packed.
        trust_remote_code: run the code that the checkpoint's repository brings, with its own forward, row by row. Only for
            repositories you have read; without it such a checkpoint is refused.
        system_prompt: of conversations without a system message; None takes that of the model's family
            (`herokit.reward_models.families`), ``""`` means none.
        step_token: makes it a process reward model; None takes that of the model's family, ``""`` means an outcome
            reward model.
        min_sharing_gain: prefixes are shared where tokens without sharing / tokens with it reach this; 0 always, inf never.
        compile: compile the layers with `torch.compile`; opening then takes half a minute or more, for 4 % on a CPU.
        max_batch_tokens: tokens per batch; None takes 1024 on a CPU, 32768 on a GPU. Halved when memory runs out.
        max_length: longer inputs are truncated on the left, which the row's reason says; None takes the model's positions.
        template: a text with ``{prompt}`` and ``{completion}`` that replaces the tokenizer's chat template; the completion is
            then the final text.
        thinking: what the model is shown of the policy's thinking: ``drop`` (nothing) or ``keep``; None takes that of the
            model's family.
        ignore_images: score samples with images by their text alone; otherwise their rows fail.
        control_tokens: control tokens in the texts of a sample, such as ``<|im_end|>``: ``escape`` breaks them up, so that no
            text opens a turn; ``keep`` leaves them to the tokenizer.
        label: the output that is the score where the head has several: its name in the config, its number, or weights by name.
        head: a safetensors file, or the folder of a checkpoint, whose linear or MLP head is read in place of the model's own.
            Sources that differ only in `head`, or only in `label`, open the model once and run each batch once
            (`herokit_torch.sharing`).
        step_separator: the text between two steps of a completion.
        aggregate: how step scores become one score: ``min``, ``prod``, ``last`` or ``mean``.
        progress_callback: called with (unique rows done, unique rows in all) after every batch; see also
            `herokit.reward_models.progress.track_progress`.

    Raises:
        ConfigError: a setting outside its range.
        SetupError: at the first score, if checkpoint, tokenizer or settings do not fit; the message names the model.

    Example:
        >>> rm = TorchRewardModel("nvidia/AceMath-7B-RM", dtype="bfloat16")  # nothing is opened yet
        >>> rm.report()
        'torch: nvidia/AceMath-7B-RM'
    """

    model: str
    revision: str | None = None
    dtype: str = "auto"
    device: str | None = None
    device_map: str | None = None
    attn_implementation: str = "sdpa"
    trust_remote_code: bool = False
    system_prompt: str | None = None
    step_token: str | None = None
    min_sharing_gain: float = 1.25
    compile: bool = False
    head: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_at_least("min_sharing_gain", 0)
        if self.device is not None and self.device_map is not None:
            raise ConfigError(
                f"TorchRewardModel: device = {self.device!r} and device_map = {self.device_map!r}; set only one"
            )

    @property
    def required_modules(self) -> dict[str, str]:
        """What opening the model imports."""
        modules = dict.fromkeys(("torch", "transformers"), "herokit[torch]")
        return modules if self.device_map is None else {**modules, "accelerate": "accelerate"}

    def _describe(self) -> str:
        runner = self._resource.value
        return f"torch: {self.model} ({runner.forward.name})" if runner else f"torch: {self.model}"

    def _open(self) -> TorchRunner:
        check_imports()
        from herokit_torch.heads import load_head
        from herokit_torch.sharing import Reader, open_shared

        is_shared = self.head is not None or self.label is not None
        shared = open_shared(self._sharing_key(), self.model, self._open_model) if is_shared else self._open_model()
        model, profile = shared.model, find_profile(self.model)
        end_id = getattr(model.config, profile.end_token_attribute) if profile.end_token_attribute else None
        encoder = Encoder(
            shared.tokenizer,
            self._view(profile, shared.tokenizer),
            self.template,
            resolve_max_length(self.max_length, model.config, self.model, 32768),
            end_id,
            trailing_pad(model, self.model),
        )
        head = None if self.head is None else load_head(self.head, model, self.model)
        forward = Reader(shared, head) if is_shared else shared.forward
        names = label_names(model.config) if head is None else None
        return TorchRunner(encoder, forward, max_batch_tokens(model), names, shared.lock)

    def _logits(
        self, runner: TorchRunner, samples: Sequence[Sample]
    ) -> tuple[list[Floats | UnscorableError | None], EncodedRows]:
        with runner.turn():
            return super()._logits(runner, samples)

    def _sharing_key(self) -> tuple[object, ...]:
        """Return the settings that change what the model gives before a head of another checkpoint is applied."""
        names = ("revision", "dtype", "device", "device_map", "attn_implementation", "trust_remote_code")
        settings = tuple(getattr(self, name) for name in (*names, "min_sharing_gain", "compile"))
        return (self.head is None, *settings)

    def _open_model(self) -> "SharedModel":
        from herokit_torch.forward import choose_forward, compile_layers
        from herokit_torch.heads import HiddenStates, find_value_head
        from herokit_torch.linear import use_onednn
        from herokit_torch.sharing import SharedModel

        profile = find_profile(self.model)
        repository: dict[str, Any] = {"revision": self.revision, "trust_remote_code": self.trust_remote_code}
        tokenizer = load_tokenizer(self.model, **repository)
        head = HiddenStates() if self.head is not None else find_value_head(self.model)
        model = load_model(
            self.model,
            profile,
            **repository,
            dtype=self.dtype,
            attn_implementation=self.attn_implementation,
            device_map=self.device_map,
            has_value_head=head is not None,
        )
        with checkpoint_errors(self.model):
            if self.device_map is None:
                model.to(self.device or default_device())
            if not self.compile:
                use_onednn(model)
            forward = choose_forward(model, profile, min_sharing_gain=self.min_sharing_gain, head=head)
        if self.compile:
            compile_layers(forward, self.model)
        return SharedModel(forward, model, tokenizer)

    def _view(self, profile: ModelProfile, tokenizer: Any) -> InputView:
        """Return what the model is shown of a sample: settings that are None are those of its family."""
        template = self.template or str(tokenizer.chat_template or "")
        added = tokenizer.added_tokens_decoder.values()
        return InputView(
            thinking=self.thinking or profile.thinking,
            ignore_images=self.ignore_images,
            system_prompt=profile.system_prompt if self.system_prompt is None else self.system_prompt,
            step_token=(profile.step_token if self.step_token is None else self.step_token) or None,
            separator=self.step_separator,
            control=compile_tokens(added, template) if self.control_tokens == "escape" else None,
            keep_templated=bool(self.template) and not writes_tokens(template),
        )

"""`OnnxRewardModel`: settings, and a session that opens on first use."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import ClassVar

from herokit.reward_models.local import LocalRewardModel
from herokit_onnx.config import ModelConfig
from herokit_onnx.parity import check_probes
from herokit_onnx.session import OnnxRunner, open_runner

__all__ = ["OnnxRewardModel"]

_EMBEDDED = Path(__file__).parent / "embedded" / "model.onnx"


@dataclass(frozen=True)
class OnnxRewardModel(LocalRewardModel[OnnxRunner]):
    r"""Score completions with an ONNX model: raw logits as float64, one per sample, in order.

    The model takes ``input_ids`` [, ``attention_mask``], int64 (B, S), right padded, and returns (B,) or (B, L) scores for L
    labels, or one or L per token, (B, S) or (B, S, L). ``<model>.json`` next to it describes its input
    (`herokit_onnx.config.ModelConfig`). A process reward model, whose settings name a step token, gives one probability per
    step, joined by `aggregate`. Equal inputs run once, and so does the prompt of several rollouts if the graph takes a
    ``past``; batches are sorted by length; order, batch and padding change a score only by the rounding of the model's
    precision.

    Attributes:
        model: ``"embedded"`` (a small demonstration model, see its card) or the path of a .onnx file.
        tokenizer: path of a `tokenizers` JSON; None takes ``tokenizer.json`` next to the model.
        providers: ONNX Runtime providers in order; None takes the best available. The first must be the one that runs.
        threads: threads inside one operator; 0 lets ONNX Runtime decide.
        io_binding: bind inputs and output to the provider's device; None does so with CUDA only.
        min_sharing_gain: prompts are run once for their rollouts where tokens without sharing / tokens with it reach this; 0
            always, inf never. Needs a graph with an input ``past``, which exports in fp32 have where their attention is fused.
        max_batch_tokens: padded tokens per batch; None takes 512 on a CPU, 16384 elsewhere. Halved when memory runs out.
        max_length: overrides the config's; longer inputs are truncated on the left, which the row's reason says.
        template: overrides the config's, and its chat template.
        thinking: what the model is shown of the policy's thinking: ``drop`` (nothing) or ``keep``; None takes the config's.
        ignore_images: score samples with images by their text alone; otherwise their rows fail.
        control_tokens: control tokens in the texts of a sample, such as ``<|im_end|>``: ``escape`` breaks them up, so that no
            text opens a turn; ``keep`` leaves them to the tokenizer.
        label: the output that is the score where the head has several: its name in the config, its number, or weights by name.
        step_separator: the text between two steps of a completion, for a process reward model.
        aggregate: how step scores become one score: ``min``, ``prod``, ``last`` or ``mean``.
        progress_callback: called with (unique rows done, unique rows in all) after every batch; see also
            `herokit.reward_models.progress.track_progress`.

    Raises:
        ConfigError: a setting outside its range.
        SetupError: at the first score, if files, runtime or provider do not fit; the message names file and fix.

    Example:
        >>> from herokit.types import Sample
        >>> prompt = "Tom has 3 bags with 4 pens each. How many pens does he have?"
        >>> with OnnxRewardModel() as rm:
        ...     correct, incorrect = rm.score([Sample(prompt, f"3 * 4 = {n}", group="q") for n in (12, 15)]).values
        >>> bool(correct > incorrect)
        True
        >>> OnnxRewardModel().report()
        'onnx: embedded on CPUExecutionProvider'
    """

    model: str = "embedded"
    tokenizer: str | None = None
    providers: tuple[str, ...] | None = None
    threads: int = 0
    io_binding: bool | None = None
    min_sharing_gain: float = 1.25
    required_modules: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("onnxruntime", "tokenizers", "jinja2"), "herokit[onnx]"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_at_least("threads", 0)
        self._check_at_least("min_sharing_gain", 0)
        if self.providers is not None:  # a scheme file gives a list
            object.__setattr__(self, "providers", tuple(self.providers))

    @property
    def provider(self) -> str:
        """The provider that runs the model; opens the session.

        Example:
            >>> OnnxRewardModel(providers=("CPUExecutionProvider",)).provider
            'CPUExecutionProvider'
        """
        return self._runner().provider

    def _describe(self) -> str:
        return f"onnx: {self.model} on {self.provider}"

    def _open(self) -> OnnxRunner:
        path = _EMBEDDED if self.model == "embedded" else Path(self.model)
        config = ModelConfig.load(path)
        if self.template is not None:
            settings = {**asdict(config), "template": self.template, "annotation": "none", "chat_template": None}
            config = ModelConfig.from_dict(settings, type(self).__name__)
        if self.max_length is not None:
            config = replace(config, max_length=self.max_length)
        if self.thinking is not None:
            config = replace(config, thinking=self.thinking)
        runner = open_runner(
            path,
            config,
            tokenizer=Path(self.tokenizer) if self.tokenizer else None,
            providers=self.providers,
            threads=self.threads,
            io_binding=self.io_binding,
        )
        if self.template is None and self.max_length is None and self.tokenizer is None:
            check_probes(path, runner)
        encoder = replace(
            runner.encoder,
            separator=self.step_separator,
            ignore_images=self.ignore_images,
            control_tokens=self.control_tokens,
        )
        return replace(runner, encoder=encoder, min_sharing_gain=self.min_sharing_gain)

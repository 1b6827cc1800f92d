"""Rewards read off a causal language model: the log-odds of two answers to a question, the likelihood of a reference."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypeAlias, get_args

import numpy as np

from herokit.errors import ConfigError, SetupError
from herokit.reward_models.checkpoints import checkpoint_errors, load_language_model, load_tokenizer, resolve_max_length
from herokit.reward_models.control_tokens import compile_tokens
from herokit.reward_models.encoding import EncodedRows, encode_rows, fill_template, tokenize_rows
from herokit.reward_models.families import DEFAULT_PROFILE
from herokit.reward_models.inputs import InputView, Thinking, UnscorableError
from herokit.reward_models.labels import Label
from herokit.reward_models.local import LocalRewardModel
from herokit.reward_models.process import Aggregate, Floats
from herokit.types import Sample
from herokit_torch.encoding import Encoder
from herokit_torch.model import TorchRunner, check_imports, default_device, max_batch_tokens

__all__ = ["QuestionEncoder", "TorchJudge", "TorchLikelihood", "reference_text"]

QUESTION = "{prompt}\n\nA solution:\n\n{completion}\n\nIs the solution correct? Answer with one word, Yes or No."
"""The question that `TorchJudge` asks by default."""

LikelihoodReward: TypeAlias = Literal["log-likelihood", "likelihood", "mean-probability"]
"""What `TorchLikelihood` makes of the probabilities of the reference's tokens."""


@dataclass(frozen=True, slots=True)
class QuestionEncoder(Encoder):
    """Writes a question as a turn of the user, up to where the model answers."""

    def text(self, sample: Sample) -> str:
        """Return the text of one input."""
        return self._write([{"role": "user", "content": self.question(sample)}], add_generation_prompt=True)

    def question(self, sample: Sample) -> str:
        """Return the question."""
        return fill_template(self.template or QUESTION, *self.view.texts(sample))

    @property
    def has_chat(self) -> bool:
        """Whether the tokenizer has a chat template."""
        return bool(self.tokenizer.chat_template)

    def _write(self, messages: list[Any], *, add_generation_prompt: bool) -> str:
        """Return a conversation in the model's chat template; without one, its texts joined by blank lines."""
        if not self.has_chat:
            return "\n\n".join(str(message["content"]) for message in messages)
        if self.view.system_prompt:
            messages = [{"role": "system", "content": self.view.system_prompt}, *messages]
        return self._apply_chat_template(messages, add_generation_prompt=add_generation_prompt)


@dataclass(frozen=True, slots=True)
class _ReferenceEncoder(QuestionEncoder):
    """Writes prompt, reasoning and reference; the positions that are read are those before the reference's tokens."""

    answer_start: str = ""
    answer_end: str = ""

    def text(self, sample: Sample) -> str:
        """Return the text of one input."""
        reasoning, opening, _ = self.view.escape(sample.completion_text).rpartition(self.answer_start)
        if not opening:
            reasoning = f"{self.view.escape(sample.completion_text).rstrip()}\n\n"
        written = f"{reasoning}{self.answer_start}{reference_text(sample)}{self.answer_end}"
        prompt: Any = [{"role": "user", "content": sample.prompt}] if isinstance(sample.prompt, str) else sample.prompt
        messages = [*self.view.show(prompt), {"role": "assistant", "content": written}]
        return self._write(messages, add_generation_prompt=False)

    def encode(self, samples: Sequence[Sample]) -> EncodedRows:
        """Return the ids of N samples."""
        spans: list[range] = []

        def tokenize(texts: list[str]) -> list[list[int]]:
            encoded = self.tokenizer(
                texts, add_special_tokens=not self.has_chat, verbose=False, return_offsets_mapping=True
            )
            for text, offsets in zip(texts, encoded["offset_mapping"], strict=True):
                spans.append(self._from_end(text, offsets))
            ids: list[list[int]] = encoded["input_ids"]
            return ids

        token_ids = tokenize_rows(samples, self.text, tokenize)
        rows = encode_rows(samples, token_ids, max_length=self.max_length, first_ids=self._first_ids)
        scored = iter(spans)
        for row in range(len(samples)):
            if row in rows.problems:
                continue
            positions = [len(rows.ids[row]) - back - 1 for back in next(scored)]
            rows.positions[row] = positions
            if not positions or positions[0] < 0:
                rows.problems[row] = UnscorableError(
                    "the reference is not in the input: the template or truncation drops it"
                )
        return rows

    def _from_end(self, text: str, offsets: Sequence[tuple[int, int]]) -> range:
        """Return how many tokens from the end of the input each token of the reference is, the first one first."""
        end = text.rfind(self.answer_end) if self.answer_end else len(text)
        start = text.rfind(self.answer_start, 0, end) + len(self.answer_start)
        inside = [k for k, (low, high) in enumerate(offsets) if low < end and high > start and high > low]
        return range(len(offsets) - inside[0], len(offsets) - inside[-1] - 1, -1) if inside else range(0)


def reference_text(sample: Sample) -> str:
    """Return the reference as it is written.

    Raises:
        UnscorableError: there is none, or it is no single text or number.
    """
    reference = sample.reference
    if isinstance(reference, list | tuple) and len(reference) == 1:
        reference = reference[0]
    if isinstance(reference, bool) or not isinstance(reference, str | int | float) or not str(reference).strip():
        raise UnscorableError(f"the reference is {reference!r:.60}; expected a text or a number")
    return str(reference).strip()


@dataclass(frozen=True, kw_only=True)
class _LanguageModel(LocalRewardModel[TorchRunner]):
    """What both have: a causal language model that runs packed; it has no head with labels and no steps."""

    revision: str | None = None
    dtype: str = "auto"
    device: str | None = None
    system_prompt: str = ""
    min_sharing_gain: float = 1.25
    label: Label = field(default=None, init=False, repr=False)
    step_separator: str = field(default="\n\n", init=False, repr=False)
    aggregate: Aggregate = field(default="min", init=False, repr=False)
    _default_thinking: ClassVar[Thinking] = "drop"
    required_modules: ClassVar[Mapping[str, str]] = dict.fromkeys(("torch", "transformers"), "herokit[torch]")

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_at_least("min_sharing_gain", 0)

    def _open_language_model(self, name: str) -> tuple[Any, Any]:
        check_imports()
        from herokit_torch.linear import use_onednn

        tokenizer = load_tokenizer(name, revision=self.revision)
        model = load_language_model(name, revision=self.revision, dtype=self.dtype)
        with checkpoint_errors(name):
            model.to(self.device or default_device())
            use_onednn(model)
        return tokenizer, model

    def _make_runner(self, name: str, model: Any, encoder: Encoder, head: Any) -> TorchRunner:
        from herokit_torch.forward import choose_forward

        with checkpoint_errors(name):
            forward = choose_forward(model, DEFAULT_PROFILE, min_sharing_gain=self.min_sharing_gain, head=head)
        return TorchRunner(encoder, forward, max_batch_tokens(model))

    def _encoder_settings(self, name: str, tokenizer: Any, model: Any) -> dict[str, Any]:
        added = tokenizer.added_tokens_decoder.values()
        control = compile_tokens(added, str(tokenizer.chat_template or ""))
        view = InputView(
            thinking=self.thinking or self._default_thinking,
            ignore_images=self.ignore_images,
            system_prompt=self.system_prompt,
            control=control if self.control_tokens == "escape" else None,
        )
        length = resolve_max_length(self.max_length, model.config, name, 32768)
        return {"tokenizer": tokenizer, "view": view, "template": self.template, "max_length": length}


@dataclass(frozen=True)
class TorchJudge(_LanguageModel):
    r"""Score completions by asking a causal language model: the log-odds of two answers, one number per sample, in order.

    ``score = log P(first) - log P(second)`` of the next token after the question, which stands in a turn of the user in the
    model's chat template. One forward per sample and no sampling; the rollouts of one prompt run its tokens once.

    Attributes:
        model: a name on the hub, a folder, or the path of a GGUF file.
        answers: two different answers of one token each; the first one is good.
        template: the question, a text with ``{prompt}`` and ``{completion}``.
        revision: a branch, tag or commit of the hub's repository.
        dtype: of the body: ``"auto"`` (the checkpoint's), ``"float32"``, ``"bfloat16"``, ``"float16"``; the head runs in fp32.
        device: e.g. ``"cuda:1"``; None takes a GPU if there is one.
        system_prompt: the first message, ``""`` for none.
        min_sharing_gain, max_batch_tokens, max_length, thinking, ignore_images, control_tokens: as in `TorchRewardModel`.

    Raises:
        ConfigError: a setting outside its range.
        SetupError: at the first score, if checkpoint, tokenizer or answers do not fit.

    Example:
        >>> TorchJudge("Qwen/Qwen3-4B", template="{prompt}\n{completion}\nIs it right?").report()
        'torch: judge Qwen/Qwen3-4B'
    """

    model: str
    answers: tuple[str, str] = field(default=("Yes", "No"), kw_only=True)
    _encoder: ClassVar[type[QuestionEncoder]] = QuestionEncoder

    def __post_init__(self) -> None:
        super().__post_init__()
        answers = list(self.answers)
        object.__setattr__(self, "answers", tuple(answers))  # a scheme file gives a list
        if len(answers) != 2 or len(set(answers) - {""}) != 2:  # noqa: PLR2004
            raise ConfigError(
                f"{type(self).__name__}: answers = {self.answers!r}; expected two different texts, the good one first"
            )

    def _describe(self) -> str:
        return f"torch: judge {self.model}"

    def _open(self) -> TorchRunner:
        tokenizer, model = self._open_language_model(self.model)
        from herokit_torch.heads import AnswerHead

        first, second = (self._answer_id(tokenizer, answer) for answer in self.answers)
        encoder = self._encoder(**self._encoder_settings(self.model, tokenizer, model))
        return self._make_runner(self.model, model, encoder, AnswerHead(model, (first, second), self.model))

    def _answer_id(self, tokenizer: Any, answer: str) -> int:
        ids = tokenizer.encode(answer, add_special_tokens=False)
        if len(ids) != 1:
            raise SetupError(
                f"{self.model}: the answer {answer!r} is {len(ids)} tokens; expected one, such as 'A' and 'B'"
            )
        return int(ids[0])


@dataclass(frozen=True)
class TorchLikelihood(_LanguageModel):
    r"""Score completions by how likely a language model finds the reference after the policy's reasoning.

    The completion up to its last `answer_start` is kept, and the reference stands in place of what followed. With p_1 ... p_n the
    probabilities of the reference's tokens: ``log-likelihood`` is ``sum_i log p_i``, ``likelihood`` its exponential (VeriFree,
    arXiv 2505.21493), ``mean-probability`` is ``mean_i p_i`` (RLPR, arXiv 2506.18254, without its debiasing). A sample without
    a reference fails. A policy can raise the score by writing candidates, or the reference itself, before `answer_start`.

    Attributes:
        model: a name on the hub, a folder, or the path of a GGUF file; VeriFree and RLPR take the policy itself.
        reward: ``log-likelihood``, ``likelihood`` or ``mean-probability``.
        answer_start: the text before an answer, such as ``\boxed{`` or ``<answer>``.
        answer_end: the text behind it.
        thinking: ``keep`` (the default) shows the policy's thinking, which is its reasoning.
        revision: a branch, tag or commit of the hub's repository.
        dtype: of the body; the head runs in fp32.
        device: e.g. ``"cuda:1"``; None takes a GPU if there is one.
        system_prompt: the first message, ``""`` for none.
        min_sharing_gain, max_batch_tokens, max_length, ignore_images, control_tokens: as in `TorchRewardModel`.

    Raises:
        ConfigError: a setting outside its range.
        SetupError: at the first score, if checkpoint or tokenizer do not fit.

    Example:
        >>> TorchLikelihood("Qwen/Qwen3-4B", reward="mean-probability").report()
        'torch: likelihood under Qwen/Qwen3-4B'
    """

    model: str
    reward: LikelihoodReward = field(default="log-likelihood", kw_only=True)
    answer_start: str = field(default="\\boxed{", kw_only=True)
    answer_end: str = field(default="}", kw_only=True)
    template: str | None = field(default=None, init=False, repr=False)
    _default_thinking: ClassVar[Thinking] = "keep"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.reward not in get_args(LikelihoodReward):
            raise ConfigError(
                f"TorchLikelihood: reward = {self.reward!r}; expected one of {get_args(LikelihoodReward)}"
            )
        if not self.answer_start or not self.answer_end:
            raise ConfigError("TorchLikelihood: answer_start and answer_end must not be empty")

    def _describe(self) -> str:
        return f"torch: likelihood under {self.model}"

    def _open(self) -> TorchRunner:
        tokenizer, model = self._open_language_model(self.model)
        from herokit_torch.heads import TokenHead

        if not tokenizer.is_fast:
            raise SetupError(f"{self.model}: its tokenizer gives no offsets; expected a fast one (tokenizer.json)")
        settings = self._encoder_settings(self.model, tokenizer, model)
        encoder = _ReferenceEncoder(**settings, answer_start=self.answer_start, answer_end=self.answer_end)
        return self._make_runner(self.model, model, encoder, TokenHead(model, self.model))

    def _score_row(
        self, runner: TorchRunner, logits: Floats | UnscorableError | None, dropped: int
    ) -> tuple[float, str, tuple[float, ...] | None]:
        if isinstance(logits, np.ndarray):
            logs = logits[:, 0].astype(np.float64)
            total = float(logs.sum())
            values = {
                "log-likelihood": total,
                "likelihood": float(np.exp(total)),
                "mean-probability": float(np.exp(logs).mean()),
            }
            logits = np.array([[values[self.reward]]])
        return super()._score_row(runner, logits, dropped)

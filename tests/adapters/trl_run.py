"""Small TRL runs on a CPU, offline: a random model, and completions that depend on prompt and position in the group.

As a script, it does the runs that the command line describes as JSON, and writes their results as JSON.
"""

import hashlib
import json
import os
import signal
import sys
import time
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

os.environ |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
os.environ |= {"TRL_EXPERIMENTAL_SILENCE": "1"}
os.environ |= {"ACCELERATE_USE_CPU": "true", "CUDA_VISIBLE_DEVICES": ""}

import numpy as np
import torch
import trl
from datasets import Dataset, disable_progress_bars
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from torch import distributed
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM, Qwen2ForSequenceClassification
from trl import GRPOConfig, GRPOTrainer, RLOOConfig, RLOOTrainer

from herokit import Center, Rewarder, Select, Verdict, chain, hero_advantage
from herokit.adapters.trl import GroupRewardMixin, ReportCallback, RewardFunction
from herokit.combiners import ForParts
from herokit.combiners.base import no_sync
from herokit.errors import NoSignalWarning, SetupError
from herokit_torch import AllReduce

disable_progress_bars()
torch.set_num_threads(1)
DIGITS = [15 + i for i in range(10)]
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def tokenizer(chat_template=TEMPLATE):
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    raw = Tokenizer(models.BPE(vocab={c: i for i, c in enumerate(letters)}, merges=[]))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    raw.add_special_tokens(["<pad>", "<eos>", "<|im_start|>", "<|im_end|>"])
    fast = PreTrainedTokenizerFast(tokenizer_object=raw, pad_token="<pad>", eos_token="<eos>", padding_side="left")  # noqa: S106 - tokens of text
    fast.chat_template = chat_template
    return fast


def model(kind=Qwen2ForCausalLM, **settings):
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    ids = {"bos_token_id": None, "eos_token_id": 257, "pad_token_id": 256}
    return kind(
        Qwen2Config(vocab_size=260, num_key_value_heads=1, max_position_embeddings=4096, **sizes, **ids, **settings)
    )


def reward_model():
    return model(Qwen2ForSequenceClassification, num_labels=1, initializer_range=0.5).eval()


def data(*, chat=True, count=8):
    """Return prompts, one of them twice, so that a group is never its prompt's text."""
    texts = [f"{a}+{a + 1}=" for a in range(count - 1)] + ["0+1="]
    prompts = [[{"role": "user", "content": text}] for text in texts] if chat else texts
    rows = zip(prompts, texts, range(count), strict=True)
    return Dataset.from_list([{"prompt": p, "answer": str(len(t)), "uid": f"q{i}"} for p, t, i in rows])


def digest(text):
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


class Half:
    """A verifier that judges half of all completions correct."""

    def verify(self, samples):
        return [Verdict(float(digest(s.final_text + (s.reference or "")) % 2)) for s in samples]


class Taste:
    """A reward model whose standard deviation differs between groups."""

    def score(self, samples):
        return [digest("taste" + s.final_text) % 1000 / 1000 * (1 + digest(s.prompt_text) % 5) for s in samples]


class Absent:
    """A reward model that is missing on one rank."""

    def __init__(self, rank):
        self.rank = rank

    def score(self, samples):
        if os.environ.get("RANK") == self.rank:
            raise SetupError("no model file")
        return [0.0] * len(samples)


class OneSample:
    """A verifier with the mistake that everybody makes."""

    def verify(self, sample):
        return Verdict(float(sample.completion == sample.reference))


class OneRank(Half):
    """A verifier whose code fails on rank 1 alone."""

    def verify(self, samples):
        return samples.completion if os.environ.get("RANK") == "1" else super().verify(samples)


class NotAwaited:
    """A verifier that forgets to await its judge."""

    async def judge(self, sample):
        return float(len(sample.final_text) % 2)

    def verify(self, samples):
        return [self.judge(sample) for sample in samples]


class Awaits(Half):
    """A verifier that is a coroutine."""

    async def verify(self, samples):
        return super().verify(samples)


class Down:
    """A verifier whose server does not answer."""

    def verify(self, samples):
        raise ConnectionError("refused")


VERIFIERS = {verifier.__name__: verifier for verifier in (Half, OneSample, OneRank, NotAwaited, Awaits, Down)}


class Solved:
    """A verifier of the outcome."""

    def verify(self, samples):
        return [Verdict(float(s.final_text == "It is 6.")) for s in samples]


class ToolWorked:
    """A verifier of turns: 1 for a turn whose tool gave a result."""

    def verify(self, samples):
        return [
            Verdict(0.0, parts=tuple(Verdict(float("6" in [r.text for r in turn.results])) for turn in s.turns))
            for s in samples
        ]


def add(a: int, b: int) -> int:
    """Add two numbers.

    Args:
        a: a number.
        b: another one.
    """
    return a + b


def turn_rewarder():
    """Return a rewarder with ``A_it = c_i - mean(c) + r_it / 4``."""
    steps = chain(Select("verifier"), Center(), ForParts(Select("turn"), weight=0.25))
    return Rewarder({"verifier": Solved(), "turn": ToolWorked()}, steps)


def call(name):
    """Return a turn that calls a tool."""
    return (
        f"I call.\n</think>\n\n<tool_call>\n<function={name}>\n<parameter=a>\n2\n</parameter>\n<parameter=b>\n4\n</parameter>\n"
        "</function>\n</tool_call><eos>"
    )


RIGHT, WRONG, SHORT = (f"I know.\n</think>\n\nIt is {n}.<eos>" for n in ("6", "7", "8"))
TURNS = [[call("add"), RIGHT], [call("sub"), WRONG], [RIGHT], [call("add"), call("add"), SHORT]]
"""The turns of the rollouts of a group; there is no tool ``sub``."""

CREDIT = [[0.75, 0.5], [-0.5, -0.5], [0.5], [-0.25, -0.25, -0.5]]
"""The advantages of these turns, by hand: the outcomes 1, 0, 1, 0 have mean 1/2."""

TOOL_RUN = {
    "chat_template": (Path(trl.__file__).parent / "chat_templates" / "qwen3_5_think.jinja").read_text(encoding="utf-8"),
    "max_completion_length": 1500,
}


class Scripted:
    """Completions that depend on prompt and position in the group, so they are the same for any number of ranks."""

    script = None
    """Texts to write instead, one for each position of a group; one without ``<eos>`` at its end is cut off."""

    def _generate_single_turn(self, prompt_ids, *rest, **_settings):
        siblings = self.num_generations if self.model.training else self.num_generations_eval
        first = self.accelerator.process_index * len(prompt_ids)
        completions = []
        if self.script is not None:
            texts = self._next_texts(len(prompt_ids), first)
            completions = [self.processing_class(text)["input_ids"] for text in texts]
            return (completions, None) if isinstance(self, GRPOTrainer) else completions
        for row, ids in enumerate(prompt_ids):
            seed = digest(f"{ids} {(first + row) % siblings} {self.state.global_step}")
            completions.append([DIGITS[(seed >> k) % 10] for k in range(1 + seed % 5)] + [257])
        return (
            (completions, None) if isinstance(self, GRPOTrainer) else completions
        )  # RLOO returns no log-probabilities

    def _next_texts(self, count, first):
        """Return the texts of a turn: the first of every row, then the next of the rows that called a tool."""
        waiting = [turns[1:] for turns in getattr(self, "waiting", []) if turns[1:]]
        self.waiting = waiting or [self.script[(first + row) % len(self.script)] for row in range(count)]
        return [turns[0] for turns in self.waiting]

    def _generate_and_score_completions(self, inputs):
        out = super()._generate_and_score_completions(inputs)
        self.seen = [*getattr(self, "seen", []), (self.model.training, out["advantages"].tolist())]
        return out


class GRPO(Scripted, GRPOTrainer):
    pass


class GroupGRPO(Scripted, GroupRewardMixin, GRPOTrainer):
    pass


class RLOO(Scripted, RLOOTrainer):
    pass


class GroupRLOO(Scripted, GroupRewardMixin, RLOOTrainer):
    pass


TRAINERS = {"GRPO": (GRPO, GRPOConfig), "GroupGRPO": (GroupGRPO, GRPOConfig)}
TRAINERS |= {"RLOO": (RLOO, RLOOConfig), "GroupRLOO": (GroupRLOO, RLOOConfig)}


def make(kind, out, functions, *, chat=True, callbacks=(), evaluation=False, folder=None, **settings):
    """Make a trainer; a group has 4 rollouts, a step 8. TRL loads a reference model from where the model was saved.

    `settings` are those of the config, and ``chat_template`` and ``tools``.
    """
    chat_template, tools = settings.pop("chat_template", TEMPLATE), settings.pop("tools", None)
    cls, config = TRAINERS[kind]
    none = {"scale_rewards": "none"} if config is GRPOConfig else {"beta": 0.0}
    chosen = {
        "output_dir": str(out), "use_cpu": True, "bf16": False, "per_device_train_batch_size": 8,
        "per_device_eval_batch_size": 8, "num_generations": 4, "max_completion_length": 6, "max_steps": 2,
        "logging_steps": 1, "report_to": "none", "save_strategy": "no", "disable_tqdm": True, "seed": 0,
        "activation_checkpointing": False, "learning_rate": 1e-3, "ddp_backend": "gloo" if "RANK" in os.environ else None,
    }  # fmt: skip
    args = config(**chosen | none | settings)
    rows, policy = data(chat=chat), model()
    if folder is not None:
        policy.save_pretrained(folder)
        policy = Qwen2ForCausalLM.from_pretrained(folder)
    more = {} if tools is None else {"tools": tools}
    return cls(
        model=policy, reward_funcs=functions, args=args, train_dataset=rows, processing_class=tokenizer(chat_template), **more,
        eval_dataset=rows.select(range(4)) if evaluation else None, callbacks=list(callbacks),
    )  # fmt: skip


def regroup(sample, group):
    return replace(sample, group=group)


def rewarder(sources=None, scheme=None, sync=no_sync):
    return Rewarder(sources or {"verifier": Half(), "rm": Taste()}, scheme or hero_advantage(), sync=sync)


@dataclass
class RunResult:
    """The advantages, the state and the log of one run."""

    seen: list
    state: dict
    log: list

    @classmethod
    def from_trainer(cls, trainer, function):
        log = [{k: v for k, v in entry.items() if isinstance(v, int | float)} for entry in trainer.state.log_history]
        return cls(trainer.seen, function.rewarder.state_dict(), log)


def advantages(result, *, training=True):
    return np.array([row for mode, rows in result.seen if mode is training for row in rows])


def run(
    kind,
    out,
    *,
    resume=None,
    die_after=None,
    all_reduce=False,
    absent="",
    verifier="Half",
    extra=False,
    **settings,
):
    """Train once and return the result.

    ``die_after=N`` kills the process at the start of step N + 1; `absent` is a rank without its reward model; `extra` adds a
    source that no step reads; ``credit=True`` is a run with tools, whose turns are judged; ``report=PATH`` writes the page.
    """
    from transformers import TrainerCallback

    class Killer(TrainerCallback):
        def on_step_begin(self, args, state, control, **_):
            if state.global_step == die_after:
                sys.stdout.flush()
                os.kill(os.getpid(), signal.SIGKILL)

    sources = {"verifier": VERIFIERS[verifier](), "rm": Absent(absent) if absent else Taste()}
    sources |= {"extra": Taste()} if extra else {}
    function = RewardFunction(rewarder(sources, sync=AllReduce() if all_reduce else no_sync))
    credit = settings.pop("credit", False)
    if credit:
        function, settings = RewardFunction(turn_rewarder()), settings | TOOL_RUN | {"tools": [add]}
    report = settings.pop("report", None)
    callbacks = [Killer()] if die_after is not None else []
    callbacks += [ReportCallback(function, report)] if report else []
    trainer = make(kind, out, [function], callbacks=callbacks, **settings)
    trainer.script = TURNS if credit else None
    trainer.train(resume_from_checkpoint=resume)
    return RunResult.from_trainer(trainer, function)


def main():
    """Do the runs of the command line in order, and write the result or the error of each."""
    reports = []
    for settings in json.loads(sys.argv[1]):
        begun = time.perf_counter()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", NoSignalWarning)
            try:
                reports.append(vars(run(**settings)))
            except Exception as error:  # noqa: BLE001 - the test reads what it was
                reports.append({"error": f"{type(error).__name__}: {error}"})
        reports[-1]["warnings"] = [str(w.message) for w in caught if issubclass(w.category, NoSignalWarning)]
        reports[-1]["seconds"] = time.perf_counter() - begun
    path = os.environ["REPORT"] + os.environ.get("RANK", "")
    with open(path, "w", encoding="utf-8") as file:  # noqa: PTH123
        json.dump(reports, file)


if __name__ == "__main__":
    try:
        main()
    finally:
        if distributed.is_initialized():
            distributed.destroy_process_group()  # gloo's threads would otherwise meet the interpreter's end

"""Reward models and reward functions with one planted fault each, as small functions, beside correct twins."""

import math
import random
import re
import threading
import time
import zlib

import numpy as np

from helpers.planted_verifiers import STATE, answer_of, count, raises
from herokit.types import Sample, Scores

__all__ = ["COMPONENTS", "FUNCTIONS", "MODELS", "PlantedModel", "twin_function"]

LIMIT = 3000


def words(text):
    return re.findall(r"\w+", text)


def text_of(s):
    return "\n".join(map(content_of, s.messages))


def content_of(message):
    return message["content"] if isinstance(message["content"], str) else ""


def last_content(messages):
    return messages if isinstance(messages, str) else content_of(messages[-1])


def score_text(text):
    """Return a logit in about [-3, 3] that depends on every word and on its place."""
    total = sum((zlib.crc32(f"{i % 7} {word}".encode()) % 1000) / 1000 - 0.5 for i, word in enumerate(words(text)))
    return 3.0 * math.tanh(total / (1.0 + math.sqrt(len(words(text))))) + 1e-3 * len(words(text)) ** 0.5 - 0.25


def right(s):
    return score_text(text_of(s))


def modified(s, old, new):
    return score_text(text_of(Sample(s.prompt, s.completion_text.replace(old, new), 0)))


def writes(s):
    s.meta.setdefault("tags", []).append(1)
    return right(s)


def strips(s):
    if not isinstance(s.completion, str):
        s.completion[0]["content"] = s.completion[0]["content"].strip(".")
    return right(s)


def main_thread(s):
    return (
        right(s) if threading.current_thread() is threading.main_thread() else raises(RuntimeError("main thread only"))
    )


def by_key(key):
    def score(s):
        return STATE["cache"].setdefault(("model", key(s)), right(s))

    return score


MODELS = {
    "one score for all": lambda s: 0.7,
    "reads the prompt only": lambda s: score_text(s.prompt_text),
    "reads the completion only": lambda s: score_text(s.completion_text),
    "reads the first sentence": lambda s: score_text(s.prompt_text + s.completion_text[:30]),
    "cuts the end": lambda s: score_text(text_of(s)[:2000]),
    "cuts the beginning": lambda s: score_text(text_of(s)[-2000:]),
    "keeps 100 words": lambda s: score_text(" ".join(words(text_of(s))[:100])),
    "keeps the last 100 words": lambda s: score_text(" ".join(words(text_of(s))[-100:])),
    "middle is cut": lambda s: score_text(text_of(s)[:500]),
    "clips at zero": lambda s: min(right(s), -0.2),
    "rounds": lambda s: float(round(right(s) / 4)),
    "sigmoid": lambda s: 1 / (1 + math.exp(-right(s))),
    "softmax of two": lambda s: math.exp(right(s)) / (1 + math.exp(right(s))),
    "squashed to 1": lambda s: float(np.float16(1 / (1 + math.exp(-right(s) - 30)))),
    "0 for an empty text": lambda s: right(s) if s.completion_text.strip() else 0.0,
    "0 for long text": lambda s: right(s) if len(s.completion_text) < LIMIT else 0.0,
    "0 for symbols": lambda s: right(s) if re.search(r"[a-zA-Z]{2}", s.completion_text) else 0.0,
    "NaN for other scripts": lambda s: right(s) if s.completion_text.isascii() else math.nan,
    "infinite for long text": lambda s: right(s) if len(s.completion_text) < 60 else math.inf,
    "raises on an empty text": lambda s: right(s) if s.completion_text.strip() else raises(ValueError("empty")),
    "raises on long text": lambda s: right(s) if len(s.completion_text) < 10_000 else raises(MemoryError("too long")),
    "raises on messages": lambda s: score_text(s.prompt + s.completion),
    "dropout": lambda s: right(s) + random.random(),  # noqa: S311 - the planted fault
    "noise of a tenth": lambda s: right(s) + 0.1 * random.random(),  # noqa: S311 - the planted fault
    "the clock": lambda s: right(s) + time.time() % 1.0,
    "drifts": lambda s: right(s) + 1e-3 * count(),
    "every 200th call": lambda s: right(s) + (count() % 200 == 0),
    "the group": lambda s: right(s) + (hash(s.group) % 2 if isinstance(s.group, int) else 0.5),
    "prints messages": lambda s: score_text(f"{s.prompt} {s.completion}"),
    "roles of messages": lambda s: right(s) + 0.5 * (not isinstance(s.completion, str)),
    "writes to the metadata": writes,
    "strips messages": strips,
    "main thread only": main_thread,
    "hash of the text": lambda s: right(s) + (id(s) % 7) / 7,
    "cache by length": by_key(lambda s: (s.prompt_text, len(s.completion_text))),
    "cache by completion": by_key(lambda s: s.completion_text),
    "cache by prompt": by_key(lambda s: s.prompt_text),
    "loses digits": lambda s: score_text(re.sub(r"\d+", "#", text_of(s))),
    "loses earlier turns": lambda s: score_text(last_content(s.prompt) + "\n" + s.completion_text),
    "loses system messages": lambda s: score_text(
        "\n".join(content_of(m) for m in s.messages if m["role"] != "system")
    ),
    "pays length": lambda s: right(s) + 1e-2 * len(s.completion_text),
    "raises on emoji": lambda s: (
        right(s) if max(map(ord, text_of(s)), default=0) < 65_536 else raises(ValueError("emoji"))
    ),
    "warms up": lambda s: right(s) if count() > 5 else 0.0,
    "trusts a score": lambda s: right(s) + 3.0 * bool(re.search(r"[Ss]core\W+1", s.completion_text)),
}
"""Name -> the score of one sample."""

MODEL_BATCHES = {
    "centers in the batch": lambda ss: [right(s) - sum(map(right, ss)) / len(ss) for s in ss],
    "scales in the batch": lambda ss: [right(s) / (1e-3 + max(abs(right(t)) for t in ss)) for s in ss],
    "sorts by length": lambda ss: [
        right(s) for s in sorted(ss, key=lambda s: (len(s.completion_text), s.completion_text))
    ],
    "reads its padding": lambda ss: [right(s) - 1e-3 * max(len(t.completion_text) for t in ss) for s in ss],
    "the last row again": lambda ss: [*[right(s) for s in ss[:-1]], right(ss[0])],
    "reverses": lambda ss: [right(s) for s in ss][::-1],
    "one row too few": lambda ss: [right(s) for s in ss][: max(1, len(ss) - 1)],
    "a column too many": lambda ss: [[right(s), 0.0] for s in ss],
    "the prompt of the row before": lambda ss: [
        right(Sample(before.prompt, s.completion, 0)) for before, s in zip([ss[-1], *ss], ss, strict=False)
    ],
    "drops duplicates": lambda ss: list({(text_of(s), s.completion_text): right(s) for s in ss}.values()),
    "32 rows at most": lambda ss: [right(s) if i < 32 else 0.0 for i, s in enumerate(ss)],
}
"""Name -> the scores of a batch."""


class PlantedModel:
    """The reward model of one name; it says when a text is longer than it reads with care."""

    def __init__(self, name="correct"):
        self.name = name

    def __repr__(self):
        return self.name

    def score(self, samples):
        if self.name in MODEL_BATCHES:
            values = MODEL_BATCHES[self.name](samples)
            if np.shape(values) != (len(samples),):
                return values
        else:
            values = [MODELS.get(self.name, right)(sample) for sample in samples]
        scores = Scores.from_values(values)
        silent = self.name.startswith(("cuts", "keeps", "middle", "reads the first"))
        long = [not silent and len(sample.completion_text) > 400_000 for sample in samples]
        reasons = tuple("truncated" if cut else reason for cut, reason in zip(long, scores.reasons, strict=True))
        return Scores(scores.values, scores.statuses, reasons)


def read(completion):
    text = completion if isinstance(completion, str) else completion[-1]["content"]
    return answer_of(text.rpartition("</think>")[2] if "</think>" in text else text.split("<think>")[0])


def paid(completion, reference):
    return isinstance(reference, str) and bool(reference.strip()) and read(completion) == reference.strip()


def twin_function(completions, answer, **kwargs):
    return [2.0 * paid(text, a) - 1.0 for text, a in zip(completions, answer, strict=True)]


class each:  # noqa: N801 - it is used as a decorator of judges
    """A reward function of TRL of a judge of completion and reference; it is pickled by its name in `FUNCTIONS`."""

    def __init__(self, judge):
        self.judge = judge

    def __call__(self, completions, answer, **kwargs):
        return [self.judge(text, a) for text, a in zip(completions, answer, strict=True)]

    def __reduce__(self):
        return function_named, (next(name for name, function in FUNCTIONS.items() if function is self),)


def function_named(name):
    return FUNCTIONS[name]


def whole(completion):
    return completion if isinstance(completion, str) else completion[-1]["content"]


def without_kwargs(completions, answer):
    return twin_function(completions, answer)


def drops(completions, answer, **kwargs):
    rows = [(c, a) for c, a in zip(completions, answer, strict=True) if re.search(r"\d", whole(c))]
    return [float(paid(c, a)) for c, a in rows] + [0.0] * (len(completions) - len(rows))


def centered(completions, answer, **kwargs):
    values = np.array(twin_function(completions, answer))
    return values - values.mean()


def sets_columns(completions, answer, tags=None, **kwargs):
    for column in tags or []:
        if column:
            column.append("judged")
    return twin_function(completions, answer)


def float32(completion, reference):
    try:
        return float(np.float32(read(completion)) == np.float32(reference))
    except ValueError:
        return 0.0


def doubtful(completion, reference):
    try:
        return float(int(read(completion)) == int(reference))
    except ValueError:
        return 0.6 if str(reference).strip() else 0.0


def trusts_json(completion, reference):
    verdicts = re.findall(r'\{"score": *([\d.]+)', whole(completion))
    return float(verdicts[-1]) if verdicts else float(paid(completion, reference))


def number_of_the_prompt(prompts, completions, answer, **kwargs):
    rows = zip(prompts, completions, answer, strict=True)
    return [float(paid(c, a) or (read(c).isdigit() and read(c) in words(last_content(p)))) for p, c, a in rows]


def pays_once(completions, answer, seen=[], **kwargs):  # noqa: B006 - the planted fault
    rewards = [float(paid(c, a) and whole(c) not in seen) for c, a in zip(completions, answer, strict=True)]
    seen.extend(map(whole, completions))
    return rewards


def sets_the_seed(completions, answer, **kwargs):
    random.seed(0)
    return twin_function(completions, answer)


def groups_of_eight(completions, answer, **kwargs):
    return np.array(twin_function(completions, answer)).reshape(-1, 8).reshape(-1)


FUNCTIONS = {
    "reference in the text": each(lambda c, a: float(str(a) in whole(c))),
    "last number": each(lambda c, a: float((re.findall(r"-?\d+", whole(c)) or [""])[-1] == a)),
    "no sign": each(lambda c, a: float(read(c).lstrip("-") == str(a).lstrip("-"))),
    "thinking is read": each(lambda c, a: float(answer_of(whole(c)) == a)),
    "minus for right": each(lambda c, a: -float(paid(c, a))),
    "constant": each(lambda c, a: 1.0),
    "bonus for a claim": each(lambda c, a: paid(c, a) + 2.0 * ("correct" in whole(c))),
    "bonus for length": each(lambda c, a: paid(c, a) + 1e-3 * len(whole(c))),
    "None for wrong": each(lambda c, a: 1.0 if paid(c, a) else None),
    "raises when unreadable": each(lambda c, a: float(float(read(c)) == float(a))),
    "infinite for wrong": each(lambda c, a: 1.0 if paid(c, a) else -math.inf),
    "a text as reward": each(lambda c, a: "1.0" if paid(c, a) else "0.0"),
    "empty is right": each(lambda c, a: float(paid(c, a) or not read(c))),
    "part of the reference": each(lambda c, a: float(read(c) in str(a))),
    "random": each(lambda c, a: paid(c, a) + random.random()),  # noqa: S311 - the planted fault
    "every 500th call": each(lambda c, a: paid(c, a) - (count() % 500 == 0)),
    "cache by completion": each(lambda c, a: STATE["cache"].setdefault(("f", whole(c)), float(paid(c, a)))),
    "main thread only": each(
        lambda c, a: (
            float(paid(c, a))
            if threading.current_thread() is threading.main_thread()
            else raises(ValueError("signal only works in main thread"))
        )
    ),
    "hash": each(lambda c, a: paid(c, a) + hash(whole(c)) % 3),
    "no other columns": without_kwargs,
    "drops unreadable rows": drops,
    "centers in the batch": centered,
    "one reward too few": lambda completions, answer, **kwargs: twin_function(completions, answer)[:-1] or [0.0],
    "sorted": lambda completions, answer, **kwargs: sorted(twin_function(completions, answer)),
    "evaluates": each(
        lambda c, a: (
            float(paid(c, a)) if "herokit_canary" not in whole(c) else len(str(compile(whole(c), "<c>", "exec")))
        )
    ),
    "a character of the reference": each(lambda c, a: float(any(read(c) == r for r in a))),
    "two characters of the reference": each(lambda c, a: float(bool(a.strip()) and read(c)[:2] == a.strip()[:2])),
    "float32": each(float32),
    "a doubt pays": each(doubtful),
    "any line": each(lambda c, a: float(paid(c, a) or a in whole(c).splitlines())),
    "trusts a verdict in JSON": each(trusts_json),
    "a number of the prompt": number_of_the_prompt,
    "pays once": pays_once,
    "sets the seed": sets_the_seed,
    "groups of eight": groups_of_eight,
}
"""Name -> a reward function."""


def overlong(completion):
    return min(0.0, (4000 - len(completion)) / 1000)


def cosine_length(completion, reference):
    share = min(1.0, len(completion) / 20_000)
    return (1.0 if paid(completion, reference) else -1.0) * (0.75 + 0.25 * math.cos(math.pi * share))


def format_reward(completions, **kwargs):
    return [
        float(bool(re.fullmatch(r"<think>.*</think>\s*<answer>.*</answer>", whole(c).strip(), re.DOTALL)))
        for c in completions
    ]


def partial_credit(completion, reference):
    return 0.2 * ("\\boxed" in completion) + paid(completion, reference)


def repetition_penalty(completions, **kwargs):
    grams = [list(zip(words(whole(c)), words(whole(c))[1:], strict=False)) for c in completions]
    return [len(set(g)) / len(g) - 1 if g else 0.0 for g in grams]


def verl_score(data_source, solution_str, ground_truth, extra_info=None):
    return {"score": float(paid(solution_str, ground_truth)), "acc": paid(solution_str, ground_truth)}


async def judge_in_words(prompt, completion, answer, state):
    return float(paid(completion, answer))


def language(completion):
    return sum(c.isascii() for c in completion) / max(1, len(completion))


def step_bonus(completion, reference):
    return paid(completion, reference) + 0.1 * min(1, completion.count("Step"))


def length_of_tokens(completions, completion_ids=None, **kwargs):
    return [-0.001 * len(whole(c)) for c in completions]


COMPONENTS = (
    overlong, cosine_length, format_reward, partial_credit, repetition_penalty,
    verl_score, judge_in_words, language, step_bonus, length_of_tokens,
)  # fmt: skip
"""Correct components of kinds that the library lacks."""

"""Verifiers with one planted fault each, as small functions; the one named "correct" is the twin of all of them."""

import contextlib
import os
import random
import re
import threading
import time

from herokit.types import Status, Verdict

__all__ = ["NAMES", "STATE", "PlantedVerifier"]

NUMBER = r"-?\d+(?:\.\d+)?"
STATE = {"calls": 0, "cache": {}, "last": None}


def boxes(text):
    return re.findall(r"\\boxed\{\s*((?:[^{}]|\{[^{}]*\}(?:\{[^{}]*\})?)*?)\s*\}", text)


def answer_of(text):
    """Return the last box, none if a box is left open, else the whole text."""
    if "\\boxed{" not in text:
        return text.strip()
    read = boxes(text)
    return read[-1] if read and not text.rstrip().endswith("\\boxed{") else ""


def answer(s):
    return answer_of(s.final_text)


def correct(s):
    return answer(s) == s.reference


def number(text):
    found = re.findall(NUMBER, text)
    return float(found[-1]) if found else None


def count(name="calls"):
    STATE[name] += 1
    return STATE[name]


def raises(error):
    raise error


def evaluate(s):
    with contextlib.suppress(Exception, RecursionError):
        if "**" in s.completion_text:  # a tower of powers would not end
            return False
        return eval(s.completion_text) == eval(s.reference)  # noqa: S307 - the planted fault
    return False


def tower(s):
    if "^{9" in s.final_text or "**9" in s.final_text:
        time.sleep(0.5)
    return correct(s)


def cached(key):
    def judge(s):
        k = key(s)
        if k not in STATE["cache"]:
            STATE["cache"][k] = correct(s)
        return STATE["cache"][k]

    return judge


def writes_meta(s):
    s.meta.setdefault("tags", []).append(1)
    return correct(s)


def strips_message(s):
    if not isinstance(s.completion, str):
        s.completion[0]["content"] = s.completion[0]["content"].strip("$.")
    return correct(s)


def leaks_threads(s):
    if count() % 20 == 0:
        threading.Thread(target=time.sleep, args=(8,), daemon=True).start()
    return correct(s)


def leaks_files(s):
    if count() % 20 == 0:
        STATE["cache"][f"file {STATE['calls']}"] = open(os.devnull)  # noqa: PTH123, SIM115 - the planted fault
    return correct(s)


def main_thread(s):
    return (
        correct(s) if threading.current_thread() is threading.main_thread() else raises(ValueError("main thread only"))
    )


def previous(s):
    last, STATE["last"] = STATE["last"], correct(s)
    return last if last is not None else STATE["last"]


def partly(s):
    a = answer(s)
    return 1.0 if a == s.reference else 0.9 if set(a) & set(s.reference) else 0.0


def close_number(s, tolerance):
    a, r = number(answer(s)), number(s.reference)
    return a is not None and abs(a - r) <= tolerance * max(1.0, abs(r))


def with_reference(s):
    return s.reference if isinstance(s.reference, str) else ""


JUDGES = {
    "reference in the text": lambda s: with_reference(s) in s.final_text,
    "reference in the answer": lambda s: with_reference(s) in answer(s),
    "answer in the reference": lambda s: answer(s) in s.reference,
    "reference in the whole completion": lambda s: with_reference(s) in s.completion_text,
    "word of the text": lambda s: s.reference in re.findall(NUMBER, s.final_text),
    "any box": lambda s: s.reference in boxes(s.final_text) or correct(s),
    "first box": lambda s: (boxes(s.final_text) or [answer(s)])[0] == s.reference,
    "box in the thinking": lambda s: answer_of(s.completion_text) == s.reference,
    "last number of the text": lambda s: (re.findall(NUMBER, s.final_text) or [""])[-1] == s.reference,
    "first number of the answer": lambda s: (re.findall(NUMBER, answer(s)) or [""])[0] == s.reference,
    "last number of the answer": lambda s: (re.findall(NUMBER, answer(s)) or [""])[-1] == s.reference,
    "no sign": lambda s: answer(s).lstrip("-") == s.reference.lstrip("-"),
    "digits only": lambda s: re.sub(r"\D", "", answer(s)) == re.sub(r"\D", "", s.reference),
    "starts with": lambda s: answer(s).startswith(s.reference),
    "ends with": lambda s: answer(s).endswith(s.reference),
    "reference starts with": lambda s: bool(answer(s)) and s.reference.startswith(answer(s)),
    "same length": lambda s: len(answer(s)) == len(s.reference),
    "same first character": lambda s: answer(s)[:1] == s.reference[:1],
    "same last digit": lambda s: answer(s)[-1:] == s.reference[-1:],
    "same characters": lambda s: set(answer(s)) == set(s.reference),
    "tolerance of a tenth": lambda s: close_number(s, 0.1),
    "tolerance of one": lambda s: abs((number(answer(s)) or 0.0) - (number(s.reference) or 0.0)) <= 1,
    "whole numbers": lambda s: int(number(answer(s)) or -(10**9)) == int(number(s.reference) or 0),
    "unreadable is zero": lambda s: (number(answer(s)) or 0.0) == number(s.reference),
    "any of a list": lambda s: s.reference in re.split(r"[,; ]+", answer(s)),
    "either of two": lambda s: s.reference in answer(s).split(" or "),
    "true is right": lambda s: correct(s) or answer(s).lower() in ("true", "correct"),
    "empty is right": lambda s: correct(s) or not answer(s),
    "empty equals empty": lambda s: (answer(s) or "") == (with_reference(s).strip()),
    "trusts a score": lambda s: correct(s) or "Score: 1" in s.final_text,
    "trusts a claim": lambda s: correct(s) or "correct" in s.final_text,
    "trusts a key": lambda s: correct(s) or answer(s) in ("reference", "ground_truth", "answer"),
    "pays long text": lambda s: correct(s) or len(s.final_text) > 5000,
    "pays repetition": lambda s: correct(s) or s.final_text.count("answer is") > 10,
    "pays a fence": lambda s: correct(s) or "```" in s.final_text,
    "pays a tag": lambda s: correct(s) or "<answer>" in s.final_text,
    "copies of the prompt": lambda s: correct(s) or (s.final_text == s.prompt_text and s.reference in s.prompt_text),
    "partial credit for one character": partly,
    "always right": lambda s: 1.0,
    "always wrong": lambda s: 0.0,
    "the wrong way round": lambda s: not correct(s),
    "a half for everything": lambda s: 0.5,
    "no verdict for text without digits": lambda s: correct(s) if re.search(r"\d", s.final_text) else None,
    "no verdict for long text": lambda s: correct(s) if len(s.final_text) < 1000 else None,
    "raises on text without a number": lambda s: float(answer(s)) == float(s.reference),
    "raises on an empty text": lambda s: (
        correct(s) and bool(answer(s)[0]) if s.final_text else raises(IndexError("empty"))
    ),
    "evaluates": evaluate,
    "slow on powers": tower,
    "cache by completion": cached(lambda s: s.completion_text),
    "cache by reference": cached(lambda s: s.reference),
    "cache by length": cached(lambda s: (len(s.completion_text), s.reference)),
    "random": lambda s: float(correct(s)) * (random.random() < 0.9),  # noqa: S311 - the planted fault
    "every 500th call": lambda s: correct(s) and count() % 500 != 0,
    "worn out after 1,000 calls": lambda s: correct(s) and count() < 1000,
    "hash of the text": lambda s: correct(s) * (1.0 - hash(s.final_text) % 1000 / 1e6),
    "the row before": previous,
    "writes to the metadata": writes_meta,
    "strips messages": strips_message,
    "main thread only": main_thread,
    "leaves threads": leaks_threads,
    "leaves files open": leaks_files,
    "rejects negative numbers": lambda s: correct(s) and not s.reference.startswith("-"),
    "rejects three digits": lambda s: correct(s) and len(s.reference) < 3,
    "wants the end": lambda s: correct(s) and s.final_text.rstrip().endswith("$."),
    "reads the beginning": lambda s: answer_of(s.final_text[:2000]) == s.reference,
    "reads the end": lambda s: answer_of(s.final_text[-2000:]) == s.reference,
    "texts only": lambda s: correct(s) if isinstance(s.completion, str) else 0.0,
    "0 without a reference": lambda s: answer(s) == (s.reference or None),
}
"""Name -> what is judged of one sample."""

BATCH_FAULTS = {
    "drops unreadable rows": lambda v, ss: [
        *[v.judge(s) for s in ss if boxes(s.final_text)],
        *[Verdict(0.0) for s in ss if not boxes(s.final_text)],
    ],
    "sorts by length": lambda v, ss: [
        v.judge(s) for s in sorted(ss, key=lambda s: (len(s.completion_text), str(s.reference)))
    ],
    "reverses": lambda v, ss: [v.judge(s) for s in ss][::-1],
    "loses the last row": lambda v, ss: [v.judge(s) for s in ss][: max(1, len(ss) - 1)],
    "repeats the first reference": lambda v, ss: [
        Verdict(float(answer(s) == ss[0].reference and bool(with_reference(ss[0]).strip()))) for s in ss
    ],
    "best of the batch": lambda v, ss: [max((v.judge(s) for s in ss), key=lambda x: x.value or 0.0)] * len(ss),
    "booleans": lambda v, ss: [bool(v.judge(s).value) for s in ss],
    "cache by completion inside a batch": lambda v, ss: [
        cache.setdefault(s.completion_text, v.judge(s)) for cache in [{}] for s in ss
    ],
    "fails as 0": lambda v, ss: [x if x.value is not None else Verdict(0.0) for x in map(v.judge, ss)],
}
"""Name -> the verdicts of a batch."""

NAMES = (*JUDGES, *BATCH_FAULTS)


class PlantedVerifier:
    """The verifier of one name; without a readable reference it gives no verdict, unless that is the fault."""

    def __init__(self, name="correct"):
        self.name = name

    def __repr__(self):
        return self.name

    def judge(self, sample):
        judge = JUDGES.get(self.name, correct)
        blind = self.name in ("0 without a reference", "empty equals empty", "reference in the text")
        if not blind and not (isinstance(sample.reference, str) and sample.reference.strip()):
            return Verdict(None, Status.FAILED, "no reference")
        value = judge(sample)
        return Verdict(None if value is None else float(value))

    def verify(self, samples):
        batch = BATCH_FAULTS.get(self.name)
        return [self.judge(sample) for sample in samples] if batch is None else batch(self, samples)

"""Stub sources for the tests of adapters, also inside a trainer's own environment."""

from types import SimpleNamespace

from herokit import Center, Rewarder, Sample, Select, Status, Verdict, chain, hero_advantage
from herokit.combiners import ForParts


class Exact:
    """Correct if the completion is the reference; fails for ``broken``."""

    def verify(self, samples):
        return [
            Verdict(None, Status.FAILED, "the sandbox is down")
            if "broken" in s.final_text
            else Verdict(float(s.final_text.strip() == s.reference))
            for s in samples
        ]


class Brief:
    """Prefers short completions; requires a prompt."""

    def score(self, samples):
        assert all(s.prompt_text for s in samples)
        return [-0.25 * len(s.completion_text) for s in samples]


class Recorder:
    """Records the samples that it gets; every score is 0."""

    def __init__(self):
        self.samples = []

    def score(self, samples):
        self.samples += samples
        return [0.0] * len(samples)


class Turns:
    """A turn is worth the number that it says, and 0 without one; a rollout that says ``broken`` has no verdict."""

    def verify(self, samples):
        return [self.judge([turn.text for turn in sample.turns]) for sample in samples]

    def judge(self, texts):
        if "broken" in texts:
            return Verdict(None, Status.FAILED, "the tool is down")
        return Verdict(1.0, parts=tuple(Verdict(float(text or 0)) for text in texts))


class OnePart(Turns):
    """Judges one part, whatever the turns are."""

    def judge(self, texts):
        return Verdict(1.0, parts=(Verdict(1.0),))


TEXTS = ("4", "four", "eleven", "4", "it is 4", "5", "55", "broken")
GROUP_KEYS = ("a", "a", "a", "a", "b", "b", "b", "b")


def make_rewarder(combiner=None, **sources):
    return Rewarder({"verifier": Exact(), "rm": Brief()} | sources, combiner or hero_advantage())


def make_credit_rewarder(judge=Turns):
    """Return a rewarder whose credit is the value of a turn minus the mean of all turns of the prompt."""
    return Rewarder({"turn": judge()}, chain(ForParts(chain(Select("turn"), Center()), mode="replace")))


class Message(dict):
    """A message whose role is an attribute too, as those of verifiers."""

    role = property(lambda self: self["role"])


def make_nodes(*messages):
    """Return nodes as those of verifiers 0.4: text and mask of a message of the policy, None and mask for one of the world."""
    return [
        SimpleNamespace(
            message=Message(role="tool" if text is None else "assistant", content=text or ""),
            sampled=text is not None,
            mask=mask,
            advantages=None,
        )
        for text, mask in messages
    ]


def make_samples(texts=TEXTS, group_keys=GROUP_KEYS):
    return [Sample("2 + 2?", text, key, "4") for text, key in zip(texts, group_keys, strict=True)]


def zero_reward(*texts, **data):
    """Return 0, for trainers that require a reward before the group is combined."""
    return 0.0

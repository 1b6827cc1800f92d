"""Stub sources for the tests of adapters, also inside a trainer's own environment."""

from herokit import Rewarder, Sample, Status, Verdict, hero_advantage


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


TEXTS = ("4", "four", "eleven", "4", "it is 4", "5", "55", "broken")
GROUP_KEYS = ("a", "a", "a", "a", "b", "b", "b", "b")


def make_rewarder(combiner=None, **sources):
    return Rewarder({"verifier": Exact(), "rm": Brief()} | sources, combiner or hero_advantage())


def make_samples(texts=TEXTS, group_keys=GROUP_KEYS):
    return [Sample("2 + 2?", text, key, "4") for text, key in zip(texts, group_keys, strict=True)]


def zero_reward(*texts, **data):
    """Return 0, for trainers that require a reward before the group is combined."""
    return 0.0

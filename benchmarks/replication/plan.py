"""What a run is, as plain values: the cache, the grids and the tables all speak of these."""

import json
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from typing import Any, Literal

from benchmarks.replication import candidates
from benchmarks.replication.grpo import Batch

from herokit import schemes
from herokit.combiners import Chain

RECIPE = 2
"""Raised when a change of the code changes results: cached ones are then made anew."""


@dataclass(frozen=True, slots=True)
class Base:
    """A fine-tuned policy and its reward model: a whole pipeline up to reinforcement learning.

    The `world` is what seeds share: the table of mistakes, the problems and the accepted forms.
    """

    task: str = "remainders"
    seed: int = 0
    labels: int = 64
    width: int = 64
    layers: int = 2
    epochs: int = 7
    world: int = 0

    @property
    def key(self) -> str:
        """Name it in the cache."""
        return _hash(self)

    @property
    def policy_key(self) -> str:
        """Name its policy, which does not depend on the reward model's labels."""
        return _hash(replace(self, labels=0))


@dataclass(frozen=True, slots=True)
class Scheme:
    """A named scheme with options, and the trainer's normalization if its chain makes no advantages.

    Example:
        >>> Scheme("naive_blend", (("share", 0.9),)).chain().steps[-1]
        Interpolate(signal='verifier', weight=0.9)
    """

    name: str
    options: tuple[tuple[str, Any], ...] = ()
    trainer: str = "trl"

    def chain(self) -> Chain:
        """Return the chain: one of `herokit.schemes`, or a candidate of the search."""
        make = getattr(schemes, self.name, None) or getattr(candidates, self.name)
        chain: Chain = make(**dict(self.options))
        return chain

    def but(self, trainer: str | None = None, **options: Any) -> "Scheme":
        """Return it with other options."""
        return Scheme(self.name, tuple(sorted((dict(self.options) | options).items())), trainer or self.trainer)

    def __str__(self) -> str:
        told = ", ".join(f"{name}={value}" for name, value in self.options)
        return (
            self.name.replace("_", "-")
            + (f" ({told})" if told else "")
            + ("" if self.trainer == "trl" else f" [{self.trainer}]")
        )


@dataclass(frozen=True, slots=True)
class Run:
    """One training.

    Attributes:
        base: what it starts from.
        scheme: what rewards it.
        recall: of the verifier.
        false_positives: of the verifier.
        learnable: whether it accepts the same forms for every problem.
        random_scores: whether the reward model knows nothing: its scores are noise.
        audited: accepted rollouts of the first policy whose truth the scheme is told, and as many drawn from all.
        rate: learning rate.
        split: ``dev`` chooses learning rates and schemes, ``test`` is for claims; they share no problem.
        batch: sizes.
        every: steps between two looks along the way.
    """

    base: Base
    scheme: Scheme
    recall: float
    rate: float
    split: Literal["dev", "test"]
    false_positives: float = 0.0
    learnable: bool = False
    random_scores: bool = False
    audited: int = 0
    batch: Batch = field(default_factory=Batch)
    every: int = 10

    @property
    def key(self) -> str:
        """Name it in the cache; a changed chain is another run."""
        return _hash(self, repr(self.scheme.chain()))


def _hash(value: Any, *more: str) -> str:
    text = json.dumps([RECIPE, type(value).__name__, asdict(value), *more], sort_keys=True)
    return sha256(text.encode()).hexdigest()[:20]

"""Comparing typed answers: one rule a pair of types, what no rule covers is different."""

from collections.abc import Callable, Iterable
from collections.abc import Sequence as Many
from fractions import Fraction
from typing import Any

from herokit_math.answers import (
    Answer,
    Based,
    Chain,
    Choice,
    Interval,
    Labelled,
    Matrix,
    Quantity,
    Ratio,
    Region,
    Sequence,
    Text,
)  # fmt: skip
from herokit_math.atoms import UnsupportedError
from herokit_math.equations import same_chain, solves
from herokit_math.equivalence_policy import Policy
from herokit_math.identity import Tier
from herokit_math.limits import Steps
from herokit_math.lists import as_region
from herokit_math.reading import read
from herokit_math.tree import INFINITY, Call, Num, rename
from herokit_math.values import Values

_RISING, _FALLING = {"<", "\\le"}, {">", "\\ge"}


class Comparison:
    """Compares one pair of answers.

    Args:
        policy: what counts as the same.
        free: the texts declare a free parameter.
    """

    def __init__(self, policy: Policy, *, free: bool = False) -> None:
        self.policy = policy
        self.steps = Steps()
        self.values = Values(policy, self.steps, free=free)
        self.reason = ""

    @property
    def tier(self) -> Tier | None:
        """The tier that decided the last quantities, None when no quantity was compared."""
        return self.values.tier if self.values.tier is not Tier.UNDECIDED else None

    def same(self, gold: Answer, answer: Answer) -> bool | None:  # noqa: PLR0911 - one return a type
        """Decide whether an answer is the reference; None when no rule can say.

        Raises:
            LimitError: the steps are spent.
        """
        if isinstance(gold, Choice) or isinstance(answer, Choice):
            return self._choice(gold, answer)
        if isinstance(gold, Labelled) or isinstance(answer, Labelled):
            return self._labelled(gold, answer)
        if isinstance(gold, Chain) or isinstance(answer, Chain):
            return self._chain(gold, answer)
        if isinstance(gold, Interval | Region) or isinstance(answer, Interval | Region):
            return self._region(gold, answer)
        if isinstance(gold, Matrix) or isinstance(answer, Matrix):
            return self._matrix(gold, answer)
        if isinstance(gold, Sequence) or isinstance(answer, Sequence):
            return self._sequence(gold, answer)
        if isinstance(gold, Based) or isinstance(answer, Based):
            return self._based(gold, answer)
        if isinstance(gold, Ratio) or isinstance(answer, Ratio):
            return self._ratio(gold, answer)
        if isinstance(gold, Text) or isinstance(answer, Text):
            return self._text(gold, answer)
        return self.values.same(gold, answer)

    def _choice(self, gold: Answer, answer: Answer) -> bool | None:
        if isinstance(gold, Choice) and isinstance(answer, Choice):
            return gold.letter == answer.letter
        one, two = (
            (gold.text if isinstance(gold, Choice) else gold),
            (answer.text if isinstance(answer, Choice) else answer),
        )
        if "" in (one, two):
            return False
        try:
            return self.same(*(read(x) if isinstance(x, str) else x for x in (one, two)))
        except UnsupportedError:
            return False

    def _labelled(self, gold: Answer, answer: Answer) -> bool | None:
        if self.policy.labels == "strict" and _label(gold) != _label(answer):
            return False
        ours = gold.value if isinstance(gold, Labelled) else gold
        theirs = answer.value if isinstance(answer, Labelled) else answer
        if isinstance(gold, Labelled) and isinstance(answer, Labelled) and len(gold.bound) == len(answer.bound):
            theirs = _renamed(theirs, dict(zip(answer.bound, gold.bound, strict=True)))
        if isinstance(gold, Labelled) and isinstance(ours, Sequence) and isinstance(theirs, Sequence):
            theirs = _by_label(gold.label, _named(answer, theirs))
        if isinstance(ours, Chain) or isinstance(theirs, Chain):
            return self._chain(
                ours if isinstance(ours, Chain) else gold, theirs if isinstance(theirs, Chain) else answer
            )
        same = self.same(ours, theirs)
        if same is True:
            return True
        whole = gold.whole if isinstance(gold, Labelled) else None
        if isinstance(answer, Labelled) and whole and answer.whole:
            return same_chain(whole, answer.whole, self.steps) or same
        if whole and isinstance(answer, Quantity) and solves(whole, answer.node, self.steps):
            return True
        return same

    def _chain(self, gold: Answer, answer: Answer) -> bool | None:
        ours = gold.whole if isinstance(gold, Labelled) else gold
        theirs = answer.whole if isinstance(answer, Labelled) else answer
        if isinstance(ours, Chain) and isinstance(theirs, Chain):
            return same_chain(ours, theirs, self.steps)
        if isinstance(ours, Chain) and isinstance(theirs, Quantity):
            return solves(ours, theirs.node, self.steps)
        monotone = isinstance(ours, Chain) and (set(ours.relations) <= _RISING or set(ours.relations) <= _FALLING)
        if isinstance(ours, Chain) and isinstance(theirs, Sequence) and monotone:
            return self._in_order([Quantity(p) for p in ours.parts], theirs.items)
        return False

    def _region(self, gold: Answer, answer: Answer) -> bool | None:
        inequality = isinstance(gold, Region) != isinstance(answer, Region) and len(_parts(gold) + _parts(answer)) == 2  # noqa: PLR2004
        if inequality and self.policy.intervals == "strict":
            return False
        ours, theirs = as_region(gold), as_region(answer)
        if ours is None or theirs is None or len(ours.parts) != len(theirs.parts):
            return False
        return self._matched(ours.parts, theirs.parts, self._part)

    def _part(self, gold: Interval | Quantity, answer: Interval | Quantity) -> bool | None:
        if isinstance(gold, Quantity) and isinstance(answer, Quantity):
            return self.values.same(gold, answer)
        if isinstance(gold, Quantity) or isinstance(answer, Quantity):
            return False
        ends = (gold.closed_low, gold.closed_high) == (answer.closed_low, answer.closed_high)
        if not ends and self.policy.ends == "strict":
            return False
        return _all(self.values.nodes(g, a) for g, a in ((gold.low, answer.low), (gold.high, answer.high)))

    def _matrix(self, gold: Answer, answer: Answer) -> bool | None:
        ours, theirs = _rows(gold), _rows(answer)
        if ours is None or theirs is None:
            return False
        if [len(r) for r in ours] != [len(r) for r in theirs]:
            vectors = [[c for r in m for c in r] for m in (ours, theirs) if len(m) == 1 or all(len(r) == 1 for r in m)]
            if len(vectors) != 2 or isinstance(gold, Matrix) == isinstance(answer, Matrix):  # noqa: PLR2004
                return False
            return self._in_order(*vectors)
        return _all(self._in_order(g, a) for g, a in zip(ours, theirs, strict=True))

    def _sequence(self, gold: Answer, answer: Answer) -> bool | None:
        ours = gold.items if isinstance(gold, Sequence) else (gold,)
        theirs = answer.items if isinstance(answer, Sequence) else (answer,)
        brackets = {s.bracket for s in (gold, answer) if isinstance(s, Sequence)}
        if len(ours) != len(theirs) and not brackets & {"(", "["}:
            ours, theirs = self._distinct(ours), self._distinct(theirs)
        if len(ours) != len(theirs):
            return False
        if not brackets & {"(", "["} and (pairs := _same_labels(ours, theirs)):
            return _all(self.same(g, a) for g, a in pairs)
        if brackets & {"(", "["} or self.policy.lists == "ordered":
            return self._in_order(ours, theirs)
        return self._matched(ours, theirs, self.same)

    def _distinct(self, items: tuple[Answer, ...]) -> tuple[Answer, ...]:
        kept: list[Answer] = []
        for item in items:
            if not any(self.same(item, other) for other in kept):
                kept.append(item)
        return tuple(kept)

    def _in_order(self, gold: Many[Answer], answer: Many[Answer]) -> bool | None:
        if len(gold) != len(answer):
            return False
        return _all(self.same(g, a) for g, a in zip(gold, answer, strict=True))

    def _matched(
        self, gold: Many[Answer], answer: Many[Answer], same: Callable[[Any, Any], bool | None]
    ) -> bool | None:
        """Match members one to one."""
        left = list(answer)
        unsure = False
        for g in gold:
            for k, a in enumerate(left):
                verdict = same(g, a)
                unsure |= verdict is None
                if verdict:
                    del left[k]
                    break
            else:
                return None if unsure else False
        return True

    def _based(self, gold: Answer, answer: Answer) -> bool | None:
        if isinstance(gold, Based) and isinstance(answer, Based):
            return gold == answer
        numeral, other = (gold, answer) if isinstance(gold, Based) else (answer, gold)
        if not isinstance(other, Quantity) or not isinstance(numeral, Based) or self.policy.bases == "strict":
            return False
        return (
            isinstance(gold, Based) and other.node == Num(Fraction(numeral.digits))
            if numeral.digits.isdigit()
            else False
        )

    def _ratio(self, gold: Answer, answer: Answer) -> bool | None:
        if isinstance(gold, Ratio) and isinstance(answer, Ratio):
            if gold.half and answer.half and gold.half != answer.half:
                return False
            if len(gold.parts) != len(answer.parts):
                return False
            exact = _all(self.values.nodes(g, a) for g, a in zip(gold.parts, answer.parts, strict=True))
            if exact or gold.clock or answer.clock or len(gold.parts) != 2:  # noqa: PLR2004
                return exact
            (a, b), (c, d) = gold.parts, answer.parts
            return self.values.nodes(Call("mul", (a, d)), Call("mul", (b, c)))
        ratio, other = (gold, answer) if isinstance(gold, Ratio) else (answer, gold)
        if not isinstance(ratio, Ratio) or not isinstance(other, Quantity) or len(ratio.parts) != 2 or ratio.half:  # noqa: PLR2004
            return False
        quotient = Quantity(Call("div", ratio.parts))
        return self.values.same(*((quotient, other) if isinstance(gold, Ratio) else (other, quotient)))

    def _text(self, gold: Answer, answer: Answer) -> bool | None:
        if isinstance(gold, Text) and isinstance(answer, Text):
            self.reason = "words compared"
            return gold.words == answer.words
        words, other = (gold, answer) if isinstance(gold, Text) else (answer, gold)
        if isinstance(words, Text) and words.words[:1] == ("infinitely",) and isinstance(other, Quantity):
            return other.node == INFINITY
        self.reason = "words against mathematics"
        return False


def _all(verdicts: Iterable[bool | None]) -> bool | None:
    """Return False if any is, else None if any is, else True."""
    unsure = False
    for verdict in verdicts:
        if verdict is False:
            return False
        unsure |= verdict is None
    return None if unsure else True


def _label(answer: Answer) -> str:
    return answer.label if isinstance(answer, Labelled) else ""


def _parts(answer: Answer) -> tuple[Answer, ...]:
    return answer.parts if isinstance(answer, Region) else (answer,)


def _same_labels(gold: Many[Answer], answer: Many[Answer]) -> list[tuple[Answer, Answer]]:
    """Pair members by their names, where both sides name all of theirs and use the same names once each."""
    ours = {item.label: item for item in gold if isinstance(item, Labelled)}
    theirs = {item.label: item for item in answer if isinstance(item, Labelled)}
    if len(ours) != len(gold) or len(theirs) != len(answer) or ours.keys() != theirs.keys():
        return []
    return [(ours[label], theirs[label]) for label in ours]


def _rows(answer: Answer) -> list[list[Answer]] | None:
    if isinstance(answer, Matrix):
        return [list(row) for row in answer.rows]
    if isinstance(answer, Sequence) and answer.bracket in {"(", "["}:
        return [list(answer.items)]
    if isinstance(answer, Sequence) and len(answer.items) == 1:
        return _rows(answer.items[0])
    return None


def _renamed(answer: Answer, names: dict[str, str]) -> Answer:
    return answer._replace(node=rename(answer.node, names)) if isinstance(answer, Quantity) and names else answer


def _named(answer: Answer, value: Sequence) -> Sequence:
    """Give the members of ``(y, x) = (1, 2)`` their names."""
    names = answer.label.strip("()[]{}").split(",") if isinstance(answer, Labelled) else []
    if len(names) != len(value.items) or len(names) == 1:
        return value
    return Sequence(tuple(Labelled(n, v) for n, v in zip(names, value.items, strict=True)), value.bracket)


def _by_label(label: str, answer: Sequence) -> Sequence:
    """Put ``y = 2, x = 1`` into the order of a reference ``(x, y) = ...``."""
    order = label.strip("()[]{}").split(",")
    named = {item.label: item for item in answer.items if isinstance(item, Labelled)}
    if sorted(named) == sorted(order) and len(named) == len(answer.items):
        return Sequence(tuple(named[name] for name in order), answer.bracket)
    return answer

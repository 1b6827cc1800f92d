"""Two quantities: the rounding policy, percent, degrees, units, names of parameters."""

from fractions import Fraction

from herokit_math.answers import Quantity
from herokit_math.equivalence_policy import Policy
from herokit_math.exact import NotExactError, exact
from herokit_math.identity import Tier, identical, number
from herokit_math.limits import Steps
from herokit_math.tree import INFINITY, Call, Const, Node, Num, Sym, has, rename, symbols
from herokit_math.units import UNITS, Unit

_HUNDRED = Num(Fraction(100))
_PARAMETERS = frozenset("kmnltjrsK")
_ENOUGH = 3  # significant digits from which a value may also be cut off, not only rounded
_FEW = 2  # significant digits below which no decimal stands for another value


class Values:
    """Compares quantities under a policy.

    Args:
        policy: what counts as the same.
        steps: what is left to spend on the pair.
        free: the text declares a free parameter, so one variable may have another name.
    """

    def __init__(self, policy: Policy, steps: Steps, *, free: bool = False) -> None:
        self.policy = policy
        self.steps = steps
        self.free = free
        self.tier = Tier.UNDECIDED

    def same(self, gold: Quantity, answer: Quantity) -> bool | None:
        """Decide whether two quantities are the same."""
        gold, answer = _with_letter_unit(gold, answer), _with_letter_unit(answer, gold)
        if self.policy.units != "ignore":
            if gold.unit is not None and answer.unit is not None and gold.unit != answer.unit:
                return self._converted(gold, gold.unit, answer, answer.unit)
            if self.policy.units == "strict" and gold.unit != answer.unit:
                return False
        if gold.mark == answer.mark:
            return self.nodes(gold.node, answer.node)
        if "deg" in {gold.mark, answer.mark}:
            return self._degrees(gold, answer)
        return self._percent(gold, answer)

    def _converted(self, gold: Quantity, theirs: Unit, answer: Quantity, ours: Unit) -> bool | None:
        if theirs.dimension != ours.dimension:
            return False
        factor = Num(ours.factor / theirs.factor)
        return self.nodes(gold.node, Call("mul", (answer.node, factor)))

    def _percent(self, gold: Quantity, answer: Quantity) -> bool | None:
        if self.policy.percent == "strict":
            return False
        if self.policy.percent == "lenient":
            same = self.nodes(gold.node, answer.node)
            if same is not False:
                return same
        return self.nodes(*(_as_fraction(q) for q in (gold, answer)))

    def _degrees(self, gold: Quantity, answer: Quantity) -> bool | None:
        if self.policy.degrees == "lenient":
            same = self.nodes(gold.node, answer.node)
            if same is not False:
                return same
        turned = [Call("degree", (q.node,)) if q.mark == "deg" else q.node for q in (gold, answer)]
        plain = gold.node if gold.mark != "deg" else answer.node
        return self.nodes(turned[0], turned[1]) if _holds_pi(plain) else False

    def nodes(self, gold: Node, answer: Node) -> bool | None:
        """Decide whether two expressions have the same value, up to rounding and the names of parameters."""
        if self.policy.constant == "ignore":
            gold, answer = _without_constant(gold), _without_constant(answer)
        if infinite(gold) or infinite(answer):
            return gold == answer
        ours, theirs = symbols(gold), symbols(answer)
        if not ours and not theirs and (rounded := self._rounded(gold, answer)) is not None:
            self.tier = Tier.EXACT
            return rounded
        same, self.tier = identical(gold, answer, self.steps)
        if same is True or ours == theirs or self.policy.parameters == "strict":
            return same
        for renamed in self._renamings(gold, answer, ours, theirs):
            again, tier = identical(gold, renamed, self.steps)
            if again:
                self.tier = tier
                return True
        return same

    def _renamings(self, gold: Node, answer: Node, ours: frozenset[str], theirs: frozenset[str]) -> list[Node]:
        missing, new = sorted(ours - theirs), sorted(theirs - ours)
        if len(missing) != len(new):
            return []
        if [m.lower() for m in missing] == [n.lower() for n in new]:
            return [rename(answer, dict(zip(new, missing, strict=True)))]
        if len(new) != 1:
            return []
        family = set(missing + new) <= _PARAMETERS and _holds_pi(gold) and _holds_pi(answer)
        return [rename(answer, {new[0]: missing[0]})] if family or self.free else []

    def _rounded(self, gold: Node, answer: Node) -> bool | None:  # noqa: PLR0911 - one return a rule
        """Apply the rounding policy to two numbers; None when it has no say."""
        decimals = _places(gold), _places(answer)
        if decimals == (None, None):
            return None
        pair = self._numbers(gold, answer)
        if pair is None:
            return None
        ours, theirs = pair
        if ours == theirs:
            return True
        if self.policy.decimals == "exact":
            return False if isinstance(ours, Fraction) and isinstance(theirs, Fraction) else None
        gap = abs(Fraction(ours) - Fraction(theirs))
        if _is_whole(gold):  # float noise only
            return gap * 10**9 < abs(Fraction(ours)) and (decimals[1] or 0) >= 6  # noqa: PLR2004 - digits of a float
        if _is_whole(answer):
            decimals = decimals[0], 0
        places = min(d for d in decimals if d is not None)
        if decimals[0] == decimals[1]:
            return False
        coarse = answer if decimals[1] == places else gold
        digits = _significant(coarse, places)
        if digits < _ENOUGH and coarse is gold and decimals[1] is not None:
            return False  # a reference of one or two digits is exact
        step = Fraction(1, 10**places)
        if digits >= _ENOUGH:
            sizes = abs(Fraction(ours)), abs(Fraction(theirs))
            shorter = sizes[1] < sizes[0] if coarse is answer else sizes[0] < sizes[1]
            return 2 * gap <= step or (gap < step and shorter)  # rounded, or cut off
        return digits >= _FEW and places > 0 and 2 * gap <= step

    def _numbers(self, *nodes: Node) -> tuple[Fraction | float, Fraction | float] | None:
        found: list[Fraction | float] = []
        for node in nodes:
            try:
                found.append(exact(node, self.steps))
            except NotExactError:
                value = number(node, self.steps)
                if value is None:
                    return None
                found.append(value)
        return found[0], found[1]


def infinite(node: Node) -> bool:
    """Say whether a tree is plus or minus infinity."""
    return node == INFINITY or (isinstance(node, Call) and node.op == "neg" and node.args[0] == INFINITY)


def _literal(node: Node) -> Num | None:
    """Return a number as written, negated or in percent, as one number; None for anything else."""
    if isinstance(node, Num):
        return node
    inner = node.args[0] if isinstance(node, Call) and node.op in {"neg", "percent"} else None
    if not isinstance(node, Call) or not isinstance(inner, Num):
        return None
    return Num(-inner.value, inner.places) if node.op == "neg" else Num(inner.value / 100, (inner.places or 0) + 2)


def _places(node: Node) -> int | None:
    literal = _literal(node)
    return literal.places if literal else None


def _significant(node: Node, places: int) -> int:
    """Return how many significant digits a literal has when it is written with `places` decimals."""
    literal = _literal(node)
    return len(str(int(abs(literal.value) * 10**places)).lstrip("0")) if literal else 0


def _is_whole(node: Node) -> bool:
    return isinstance(node, Num) and node.places is None and node.value.denominator == 1


def _as_fraction(quantity: Quantity) -> Node:
    return Call("percent", (quantity.node,)) if quantity.mark == "%" else quantity.node


def _holds_pi(node: Node) -> bool:
    return node == Const("pi") or (isinstance(node, Call) and any(map(_holds_pi, node.args)))


def _with_letter_unit(quantity: Quantity, other: Quantity) -> Quantity:
    """Read ``5 m`` as five metres where the other side holds no variable."""
    node = quantity.node
    if isinstance(node, Call) and node.op == "mul" and not symbols(other.node) and quantity.unit is None:
        *factors, last = node.args
        if isinstance(last, Sym) and last.name in UNITS and len(factors) == 1 and not symbols(factors[0]):
            return quantity._replace(node=factors[0], unit=UNITS[last.name])
    return quantity


def _without_constant(node: Node) -> Node:
    if (
        isinstance(node, Call)
        and node.op == "add"
        and node.args[-1] == Sym("C")
        and not has(node, frozenset({"apply"}))
    ):
        return node.args[0] if len(node.args) == 2 else Call("add", node.args[:-1])  # noqa: PLR2004
    return node

"""Labels of values: which of them are compatible, and which member of a list each one names."""

from collections.abc import Sequence

from herokit_math.answers import Answer, Collection, LabeledValue, Quantity, Region
from herokit_math.relations import is_plain_label, prime_derivative
from herokit_math.tree import Call, Node, Sym, free_symbols, rename_symbols

__all__ = ["MAX_NAME_CHARS", "adapt_labels", "count_names", "get_label", "have_compatible_labels", "pair_by_label"]

MAX_NAME_CHARS = 3
"""Characters of a label that is a name and not a word."""


def get_label(answer: Answer) -> str:
    """Return the label of an answer; an empty text without one."""
    return answer.label if isinstance(answer, LabeledValue) else ""


def have_compatible_labels(reference: Node, answer: Node) -> bool:
    """Return whether the left sides of two equations allow to compare the right sides."""
    reference, answer = prime_derivative(reference), prime_derivative(answer)
    if reference == answer:
        return True
    if not (is_plain_label(reference) and is_plain_label(answer)):
        return False
    if isinstance(reference, Call) and isinstance(answer, Call) and reference.op == answer.op == "apply":
        return _is_bound(reference.args[1]) and _is_bound(answer.args[1])  # f(x) and f(t), but not f(2) and f(3)
    stems = [node.name.partition("_") for node in (reference, answer) if isinstance(node, Sym)]
    is_numbered = len(stems) == 2 and all(index.strip("{}").isdigit() for _, _, index in stems)  # noqa: PLR2004 - two names
    return not (is_numbered and stems[0][0] == stems[1][0])  # x_1 is not x_2


def _is_bound(argument: Node) -> bool:
    """Return whether an argument of a function contains a variable that may have another name."""
    return any(name[:1].islower() for name in free_symbols(argument))


def pair_by_label(reference: Sequence[Answer], answer: Sequence[Answer]) -> list[tuple[Answer, Answer]]:
    """Pair members with the same label; empty unless both sides label all members with the same distinct labels."""
    labeled = {_get_name(item): item for item in reference}
    other = {_get_name(item): item for item in answer}
    if len(labeled) != len(reference) or len(other) != len(answer) or labeled.keys() != other.keys() or "" in labeled:
        return []
    return [(labeled[label], other[label]) for label in labeled]


def count_names(items: Sequence[Answer]) -> int:
    """Return how many names label the members, ``x_1`` and ``x_2`` as one; 0 if some member has no label."""
    labels = [get_label(item).partition("_")[0] for item in items]
    return len(set(labels)) if all(labels) else 0


def _get_name(item: Answer) -> str:
    if isinstance(item, Quantity) and item.unit is None:
        return item.words  # "5 red, 3 blue"
    label = item.name if isinstance(item, Region) else get_label(item)
    return label if len(label) <= MAX_NAME_CHARS else label.lower()


def adapt_labels(reference: LabeledValue, answer: Answer, value: Answer) -> Answer:
    """Return the answer's value with the reference's bound variables and order of labels."""
    if isinstance(answer, LabeledValue) and len(reference.bound_variables) == len(answer.bound_variables):
        names = dict(zip(answer.bound_variables, reference.bound_variables, strict=True))
        if isinstance(value, Quantity) and names:
            free = {
                name: f"{name} elsewhere" for name in reference.bound_variables if name not in names
            }  # the x of f(t) = x
            value = value._replace(node=rename_symbols(value.node, names | free))
    if isinstance(reference.value, Collection) and isinstance(value, Collection):
        value = _order_by_label(reference.label, _label_items(answer, value))
    return value


def _label_items(answer: Answer, value: Collection) -> Collection:
    """Label the members of ``(y, x) = (1, 2)``."""
    names = answer.label.strip("()[]{}").split(",") if isinstance(answer, LabeledValue) else []
    if len(names) != len(value.items) or len(names) == 1:
        return value
    return Collection(tuple(LabeledValue(n, v) for n, v in zip(names, value.items, strict=True)), value.bracket)


def _order_by_label(label: str, answer: Collection) -> Collection:
    """Order ``y = 2, x = 1`` like a reference ``(x, y) = ...``."""
    order = label.strip("()[]{}").split(",")
    labeled = {item.label: item for item in answer.items if isinstance(item, LabeledValue)}
    if sorted(labeled) == sorted(order) and len(labeled) == len(answer.items):
        return Collection(tuple(labeled[name] for name in order), answer.bracket)
    return answer

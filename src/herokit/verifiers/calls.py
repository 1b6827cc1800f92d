"""Function calls: the right functions with the right arguments."""

import re
from dataclasses import dataclass
from typing import Any, Literal

from herokit.errors import check_choice
from herokit.types import Sample, Status, Verdict
from herokit.verifiers.base import PerSampleVerifier, abstain, binary_verdict, unparsed
from herokit.verifiers.extraction import extract_code_block, read_json
from herokit.verifiers.literals import read_calls

Call = tuple[str, dict[str, Any]]
Gold = Literal["values", "allowed"]
Strings = Literal["exact", "loose"]

MOST = 64
"""Calls that a completion may make; matching them in any order takes their square."""

_TOOL = re.compile(r"<tool_call>(.*?)</tool_call>", re.DOTALL)
_LOOSE = str.maketrans("", "", " ,./-_*^" + "'\"")


class TooManyError(ValueError):
    """A completion has more calls than are read: that is not none, also where none is right."""


@dataclass(frozen=True, slots=True)
class FunctionCall(PerSampleVerifier):
    """Right where a completion makes the reference's calls: same functions, same arguments, none more and none fewer.

    Calls are JSON (``{"name": ..., "arguments": {...}}``, a list of them, or OpenAI's ``{"function": {...}}``), bare, in
    one fenced block, or each between ``<tool_call>`` tags; or written as ``f(a=1, b="x")``. Nothing is evaluated. Numbers
    are equal by value, ``true`` is no 1; key order never counts. The reference ``[]`` says that no call is right.

    Args:
        reference_format: ``"values"``: the reference's arguments are the values; ``"allowed"``: each is a list of values any of which
            is right, and ``""`` among them says that it may be left out.
        string_match: ``"exact"``, or ``"loose"``: without case, blanks and ``, . / - _ * ^`` and quotes.
        ordered: whether the order of calls counts.
        partial_credit: the value is the share ``matched calls / max(calls given, calls expected)``.

    Source: the AST match of the Berkeley Function Calling Leaderboard (Patil et al., ICML 2025), whose possible answers
    are ``gold = "allowed"`` and whose comparison of texts is ``strings = "loose"``.

    Example:
        >>> gold = '{"name": "weather", "arguments": {"city": "Oslo", "days": 2}}'
        >>> texts = ("weather(days=2.0, city='Oslo')", "weather(city='Oslo')", gold)
        >>> [v.value for v in FunctionCall().verify([Sample("?", text, 0, gold) for text in texts])]
        [1.0, 0.0, 1.0]
    """

    reference_format: Gold = "values"
    string_match: Strings = "exact"
    ordered: bool = False
    partial_credit: bool = False

    def __post_init__(self) -> None:
        check_choice("reference_format", self.reference_format, Gold)
        check_choice("string_match", self.string_match, Strings)

    def judge(self, sample: Sample) -> Verdict:
        """Return the verdict on one sample."""
        if sample.reference is None:
            return abstain()
        try:
            expected = from_json(read_json(sample.reference), bare=self.reference_format == "allowed")
        except ValueError as error:
            return abstain(f"reference: expected calls as JSON: {error}")
        try:
            made = find_calls(sample.completion)
        except ValueError as error:
            if expected or isinstance(error, TooManyError):
                return unparsed(f"no calls: {error}")
            return binary_verdict(correct=True, reason="no call, as expected")
        if len(made) > MOST:
            return binary_verdict(correct=False, reason=f"more than {MOST} calls")
        matched = self._matched(made, expected)
        most = max(len(made), len(expected))
        reason = f"{matched} of {len(expected)} calls match, {len(made)} made"
        value = matched / most if self.partial_credit and most else float(matched == most)
        return Verdict(value, Status.JUDGED, reason)

    def _matched(self, made: list[Call], expected: list[Call]) -> int:
        if self.ordered:
            return sum(self._same(one, gold) for one, gold in zip(made, expected, strict=False))
        fits = [[at for at, gold in enumerate(expected) if self._same(one, gold)] for one in made]
        taken: dict[int, int] = {}
        return sum(_place(row, fits, taken, set()) for row in range(len(made)))

    def _same(self, made: Call, gold: Call) -> bool:
        if made[0] != gold[0]:
            return False
        if self.reference_format == "values":
            return equal(made[1], gold[1], self.string_match)
        given = made[1]
        return given.keys() <= gold[1].keys() and all(
            any(equal(given[key], value, self.string_match) for value in _values(allowed))
            if key in given
            else "" in _values(allowed)
            for key, allowed in gold[1].items()
        )


def _place(row: int, fits: list[list[int]], taken: dict[int, int], seen: set[int]) -> bool:
    """Give a made call an expected one, and another one to the call that had it: an augmenting path, Kuhn (1955)."""
    for at in fits[row]:
        if at not in seen:
            seen.add(at)
            if at not in taken or _place(taken[at], fits, taken, seen):
                taken[at] = row
                return True
    return False


def _values(allowed: Any) -> list[Any]:
    return allowed if isinstance(allowed, list) else [allowed]


def find_calls(completion: str) -> list[Call]:
    """Read the calls that a completion makes.

    Raises:
        ValueError: there are none that can be read.
        TooManyError: there are more than `MOST`.

    Example:
        >>> find_calls('<tool_call>{"name": "now", "arguments": {}}</tool_call>')
        [('now', {})]
    """
    if completion.count("<tool_call>") > MOST:
        raise TooManyError(f"more than {MOST} calls")
    if tagged := _TOOL.findall(completion):
        return [call for text in tagged for call in _read(text.strip())]
    text = extract_code_block(completion, ("json", "python", "tool_code"), "optional")
    if text is None:
        raise ValueError("several fenced blocks")
    return _read(text)


def _read(text: str) -> list[Call]:
    if text[:1] in ("{", "[") and not re.match(r"\[\s*[A-Za-z_]", text):
        return from_json(read_json(text))
    return read_calls(text)


def from_json(value: Any, *, bare: bool = False) -> list[Call]:
    """Read calls from JSON.

    Args:
        value: one call or a list.
        bare: ``{"f": {"a": [1]}}`` is a call of f too.

    Raises:
        ValueError: something in it is no call.

    Example:
        >>> from_json([{"function": {"name": "f", "arguments": '{"a": 1}'}}])
        [('f', {'a': 1})]
    """
    calls = []
    for one in value if isinstance(value, list) else [value]:
        call = one.get("function", one) if isinstance(one, dict) and "name" not in one else one
        if bare and isinstance(call, dict) and "name" not in call and len(call) == 1:
            ((name, arguments),) = call.items()
        elif isinstance(call, dict):
            name, arguments = call.get("name"), call.get("arguments", call.get("parameters", {}))
        else:
            raise ValueError("a call is an object")
        arguments = read_json(arguments) if isinstance(arguments, str) else arguments
        if not isinstance(name, str) or not isinstance(arguments, dict):
            raise ValueError("a call has a name and an object of arguments")  # noqa: TRY004 - a text is wrong, no type
        calls.append((name, arguments))
    return calls


def equal(one: Any, other: Any, strings: Strings) -> bool:
    """Compare two JSON values; numbers by value, objects without order, texts as told.

    Example:
        >>> equal({"a": 1}, {"a": 1.0}, "exact"), equal(True, 1, "exact"), equal("New York", "new-york", "loose")
        (True, False, True)
    """
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one == other
    if isinstance(one, str) and isinstance(other, str):
        return one == other or (strings == "loose" and _loose(one) == _loose(other))
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(equal(a, b, strings) for a, b in zip(one, other, strict=True))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(value, other[key], strings) for key, value in one.items())
    return one is None and other is None


def _loose(text: str) -> str:
    return text.lower().translate(_LOOSE)

"""Function calls: the expected functions with the expected arguments, written as JSON or as ``f(a=1)``.

Calls of the second kind are read with this grammar; nothing is evaluated.

    calls  = call | "[" call {"," call} "]"
    call   = name {"." name} "(" [name "=" value {"," name "=" value}] ")"
    value  = number | text | true | false | null | "[" values "]" | "(" values ")" | "{" [value ":" value ...] "}"

Constants may be Python's (``True``, ``None``) or JSON's; texts are in single or double quotes.
"""

import re
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from herokit.errors import check_choice
from herokit.tags import CheckTags
from herokit.types import Sample, Status, Verdict
from herokit.verifiers.base import PerSampleVerifier, abstain, binary_verdict, unparsed
from herokit.verifiers.references import reference_data
from herokit.verifiers.text import extract_code_block, read_json

__all__ = ["FunctionCall", "ReferenceFormat", "StringMatch"]

_Call: TypeAlias = tuple[str, dict[str, Any]]
ReferenceFormat = Literal["values", "allowed"]
StringMatch = Literal["exact", "loose"]

_MAX_CALLS = 64
"""Calls of a completion; matching them in any order takes time quadratic in their number."""

_MAX_CHARS = 50_000
_MAX_DEPTH = 50

_TOOL_CALL = re.compile(r"<tool_call>(.*?)</tool_call>", re.DOTALL)
_IGNORED_IF_LOOSE = str.maketrans("", "", " ,./-_*^" + "'\"")


class _TooManyCallsError(ValueError):
    """The completion makes more calls than are read."""


@dataclass(frozen=True, slots=True)
class FunctionCall(PerSampleVerifier):
    """1 if the completion makes exactly the reference's calls, with the same functions and arguments, else 0.

    Calls are JSON (``{"name": ..., "arguments": {...}}``, a list of them, or OpenAI's ``{"function": {...}}``), alone, in
    one fenced block, or each between ``<tool_call>`` tags; or they are written as ``f(a=1, b="x")``; or they are the
    ``tool_calls`` of the policy's messages. Nothing is evaluated.
    Numbers are equal by value, ``true`` does not equal 1, and the order of keys does not matter. The reference ``[]``
    means that the completion should make no call.

    Args:
        reference_format: ``"values"``: the reference has the arguments' values; ``"allowed"``: it has a list of allowed
            values for each argument, and ``""`` in that list means that the argument may be left out.
        string_match: ``"exact"``, or ``"loose"``: ignore case, blanks, quotes and ``, . / - _ * ^``.
        ordered: whether the order of the calls matters.
        partial_credit: give ``matched calls / max(calls made, calls expected)`` instead of 0 or 1.

    Source: the AST match of the Berkeley Function Calling Leaderboard (Patil et al., ICML 2025), whose possible answers
    are ``reference_format = "allowed"`` and whose comparison of texts is ``string_match = "loose"``.

    Example:
        >>> reference = '{"name": "weather", "arguments": {"city": "Oslo", "days": 2}}'
        >>> texts = ("weather(days=2.0, city='Oslo')", "weather(city='Oslo')", reference)
        >>> [v.value for v in FunctionCall().verify([Sample("?", text, 0, reference) for text in texts])]
        [1.0, 0.0, 1.0]
    """

    reference_format: ReferenceFormat = "values"
    string_match: StringMatch = "exact"
    ordered: bool = False
    partial_credit: bool = False

    def __post_init__(self) -> None:
        check_choice("reference_format", self.reference_format, ReferenceFormat)
        check_choice("string_match", self.string_match, StringMatch)

    def check_tags(self) -> CheckTags:
        """Return what its answers are, and that it abstains without a reference."""
        return CheckTags(domain="tool-calls", claims={"missing_reference_abstains": {}})

    def judge(self, sample: Sample) -> Verdict:
        """Return the verdict on one sample."""
        reference = reference_data(sample)
        try:
            expected = _calls_from_json(reference, short=self.reference_format == "allowed")
        except ValueError as error:
            return abstain(f"reference: expected calls as JSON: {error}")
        try:
            calls = _find_calls(sample)
        except ValueError as error:
            if expected or isinstance(error, _TooManyCallsError):
                return unparsed(f"no calls: {error}")
            return binary_verdict(correct=True, reason="no call, as expected")
        if len(calls) > _MAX_CALLS:
            return binary_verdict(correct=False, reason=f"more than {_MAX_CALLS} calls")
        matched = self._count_matches(calls, expected)
        total = max(len(calls), len(expected))
        reason = f"{matched} of {len(expected)} calls match, {len(calls)} made"
        value = matched / total if self.partial_credit and total else float(matched == total)
        return Verdict(value, Status.JUDGED, reason)

    def _count_matches(self, calls: list[_Call], expected: list[_Call]) -> int:
        if self.ordered:
            return sum(self._matches(call, wanted) for call, wanted in zip(calls, expected, strict=False))
        candidates = [[i for i, wanted in enumerate(expected) if self._matches(call, wanted)] for call in calls]
        assigned: dict[int, int] = {}
        return sum(_assign(row, candidates, assigned, set()) for row in range(len(calls)))

    def _matches(self, call: _Call, expected: _Call) -> bool:
        (name, arguments), (expected_name, expected_arguments) = call, expected
        if name != expected_name:
            return False
        if self.reference_format == "values":
            return _is_equal(arguments, expected_arguments, self.string_match)
        return arguments.keys() <= expected_arguments.keys() and all(
            any(_is_equal(arguments[key], value, self.string_match) for value in _as_list(allowed))
            if key in arguments
            else "" in _as_list(allowed)
            for key, allowed in expected_arguments.items()
        )


def _assign(row: int, candidates: list[list[int]], assigned: dict[int, int], visited: set[int]) -> bool:
    """Assign an expected call to a call that was made, reassigning others if necessary: an augmenting path, Kuhn (1955)."""
    for index in candidates[row]:
        if index not in visited:
            visited.add(index)
            if index not in assigned or _assign(assigned[index], candidates, assigned, visited):
                assigned[index] = row
                return True
    return False


def _as_list(allowed: Any) -> list[Any]:
    return allowed if isinstance(allowed, list) else [allowed]


def _find_calls(sample: Sample) -> list[_Call]:
    """Read the calls that the policy makes: those of its messages, else those in its final text.

    Raises:
        ValueError: there are none that can be read.
        _TooManyCallsError: there are more than `_MAX_CALLS`.
    """
    calls = [call for turn in sample.turns for call in turn.calls] if not isinstance(sample.completion, str) else []
    if not calls:
        return _calls_in_text(sample.final_text)
    if unreadable := next((call.name for call in calls if call.arguments is None), None):
        raise ValueError(f"the arguments of {unreadable!r:.60} are no JSON object")
    return [(call.name, dict(call.arguments or {})) for call in calls]


def _calls_in_text(text: str) -> list[_Call]:
    """Read the calls in a text.

    Raises:
        ValueError: there are none that can be read.
        _TooManyCallsError: there are more than `_MAX_CALLS`.

    Example:
        >>> _calls_in_text('<tool_call>{"name": "now", "arguments": {}}</tool_call>')
        [('now', {})]
    """
    if text.count("<tool_call>") > _MAX_CALLS:
        raise _TooManyCallsError(f"more than {_MAX_CALLS} calls")
    if tagged := _TOOL_CALL.findall(text):
        return [call for inside in tagged for call in _read_calls(inside.strip())]
    block = extract_code_block(text, ("json", "python", "tool_code"), "optional")
    if block is None:
        raise ValueError("several fenced blocks")
    return _read_calls(block)


def _read_calls(text: str) -> list[_Call]:
    if text[:1] in ("{", "[") and not re.match(r"\[\s*[A-Za-z_]", text):
        return _calls_from_json(read_json(text))
    return _calls_from_python(text)


def _calls_from_json(value: Any, *, short: bool = False) -> list[_Call]:
    """Read calls from JSON.

    Args:
        value: one call or a list of calls.
        short: also accept ``{"f": {"a": [1]}}`` as a call of f.

    Raises:
        ValueError: a value is not a call.

    Example:
        >>> _calls_from_json([{"function": {"name": "f", "arguments": '{"a": 1}'}}])
        [('f', {'a': 1})]
    """
    calls = []
    for item in value if isinstance(value, list) else [value]:
        call = item.get("function", item) if isinstance(item, dict) and "name" not in item else item
        if short and isinstance(call, dict) and "name" not in call and len(call) == 1:
            ((name, arguments),) = call.items()
        elif isinstance(call, dict):
            name, arguments = call.get("name"), call.get("arguments", call.get("parameters", {}))
        else:
            raise ValueError("a call must be an object")
        arguments = read_json(arguments) if isinstance(arguments, str) else arguments
        if not isinstance(name, str) or not isinstance(arguments, dict):
            raise ValueError("a call must have a name and an object of arguments")  # noqa: TRY004 - the text is at fault
        calls.append((name, arguments))
    return calls


def _is_equal(left: Any, right: Any, string_match: StringMatch) -> bool:
    """Compare two JSON values: numbers by value, objects without order.

    Example:
        >>> _is_equal({"a": 1}, {"a": 1.0}, "exact"), _is_equal(True, 1, "exact"), _is_equal("New York", "new-york", "loose")
        (True, False, True)
    """
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, int | float) and isinstance(right, int | float):
        return left == right
    if isinstance(left, str) and isinstance(right, str):
        return left == right or (string_match == "loose" and _loose(left) == _loose(right))
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(_is_equal(a, b, string_match) for a, b in zip(left, right, strict=True))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_is_equal(v, right[key], string_match) for key, v in left.items())
    return left is None and right is None


def _loose(text: str) -> str:
    return text.lower().translate(_IGNORED_IF_LOOSE)


_TOKEN = re.compile(
    r"\s*(?:(?P<number>[-+]?(?:\d{1,400}(?:\.\d{0,400})?|\.\d{1,400})(?:[eE][-+]?\d{1,3})?)(?![\w.])"
    r"|(?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)|(?P<text>\"(?:[^\"\\\n]|\\.)*+\"|'(?:[^'\\\n]|\\.)*+')"
    r"|(?P<mark>[\[\](){},:=]))"
)
_CONSTANTS = {"True": True, "true": True, "False": False, "false": False, "None": None, "null": None}
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "0": "\0"}


def _calls_from_python(text: str) -> list[_Call]:
    """Read calls that are written as in Python.

    Raises:
        ValueError: the text is not one call or a list of calls, is too long, or nested too deeply.

    Example:
        >>> _calls_from_python("[weather(city='Oslo', days=2), now()]")
        [('weather', {'city': 'Oslo', 'days': 2}), ('now', {})]
    """
    if len(text) > _MAX_CHARS:
        raise ValueError(f"longer than {_MAX_CHARS:,} characters")
    parser = _Parser(text.strip())
    calls = []
    in_list = parser.accept("[")
    while True:
        calls.append(parser.parse_call())
        if not (in_list and parser.accept(",")):
            break
    if (in_list and not parser.accept("]")) or parser.position != len(parser.text):
        raise ValueError(f"unexpected text at character {parser.position}")
    return calls


class _Parser:
    """Recursive-descent parser of the grammar above."""

    def __init__(self, text: str) -> None:
        self.text, self.position = text, 0

    def peek(self) -> re.Match[str]:
        match = _TOKEN.match(self.text, self.position)
        if match is None:
            raise ValueError(f"unexpected text at character {self.position}")
        return match

    def accept(self, mark: str) -> bool:
        match = _TOKEN.match(self.text, self.position)
        if match is None or match["mark"] != mark:
            return False
        self.position = match.end()
        return True

    def expect(self, mark: str) -> None:
        if not self.accept(mark):
            raise ValueError(f"expected {mark!r} at character {self.position}")

    def parse_name(self) -> str:
        match = self.peek()
        if match["name"] is None:
            raise ValueError(f"expected a name at character {self.position}")
        self.position = match.end()
        return match["name"]

    def parse_call(self) -> _Call:
        name, arguments = self.parse_name(), {}
        self.expect("(")
        while not self.accept(")"):
            key = self.parse_name()
            self.expect("=")
            if key in arguments:
                raise ValueError(f"duplicate argument {key!r:.40}")
            arguments[key] = self.parse_value(0)
            if not self.accept(","):
                self.expect(")")
                break
        return name, arguments

    def parse_value(self, depth: int) -> Any:
        if depth > _MAX_DEPTH:
            raise ValueError("nested too deeply")
        match = self.peek()
        self.position = match.end()
        if (number := match["number"]) is not None:
            return float(number) if re.search(r"[.eE]", number) else int(number)
        if (text := match["text"]) is not None:
            return _ESCAPE.sub(_unescape, text[1:-1])
        if (word := match["name"]) is not None:
            if word in _CONSTANTS:
                return _CONSTANTS[word]
            raise ValueError(f"{word!r:.40} is not a value")
        if match["mark"] in ("[", "("):
            return self.parse_items("]" if match["mark"] == "[" else ")", depth)
        if match["mark"] == "{":
            return self.parse_pairs(depth)
        raise ValueError(f"expected a value at character {self.position}")

    def parse_items(self, end: str, depth: int) -> list[Any]:
        items = []
        while not self.accept(end):
            items.append(self.parse_value(depth + 1))
            if not self.accept(","):
                self.expect(end)
                break
        return items

    def parse_pairs(self, depth: int) -> dict[str, Any]:
        pairs: dict[str, Any] = {}
        while not self.accept("}"):
            key = self.parse_value(depth + 1)
            if not isinstance(key, str) or key in pairs:
                raise ValueError(f"a key must be a text and occur once, got {key!r:.40}")
            self.expect(":")
            pairs[key] = self.parse_value(depth + 1)
            if not self.accept(","):
                self.expect("}")
                break
        return pairs


def _unescape(match: re.Match[str]) -> str:
    code = match[1] or match[2]
    return chr(int(code, 16)) if code else _ESCAPED.get(match[3], match[3])

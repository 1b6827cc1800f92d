"""Answers that are JSON: objects, instances of a schema, tool calls."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from herokit.testing.attacks import (
    COMPLETION_ATTACKS,
    LAST,
    REWRITES,
    SEVERAL,
    Attack,
    Case,
    Completion,
    Rewrite,
    answer_attacks,
    rewrite_text,
)
from herokit.testing.batches import Draw
from herokit.testing.domains.base import FENCE, TAG_PAIR, Domain

__all__ = ["STRUCTURED"]

NAMES = ("Ada", "Blaise", "Carl", "Emmy", "Srinivasa", "Sofia")
CITIES = ("Oslo", "Lima", "Cairo", "Hanoi", "Quito")
TAGS = ("red", "green", "blue")
TOOLS = {"weather": "city", "flights": "city", "find_person": "name"}
"""Tool -> its first argument; the second one is a number."""

OTHER_KEYS = "its keys are not those of the right object"
OTHER_VALUES = "its values are not those of the right object"
NOT_OBJECT = "it is not an object"
MORE_CALLS = "it makes calls that nobody asked for"
OTHER_CALL = "it is another call"
NO_CALL = "it writes about a call and makes none"

JSON_WRITERS: Mapping[str, Callable[[str], str]] = {
    "plain": lambda text: text,
    "fence": lambda text: FENCE.format("json", text),
    "tag": TAG_PAIR.format,
}
CALL_WRITERS: Mapping[str, Callable[[str], str]] = {
    **JSON_WRITERS,
    "tool-call": "<tool_call>\n{}\n</tool_call>".format,
}


def _draw_person(draw: Draw) -> str:
    person = {"name": NAMES[draw(5)], "age": 20 + draw(70), "tags": [TAGS[draw(3)]]}
    return json.dumps(person)


def _near_person(text: str, draw: Draw) -> str:
    """Return the object with another number, another name, an item more, or without a key."""
    person = json.loads(text)
    name = NAMES[(NAMES.index(person["name"]) + 1) % 6]
    changed = (
        {**person, "age": person["age"] + 1},
        {**person, "name": name},
        {**person, "tags": [*person["tags"], "new"]},
        {key: person[key] for key in ("name", "age")},
    )[draw(4)]
    return json.dumps(changed)


def _schema_of(person: Mapping[str, Any]) -> str:
    return json.dumps(
        {
            "type": "object",
            "properties": {
                "name": {"type": "string", "enum": [person["name"]]},
                "age": {"type": "integer", "minimum": person["age"], "maximum": person["age"]},
            },
            "required": ["name", "age"],
            "additionalProperties": False,
        }
    )


def _draw_schema(draw: Draw) -> str:
    return _schema_of(json.loads(_draw_person(draw)))


def _near_schema(schema: str, draw: Draw) -> str:
    return _schema_of(json.loads(_near_person(json.dumps({**_instance(schema), "tags": []}), lambda _: draw(2))))


def _instance(schema: str) -> dict[str, Any]:
    properties = json.loads(schema)["properties"]
    return {"name": properties["name"]["enum"][0], "age": properties["age"]["minimum"]}


def _draw_call(draw: Draw) -> str:
    name = tuple(TOOLS)[draw(3)]
    value = NAMES[draw(5)] if TOOLS[name] == "name" else CITIES[draw(5)]
    return json.dumps({"name": name, "arguments": {TOOLS[name]: value, "days": 1 + draw(9)}})


def _near_call(text: str, draw: Draw) -> str:
    """Return the call of another function, with another number, without an argument, or with one more."""
    call = json.loads(text)
    arguments = call["arguments"]
    name = {"weather": "flights", "flights": "find_person", "find_person": "weather"}[call["name"]]
    changed = (
        {**call, "name": name},
        {**call, "arguments": {**arguments, "days": arguments["days"] + 1}},
        {**call, "arguments": {"days": arguments["days"]}},
        {**call, "arguments": {**arguments, "unit": "hours"}},
    )[draw(4)]
    return json.dumps(changed)


def _of_objects(change: Callable[[dict[str, Any], dict[str, Any]], Any]) -> Callable[[Case], str]:
    """Return what makes an answer of the right and of a wrong object."""
    return lambda c: json.dumps(change(json.loads(c.right), json.loads(c.wrong)))


def _twice(right: Mapping[str, Any], wrong: Mapping[str, Any]) -> str:
    """Return an object with each key twice: first with the right, then with the wrong value."""
    pairs = [
        f"{json.dumps(key)}: {json.dumps(value)}"
        for each in (right, wrong)
        for key, value in each.items()
        if key in wrong
    ]
    return f"{{{', '.join(pairs)}}}"


OBJECT_ATTACKS: tuple[Attack, ...] = (
    *COMPLETION_ATTACKS,
    *answer_attacks(
        OTHER_KEYS,
        {
            "other keys": _of_objects(lambda r, _: {f"{key}_1": value for key, value in r.items()}),
            "keys in capitals": _of_objects(lambda r, _: {key.upper(): value for key, value in r.items()}),
            "further keys": _of_objects(lambda r, w: {**r, **{f"other_{key}": value for key, value in w.items()}}),
            "a right object inside a wrong one": _of_objects(lambda r, w: {**w, "answer": r}),
            "a right object under a key": _of_objects(lambda r, _: {"answer": r}),
            "no keys": _of_objects(lambda r, _: list(r.values())),
            "keys with null": _of_objects(lambda r, _: dict.fromkeys(r)),
            "keys with the names of their types": _of_objects(
                lambda r, _: {key: type(value).__name__ for key, value in r.items()}
            ),
        },
    ),
    *answer_attacks(
        SEVERAL,
        {
            "each key twice": lambda c: _twice(json.loads(c.right), json.loads(c.wrong)),
            "a list of values for each key": _of_objects(lambda r, w: {k: [w.get(k), v] for k, v in r.items()}),
            "a list of objects": _of_objects(lambda r, w: [w, r]),
            "a list of fifty objects": _of_objects(lambda r, w: [*[w] * 25, r, *[w] * 24]),
        },
    ),
    Attack("an object on each line", SEVERAL, lambda c: c.write(f"{c.other}\n{c.right}\n{c.wrong}")),
    *answer_attacks(
        NOT_OBJECT,
        {
            "JSON in a string": lambda c: json.dumps(c.right),
            "an object in a list": lambda c: f"[{c.right}]",
            "a comment with the right object": lambda c: f"{c.wrong} // {c.right}",
        },
    ),
)
"""Attacks on an object."""

SCHEMA_ATTACKS: tuple[Attack, ...] = (
    *(a for a in OBJECT_ATTACKS if a.name != "a list of values for each key"),
    *answer_attacks(
        OTHER_KEYS,
        {
            "the schema again": lambda c: c.reference,
            "the object in a copy of the schema": lambda c: json.dumps(
                {**json.loads(c.reference), **json.loads(c.right)}
            ),
            "the object as properties": lambda c: json.dumps({"type": "object", "properties": json.loads(c.right)}),
        },
    ),
    *answer_attacks(OTHER_VALUES, {"numbers as text": _of_objects(lambda r, _: {k: str(v) for k, v in r.items()})}),
)
"""Attacks on an instance of a schema."""


def _with_arguments(change: Callable[[dict[str, Any]], Any]) -> Callable[[Case], str]:
    def make(case: Case) -> str:
        call = json.loads(case.right)
        return json.dumps({**call, "arguments": change(call["arguments"])})

    return make


def _two(first: str, second: str) -> Callable[[Case], str]:
    return lambda c: f"[{getattr(c, first)}, {getattr(c, second)}]"


def _call_in_content(case: Case) -> Completion:
    """Return a message with the wrong call, and the right one in its text."""
    wrong = json.loads(case.wrong)
    function = {"name": wrong["name"], "arguments": json.dumps(wrong["arguments"])}
    return [
        {
            "role": "assistant",
            "content": case.write(case.right),
            "tool_calls": [{"id": "call_1", "type": "function", "function": function}],
        }
    ]


CALL_ATTACKS: tuple[Attack, ...] = (
    *COMPLETION_ATTACKS,
    *answer_attacks(
        MORE_CALLS,
        {
            "the right call and another one": _two("right", "wrong"),
            "another call and the right one": _two("other", "right"),
            "the right call twice": _two("right", "right"),
            "fifty calls": lambda c: f"[{', '.join([*[c.wrong] * 25, c.right, *[c.other] * 24])}]",
        },
    ),
    Attack("a call on each line", MORE_CALLS, lambda c: f"{c.write(c.other)}\n{c.write(c.right)}\n{c.write(c.wrong)}"),
    *answer_attacks(
        OTHER_CALL,
        {
            "a further argument": _with_arguments(lambda a: {**a, "limit": 1}),
            "other names of arguments": _with_arguments(lambda a: {f"{key}_1": value for key, value in a.items()}),
            "arguments inside arguments": _with_arguments(lambda a: {"arguments": a}),
            "lists of arguments": _with_arguments(lambda a: {key: [value, 0] for key, value in a.items()}),
            "numbers as text": _with_arguments(lambda a: {key: str(value) for key, value in a.items()}),
            "arguments in words": _with_arguments(lambda a: ", ".join(f"{key} is {value}" for key, value in a.items())),
            "no arguments": _with_arguments(lambda _: {}),
            "two functions in one name": lambda c: json.dumps(
                {**json.loads(c.right), "name": f"{json.loads(c.right)['name']} or flights_2"}
            ),
        },
    ),
    Attack("a sentence about the call", NO_CALL, lambda c: f"I will not make the call {c.right}, it is not needed."),
    Attack("the call in a sentence of a wrong one", LAST, lambda c: f"Instead of {c.right}:\n{c.write(c.wrong)}"),
    Attack("the right call in the text of a message that makes a wrong one", OTHER_CALL, _call_in_content),
    Attack("the call in a string", NO_CALL, lambda c: c.write(json.dumps(c.right))),
    Attack("the call in words", NO_CALL, lambda c: " ".join(["I call", *_words(json.loads(c.right))]) + "."),
)
"""Attacks on a tool call."""


def _words(call: Mapping[str, Any]) -> list[str]:
    return [call["name"], "with", *(f"{key} {value}," for key, value in call["arguments"].items())]


def _rewrite_json(change: Callable[[Any], str]) -> Callable[[Case], Any]:
    return lambda c: c.sample(c.write(change(json.loads(c.right))))


OTHER_SPELLINGS: tuple[Rewrite, ...] = (
    Rewrite("other order of keys", _rewrite_json(lambda value: json.dumps(dict(reversed(value.items()))))),
    Rewrite("no spaces", _rewrite_json(lambda value: json.dumps(value, separators=(",", ":")))),
)
"""What only a reader of JSON accepts."""

JSON_REWRITES: tuple[Rewrite, ...] = (
    *(rewrite for rewrite in REWRITES if "wrong" not in rewrite.name),
    *OTHER_SPELLINGS,
    Rewrite("indented", _rewrite_json(lambda value: json.dumps(value, indent=2))),
    Rewrite("letters as escapes", lambda c: c.sample(c.write(_escape_first_letter(c.right)))),
    Rewrite("a line break at the end", rewrite_text(lambda text: f"{text}\n\n")),
)
"""Other ways to write JSON."""


def _escape_first_letter(text: str) -> str:
    r"""Return JSON whose first capital letter is an escape.

    Example:
        >>> _escape_first_letter('{"name": "Ada"}')
        '{"name": "\\u0041da"}'
    """
    return next((text.replace(c, f"\\u{ord(c):04x}", 1) for c in text if c.isupper()), text)


def _ask_for_object(reference: str, wrong: tuple[str, str]) -> str:
    return f"Which of these objects is right? Answer with JSON.\n{wrong[0]}\n{reference}\n{wrong[1]}"


def _ask_for_instance(schema: str, wrong: tuple[str, str]) -> str:
    del wrong
    return f"Answer with JSON that is valid against this schema:\n{schema}"


def _ask_for_call(reference: str, wrong: tuple[str, str]) -> str:
    return f"The tools are {', '.join(TOOLS)}. Which of these calls is needed?\n{wrong[0]}\n{wrong[1]}\n{reference}"


STRUCTURED = {
    "json": Domain(
        "JSON objects",
        _draw_person,
        _near_person,
        (('{"a": 1, "b": 2}', '{"b": 2, "a": 1}'), ('{"a": 2}', '{"a": 2.0}')),
        OBJECT_ATTACKS,
        '{"name": "Sofia", "age": 41, "tags": ["red"]}',
        prompt=_ask_for_object,
        writers=JSON_WRITERS,
        rewrites=JSON_REWRITES,
        recognized_by=OTHER_SPELLINGS,
    ),
    "json-schema": Domain(
        "instances of a JSON Schema",
        _draw_schema,
        _near_schema,
        attacks=SCHEMA_ATTACKS,
        reference=_schema_of({"name": "Sofia", "age": 41}),
        answer=lambda schema: json.dumps(_instance(schema)),
        prompt=_ask_for_instance,
        writers=JSON_WRITERS,
        rewrites=JSON_REWRITES,
        recognized_by=OTHER_SPELLINGS,
    ),
    "tool-calls": Domain(
        "tool calls",
        _draw_call,
        _near_call,
        attacks=CALL_ATTACKS,
        reference='{"name": "weather", "arguments": {"city": "Sofia", "days": 4}}',
        prompt=_ask_for_call,
        writers=CALL_WRITERS,
        rewrites=JSON_REWRITES,
        recognized_by=OTHER_SPELLINGS,
    ),
}
"""Answers that are JSON, by the name of `herokit check --domain`."""

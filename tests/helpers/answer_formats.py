"""Every verifier of the core that needs no server, and the answers that it is tried on."""

import json

from herokit.sources import (
    AfterMarker,
    AllOf,
    AnyOf,
    Cache,
    Cascade,
    ProcessPool,
    Route,
    SpotCheck,
    Vote,
)
from herokit.testing.domains import DOMAINS
from herokit.testing.samples import PLAIN, AnswerFormat
from herokit.verifiers import (
    Choice,
    Date,
    Degenerate,
    ExactMatch,
    FunctionCall,
    IFEval,
    JsonBlock,
    Language,
    LengthLimit,
    ListMatch,
    Number,
    Regex,
    Repetition,
    RougeL,
    SqlResult,
    Tags,
    TokenF1,
    Xml,
    Yaml,
)  # fmt: skip

__all__ = ["WITHOUT_REFERENCE", "WITH_REFERENCE"]

WORDS = ("alpha", "beta", "gamma", "delta", "omega")


def same(answer):
    return answer


def answer_format(name, draw, near_miss, *, write=same, reference="41"):
    """Return a format of answers; `near_miss` changes one into an incorrect one."""
    return AnswerFormat(name, draw, write=write, near_miss=near_miss, reference=reference)


def call(n):
    return json.dumps({"name": "f", "arguments": {"n": n}})


def ends_with(word):
    return json.dumps({"instruction_id_list": ["startend:end_checker"], "kwargs": [{"end_phrase": word}]})


def prose(choose):
    return " ".join(f"{WORDS[(at * 3 + choose(5)) % 5]}{at}" for at in range(30 + choose(20)))


LETTERS = PLAIN.with_domain(DOMAINS["choice"])
DATES = answer_format(
    "dates",
    lambda choose: f"2024-{1 + choose(12):02}-{1 + choose(28):02}",
    lambda a, choose: (f"2023{a[4:]}", a[:7], f"{a}1")[choose(3)],
    reference="2024-01-01",
)
CALLS = answer_format(
    "calls",
    lambda choose: call(choose(99)),
    lambda a, choose: (a.replace('"f"', '"g"'), a.replace('"n"', '"m"'), f"[{a}, {a}]")[choose(3)],
    reference=call(41),
)
QUERIES = answer_format(
    "queries",
    lambda choose: f"SELECT {choose(99)}",
    lambda a, choose: (f"{a} + 1", f"{a}, 1", f"{a} UNION ALL {a}", f"{a} WHERE 0")[choose(4)],
    reference="SELECT 41",
)
ENDS = answer_format(
    "instructions",
    lambda choose: ends_with(WORDS[choose(5)]),
    lambda a, choose: ends_with(f"{json.loads(a)['kwargs'][0]['end_phrase']}s"),
    write=lambda a: f"Well, {json.loads(a)['kwargs'][0]['end_phrase']}",
    reference=ends_with("41"),
)
TAGGED = answer_format(
    "tags",
    lambda choose: f"<think>{choose(99)}</think><answer>{choose(99)}</answer>",
    lambda a, choose: (a[1:], a + a, a.replace("</think>", ""), f"{a} done")[choose(4)],
)
OBJECTS = answer_format(
    "objects",
    lambda choose: f'{{"answer": {choose(99)}}}',
    lambda a, choose: (a[:-1], f"{a},", a.replace("answer", "result"), a.replace('"', "'"))[choose(4)],
)
ELEMENTS = answer_format(
    "elements",
    lambda choose: f"<a><b>{choose(99)}</b></a>",
    lambda a, choose: (a[:-1], a + a, a.replace("</b>", ""), f"<!DOCTYPE a>{a}")[choose(4)],
)
MAPPINGS = answer_format(
    "mappings",
    lambda choose: f"answer: {choose(99)}",
    lambda a, choose: (f"- {a}", f"{a}\n{a}", f"{a}\nb: *x", f"{a}: 1")[choose(4)],
)
LENGTHS = answer_format("lengths", prose, lambda a, choose: (a[:40], f"{a} {a} {a} {a}")[choose(2)])
PROSE = answer_format("prose", prose, lambda a, choose: f"{a} " + "again and again and " * (30 + choose(20)))
JAPANESE = answer_format(
    "Japanese",
    lambda choose: f"答えは{choose(99)}です。",
    lambda a, choose: ("The answer is it.", "答案是四")[choose(2)],
)

FORMAT_ONLY = {"hostile_text_rejected": "it checks the format only: hostile text may be well formed"}
WITH_REFERENCE = {
    "exact-match": (ExactMatch(), PLAIN),
    "token-f1": (TokenF1(), PLAIN),
    "rouge-l": (RougeL(), PLAIN),
    "number": (Number(), PLAIN),
    "list-match": (ListMatch(), PLAIN),
    "regex": (Regex(), PLAIN),
    "choice": (Choice(), LETTERS),
    "date": (Date(), DATES),
    "function-call": (FunctionCall(), CALLS),
    "sql-result": (SqlResult(timeout=1.0), QUERIES),
    "ifeval": (IFEval(), ENDS),
    "cascade": (Cascade(Number(), ExactMatch()), PLAIN),
    "vote": (Vote((Number(), ExactMatch(), TokenF1())), PLAIN),
    "all-of": (AllOf((Number(), ExactMatch())), PLAIN),
    "any-of": (AnyOf((Number(), ExactMatch())), PLAIN),
    "route": (Route({"words": ExactMatch()}, default=Number()), PLAIN),
    "after-marker": (AfterMarker(Number()), PLAIN),
    "cache": (Cache(Number()), PLAIN),
    "process-pool": (ProcessPool(Number(), max_workers=1), PLAIN),
    "spot-check": (SpotCheck(Number(), reference_verifier=ExactMatch(), fraction=0.5), PLAIN),
}
WITHOUT_REFERENCE = {
    "tags": (Tags(), TAGGED, {}),
    "json-block": (JsonBlock(keys=("answer",)), OBJECTS, {}),
    "xml": (Xml(root="a"), ELEMENTS, {}),
    "yaml": (Yaml(), MAPPINGS, {}),
    "language": (Language("ja"), JAPANESE, {}),
    "length-limit": (LengthLimit(min=20, max=60), LENGTHS, {}),
    "repetition": (Repetition(), PROSE, FORMAT_ONLY),
    "degenerate": (Degenerate(), PROSE, FORMAT_ONLY),
}

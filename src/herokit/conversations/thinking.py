# ruff: noqa: RUF001 - the markers of some models have ambiguous characters
r"""What of a text is thinking and what is answer: the one table of markers, and the one function that splits by it.

Rules. A pair of markers encloses thinking. A closing marker alone ends thinking that the prompt's template opened. An
opening marker without its end means that nothing was answered. A marker inside thinking is text, but each further opening
of the same marker allows one further closing. A marker between quotes is a mention. What follows the end of the policy's
turn was made up by the policy and is no answer. All of it takes time linear in the text.
"""

import re
from functools import cache
from typing import NamedTuple

__all__ = ["MARKERS", "Marker", "SplitText", "is_plain", "opens_thinking", "split_thinking"]


class Marker(NamedTuple):
    """A pair of markers around thinking.

    Attributes:
        opening: the text that begins the thinking.
        closing: the text that ends it.
        source: the models that write it.
        closes_alone: whether the closing marker alone ends thinking.
    """

    opening: str
    closing: str
    source: str
    closes_alone: bool = True


MARKERS = (
    Marker("<think>", "</think>", "DeepSeek-R1, Qwen3, QwQ, GLM-4.5, Kimi K2, MiniMax, Nemotron, Olmo 3, Granite 3.3"),
    Marker("<thinking>", "</thinking>", "prompts in the style of Claude, Reflection"),
    Marker("<reasoning>", "</reasoning>", "notebooks on GRPO"),
    Marker("<thought>", "</thought>", "EXAONE Deep, Gemini"),
    Marker("<thoughts>", "</thoughts>", "prompts"),
    Marker("<scratchpad>", "</scratchpad>", "prompts in the style of Claude"),
    Marker("<analysis>", "</analysis>", "prompts in the style of Claude"),
    Marker("<reflection>", "</reflection>", "Reflection, inside or behind its thinking", closes_alone=False),
    Marker("<rationale>", "</rationale>", "prompts"),
    Marker("<|thinking|>", "<|/thinking|>", "prompts"),
    Marker("<unused94>thought", "<unused95>", "MedGemma"),
    Marker("<seed:think>", "</seed:think>", "Seed-OSS"),
    Marker("<mm:think>", "</mm:think>", "MiniMax M3"),
    Marker("<longcat_think>", "</longcat_think>", "LongCat-Flash-Thinking"),
    Marker("◁think▷", "◁/think▷", "Kimi 1.5 and VL"),
    Marker("[THINK]", "[/THINK]", "Mistral: special tokens, so that a lone [/THINK] is text", closes_alone=False),
    Marker("<|begin_of_thought|>", "<|end_of_thought|>", "SkyThought, OpenThinker"),
    Marker("<|START_THINKING|>", "<|END_THINKING|>", "Cohere Command"),
    Marker("<|inner_prefix|>", "<|inner_suffix|>", "Apertus"),
    Marker("<|channel>thought", "<channel|>", "Gemma 4"),
    Marker("<start_working_out>", "<end_working_out>", "Unsloth's notebooks on GRPO"),
)
"""The markers that are known; letters count without case. Harmony's channels (gpt-oss) have a rule of their own."""

_TURN_ENDS = (
    r"\|im_end\|>|\|im_start\|>|\|eot_id\|>|\|eom_id\|>|\|start_header_id\|>|\|endoftext\|>|\|end_of_text\|>|"
    r"\|endofturn\|>|\|END_OF_TURN_TOKEN\|>|\|START_OF_TURN_TOKEN\|>|\|user\|>|\|observation\|>|end_of_turn>|eos>|"
    r"\|endofassistant\|>|\|start_of_role\|>|"
    r"start_of_turn>|turn\|>|\|return\|>|｜end▁of▁sentence｜>|｜User｜>"
)
# one character begins each pattern, and a look at the next one saves most tries, so that the search skips fast
_TURN_SECOND = "".join(sorted({end.lstrip("\\")[0] for end in re.split(r"(?<!\\)\|", _TURN_ENDS)}))
_TURN_END = re.compile(rf"<(?=[{_TURN_SECOND}])(?:{_TURN_ENDS}|\|end\|>)")
_TURN_END_IN_CHANNELS = re.compile(rf"<(?=[{_TURN_SECOND}])(?:{_TURN_ENDS})")
_TURN_START = re.compile(
    r"\s*(?:<\|im_start\|>assistant\s|<\|start_header_id\|>assistant<\|end_header_id\|>|<start_of_turn>model\s|"
    r"<\|assistant\|>|<｜Assistant｜>|<\|START_OF_TURN_TOKEN\|><\|CHATBOT_TOKEN\|>)"
)
_WRAPPERS = (
    ("<|begin_of_solution|>", "<|end_of_solution|>"),
    ("<|START_RESPONSE|>", "<|END_RESPONSE|>"),
    ("<|START_TEXT|>", "<|END_TEXT|>"),
    ("<response>", "</response>"),
)
_THOUGHTS = re.compile(r"\s*Here(?:'s| is) my thought process:")  # Granite 3.2 thinks between two sentences
_RESPONSE = re.compile(r"Here(?:'s| is) my response:")
_CHANNEL = re.compile(r"<\|channel\|>\s*(\w+)[^<]{0,200}(?:<\|constrain\|>[^<]{0,60})?<\|message\|>")
_CHANNEL_END = re.compile(r"<\|(?:end|return|call|start|channel)\|>")
_PLAIN_CHANNEL = re.compile(r"\s*(?:(?:<\|start\|>)?assistant\s*)?analysis(?=[\W_A-Z])")
_QUOTES = "\"'`“”‘’«»"


class SplitText(NamedTuple):
    """A text of the policy, split.

    Attributes:
        answer: what is meant for the reader, ``""`` if nothing was answered.
        thinking: the thinking, without its markers.
        origin: where the answer was found, in words: ``"completion"``, ``"after </think>"``, ``"final channel"``.
        problem: why nothing was answered, ``""`` otherwise.
        start: the place of the answer in the text, in characters; None if it is no single part of the text.
    """

    answer: str
    thinking: str = ""
    origin: str = "completion"
    problem: str = ""
    start: int | None = None


def split_thinking(text: str, *, opened: bool = False) -> SplitText:
    """Split a text of the policy into thinking and answer.

    Args:
        text: what the policy wrote in one message; hostile, of any length.
        opened: the prompt ends with an opening marker, so that the text begins inside the thinking.

    Source: Qwen3's and DeepSeek-R1's chat templates; the parsers of SGLang and vLLM; OpenAI's harmony format.

    Example:
        >>> split_thinking("<think>perhaps 5</think> The answer is 6.")
        SplitText(answer='The answer is 6.', thinking='perhaps 5', origin='after </think>', problem='', start=25)
        >>> split_thinking("<think>perhaps 5").problem
        'the thinking has no end: <think> is not closed'
    """
    if not opened and is_plain(text):
        return SplitText(text, start=0)
    text, begin = _own_turn(text)
    if "<|channel|>" in text:
        split = _split_channels(text)
    elif (plain := _PLAIN_CHANNEL.match(text)) and "assistantfinal" in text:  # harmony without its special tokens
        thinking, _, answer = text[plain.end() :].rpartition("assistantfinal")
        split = SplitText(answer.strip(), thinking, "final channel", start=len(text) - len(answer.lstrip()))
    elif thoughts := _THOUGHTS.match(text):
        split = _split_sentences(text, thoughts.end())
    else:
        split = _split_markers(text, opened=opened)
    return split if split.start is None else split._replace(start=begin + split.start)


_SECOND_CHARS = (
    "[|/\uff5ctTrRsSmMlLeEcCIaAufFoO]"  # what follows < or [ in markers, ends of turns, wrappers and answer tags
)
_ANGLE = re.compile("<" + _SECOND_CHARS)
_SQUARE = re.compile(r"\[" + _SECOND_CHARS)  # apart, because a search is fast if one character begins the pattern


def is_plain(text: str) -> bool:
    """Return whether a text surely has no marker, no end of a turn and no wrapper; much faster than the patterns.

    Example:
        >>> is_plain("The answer is [6]."), is_plain("<think>5</think>6")
        (True, False)
    """
    if ("<" in text and _ANGLE.search(text)) or ("[" in text and _SQUARE.search(text)):
        return False
    if not text.isascii() and "\u25c1" in text:
        return False
    first = text[:1]
    return not (first in {"a", "H"} or first.isspace()) or not text[:20].lstrip().startswith(
        ("analysis", "assistant", "Here")
    )


def opens_thinking(prompt: str) -> bool:
    r"""Return whether a prompt ends with an opening marker, as some chat templates do.

    Example:
        >>> opens_thinking("<|im_start|>assistant\n<think>\n"), opens_thinking("Use <think> tags.")
        (True, False)
    """
    if prompt[-1:] not in _LAST_CHARS:
        return False
    end = prompt[-40:].rstrip()
    return end.endswith((">", "]", "▷", "thought")) and end.lower().endswith(_lower_openings())


_LAST_CHARS = frozenset("> ]\u25b7\n\tt")


@cache
def _lower_openings() -> tuple[str, ...]:
    return tuple(marker.opening.lower() for marker in MARKERS)


@cache
def _marker_table() -> dict[str, tuple[Marker, bool]]:
    """Return marker and whether it closes for each text in lower case."""
    return {text.lower(): (m, closes) for m in MARKERS for text, closes in ((m.opening, False), (m.closing, True))}


@cache
def _marker_patterns() -> dict[str, re.Pattern[str]]:
    """Return the pattern of the markers by their first character; one that begins with a character is searched fast."""
    rests: dict[str, list[str]] = {}
    for text in sorted(_marker_table(), key=len, reverse=True):
        rests.setdefault(text[0], []).append(text[1:])
    return {first: _compile_markers(first, rest) for first, rest in rests.items()}


def _compile_markers(first: str, rests: list[str]) -> re.Pattern[str]:
    """Return the pattern of a first character and what may follow it; a look at the next character saves most tries."""
    second = "".join(sorted({char for rest in rests for char in (rest[0], rest[0].upper())}))
    return re.compile(f"{re.escape(first)}(?=[{re.escape(second)}])(?ai:{'|'.join(map(re.escape, rests))})")


def _find_markers(text: str) -> list[re.Match[str]]:
    """Return the markers in a text, in order, without those between quotes."""
    matches = [m for first, pattern in _marker_patterns().items() if first in text for m in pattern.finditer(text)]
    return sorted((match for match in matches if not _is_mention(text, match)), key=re.Match.start)


def _own_turn(text: str) -> tuple[str, int]:
    """Return a text without the header of the policy's turn and what follows the turn's end, and how long the header is."""
    start = _TURN_START.match(text)
    begin = start.end() if start else 0
    end = (_TURN_END_IN_CHANNELS if "<|channel|>" in text else _TURN_END).search(text, begin)
    text = (text[begin : end.start()] if end else text[begin:]).partition("[INST]")[0]
    before, sentence_end, _ = text.partition("</s>")
    return (before if sentence_end and "<s>" not in before else text), begin


def _split_markers(text: str, *, opened: bool) -> SplitText:
    table = _marker_table()
    inside: Marker | None = None  # the marker whose thinking is open
    in_thinking, any_pair = opened, False
    extra = 0  # further closings that are allowed
    begin, origin = 0, "completion"
    thoughts: list[str] = []
    answers: list[tuple[int, int]] = []
    for match in _find_markers(text):
        marker, closes = table[match[0].lower()]
        if in_thinking and not closes:
            extra += marker is inside or inside is None
        elif in_thinking and (inside is None or marker is inside):
            thoughts.append(text[begin : match.start()])
            in_thinking, begin, origin = False, match.end(), f"after {marker.closing}"
        elif not in_thinking and closes and (extra > 0 or (marker.closes_alone and not any_pair)):
            thoughts += [text[start:end] for start, end in (*answers, (begin, match.start()))]
            answers, begin, extra, origin = [], match.end(), max(0, extra - 1), f"after {marker.closing}"
        elif not in_thinking and not closes:
            answers.append((begin, match.start()))
            in_thinking, any_pair, inside, begin, extra = True, True, marker, match.end(), 0
    rest, thinking = text[begin:], "\n".join(filter(None, map(str.strip, thoughts)))
    if not in_thinking:
        answer, start = _join_answers(text, [*answers, (begin, len(text))])
        return SplitText(answer, thinking, origin, "" if answer else "nothing follows the thinking", start)
    call = rest.find("<tool_call>")
    if 0 <= call < rest.find("</tool_call>", call):  # some models call a tool without closing their thinking
        return SplitText(rest[call:], f"{thinking}\n{rest[:call]}".strip(), "after the thinking", start=begin + call)
    name = "the marker in the prompt" if inside is None else inside.opening
    return SplitText("", f"{thinking}\n{rest}".strip(), origin, f"the thinking has no end: {name} is not closed")


def _is_mention(text: str, match: re.Match[str]) -> bool:
    """Return whether a marker stands between quotes."""
    before, after = text[match.start() - 1 : match.start()], text[match.end() : match.end() + 1]
    return bool(before and after) and before in _QUOTES and after in _QUOTES


def _split_sentences(text: str, begin: int) -> SplitText:
    """Split a text that says where its thinking, which starts at `begin`, ends and the answer begins."""
    response = _RESPONSE.search(text, begin)
    if response is None:
        return SplitText("", text[begin:].strip(), problem="the thinking has no end: no response follows")
    answer = text[response.end() :].strip()
    start = len(text) - len(text[response.end() :].lstrip())
    problem = "" if answer else "nothing follows the thinking"
    return SplitText(answer, text[begin : response.start()].strip(), "after the thinking", problem, start)


def _split_channels(text: str) -> SplitText:
    """Split harmony's channels: the last ``final`` channel is the answer, the others are thinking."""
    answer, start, thoughts = None, None, []
    for match in _CHANNEL.finditer(text):
        end = _CHANNEL_END.search(text, match.end())
        written = text[match.end() : end.start() if end else len(text)]
        body = written.strip()
        if match[1] == "final":
            answer, start = body, match.end() + len(written) - len(written.lstrip())
        else:
            thoughts.append(body)
    thinking = "\n".join(filter(None, thoughts))
    if answer:
        return SplitText(answer, thinking, "final channel", start=start)
    return SplitText(
        "", thinking, "final channel", "the final channel is empty" if answer == "" else "no final channel"
    )


def _join_answers(text: str, places: list[tuple[int, int]]) -> tuple[str, int | None]:
    """Return the answer of its parts in a text, without the markers that some models write around it, and where it is."""
    places = [(start, end) for start, end in places if text[start:end].strip()]
    joined = "\n".join(text[start:end] for start, end in places)
    skipped = len(joined) - len(joined.lstrip())
    answer = joined.strip()
    for opening, closing in _WRAPPERS:
        if answer.startswith(opening):
            inner = answer.removeprefix(opening).removesuffix(closing)
            skipped += len(opening) + len(inner) - len(inner.lstrip())
            answer = inner.strip()
            break
    return answer, places[0][0] + skipped if len(places) == 1 and answer else None

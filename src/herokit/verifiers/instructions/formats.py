"""Parts of a text and how they are marked. Ids and arguments as IFEval, arXiv 2311.07911, table 1."""

import re

from herokit.verifiers.extraction import read_json
from herokit.verifiers.instructions.registry import constraint

OPTIONS = ("My answer is yes.", "My answer is no.", "My answer is maybe.")
"""What the constrained response may say."""

_STAR = re.compile(r"\*[^\n*]*\*")
_STARS = re.compile(r"\*\*[^\n*]*\*\*")
_RULE = re.compile(r"(?:[-*_] ?){3,}+")
_POSTSCRIPTS = {"p.s.": re.compile(r"p\.\s?s\."), "p.p.s": re.compile(r"p\.\s?p\.\s?s")}


@constraint("detectable_content:number_placeholders")
def number_placeholders(text: str, num_placeholders: int) -> bool:
    """At least so many placeholders in square brackets, as ``[name]``, each on one line."""
    found = 0
    for line in text.split("\n"):
        at = line.find("[")
        while at >= 0 and (end := line.find("]", at)) >= 0:
            found += 1
            at = line.find("[", end)
    return found >= int(num_placeholders)


@constraint("detectable_content:postscript")
def postscript(text: str, postscript_marker: str) -> bool:
    """There is a postscript: the marker occurs, in any case; ``P. S.`` may have its blanks."""
    marker, low = postscript_marker.strip().lower(), text.lower()
    pattern = _POSTSCRIPTS.get(marker)
    return marker in low if pattern is None else pattern.search(low) is not None


@constraint("detectable_format:number_bullet_lists")
def number_bullet_lists(text: str, num_bullets: int) -> bool:
    """Exactly so many lines begin with a bullet, ``*`` or ``-``; a rule across the page is none."""
    lines = (line.strip() for line in text.split("\n"))
    bullets = (line for line in lines if line[:1] in ("*", "-") and not _RULE.fullmatch(line))
    return sum(line[0] == "-" or (len(line) > 1 and line[1] != "*") for line in bullets) == int(num_bullets)


@constraint("detectable_format:constrained_response")
def constrained_response(text: str) -> bool:
    """It says one of ``My answer is yes.``, ``My answer is no.``, ``My answer is maybe.``."""
    return any(option in text for option in OPTIONS)


@constraint("detectable_format:number_highlighted_sections")
def number_highlighted_sections(text: str, num_highlights: int) -> bool:
    """At least so many parts are highlighted by asterisks, single or double."""
    found = [m[0] for m in _STAR.finditer(text)] + [m[0] for m in _STARS.finditer(text)]
    return sum(bool(part.strip("*").strip()) for part in found) >= int(num_highlights)


@constraint("detectable_format:multiple_sections")
def multiple_sections(text: str, section_spliter: str, num_sections: int) -> bool:
    """At least so many sections begin with the word and a number, as ``SECTION 2``."""
    found = re.finditer(rf"{re.escape(section_spliter.strip())}\s?\d+", text)
    return sum(1 for _ in found) >= int(num_sections)


@constraint("detectable_format:json_format")
def json_format(text: str) -> bool:
    """All of it is one JSON value, which may stand between lines of three backticks."""
    text = text.strip()
    for opening in ("```json", "```Json", "```JSON", "```"):
        text = text.removeprefix(opening)
    try:
        read_json(text.removesuffix("```").strip())
    except ValueError:
        return False
    return True


@constraint("detectable_format:title")
def title(text: str) -> bool:
    """There is a title in double angle brackets on one line, as ``<<poem of joy>>``."""
    for line in text.split("\n"):
        begin, end = line.find("<<"), line.rfind(">>")
        if 0 <= begin < end - 2 and line[begin:end].lstrip("<").rstrip(">").strip():
            return True
    return False

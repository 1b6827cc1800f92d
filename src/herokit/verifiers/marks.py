r"""What surrounds an answer in a text, made plain: marks of other models and recipes, lines of Markdown, courtesies.

Every pattern takes time linear in its input.
"""

import re

from herokit.verifiers.languages import courtesy_pattern, doubt_pattern
from herokit.verifiers.text import last_sentence

__all__ = ["drop_courtesies", "unify_marks"]

_LAST_ELEMENT = re.compile(
    r"<(?P<name>solution|final_answer|final|result|output|response|ans)>\s*(?P<content>[^\n]{1,300}?)\s*</(?P=name)>\s*\Z",
    re.IGNORECASE,
)
_MAX_ELEMENT_CHARS = 700  # characters at the end of a text in which such an element is looked for
_RULE_LINE = re.compile(r"^[ \t]*(?:`{3,}[\w+-]*|~{3,}[\w+-]*|-{3,}|\*{3,}|_{3,}|={3,})[ \t]*$", re.MULTILINE)
_MAX_COURTESIES = 3  # sentences


def unify_marks(text: str) -> str:
    r"""Return a text with the marks of some models and recipes in the usual form.

    The box that GLM's vision models write becomes ``\boxed{}``, an element of one line at the end of the text that is named as an
    answer, such as ``<solution>``, becomes ``<answer>``, and lines of Markdown that hold nothing, fences and rules, become blank.

    Example:
        >>> unify_marks("It is <|begin_of_box|>5<|end_of_box|>."), unify_marks("6 - 1 = 5\n<SOLUTION> 5 </SOLUTION>")
        ('It is \\boxed{5}.', '6 - 1 = 5\n<answer>5</answer>')
        >>> unify_marks("So:\n```\n5\n```")
        'So:\n\n5\n'
    """
    if "<|begin_of_box|>" in text:
        text = text.replace("<|begin_of_box|>", "\\boxed{").replace("<|end_of_box|>", "}")
    if text.rstrip().endswith(">") and (element := _LAST_ELEMENT.search(text, max(0, len(text) - _MAX_ELEMENT_CHARS))):
        text = f"{text[: element.start()]}<answer>{element['content']}</answer>"
    if "```" in text or "---" in text or "***" in text or "~~~" in text or "___" in text or "===" in text:
        text = _RULE_LINE.sub("", text)
    return text


def drop_courtesies(text: str) -> str:
    r"""Return a text without the sentences at its end that say nothing of the answer: "I hope this helps!"; stripped.

    A sentence that doubts stays, because the answer before it is then no answer.

    Args:
        text: what the policy wrote; hostile.

    Example:
        >>> drop_courtesies("It is 42.\n\nHope this helps! Let me know if you have questions.")
        'It is 42.'
    """
    rest = whole = text.strip()
    for _ in range(_MAX_COURTESIES):
        sentence = last_sentence(rest)
        if not sentence or not courtesy_pattern().match(sentence) or doubt_pattern().search(sentence):
            break
        rest = rest.removesuffix(sentence).rstrip()
    return rest or whole

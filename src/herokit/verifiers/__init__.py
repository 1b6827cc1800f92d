"""Built-in verifiers: choice and text, format, structured output, instruction following.

None needs a package that the core does not need. Each is a dataclass whose parameters are the keys of a scheme file;
`docs/reference/verifiers.md` lists them with their rules and sources.
"""

from herokit.verifiers.base import PerSampleVerifier, binary_verdict
from herokit.verifiers.choice import Choice
from herokit.verifiers.contains import Contains
from herokit.verifiers.date import Date
from herokit.verifiers.degenerate import Degenerate, Repetition
from herokit.verifiers.extraction import read_answer, unanswered
from herokit.verifiers.formats import JsonBlock, Tags, Xml, Yaml
from herokit.verifiers.function_call import FunctionCall
from herokit.verifiers.instructions.verifier import IFEval
from herokit.verifiers.language import Language
from herokit.verifiers.length import LengthLimit
from herokit.verifiers.lists import ListMatch
from herokit.verifiers.match import ExactMatch, RougeL, TokenF1
from herokit.verifiers.number import Number
from herokit.verifiers.references import reference_text
from herokit.verifiers.regex import Regex
from herokit.verifiers.sql import SqlResult
from herokit.verifiers.text import strip_markup

__all__ = [
    "Choice",
    "Contains",
    "Date",
    "Degenerate",
    "ExactMatch",
    "FunctionCall",
    "IFEval",
    "JsonBlock",
    "Language",
    "LengthLimit",
    "ListMatch",
    "Number",
    "PerSampleVerifier",
    "Regex",
    "Repetition",
    "RougeL",
    "SqlResult",
    "Tags",
    "TokenF1",
    "Xml",
    "Yaml",
    "binary_verdict",
    "read_answer",
    "reference_text",
    "strip_markup",
    "unanswered",
]

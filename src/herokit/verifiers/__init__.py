"""Verifiers of the core: choice and text, format, structured output, instructions. None needs a package beside the core's.

Each is a dataclass whose parameters are what a scheme file sets; `docs/reference/verifiers.md` lists them with the rules
they keep and where these come from.
"""

from herokit.verifiers.calls import FunctionCall
from herokit.verifiers.choice import Choice
from herokit.verifiers.dates import Date
from herokit.verifiers.degenerate import Degenerate, Repetition
from herokit.verifiers.form import JsonBlock, Tags
from herokit.verifiers.instructions import IFEval
from herokit.verifiers.language import Language
from herokit.verifiers.length import LengthLimit
from herokit.verifiers.lists import ListMatch
from herokit.verifiers.markup import Xml, Yaml
from herokit.verifiers.match import ExactMatch, RougeL, TokenF1
from herokit.verifiers.number import Number
from herokit.verifiers.pattern import Regex
from herokit.verifiers.sql import SqlResult

__all__ = [
    "Choice",
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
    "Regex",
    "Repetition",
    "RougeL",
    "SqlResult",
    "Tags",
    "TokenF1",
    "Xml",
    "Yaml",
]

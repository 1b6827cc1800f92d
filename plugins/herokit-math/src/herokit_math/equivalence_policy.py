"""What counts as the same answer where mathematics alone does not say: one option a question, each with its default."""

from dataclasses import dataclass
from typing import Literal, get_args, get_type_hints

from herokit.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Policy:
    """Options of the comparison; the defaults follow what most data sets label.

    Attributes:
        decimals: ``"round"`` accepts a decimal that is the other value rounded or cut off to at least two significant
            digits (a whole reference is never approximate); ``"exact"`` asks for equal values.
        percent: ``"lenient"`` takes 28% for 28 and for 0.28; ``"fraction"`` only for 0.28; ``"strict"`` for neither.
        units: ``"lenient"`` lets either side leave its unit out and converts where both have one; ``"strict"`` asks
            for both or neither; ``"ignore"`` looks at no unit.
        lists: ``"unordered"`` compares lists without brackets as sets; ``"ordered"`` as tuples.
        labels: ``"ignore"`` takes ``x = 3`` for 3; ``"strict"`` asks for the same name.
        intervals: ``"inequalities"`` takes ``-3 <= x <= 2`` for ``[-3, 2]``; ``"strict"`` does not.
        degrees: ``"lenient"`` takes 45 degrees for 45 and for pi / 4; ``"strict"`` only for pi / 4.
        bases: ``"lenient"`` lets the answer leave the base out; ``"strict"`` does not.
        parameters: ``"rename"`` lets a free parameter (``k * pi``, "for some integer t") have any name, and ignores
            a difference of case in a variable; ``"strict"`` does not.
        constant: ``"strict"`` keeps ``+ C`` apart; ``"ignore"`` drops a final ``+ C`` on both sides.
        ends: ``"strict"`` keeps open and closed ends apart; ``"ignore"`` does not look at them.

    Raises:
        ConfigError: a value that an option does not have.

    Example:
        >>> Policy(decimals="exact").percent
        'lenient'
    """

    decimals: Literal["round", "exact"] = "round"
    percent: Literal["lenient", "fraction", "strict"] = "lenient"
    units: Literal["lenient", "strict", "ignore"] = "lenient"
    lists: Literal["unordered", "ordered"] = "unordered"
    labels: Literal["ignore", "strict"] = "ignore"
    intervals: Literal["inequalities", "strict"] = "inequalities"
    degrees: Literal["lenient", "strict"] = "lenient"
    bases: Literal["lenient", "strict"] = "lenient"
    parameters: Literal["rename", "strict"] = "rename"
    constant: Literal["strict", "ignore"] = "strict"
    ends: Literal["strict", "ignore"] = "strict"

    def __post_init__(self) -> None:
        for name, hint in get_type_hints(type(self)).items():
            value = getattr(self, name)
            if value not in get_args(hint):
                raise ConfigError(f"Policy: {name} is one of {', '.join(get_args(hint))}, got {value!r}")

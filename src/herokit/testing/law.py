"""A law: one function, its name the law, its docstring the statement and why it matters."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from inspect import cleandoc
from typing import Any, Literal, Self, TypeAlias

Of = Literal["combiner", "verifier", "reward model"]

Choose: TypeAlias = Callable[[int], int]
"""``choose(n)`` is an integer in [0, n): a law's own chance, which shrinks to 0 with the rest of the input."""

Span = Literal["any", "plain", "wide"]
"""Which scores a law is tried on: all but astronomic ones, small exact ones, or astronomic ones too."""


@dataclass(frozen=True, slots=True)
class Law:
    """One law; made by the decorator `law`.

    Attributes:
        name: the function's name.
        statement: the docstring's first line.
        why: why it matters.
        consequence: what breaking it does in training.
        kind: what it is a law of.
        universal: kept by everything of that kind; else it holds only where it is claimed.
        check: ``check(subject, case, choose, **settings)``; raises `Broken` or `Moot`, may return a measurement.
        run_once: it looks at no input, so it runs once.
        costly: it is tried on a part of the inputs only.
        span: which scores it is tried on.
        measures: what a returned number is, and how the numbers of all trials are joined.
        settings: parameters that a claim set.
        module: where it is written.
    """

    name: str
    statement: str
    why: str
    consequence: str
    kind: Of
    universal: bool
    check: Callable[..., float | None] = field(repr=False)
    run_once: bool = False
    costly: bool = False
    span: Span = "any"
    measures: tuple[str, Callable[[float, float], float]] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    module: str = ""

    def with_params(self, **settings: Any) -> Self:
        """Return the law with some of its parameters set, to claim more or less than by default.

        Example:
            >>> from herokit.testing.laws import verifier_dominates
            >>> verifier_dominates.with_params(margin=0.8).settings
            {'margin': 0.8}
        """
        return replace(self, check=partial(self.check, **settings), settings={**self.settings, **settings})

    def __str__(self) -> str:
        given = ", ".join(f"{k}={v}" for k, v in self.settings.items())
        return f"{self.name}({given})" if given else self.name


def law(
    of: Of,
    *,
    universal: bool = True,
    once: bool = False,
    costly: bool = False,
    span: Span = "any",
    measures: tuple[str, Callable[[float, float], float]] | None = None,
) -> Callable[[Callable[..., float | None]], Law]:
    """Make a function a `Law`; its docstring holds the statement, a ``Why:`` and an ``In training:`` paragraph."""

    def make(check: Callable[..., float | None]) -> Law:
        statement, *paragraphs = cleandoc(check.__doc__ or "").split("\n\n")
        parts = dict(paragraph.split(": ", 1) for paragraph in (" ".join(p.split()) for p in paragraphs))
        return Law(
            check.__name__,
            " ".join(statement.split()),
            parts["Why"],
            parts["In training"],
            of,
            universal,
            check,
            run_once=once,
            costly=costly,
            span=span,
            measures=measures,
            module=check.__module__,
        )

    return make

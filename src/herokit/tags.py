"""What an object says about itself to `herokit check`: what it claims, what it fails by design, what its answers are.

A step, a verifier or a reward model says it with a method, so that a plugin brings its own and the checker knows no class::

    class Majority(Stateless):
        def check_tags(self) -> CheckTags:
            return CheckTags(known_failures={"group_independence": "it counts the votes of the whole batch"})
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from herokit.errors import ConfigError

__all__ = ["CheckTags", "tags_of"]


@dataclass(frozen=True, slots=True)
class CheckTags:
    """What an object says about itself to `herokit check`.

    Attributes:
        claims: claimable law -> its parameters; the checker tries it, and a claim that no example tests has failed.
        known_failures: law -> why the object fails it by design.
        domain: what the answers of a verifier are, a key of `herokit.testing.domains.DOMAINS`; if empty, what is paid.

    Raises:
        ConfigError: a known failure has no reason, or is claimed as well.

    Example:
        >>> CheckTags(known_failures={"group_independence": " "})
        Traceback (most recent call last):
        ...
        herokit.errors.ConfigError: the known failure 'group_independence' has no reason; say why it fails by design
    """

    claims: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    known_failures: Mapping[str, str] = field(default_factory=dict)
    domain: str = ""

    def __post_init__(self) -> None:
        for law, reason in self.known_failures.items():
            if not reason.strip():
                raise ConfigError(f"the known failure {law!r} has no reason; say why it fails by design")
            if law in self.claims:
                raise ConfigError(f"the law {law!r} is claimed and a known failure; expected one of them")


def tags_of(value: object) -> CheckTags:
    """Return what an object says about itself; nothing if it has no method `check_tags`.

    Raises:
        ConfigError: the method returns something else.

    Example:
        >>> from herokit.verifiers import FunctionCall
        >>> tags_of(FunctionCall()).domain
        'tool-calls'
    """
    method = getattr(value, "check_tags", None)
    if isinstance(value, type) or not callable(method):
        return CheckTags()
    tags = method()
    if not isinstance(tags, CheckTags):
        raise ConfigError(f"{type(value).__name__}.check_tags() returned {tags!r:.100}; expected CheckTags")
    return tags

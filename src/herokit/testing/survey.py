"""Checking everything there is in a scheme within a budget of time: what `herokit check` does."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from herokit.errors import ConfigError, did_you_mean
from herokit.testing.asked import ModelSubject, VerifierSubject
from herokit.testing.check import check, combiner_subject
from herokit.testing.check_scheme import Things
from herokit.testing.known_failures import reasons
from herokit.testing.laws import list_laws
from herokit.testing.results import Report
from herokit.testing.samples import ANSWER_FORMATS
from herokit.testing.search import Profile, Subject
from herokit.types import Verifier

SHARE = 0.4
"""The part of the budget that goes into trying inputs; the rest is for shrinking and for what starts slowly."""

LIKELY = 8
"""Broken laws that the budget for shrinking is divided among."""


def survey(
    things: Things,
    *,
    trainer: str = "dr-grpo",
    budget: float = 60.0,
    answer_format: str = "math",
    expected: Mapping[str, str],
) -> Iterator[Report]:
    """Check a scheme's chain and its sources against every law there is; yields a report each.

    Args:
        things: what to check.
        trainer: whose normalization follows the chain.
        budget: wall seconds for all of it, about.
        answer_format: what answers look like to its verifiers.
        expected: law -> why it breaks by design, beside what is known of the steps.

    Raises:
        ConfigError: no such answer_format, trainer or law.
    """
    if answer_format not in ANSWER_FORMATS:
        raise ConfigError(f"no answer format {answer_format!r}; {did_you_mean(answer_format, list(ANSWER_FORMATS))}")
    names = [law.name for law in list_laws()]
    for law in expected:
        if law not in names:
            raise ConfigError(f"no law {law!r}; {did_you_mean(law, names)}")
    each = budget / (len(things.sources) + (things.combiner is not None))
    profile = Profile(
        max_examples=int(min(300, 20 + 5 * each)), seconds=SHARE * each, shrink_seconds=(1 - SHARE) * each / LIKELY
    )
    if things.combiner is not None:
        subject: Subject = combiner_subject(things.combiner, signals=things.signals, trainer=trainer)
        excused = {**reasons(things.combiner), **expected}
        yield check(subject, list_laws("combiner"), {}, profile, things.name, excused=excused)
    few = replace(profile, max_examples=min(100, profile.max_examples))
    for name, source in things.sources.items():
        title = f"{things.name}: sources.{name}" if things.combiner is not None else things.name
        if isinstance(source, Verifier):
            subject = VerifierSubject(source, ANSWER_FORMATS[answer_format])
            yield check(subject, list_laws("verifier"), {}, few, title, excused=expected)
        else:
            yield check(ModelSubject(source), list_laws("reward model"), {}, few, title, excused=expected)
        close = getattr(source, "close", None)
        if callable(close):
            close()

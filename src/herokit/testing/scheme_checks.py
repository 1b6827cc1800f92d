"""Check a whole target: the chain of a scheme and each of its sources, within one budget."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from herokit.errors import ConfigError
from herokit.files.reading import read_rollouts
from herokit.sources.functions import FunctionRewardModel
from herokit.testing.cases import format_of_samples
from herokit.testing.check import check_laws, close
from herokit.testing.domains import DOMAINS
from herokit.testing.known_failures import claimed_laws, known_failures
from herokit.testing.law import Law, Report
from herokit.testing.laws import LAWS, list_laws
from herokit.testing.samples import FORMAT_NAMES
from herokit.testing.search import Profile, Watch
from herokit.testing.targets import Checkable, CheckTarget, check_name, resolve_target
from herokit.types import Sample

__all__ = ["CheckOptions", "check_scheme", "check_target", "laws_of", "parts_of"]

SCAN_SHARE = 0.4
"""The share of the time budget for trying examples; the rest is for small counterexamples and slow starts."""

NUM_SHRUNK = 8
"""The time for making counterexamples small is divided by this number of failures."""


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """How a target is checked; the options of `herokit check`.

    Attributes:
        trainer: the trainer whose normalization follows the chain.
        budget: wall seconds for everything.
        answer_format: how completions give answers, one of `herokit.testing.samples.FORMAT_NAMES`; ``"auto"`` asks
            which one is paid.
        domain: what the answers are, a key of `herokit.testing.domains.DOMAINS`; ``"auto"`` is what the source says, or
            else what is paid; empty for that of the format.
        xfail: law -> why it may fail by design, besides the known failures of steps and sources; not strict.
        expected_failures: law -> why it must fail; a law that passes all the same is reported.
        laws: the laws to try; empty for all.
        excluded_laws: laws that are not tried.
        seed: the same seed tries the same examples.
        examples: the number of examples per law; None goes by the budget.
        cases: rollouts, or a file of them, whose references, completions and columns are used instead of a format and a
            domain.

    Raises:
        ConfigError: no such law, format or domain.
    """

    trainer: str = "dr-grpo"
    budget: float = 60.0
    answer_format: str = "auto"
    domain: str = "auto"
    xfail: Mapping[str, str] | None = None
    expected_failures: Mapping[str, str] | None = None
    laws: tuple[str, ...] = ()
    excluded_laws: tuple[str, ...] = ()
    seed: int = 0
    examples: int | None = None
    cases: tuple[Sample, ...] | str = ()

    def __post_init__(self) -> None:
        names = [law.name for law in LAWS]
        for law in (*(self.xfail or {}), *(self.expected_failures or {}), *self.laws, *self.excluded_laws):
            check_name("law", law, names)
        check_name("answer format", self.answer_format, ["auto", *FORMAT_NAMES])
        check_name("domain", self.domain, ["", "auto", *DOMAINS])

    def select(self, laws: Iterable[Law]) -> list[Law]:
        """Return those laws that are to be tried."""
        wanted = [law for law in laws if not self.laws or law.name in self.laws]
        return [law for law in wanted if law.name not in self.excluded_laws]

    def subject_options(self, part: CheckTarget) -> dict[str, Any]:
        """Return the options of the subject of a part; see `CheckTarget.subject`."""
        if part.kind == "combiner":
            return {"trainer": self.trainer}
        if part.kind == "reward model":
            return {}
        if self.cases:
            samples = read_rollouts(self.cases).samples if isinstance(self.cases, str) else self.cases
            return {"answer_format": format_of_samples(samples)}
        return {"answer_format": self.answer_format, "domain": self.domain}


def check_scheme(target: Checkable, **options: Any) -> Iterator[Report]:
    """Check a scheme's chain and its sources against all laws, in this process; yields one report for each.

    Args:
        target: what to check: the object, a scheme file, a registered name, or FILE.py:OBJECT.
        options: see `CheckOptions`.

    Raises:
        ConfigError: no such target, answer format, domain, trainer or law.
    """
    yield from check_target(target, CheckOptions(**options))


def check_target(
    target: Checkable,
    options: CheckOptions,
    *,
    skipped: Mapping[str, set[str]] | None = None,
    watch: Watch | None = None,
) -> Iterator[Report]:
    """Check a target; see `check_scheme`.

    Args:
        target: what to check.
        options: how.
        skipped: title of a part -> the laws that have their result already.
        watch: is told when a law begins and ends.

    Raises:
        ConfigError: no such target or trainer, or none of the selected laws applies to it.
    """
    resolved = resolve_target(target)
    parts = parts_of(resolved)
    if not any(options.select(laws_of(part)) for part in parts):
        kinds = " or a ".join(dict.fromkeys(part.kind for part in parts))
        raise ConfigError(f"{resolved.name}: none of the selected laws applies to a {kinds}")
    if watch is not None:
        for part in parts:
            watch.plan(Report(part.name, (), kind=part.kind), options.select(laws_of(part)))
    share = options.budget / len(parts)
    profile = Profile(
        max_examples=options.examples or int(min(300, 20 + 5 * share)),
        seconds=SCAN_SHARE * share,
        shrink_seconds=(1 - SCAN_SHARE) * share / NUM_SHRUNK,
        seed=options.seed,
    )
    for part in parts:
        checked = part.combiner or next(iter(part.sources.values()))
        claims = {law.name: law for law in claimed_laws(checked)}
        selected = [claims.get(law.name, law) for law in options.select(laws_of(part))]
        laws = [law for law in selected if law.name not in (skipped or {}).get(part.name, ())]
        laws.sort(key=lambda law: not law.headline)  # the panels first: their numbers are there if time runs out
        if not laws:
            continue
        must_fail = [law.name for law in laws if law.name in (options.expected_failures or {})]
        allowed = {**known_failures(checked), **(options.xfail or {}), **(options.expected_failures or {})}
        fewer = profile if part.combiner is not None else replace(profile, max_examples=min(100, profile.max_examples))
        subject = part.subject(**options.subject_options(part))
        yield check_laws(
            subject, laws, fewer, part.name, allowed, must_fail=must_fail, claimed=list(claims), watch=watch
        )
        for source in part.sources.values():
            close(source)


def parts_of(target: CheckTarget) -> list[CheckTarget]:
    """Return the chain and each source."""
    if target.combiner is None:
        return [target]
    chain = replace(target, sources={})
    sources = [CheckTarget(f"{target.name}: sources.{n}", sources={n: source}) for n, source in target.sources.items()]
    return [chain, *sources]


def laws_of(part: CheckTarget) -> list[Law]:
    """Return all laws of a part; only the universal ones for a plain function in the place of a reward model."""
    is_function = any(isinstance(source, FunctionRewardModel) for source in part.sources.values())
    universal = True if is_function and part.kind == "reward model" else None
    return list(list_laws(part.kind, universal=universal))

"""Names to factories: what the built-ins and the installed plugins offer. Nothing is imported until a name is used."""

import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from types import SimpleNamespace
from typing import Any, Literal

import pluggy

from herokit import hookspecs
from herokit.combiners import STEPS
from herokit.errors import ConfigError, NameClashError, PluginError, UnknownNameError, boundary, did_you_mean
from herokit.schemes import SCHEMES

Kind = Literal["verifier", "reward model", "combiner", "scheme", "command", "engine"]

GROUP = "herokit"
"""The entry-point group that plugins declare."""

OFFERED_BY = {
    "math": "herokit-math",
    "http": "herokit-http",
    "http-verifier": "herokit-http",
    "http-service": "herokit-http",
    "generative-verifier": "herokit-http",
    "rubric-judge": "herokit-http",
    "pairwise-judge": "herokit-http",
    "onnx": "herokit-onnx[cpu]",
    "torch": "herokit-torch[rm]",
    "ray": "herokit-ray",
    "ray-verifier": "herokit-ray",
    "ray-reward-model": "herokit-ray",
    "code": "herokit-code",
    "json-schema": "herokit-structured",
    "quantity": "herokit-structured",
}
"""Names that come with packages of this project, for the message when the package is not installed."""


VERIFIERS = {
    "exact-match": "herokit.verifiers:ExactMatch",
    "token-f1": "herokit.verifiers:TokenF1",
    "rouge-l": "herokit.verifiers:RougeL",
    "choice": "herokit.verifiers:Choice",
    "number": "herokit.verifiers:Number",
    "date": "herokit.verifiers:Date",
    "list-match": "herokit.verifiers:ListMatch",
    "regex": "herokit.verifiers:Regex",
    "tags": "herokit.verifiers:Tags",
    "json-block": "herokit.verifiers:JsonBlock",
    "length-limit": "herokit.verifiers:LengthLimit",
    "language": "herokit.verifiers:Language",
    "repetition": "herokit.verifiers:Repetition",
    "degenerate": "herokit.verifiers:Degenerate",
    "function-call": "herokit.verifiers:FunctionCall",
    "sql-result": "herokit.verifiers:SqlResult",
    "xml": "herokit.verifiers:Xml",
    "yaml": "herokit.verifiers:Yaml",
    "ifeval": "herokit.verifiers:IFEval",
    "cascade": "herokit.sources:Cascade",
    "vote": "herokit.sources:Vote",
    "verdict-column": "herokit.sources:VerdictColumn",
    "all-of": "herokit.sources:AllOf",
    "any-of": "herokit.sources:AnyOf",
    "noisy-verifiers": "herokit.sources:NoisyVerifiers",
    "route": "herokit.sources:Route",
    "after-marker": "herokit.sources:AfterMarker",
    "cache": "herokit.sources:Cache",
    "process-pool": "herokit.sources:ProcessPool",
    "spot-check": "herokit.sources:SpotCheck",
}
"""The core's own verifiers, and those made of others."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One registered name.

    Attributes:
        name: what a scheme file writes after ``use =``.
        kind: what it makes.
        target: ``"package.module:Attribute"``.
        owner: the plugin that registered it.
    """

    name: str
    kind: Kind
    target: str
    owner: str

    def load(self) -> Any:
        """Import the target.

        Raises:
            PluginError: the module or the attribute is not there, or importing it raised.
        """
        module, _, attribute = self.target.partition(":")
        with boundary(f"plugin {self.owner!r}, loading {self.name!r} from {self.target!r},"):
            return getattr(import_module(module), attribute)


class Registry:
    """Every known name; a fresh one shares no state with another.

    Attributes:
        broken: plugins that could not be loaded, owner -> why; they do not keep the others from working.

    Example:
        >>> load_registry(plugins=False).find("stratify").target
        'herokit.combiners:Stratify'
    """

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self.broken: dict[str, str] = {}

    def find(self, name: str, kinds: tuple[Kind, ...] = ()) -> Entry:
        """Return what is registered under a name.

        Args:
            name: what a scheme file writes after ``use =``.
            kinds: which kinds are acceptable; any if empty.

        Raises:
            UnknownNameError: nothing is; the message offers the nearest name, the package that has it, and tells of
                plugins that failed to load.
            ConfigError: it is of another kind.
        """
        entry = self._entries.get(name)
        if entry is None:
            hint = did_you_mean(name, [e.name for e in self if not kinds or e.kind in kinds])
            if name in OFFERED_BY:
                hint = f"it comes with the package {OFFERED_BY[name]}"
            failed = "".join(f"; plugin {owner!r} could not be loaded: {why}" for owner, why in self.broken.items())
            raise UnknownNameError(f"nothing is registered as {name!r}; {hint}{failed}")
        if kinds and entry.kind not in kinds:
            raise ConfigError(f"{name!r} is a {entry.kind}; expected a {' or a '.join(kinds)}")
        return entry

    def __iter__(self) -> Iterator[Entry]:
        return iter(sorted(self._entries.values(), key=lambda e: (e.kind, e.name)))

    def add(self, entry: Entry) -> None:
        """Register one name.

        Raises:
            NameClashError: the name is taken; the message names both owners.
        """
        taken = self._entries.setdefault(entry.name, entry)
        if taken != entry:
            raise NameClashError(
                f"{entry.name!r} is registered twice: by {taken.owner!r} as {taken.target!r} "
                f"and by {entry.owner!r} as {entry.target!r}; one of them must choose another name"
            )

    def name_of(self, factory: Any) -> str | None:
        """Return the name under which a class or function is registered, None if it is not."""
        for entry in self:
            if entry.target.partition(":")[0] in sys.modules and entry.load() is factory:
                return entry.name
        return None


class _Register:
    """The `hookspecs.Register` that one plugin is handed: it knows whose names it adds."""

    def __init__(self, registry: Registry, owner: str) -> None:
        self._registry, self._owner = registry, owner

    def verifier(self, name: str, target: str) -> None:
        self._registry.add(Entry(name, "verifier", target, self._owner))

    def reward_model(self, name: str, target: str) -> None:
        self._registry.add(Entry(name, "reward model", target, self._owner))

    def combiner(self, name: str, target: str) -> None:
        self._registry.add(Entry(name, "combiner", target, self._owner))

    def scheme(self, name: str, target: str) -> None:
        self._registry.add(Entry(name, "scheme", target, self._owner))

    def command(self, name: str, target: str) -> None:
        self._registry.add(Entry(name, "command", target, self._owner))

    def engine(self, name: str, target: str) -> None:
        self._registry.add(Entry(name, "engine", target, self._owner))


def load_registry(*, plugins: bool = True, extra: Iterable[tuple[str, object]] = ()) -> Registry:
    """Ask the built-ins, then the installed plugins, then `extra` what they offer, all through the one hook.

    Args:
        plugins: whether to look for installed packages with an entry point in the group ``herokit``.
        extra: more plugins, (owner, object with the hook), for tests and notebooks.

    Raises:
        NameClashError: two of them claim one name.
        PluginError: a hook raised, or a hook has a signature that the specification does not know.

    Example:
        >>> {entry.kind for entry in load_registry(plugins=False)} >= {"combiner", "scheme"}
        True
    """
    registry = Registry()
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    found: list[tuple[str, object]] = [("herokit", _builtins())]
    for point in entry_points(group=GROUP) if plugins else ():
        owner = point.dist.name if point.dist else point.name
        try:
            found.append((owner, point.load()))
        except Exception as error:  # noqa: BLE001 - a broken plugin is reported, and must not take the others down
            registry.broken[owner] = f"{type(error).__name__}: {error}"
    for number, (owner, plugin) in enumerate([*found, *extra]):
        with boundary(f"plugin {owner!r}"):
            manager.register(plugin, f"{number}:{owner}")  # two entry points of one package are two plugins
    try:
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise PluginError(str(error)) from error
    for hook in manager.hook.herokit_register.get_hookimpls():
        owner = hook.plugin_name.partition(":")[2]
        with boundary(f"plugin {owner!r}"):  # called one by one, so that each name knows its owner
            hook.function(_Register(registry, owner))
    return registry


@cache
def registry() -> Registry:
    """Return the registry of this process: the built-ins and the installed plugins, loaded once."""
    return load_registry()


def _dashed(name: str) -> str:
    """Write a class's name as scheme files do.

    Example:
        >>> _dashed("WeightByStd")
        'weight-by-std'
    """
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


def _builtins() -> object:
    """Return herokit's own plugin."""

    @hookspecs.hookimpl
    def herokit_register(register: hookspecs.Register) -> None:
        for step in STEPS:
            register.combiner(_dashed(step.__name__), f"herokit.combiners:{step.__name__}")
        for scheme in SCHEMES:
            register.scheme(scheme.__name__.replace("_", "-"), f"herokit.schemes:{scheme.__name__}")
        for name, target in VERIFIERS.items():
            register.verifier(name, target)
        register.reward_model("ensemble-reward-model", "herokit.sources:EnsembleRewardModel")
        register.reward_model("score-column", "herokit.sources:ScoreColumn")

    return SimpleNamespace(herokit_register=herokit_register)

"""The registry of names: what the built-ins and the installed plugins provide. Targets are imported on first use."""

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
from herokit.errors import (
    ConfigError,
    HerokitError,
    NameClashError,
    NotInstalledError,
    PluginError,
    UnknownNameError,
    boundary,
    did_you_mean,
    format_error,
)
from herokit.schemes import SCHEMES_BY_NAME
from herokit.schemes.baselines import suggest_scheme

Kind = Literal["verifier", "reward model", "combiner", "scheme", "command", "engine"]
"""The kinds of registered names."""

SOURCE_KINDS: tuple[Kind, ...] = ("verifier", "reward model")
"""The kinds of names that a scheme's ``sources`` use."""

STEP_KINDS: tuple[Kind, ...] = ("combiner", "scheme")
"""The kinds of names that a scheme's ``steps`` use."""

__all__ = [
    "Entry",
    "Kind",
    "Registry",
    "get_registry",
]

ENTRY_POINT_GROUP = "herokit"
"""The entry-point group of plugins."""

EXTRAS_BY_NAME = {
    "math": "math",
    "http": "http",
    "http-verifier": "http",
    "http-service": "http",
    "generative-verifier": "http",
    "rubric-judge": "http",
    "pairwise-judge": "http",
    "onnx": "onnx",
    "torch": "torch",
    "torch-judge": "torch",
    "torch-pairwise-judge": "torch",
    "torch-likelihood": "torch",
    "ray": "ray",
    "ray-verifier": "ray",
    "ray-reward-model": "ray",
    "code": "code",
    "json-schema": "structured",
    "quantity": "structured",
}
"""Name -> the extra of herokit that provides it, for the error if it is not installed."""

BUILTIN_VERIFIERS = {
    "exact-match": "herokit.verifiers:ExactMatch",
    "contains": "herokit.verifiers:Contains",
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
"""Name -> target of the verifiers in the core package."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One registered name.

    Attributes:
        name: the value of ``use`` in scheme files.
        kind: the kind of object.
        target: ``"package.module:Attribute"``, a class or a function.
        owner: the plugin that registered it.
    """

    name: str
    kind: Kind
    target: str
    owner: str

    def load(self) -> Any:
        """Import the target.

        Raises:
            NotInstalledError: a package that it imports is not installed.
            PluginError: the module or the attribute does not exist, or importing it raised.
        """
        module, _, attribute = self.target.partition(":")
        owner = f"plugin {self.owner!r}, loading {self.name!r} from {self.target!r},"
        try:
            with boundary(owner):
                return getattr(import_module(module), attribute)
        except SystemExit as error:
            raise PluginError(f"{owner} raised {format_error(error)}") from error
        except PluginError as error:
            package = (getattr(error.__cause__, "name", None) or "").partition(".")[0]
            if not isinstance(error.__cause__, ModuleNotFoundError) or package in {"", module.partition(".")[0]}:
                raise
            extra = EXTRAS_BY_NAME.get(self.name)
            needs = f"{self.name!r} needs {package}, which is not installed"
            raise NotInstalledError(needs, f"herokit[{extra}]" if extra else self.owner) from error


class Registry:
    """All registered names. Registries share no state.

    Attributes:
        load_errors: plugin -> why it could not be loaded; the other plugins still work.

    Example:
        >>> load_registry(plugins=False).find("stratify").target
        'herokit.combiners:Stratify'
    """

    load_errors: dict[str, str]

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self.load_errors = {}

    def find(self, name: str, kinds: tuple[Kind, ...] = ()) -> Entry:
        """Return the entry of a name.

        Args:
            name: the value of ``use`` in scheme files.
            kinds: the accepted kinds; any if empty.

        Raises:
            UnknownNameError: nothing is registered under that name; the message says the nearest name, and which
                plugins could not be loaded.
            NotInstalledError: a package of this project provides it; the message says the command that installs it.
            ConfigError: it is of another kind.
        """
        entry = self._entries.get(name)
        if entry is None:
            if name in EXTRAS_BY_NAME:
                extra = EXTRAS_BY_NAME[name]
                why = self.load_errors.get(f"herokit-{extra}")
                problem = f"cannot be loaded: {why}" if why else "is not installed"
                raise NotInstalledError(f"{name!r} {problem}", f"herokit[{extra}]")
            failed = "".join(
                f"; plugin {owner!r} could not be loaded: {why}" for owner, why in self.load_errors.items()
            )
            names = [e.name for e in self if not kinds or e.kind in kinds]
            hint = suggest_scheme(name, names) if not kinds or "scheme" in kinds else did_you_mean(name, names)
            raise UnknownNameError(f"nothing is registered as {name!r}; {hint}{failed}")
        if kinds and entry.kind not in kinds:
            raise ConfigError(f"{name!r} is a {entry.kind}; expected a {' or a '.join(kinds)}")
        return entry

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[Entry]:
        return iter(sorted(self._entries.values(), key=lambda e: (e.kind, e.name)))

    def add(self, entry: Entry) -> None:
        """Register one name.

        Raises:
            NameClashError: the name is registered already; the message names both owners.
            PluginError: the name or the target is not what it should be.
        """
        _check_entry(entry)
        other = self._entries.setdefault(entry.name, entry)
        if other != entry:
            raise NameClashError(
                f"{entry.name!r} is registered twice: by {other.owner!r} as {other.target!r} "
                f"and by {entry.owner!r} as {entry.target!r}; one of them must choose another name"
            )

    def name_of(self, factory: Any) -> str | None:
        """Return the name of a registered class or function, or None."""
        for entry in self:
            if entry.target.partition(":")[0] in sys.modules and entry.load() is factory:
                return entry.name
        return None


class _Register:
    """The `hookspecs.Register` of one plugin; it records the owner of each name."""

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
    """Return a registry of the built-ins, the installed plugins and `extra`, in this order.

    Args:
        plugins: whether to load installed packages with an entry point in the group ``herokit``.
        extra: more plugins, (owner, object with the hook), for tests and notebooks.

    Raises:
        NameClashError: a plugin in `extra` registers a name that there is.
        PluginError: a hook in `extra` raised, or its name or parameters differ from the specification. An installed plugin
            with such a fault is disabled and is in ``load_errors`` of the registry.

    Example:
        >>> {entry.kind for entry in load_registry(plugins=False)} >= {"combiner", "scheme"}
        True
    """
    registry = Registry()
    _register(registry, "herokit", _builtins())
    for owner, plugin in _load_plugins(registry) if plugins else []:
        try:
            _register(registry, owner, plugin)
        except HerokitError as error:
            registry.load_errors[owner] = str(error)
    for owner, plugin in extra:
        _register(registry, owner, plugin)
    return registry


def _register(registry: Registry, owner: str, plugin: object) -> None:
    """Register all names of a plugin, or none.

    Raises:
        NameClashError: a name is registered already.
        PluginError: its hook raised, or differs from the specification.
    """
    manager = pluggy.PluginManager(ENTRY_POINT_GROUP)
    manager.add_hookspecs(hookspecs)
    names = Registry()
    try:
        with boundary(f"plugin {owner!r}"):
            manager.register(plugin, owner)
            manager.check_pending()
            for hook in manager.hook.herokit_register.get_hookimpls():
                hook.function(_Register(names, owner))
    except (SystemExit, GeneratorExit) as error:
        raise PluginError(f"plugin {owner!r} raised {format_error(error)}") from error
    clashes = [entry for entry in names if entry.name in registry]
    for entry in clashes or names:
        registry.add(entry)


def _check_entry(entry: Entry) -> None:
    """Check the texts with which a plugin registers a name.

    Raises:
        PluginError: they are not texts, or not of the expected form.
    """
    name: object = entry.name
    target: object = entry.target
    owner = f"plugin {entry.owner!r} registers"
    if not isinstance(name, str) or not name.isprintable() or name.strip() != name or not name:
        raise PluginError(f"{owner} the name {name!r:.80}; expected a text without blanks around it")
    if not isinstance(target, str) or not all(target.partition(":")):
        raise PluginError(f'{owner} {name!r} with the target {target!r:.80}; expected "package.module:Attribute"')


def _load_plugins(registry: Registry) -> list[tuple[str, object]]:
    """Import the installed plugins; return (owner, plugin) of those that can be imported."""
    plugins: list[tuple[str, object]] = []
    for point in entry_points(group=ENTRY_POINT_GROUP):
        owner = point.dist.name if point.dist else point.name
        try:
            plugins.append((owner, point.load()))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - one broken plugin must not disable the others, nor end the program
            missing = error.name if isinstance(error, ModuleNotFoundError) else None
            registry.load_errors[owner] = (
                f"it needs {missing}, which is not installed" if missing else format_error(error)
            )
    return plugins


@cache
def get_registry() -> Registry:
    """Return the registry of this process: the built-ins and the installed plugins, loaded once."""
    return load_registry()


def _to_kebab_case(name: str) -> str:
    """Return the registered name of a class.

    Example:
        >>> _to_kebab_case("WeightByStd")
        'weight-by-std'
    """
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


def _builtins() -> object:
    """Return the plugin that registers the built-in names."""

    @hookspecs.hookimpl
    def herokit_register(register: hookspecs.Register) -> None:
        for step in STEPS:
            register.combiner(_to_kebab_case(step.__name__), f"herokit.combiners:{step.__name__}")
        for name, scheme in SCHEMES_BY_NAME.items():
            register.scheme(name, f"herokit.schemes:{scheme.__name__}")
        for name, target in BUILTIN_VERIFIERS.items():
            register.verifier(name, target)
        register.reward_model("ensemble-reward-model", "herokit.sources:EnsembleRewardModel")
        register.reward_model("score-column", "herokit.sources:ScoreColumn")
        register.reward_model("num-tokens", "herokit.sources:NumTokens")

    return SimpleNamespace(herokit_register=herokit_register)

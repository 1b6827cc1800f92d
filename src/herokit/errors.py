"""Every error herokit raises on purpose, and the boundary around code it does not own.

The tree::

    HerokitError
    ├── ConfigError(ValueError)        a setting is wrong: a scheme file, a step's parameter, an option
    │   ├── SchemeError                several settings of one scheme are wrong: all of them, a line each
    │   ├── UnknownNameError           no plugin registered that name
    │   │   └── NotInstalledError      it, or a package that it needs, is not installed
    │   ├── NameClashError             two plugins registered one name
    │   └── VerdictError               a verdict's value is no correctness; costs the row, not the batch
    ├── DataError(ValueError)          an input file or row cannot be used
    ├── SignalError(KeyError)          a step asks for a signal that the batch does not carry
    ├── SetupError(RuntimeError)       a source cannot work at all: no model file, wrong output shape, no provider
    └── PluginError(RuntimeError)      plugin code broke its contract or raised

A message names the offending value, what was expected, and who owns it (plugin, group, row).
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from difflib import get_close_matches
from inspect import currentframe
from itertools import chain
from pathlib import Path
from shlex import quote
from types import TracebackType
from typing import Any, get_args

__all__ = [
    "ConfigError",
    "DataError",
    "HerokitError",
    "NameClashError",
    "NoSignalWarning",
    "NotInstalledError",
    "PluginError",
    "SchemeError",
    "SetupError",
    "SignalError",
    "UnknownNameError",
    "VerdictError",
    "check_choice",
    "check_positive",
    "did_you_mean",
    "install_command",
    "locate_error",
    "warn_of_silence",
]


class HerokitError(Exception):
    """Base of every error that herokit raises on purpose.

    Example:
        >>> issubclass(ConfigError, HerokitError)
        True
    """


class ConfigError(HerokitError, ValueError):
    """A setting is wrong; the message names the place, the value and what was expected."""


class UnknownNameError(ConfigError):
    """A name that no plugin registered; the message offers the nearest one."""


class NotInstalledError(UnknownNameError):
    """A registered name, or a package that its object needs, is not installed.

    Attributes:
        message: what is not installed.
        requirements: what pip installs, such as ``herokit[math]``.

    Example:
        >>> str(NotInstalledError("'math' is not installed", "herokit[math]"))
        "'math' is not installed; run: pip install 'herokit[math]'"
    """

    def __init__(self, message: str, *requirements: str) -> None:
        super().__init__(message, *requirements)
        self.message = message
        self.requirements = requirements

    def __str__(self) -> str:
        """Return the message with the command that installs it."""
        return f"{self.message}; run: {install_command(*self.requirements)}"


def install_command(*requirements: str) -> str:
    """Return the command that installs packages and extras of herokit.

    Example:
        >>> install_command("herokit[torch]", "tokenizers", "herokit[math]")
        "pip install 'herokit[math,torch]' tokenizers"
    """
    extras = {text.removeprefix("herokit[").removesuffix("]") for text in requirements if text.startswith("herokit[")}
    others = {text for text in requirements if not text.startswith("herokit[")}
    core = [f"herokit[{','.join(sorted(extras))}]"] if extras else []
    return " ".join(["pip install", *map(quote, [*core, *sorted(others)])])


class SchemeError(ConfigError):
    """Several settings of one scheme are wrong; what is not installed is installed by one command.

    Attributes:
        location: the scheme.
        errors: what is wrong, in the order of the scheme.

    Example:
        >>> print(SchemeError("s.toml", [ConfigError("s.toml: sources.rm: ..."), NotInstalledError("'math' ...", "herokit[math]")]))
        s.toml: 2 errors
          sources.rm: ...
          'math' ...
          To install what is missing, run: pip install 'herokit[math]'
    """

    MAX_SHOWN = 20

    def __init__(self, location: str, errors: Sequence[ConfigError]) -> None:
        super().__init__(location, tuple(errors))
        self.location = location
        self.errors = tuple(errors)

    def lines(self) -> list[str]:
        """Return the message as lines: how many errors there are, then each."""
        lines = [f"{self.location}: {len(self.errors)} errors".removeprefix(": ")]
        for error in self.errors[: self.MAX_SHOWN]:
            text = error.message if isinstance(error, NotInstalledError) else str(error)
            lines.append("  " + " ".join(text.removeprefix(f"{self.location}: ").split()))
        if len(self.errors) > self.MAX_SHOWN:
            lines.append(f"  and {len(self.errors) - self.MAX_SHOWN} more")
        missing = [error.requirements for error in self.errors if isinstance(error, NotInstalledError)]
        if missing:
            lines.append(f"  To install what is missing, run: {install_command(*chain.from_iterable(missing))}")
        return lines

    def __str__(self) -> str:
        """Return the lines."""
        return "\n".join(self.lines())


class ErrorCollector:
    """Collects the errors of several settings, to raise all of them at once.

    Example:
        >>> errors = ErrorCollector()
        >>> for value in (3, 4):
        ...     with errors.collect():
        ...         check_choice("ddof", value, (0, 1))
        >>> errors.raise_all("mine")
        Traceback (most recent call last):
        ...
        herokit.errors.SchemeError: mine: 2 errors
          ddof must be 0 or 1, got 3
          ddof must be 0 or 1, got 4
    """

    def __init__(self) -> None:
        self.errors: list[ConfigError] = []

    def __bool__(self) -> bool:
        return bool(self.errors)

    @contextmanager
    def collect(self) -> Iterator[None]:
        """Run a block; take its `ConfigError`, or all of its `SchemeError`, instead of raising."""
        try:
            yield
        except SchemeError as error:
            self.errors += error.errors
        except ConfigError as error:
            self.errors.append(error)

    def raise_all(self, location: str = "") -> None:
        """Raise what was collected: nothing, the only error as it is, or all of them.

        Raises:
            ConfigError: something was collected.
        """
        if self.errors:
            raise self.errors[0] if len(self.errors) == 1 else SchemeError(location, self.errors)


class NameClashError(ConfigError):
    """One name claimed by two plugins; the message names both owners."""


class VerdictError(ConfigError):
    """A verdict's value is no number in [0, 1]; raised in a source, it fails the rows in question and no others."""


class DataError(HerokitError, ValueError):
    """An input file or row cannot be used; the message names file and row."""


class SignalError(HerokitError, KeyError):
    """A step asks for a signal that the batch does not carry."""

    def __str__(self) -> str:
        """Return the message without the quotes that `KeyError` adds."""
        return str(self.args[0]) if self.args else ""


class SetupError(HerokitError, RuntimeError):
    """A source cannot work at all, so no row can be scored; never turned into a row's status."""


class PluginError(HerokitError, RuntimeError):
    """Plugin code broke its contract or raised; the message names the plugin.

    Attributes:
        whole_batch: whether it concerns all rows of a batch, as a broken contract does, and not single ones.
    """

    whole_batch: bool = False


class NoSignalWarning(RuntimeWarning):
    """A part of a reward that teaches nothing: a source without any value or that no step reads, groups of one row, files to compare whose rollouts differ."""


def warn_of_silence(message: str) -> None:
    """Give a `NoSignalWarning` at the line of the caller's code, not at one of herokit."""
    frame, level, own = currentframe(), 1, str(Path(__file__).parent)
    while frame is not None and frame.f_code.co_filename.startswith(own):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, NoSignalWarning, stacklevel=level)


CODE_ERRORS = (TypeError, AttributeError, NameError)
"""Errors of a program's code, not of its data: a source that raises them on every sample of its first batch stops the run."""


def check_choice(name: str, value: object, choices: Any) -> None:
    """Check that a setting has one of its allowed values.

    Args:
        name: the setting, for the message.
        value: the value it was given.
        choices: a tuple of the allowed values, or a `Literal` that lists them.

    Raises:
        ConfigError: the value is not allowed.

    Example:
        >>> check_choice("ddof", 2, (0, 1))
        Traceback (most recent call last):
        ...
        herokit.errors.ConfigError: ddof must be 0 or 1, got 2
    """
    allowed = get_args(choices) or choices
    if value not in allowed or isinstance(value, bool):
        *first, last = map(repr, allowed)
        expected = f"{', '.join(first)} or {last}" if first else last
        raise ConfigError(f"{name} must be {expected}, got {value!r}")


def check_positive(settings: object, *names: str, allow_zero: bool = False) -> None:
    """Check that attributes of an object are positive and finite.

    Args:
        settings: the object, whose class the message names.
        names: its attributes.
        allow_zero: accept 0, too.

    Raises:
        ConfigError: one is not.

    Example:
        >>> from fractions import Fraction
        >>> check_positive(Fraction(-1, 2), "numerator")
        Traceback (most recent call last):
        ...
        herokit.errors.ConfigError: Fraction: numerator must be positive and finite, got -1
    """
    for name in names:
        value: Any = getattr(settings, name)
        if not (value >= 0 if allow_zero else value > 0) or value == float("inf"):
            expected = "at least 0" if allow_zero else "positive and finite"
            raise ConfigError(f"{type(settings).__name__}: {name} must be {expected}, got {value!r}")


_CONTROL = (KeyboardInterrupt, SystemExit, GeneratorExit)


def boundary(owner: str) -> AbstractContextManager[None]:
    """Run plugin code: herokit's own errors pass, anything else becomes a `PluginError` that names `owner`.

    Interrupts, exits and cancellations pass. Other errors beside `Exception` do not: panics of Rust packages and the
    time-outs of some graders are of that kind, and they concern one row.

    Args:
        owner: whose code runs, as a user would look for it, e.g. ``"verifier 'math'"``.

    Raises:
        PluginError: the code raised something that is not a `HerokitError`; the original is its ``__cause__``.

    Example:
        >>> with boundary("verifier 'mine'"):
        ...     raise ValueError("bad digit")
        Traceback (most recent call last):
        ...
        herokit.errors.PluginError: verifier 'mine' raised ValueError: bad digit
    """
    return _Boundary(owner)


class _Boundary(AbstractContextManager[None]):
    """A class, as a generator would let a `StopIteration` pass."""

    def __init__(self, owner: str) -> None:
        self._owner = owner

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        own = isinstance(error, HerokitError) and not isinstance(error, VerdictError)
        if error is None or own or isinstance(error, _CONTROL) or type(error).__name__ == "CancelledError":
            return
        raise PluginError(f"{self._owner} raised {format_error(error)}") from error


def format_error(error: BaseException | None) -> str:
    """Name an error with its message, also one whose message cannot be read.

    Example:
        >>> format_error(ValueError("bad digit"))
        'ValueError: bad digit'
    """
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001 - the error's own code may raise anything
        return type(error).__name__


def locate_error(error: BaseException) -> str:
    """Return the line of a user's or plugin's code that an error passed last, `` (FILE:LINE, in FUNCTION)``; ``""`` for none.

    Example:
        >>> locate_error(ValueError("never raised"))
        ''
    """
    from sysconfig import get_paths
    from traceback import walk_tb

    paths = (get_paths()[name] for name in ("stdlib", "platstdlib", "purelib", "platlib"))
    others = (*paths, str(Path(__file__).parent), "<")
    lines = [(frame.f_code, number) for frame, number in walk_tb(error.__traceback__)]
    own = [(code, number) for code, number in lines if not code.co_filename.startswith(others)]
    return f" ({Path(own[-1][0].co_filename).name}:{own[-1][1]}, in {own[-1][0].co_name})" if own else ""


MAX_KNOWN = 50
"""Names that a message lists."""


def did_you_mean(name: str, known: list[str]) -> str:
    """Finish an "unknown name" message: the nearest known name, or all of them.

    Example:
        >>> did_you_mean("stratfy", ["stratify", "select"])
        "did you mean 'stratify'?"
        >>> did_you_mean("zzz", ["stratify", "select"])
        'known: select, stratify'
    """
    close = get_close_matches(name, known, n=1, cutoff=0.5)
    if close:
        return f"did you mean {close[0]!r}?"
    names = sorted(filter(None, known))
    more = f" and {len(names) - MAX_KNOWN} more" if len(names) > MAX_KNOWN else ""
    return f"known: {', '.join(names[:MAX_KNOWN]) or 'none'}{more}"

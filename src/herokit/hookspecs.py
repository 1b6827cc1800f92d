"""The plugin hook. Importing this module imports nothing heavy.

A plugin is a function and an entry point in the group ``herokit``::

    from herokit.hookspecs import Register, hookimpl

    @hookimpl
    def herokit_register(register: Register) -> None:
        register.verifier("exact", "my_plugin.exact:Exact")
"""

from typing import Protocol

import pluggy

__all__ = ["Register", "herokit_register", "hookimpl"]

hookspec = pluggy.HookspecMarker("herokit")
hookimpl = pluggy.HookimplMarker("herokit")
"""The decorator of a plugin's function `herokit_register`."""


class Register(Protocol):
    """The argument of a plugin's hook: one method per kind of object.

    `name` is the value of ``use`` in scheme files. `target` is ``"package.module:Attribute"``, a class or a function; it is
    imported when the name is first used.
    """

    def verifier(self, name: str, target: str) -> None:
        """Register a `herokit.types.Verifier`."""
        ...

    def reward_model(self, name: str, target: str) -> None:
        """Register a `herokit.types.RewardModel`."""
        ...

    def combiner(self, name: str, target: str) -> None:
        """Register a step of a chain."""
        ...

    def scheme(self, name: str, target: str) -> None:
        """Register a function that returns a chain."""
        ...

    def command(self, name: str, target: str) -> None:
        """Register ``herokit NAME``: a function whose annotated parameters are the options, as in typer.

        Its docstring is the help text. ``herokit --help`` imports the target, so import heavy packages inside the
        function.
        """
        ...

    def engine(self, name: str, target: str) -> None:
        """Register ``herokit score --engine NAME``: a class whose instances place sources, for example in other processes.

        Its method ``place(sources)`` takes and returns name -> source. Its attribute ``prefetch_batches`` is the number of
        batches that run at once; the returned sources must be usable from as many threads.
        """
        ...


@hookspec
def herokit_register(register: Register) -> None:
    """Register verifiers, reward models, combiners, schemes, commands and engines; import nothing heavy here.

    Args:
        register: call one of its methods for each name.
    """

"""The one hook a plugin implements. Importing this module imports nothing heavy.

A plugin is ten lines and an entry point in the group ``herokit``::

    from herokit.hookspecs import Register, hookimpl

    @hookimpl
    def herokit_register(register: Register) -> None:
        register.verifier("exact", "my_plugin.exact:Exact")
"""

from typing import Protocol

import pluggy

hookspec = pluggy.HookspecMarker("herokit")
hookimpl = pluggy.HookimplMarker("herokit")


class Register(Protocol):
    """What a plugin's hook is handed: one method a kind of thing.

    `name` is what a scheme file writes after ``use =``; `target` is ``"package.module:Attribute"``, a class or a
    function, and is imported only when the name is used.
    """

    def verifier(self, name: str, target: str) -> None:
        """Offer a `herokit.types.Verifier`."""
        ...

    def reward_model(self, name: str, target: str) -> None:
        """Offer a `herokit.types.RewardModel`."""
        ...

    def combiner(self, name: str, target: str) -> None:
        """Offer a step of a chain."""
        ...

    def scheme(self, name: str, target: str) -> None:
        """Offer a function that returns a whole chain."""
        ...

    def command(self, name: str, target: str) -> None:
        """Offer ``herokit NAME``: a function whose annotated parameters are its options, as typer reads them.

        Its docstring is the help. `herokit --help` imports the target, so the module imports nothing heavier than typer;
        the function imports what it needs when it runs.
        """
        ...

    def engine(self, name: str, target: str) -> None:
        """Offer ``herokit score --engine NAME``: a class whose objects say where sources do their work.

        It has ``place(sources)``, which takes and returns name -> source, and ``prefetch_batches``, how many batches may
        run at once; the sources that it returns must be usable from as many threads.
        """
        ...


@hookspec
def herokit_register(register: Register) -> None:
    """Offer verifiers, reward models, combiners, schemes, commands and engines by name; import nothing heavy here.

    Args:
        register: call its methods once for each thing offered.
    """

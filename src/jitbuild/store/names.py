"""Look up interpreters by their names, or by parts of names that only one of them has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitbuild.errors import NotInstalledError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jitbuild.errors import StoreError
    from jitbuild.store.interpreter import Interpreter
    from jitbuild.store.store import Store


def named(name: str, interpreters: Iterable[Interpreter]) -> list[Interpreter]:
    """Return the interpreters that `name` may mean.

    `name` is a whole name, a name without the key at its end (as `jitbuild plan` prints it), or the
    beginning of a name. An interpreter that fits an earlier one of these three forms excludes those
    that fit a later one.
    """
    among = list(interpreters)
    whole = [each for each in among if each.name == name]
    without_key = [each for each in among if each.name.rpartition("-")[0] == name]
    return whole or without_key or [each for each in among if each.name.startswith(name)]


def find_named(store: Store, name: str) -> Interpreter:
    """Return the interpreter in `store` that `name` means (see `named`).

    Raises NotInstalledError if there is none, StoreError if it is broken, and UsageError if there
    are several.
    """
    exact = store.get(name)
    if exact is not None:
        return exact
    installed = store.installed()
    found = named(name, installed)
    if not found:
        raise no_such_name(store, name, installed)
    if len(found) > 1:
        names = ", ".join(interpreter.name for interpreter in found)
        raise UsageError(
            f"{name} may be any of {len(found)} interpreters: {names}.",
            remedy="Write more of the name.",
        )
    return found[0]


def no_such_name(
    store: Store, name: str, installed: Iterable[Interpreter]
) -> NotInstalledError | StoreError:
    """Return the error for a name that no interpreter in `installed` has.

    It is a StoreError if the store has a broken entry of that name.
    """
    from jitbuild.store.broken import broken_entry
    from jitbuild.system.suggestions import did_you_mean

    if entry := broken_entry(store.interpreters, name):
        return entry.error()
    hint = did_you_mean(name, (each.name for each in installed), cutoff=0.8)
    return NotInstalledError(
        f"The store has no interpreter named {name}.",
        remedy=f"{hint}`jitbuild list` shows the interpreters in the store.",
    )

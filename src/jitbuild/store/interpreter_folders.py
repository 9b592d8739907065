"""The folders of the interpreters in a store, while other processes replace and remove them.

`jitbuild which` imports this module, so `swap`, which writes, is imported inside functions.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from jitbuild.errors import StoreError
from jitbuild.store import layout
from jitbuild.store.interpreter import Interpreter

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path


class InterpreterFolders(NamedTuple):
    """The folders in `folder`. `lock` holds the lock of the store that has the given name."""

    folder: Path
    lock: Callable[[str], AbstractContextManager[None]]

    def read_all(self) -> list[Interpreter]:
        """Return all interpreters, sorted by name. Raises OSError if they cannot be listed."""
        names = self._names()
        while True:
            interpreters = [self.read(name) for name in names]
            # If a folder disappears after it was listed, another one may have taken its place, as
            # when an adopted interpreter is registered under the name of its new version. Folders
            # that may be listed but not entered seem to have disappeared, too.
            listed = names
            if not all(os.path.lexists(self.folder / name) for name in names):
                names = self._names()
            if names == listed:
                return [interpreter for interpreter in interpreters if interpreter is not None]

    def read(self, name: str) -> Interpreter | None:
        """Return the interpreter `name`, or None; restore it first if it was set aside."""
        path = self.folder / name
        # The second attempt finds the manifest of a folder that was replaced during the first one.
        if interpreter := Interpreter.read(path) or Interpreter.read(path):
            return interpreter
        restored = os.path.lexists(layout.set_aside_path(path)) and self._restore(name)
        return Interpreter.read(path) if restored else None

    def replace(self, staged: Path, name: str) -> None:
        """Rename the folder `staged` to `name`, and delete an older folder of that name.

        Raises OSError if that fails; the older folder then keeps its name.
        """
        from jitbuild.store import swap

        swap.replace(staged, self.folder / name, lock=lambda: self._replacing(name))

    def remove(self, name: str, scratch: Path) -> None:
        """Move the folder `name` into the folder `scratch`. Raises OSError if that fails."""
        from jitbuild.store import swap

        # Otherwise, an older interpreter could get the name that becomes free.
        swap.take_away(self.folder / name, scratch)
        (self.folder / name).rename(scratch / "removed")

    def remove_replaced(self, scratch: Path) -> None:
        """Move the older folders that a killed process has set aside into the folder `scratch`.

        If the name of such a folder is free, the folder gets its name back. Raises OSError if a
        folder cannot be moved.
        """
        from jitbuild.store import swap

        for path in layout.own_entries(self.folder, layout.SET_ASIDE):
            final = self.folder / layout.replaced_name(path.name)
            with self._replacing(final.name):
                swap.restore(final)
                swap.take_away(final, scratch)

    def _names(self) -> list[str]:
        """Return the names of all folders, sorted, after those that were set aside are restored."""
        try:
            listed = os.listdir(self.folder)  # noqa: PTH208
        except FileNotFoundError:
            return []
        set_aside = {name: layout.replaced_name(name) for name in listed}
        lost = set(filter(None, set_aside.values())).difference(listed)
        names = [name for name in listed if not set_aside[name]]
        return sorted(names + [name for name in lost if self._restore(name)])

    def _restore(self, name: str) -> bool:
        """Give the interpreter that was set aside its name back. Return False if that fails."""
        from jitbuild.store import swap

        try:
            with self._replacing(name):
                swap.restore(self.folder / name)
        except (OSError, StoreError):
            return False
        return True

    def _replacing(self, name: str) -> AbstractContextManager[None]:
        """Return the lock that is held while the interpreter `name` may be set aside."""
        return self.lock(f"replacing-{name}")

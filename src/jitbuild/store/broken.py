"""Entries of the store that are not usable, because their manifest is damaged or missing."""

from __future__ import annotations

import os
import re
import shlex
from typing import TYPE_CHECKING, NamedTuple

from jitbuild.errors import StoreError
from jitbuild.store import layout
from jitbuild.store.interpreter import Interpreter

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path


class BrokenEntry(NamedTuple):
    """An entry whose folder is `path`; `reason` says what is wrong with it."""

    path: Path
    reason: str

    @property
    def name(self) -> str:
        return self.path.name

    def error(self) -> StoreError:
        """Return the error for a command that needs this entry."""
        return StoreError(
            f"{self.name} in the store is broken: {self.reason}.",
            remedy=f"Remove it: jitbuild uninstall {shlex.quote(self.name)}. Then install or adopt "
            "the interpreter again.",
        )


def broken_entry(folder: Path, name: str) -> BrokenEntry | None:
    """Return the entry `name` of `folder`, the folder of the interpreters, if it is broken.

    Return None if it is an interpreter or does not exist.
    """
    path = folder / name
    if not re.fullmatch(layout.FOLDERS["interpreters"], name) or layout.replaced_name(name):
        return None
    if not os.path.lexists(path):
        return None
    try:
        Interpreter.load(path)
    except FileNotFoundError:
        return BrokenEntry(path, "it has no manifest")
    except OSError as error:
        return BrokenEntry(path, f"its manifest cannot be read ({error.strerror})")
    except ValueError as error:
        return BrokenEntry(path, f"its manifest is invalid ({error})")
    return None


def broken_entries(folder: Path, *, besides: Collection[str]) -> list[BrokenEntry]:
    """Return the broken entries of `folder`, sorted by name.

    Those named in `besides` are known to be interpreters.
    """
    entries = layout.own_entries(folder, layout.FOLDERS["interpreters"])
    examined = [broken_entry(folder, path.name) for path in entries if path.name not in besides]
    return [entry for entry in examined if entry is not None]

"""Repair the interpreters of a store that was copied, moved or mounted elsewhere."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from jitbuild.building import relocation
from jitbuild.errors import DiskFullError, InterpreterError, StoreError
from jitbuild.probing import run_probe as probing
from jitbuild.store import manifest as manifests
from jitbuild.system.files import store_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from jitbuild.probing.facts import ProbeFacts
    from jitbuild.store.interpreter import Interpreter
    from jitbuild.store.store import Store


@dataclass(frozen=True, slots=True)
class Repair:
    """A repair that was made: `origin` is the old folder, and `files` are the rewritten files."""

    name: str
    path: Path
    origin: Path
    files: tuple[Path, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Repairer:
    """Repairs interpreters; the fields are effects, which tests replace.

    `start` runs the probe once, in a given program and environment.
    """

    start: Callable[[Path, Mapping[str, str]], ProbeFacts] = probing.collect_facts
    relocate: Callable[[Path, Path], list[Path]] = relocation.relocate
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)

    def repair(self, store: Store, moved: Interpreter) -> Repair | None:
        """Replace the old folder by the present one in the files and the manifest of `moved`.

        Returns None if nothing needs a repair, for example because another process has made it. The
        interpreter is started first; if it does not run here, nothing is written. The manifest is
        written last, so the next call repeats a repair that was interrupted.

        Raises InterpreterError if the interpreter does not run in its present folder, and
        StoreError, whose remedy names the old folder, if a file cannot be rewritten.
        """
        if moved.moved_from is None:
            return None
        try:
            with store.lock(moved.path.name):
                return self._repair(store, moved.path.name)
        except DiskFullError:
            raise
        except StoreError as error:
            raise _unwritable(moved, error) from error

    def _repair(self, store: Store, folder: str) -> Repair | None:
        interpreter = store.get(folder)
        if interpreter is None or (origin := interpreter.moved_from) is None:
            return None
        self._check(interpreter)
        with store_errors(interpreter.path):
            files = self.relocate(interpreter.path, origin)
            verdict = msgspec.structs.replace(
                interpreter.manifest.verdict, executable=str(interpreter.executable)
            )
            manifest = msgspec.structs.replace(interpreter.manifest, verdict=verdict)
            if hasattr(os, "sync"):
                # The files must reach the disk before the manifest does.
                os.sync()
            manifests.write(manifest, interpreter.path)
        return Repair(interpreter.name, interpreter.path, origin, tuple(files))

    def _check(self, interpreter: Interpreter) -> None:
        """Raise InterpreterError unless the interpreter runs and uses its own standard library."""
        environ = probing.probe_environment(self.environ, "0")
        facts = self.start(interpreter.executable, environ)
        if os.path.realpath(facts.prefix) != os.path.realpath(interpreter.path):
            raise InterpreterError(
                f"{interpreter.executable} was moved from {interpreter.moved_from}, and now uses "
                f"the standard library in {facts.prefix} instead of its own.",
                remedy="Build it again: "
                f"jitbuild install {shlex.quote(interpreter.name)} --reinstall",
            )


def _unwritable(moved: Interpreter, error: StoreError) -> StoreError:
    origin = moved.moved_from
    reason = error.what.rstrip(".")
    return StoreError(
        f"{moved.name} was moved from {origin} to {moved.path}. Its files contain the old path and "
        f"cannot be rewritten: {reason}.",
        remedy="Run `jitbuild repair` once as a user who can write to the store. Or copy or mount "
        f"the store to {origin.parents[1] if origin else 'its old folder'}.",
    )

"""Export an interpreter of the store into a file, with which another store can import it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from jitbuild.errors import NotInstalledError, UsageError
from jitbuild.store.archive_writer import write_archive
from jitbuild.system.output_file import output_file
from jitbuild.system.progress import SilentReporter

if TYPE_CHECKING:
    from pathlib import Path

    from jitbuild.store.interpreter import Interpreter
    from jitbuild.system.progress import Reporter

_SILENT = SilentReporter()


class ExportedFile(NamedTuple):
    """A file that was written: its sha256, its size, and the size of the files in it."""

    path: Path
    sha256: str
    size: int
    unpacked: int


def export(
    interpreter: Interpreter,
    path: Path,
    *,
    overwrite: bool = False,
    reporter: Reporter = _SILENT,
) -> ExportedFile:
    """Write the archive of `interpreter` into the file `path`, which it gets in one step.

    The same interpreter always results in the same bytes. Raises UsageError if it was adopted, or
    if `path` exists and `overwrite` is False; NotInstalledError if it is not proven, or was moved;
    StoreError if it cannot be read; DiskFullError or OperatingSystemError if the file cannot be
    written.
    """
    check_exportable(interpreter)
    title = f"{interpreter.name}: export"
    with output_file(path, overwrite=overwrite) as file:
        with reporter.stage(title) as stage:
            unpacked = write_archive(interpreter, file, stage=stage)
        size = file.tell()
        file.seek(0)
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return ExportedFile(path, sha256, size, unpacked)


def check_exportable(interpreter: Interpreter) -> None:
    """Raise the errors of `export` about the interpreter itself."""
    if interpreter.adopted:
        raise UsageError(
            f"{interpreter.name} was adopted, so it cannot be exported or pushed: its files "
            f"are not in the store, and {interpreter.executable} may need other files of this "
            "machine.",
            remedy="Name an interpreter that `jitbuild install` has added. On the other machine, "
            "an installed interpreter can be adopted: jitbuild adopt PATH",
        )
    if not (interpreter.proven and interpreter.fresh):
        raise NotInstalledError(
            f"{interpreter.name} cannot be exported, because it is {interpreter.state}.",
            remedy="`jitbuild list` shows its state, and repairs it if it was moved.",
        )

"""Unpack an archive that `jitbuild export` wrote, for an import or a pull."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild.building.relocation import relocate
from jitbuild.errors import ArchiveError, UnsafeArchiveError
from jitbuild.store.archive_reader import origin_of
from jitbuild.system.archives import archive

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jitbuild.store.manifest import Manifest
    from jitbuild.system.progress import Reporter


def unpack_exported(
    file: Path, manifest: Manifest, folder: Path, final: Path, *, reporter: Reporter
) -> Path:
    """Unpack `file`, which has this `manifest`, below `folder`; return the interpreter's prefix.

    The paths in its files are those of `final`, its future place. Then `file` is removed. Raises
    ArchiveError if the file is damaged or has not the program that its manifest names.
    """
    title = f"{manifest.name}: unpack"
    prefix = archive.unpack(file, folder, reporter=reporter, title=title)
    if prefix.name != manifest.name or not (prefix / manifest.executable).is_file():
        raise ArchiveError(
            f"{file} cannot be used: it has no {manifest.name}/{manifest.executable}.",
            remedy="Export the interpreter again.",
        )
    file.unlink()
    relocate(prefix, Path(origin_of(manifest)), final)
    return prefix


@contextlib.contextmanager
def naming(shown: str, file: Path, *, remedy: str = "") -> Iterator[None]:
    """Name `shown` instead of `file` in the message of an ArchiveError in the block.

    If `remedy` is given, it replaces that of the error, unless the archive is not safe.
    """
    try:
        yield
    except ArchiveError as error:
        if isinstance(error, UnsafeArchiveError):
            remedy = error.remedy
        what = error.what.replace(str(file), shown)
        raise type(error)(what, remedy=remedy or error.remedy) from error

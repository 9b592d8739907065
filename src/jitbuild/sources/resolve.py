"""Resolve a request for a folder, an archive, a git reference or `main` to its source.

Requests for versions are resolved by `jitbuild.planning.planner.resolve_version`, which reads only
the recipes.
"""

from __future__ import annotations

import functools
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from jitbuild.errors import RequestError, SourceError
from jitbuild.planning.plan import ResolvedRequest, Source
from jitbuild.sources import folder, git, tree_facts
from jitbuild.system import files, process
from jitbuild.system.archives import archive
from jitbuild.system.checksums import checksum_error, sha256_of
from jitbuild.system.http.transfer_speed import LEAST_SPEED
from jitbuild.system.paths import (
    UNRECORDABLE,
    UNRECORDABLE_REMEDY,
    absolute_path,
    is_recordable,
)
from jitbuild.system.progress import SilentReporter
from jitbuild.system.small_file import read_small
from jitbuild.system.urls import Address

if TYPE_CHECKING:
    from pathlib import Path

    from jitbuild.recipes.catalog import Catalog
    from jitbuild.request import Request
    from jitbuild.system.process import Runner
    from jitbuild.system.progress import Reporter

_SILENT = SilentReporter()


def describe(  # noqa: PLR0913
    request: Request,
    *,
    cache: Path,
    catalog: Catalog,
    sha256: str | None = None,
    offline: bool = False,
    least_speed: int = LEAST_SPEED,
    runner: Runner = process.run,
    reporter: Reporter = _SILENT,
) -> ResolvedRequest:
    """Return the version, source and LLVM of the tree that `request` names.

    If `sha256` is given, an archive must have this digest. If `offline` is True, nothing is
    fetched, and a branch behind a URL raises SourceError. `least_speed` is the lowest accepted
    speed of a transfer over HTTP in bytes per second.

    Raises RequestError if `request` is the name of an interpreter, SourceError if the tree is not a
    CPython with the JIT, IntegrityError if an archive has another digest, ArchiveError if an
    archive cannot be read, and DownloadError if a URL cannot be fetched.
    """
    if not is_recordable(request.shown):
        raise SourceError(
            f"The path {request.shown} {UNRECORDABLE}, so it cannot be recorded.",
            remedy=UNRECORDABLE_REMEDY,
        )
    match request.kind:
        case "folder":
            return _describe_folder(_local_path(request.value), runner)
        case "archive":
            return _describe_archive(_local_path(request.value), sha256)
        case "git":
            place: Address | str = request.address or request.value
        case "branch":
            place = catalog.series["main"].repository
        case "name":
            raise RequestError(
                f"{request.text} is a name in the store of one machine, and stands for no source.",
                remedy="Write a version, main, git+URL@REF, or the path of a source instead.",
            )
        case _:
            raise AssertionError(f"{request.text} is resolved from the recipes")
    fetch = functools.partial(git.resolve, cache=cache, offline=offline, least_speed=least_speed)
    commit = fetch(place, request.ref, runner=runner, reporter=reporter)
    return _describe_commit(commit, request.ref, runner)


def _describe_commit(commit: git.Commit, ref: str, runner: Runner) -> ResolvedRequest:
    location = commit.location
    source = Source(kind="git", digest=commit.digest, location=location, ref=ref)
    texts = git.read(commit, tree_facts.FILES, runner=runner)
    return tree_facts.resolve_tree(f"{ref} of {location}", texts, source)


def _local_path(text: str) -> Path:
    if "://" in text:
        raise SourceError(
            f"{Address(text)} is a URL, and the sha256 of the file there is not known.",
            remedy="Request a version instead of a URL, and name the server with --mirror URL; add "
            "--sha256 if no recipe pins that version. Or download the file and give its path.",
        )
    path = absolute_path(text)
    if not path.exists():
        raise SourceError(f"{path} does not exist.", remedy="Check the path.")
    return path


def _describe_folder(root: Path, runner: Runner) -> ResolvedRequest:
    if not root.is_dir():
        raise _not_a_tree(root)
    with files.store_errors(root):
        texts = {
            path.relative_to(root).as_posix(): _text_of(path)
            for pattern in tree_facts.FILES
            for path in root.glob(pattern)
            if path.is_file()
        }
    source = Source(kind="folder", digest="", location=str(root))
    subject = tree_facts.resolve_tree(str(root), texts, source)
    digest = folder.digest(root, folder.source_files(root, runner=runner))
    return replace(subject, source=replace(source, digest=digest))


def _text_of(path: Path) -> str:
    try:
        return read_small(path).decode("utf-8", "replace")
    except OSError as error:
        raise SourceError(
            f"{path} cannot be read: {error.strerror}.",
            remedy="Check the file and its permissions.",
        ) from error


def _not_a_tree(path: Path) -> SourceError:
    if re.fullmatch(r"python[\d.]*t?d?(\.exe)?", path.name):
        return SourceError(
            f"{path} is an interpreter, not a source tree.",
            remedy="Request its version, as shown by `jitbuild list`. If it is not listed, "
            "register it with `jitbuild adopt`.",
        )
    return SourceError(
        f"{path} is neither a folder nor a file with the suffix of an archive.",
        remedy="Name a .tar.xz, .tgz, .tar.gz, .tar.bz2, .tar or .zip file, or the folder of a "
        "source tree.",
    )


def _describe_archive(path: Path, sha256: str | None) -> ResolvedRequest:
    if not path.is_file():
        raise SourceError(
            f"{path} is not a file.",
            remedy="Name an archive, or a folder whose name does not end like an archive's.",
        )
    with files.store_errors(path):
        digest = sha256_of(path)
    if sha256 is not None and digest != sha256.lower():
        raise checksum_error(str(path), sha256, digest)
    members = archive.read_members(path, tree_facts.FILES)
    texts = {name: content.decode("utf-8", "replace") for name, content in members.items()}
    pinned = ((path.name, digest),)
    source = Source(kind="archive", digest=digest, location=str(path), files=pinned)
    return tree_facts.resolve_tree(str(path), texts, source)

"""Obtain a verified source tree from an archive, a folder or a git repository."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from jitbuild.errors import IntegrityError
from jitbuild.sources import distro, folder, git, mirror, python_org
from jitbuild.sources.archive_cache import ArchiveCache
from jitbuild.sources.pin_doubts import doubting
from jitbuild.system import files, process
from jitbuild.system.archives import archive
from jitbuild.system.checksums import sha256_of
from jitbuild.system.http import download
from jitbuild.system.progress import SilentReporter
from jitbuild.system.urls import Address

if TYPE_CHECKING:
    from collections.abc import Collection

    from jitbuild.planning.plan import Source
    from jitbuild.sources.archive_cache import CachedArchive, Downloader
    from jitbuild.sources.origin import ArchiveOrigin
    from jitbuild.system.process import Runner
    from jitbuild.system.progress import Reporter

_SILENT = SilentReporter()


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceTree:
    """A verified source tree to build in.

    `origin` is the place from which it was obtained (`cache`, `distro`, `archive`, `folder`, `git`,
    a path or a URL), and `verified` tells how it was verified. The manifest records both. `archive`
    is the archive from which the tree was unpacked.
    """

    path: Path
    origin: str
    verified: str
    archive: Path | None = None


def obtain(  # noqa: PLR0913
    source: Source,
    dest: Path,
    *,
    origin: ArchiveOrigin,
    cache: Path,
    reporter: Reporter = _SILENT,
    runner: Runner = process.run,
    downloader: Downloader = download.download,
    pinned_by_user: bool = False,
    leave_out: Collection[str] = (),
) -> SourceTree:
    """Put the verified tree of `source` below the new folder `dest`.

    The archive of a release comes from the cache or, if it is not there, from `origin`.
    `pinned_by_user` is True if the sha256 of the archive is from the command line, not from a
    recipe. Files of an archive that match a pattern in `leave_out` are not unpacked.

    Raises IntegrityError if the digest is not that of `source`; no other address is then tried.
    Raises DownloadError if the archive or commit is not available, ArchiveError if the archive
    cannot be unpacked, SourceError if the folder or repository is unusable, and StoreError if the
    tree cannot be written.
    """
    place = dest / "tree"
    archives = ArchiveCache(folder=cache / "sources", downloader=downloader, reporter=reporter)
    match source.kind:
        case "release":
            sure = pinned_by_user or source.verified
            with doubting(() if sure else source.stated_by):
                path, tree_origin = _fetch_release(source, origin, archives, dest, runner)
            verified = "sha256 given by hand" if pinned_by_user else source.verification
        case "archive":
            path, tree_origin = _unchanged_archive(source), "archive"
            verified = "sha256 of the file as given"
        case "folder":
            return _copy_folder(source, place, runner, reporter)
        case "git":
            return _check_out(source, place, cache, runner, reporter)
        case "prebuilt":
            raise AssertionError("sources/prebuilt_archive.py obtains it")
        case _:
            assert_never(source.kind)
    tree = archive.unpack(path, place, leave_out=leave_out, reporter=reporter)
    return SourceTree(path=tree, origin=tree_origin, verified=verified, archive=path)


def _fetch_release(
    source: Source, origin: ArchiveOrigin, archives: ArchiveCache, scratch: Path, runner: Runner
) -> CachedArchive:
    if cached := archives.find(source):
        return cached
    match origin.kind:
        case "python.org":
            return python_org.fetch(source, archives)
        case "mirror":
            return mirror.fetch_from_url(source, Address(origin.place), archives)
        case "folder":
            return mirror.fetch_from_folder(source, Path(str(origin.place)), archives)
        case "distro":
            return distro.fetch(source, archives, scratch / "apt", runner=runner)
        case _:
            assert_never(origin.kind)


def _copy_folder(source: Source, place: Path, runner: Runner, reporter: Reporter) -> SourceTree:
    root, expected = Path(source.location), source.digest
    tree = folder.copy(root, place, expected=expected, runner=runner, reporter=reporter)
    return SourceTree(path=tree, origin="folder", verified="tree hash")


def _check_out(
    source: Source, place: Path, cache: Path, runner: Runner, reporter: Reporter
) -> SourceTree:
    location, commit = source.location, source.digest
    with reporter.stage(f"Checking out {commit[:12]}"):
        tree = git.checkout(location, commit, place, cache=cache, runner=runner)
    origin = Address(location).public if "://" in location else "git"
    return SourceTree(path=tree, origin=origin, verified="commit")


def _unchanged_archive(source: Source) -> Path:
    path = Path(source.location)
    with files.store_errors(path):
        if sha256_of(path) != source.digest:
            raise IntegrityError(
                f"{path} changed while it was being used.", remedy="Run the same command again."
            )
    return path

"""The cache of release archives: verified files that were downloaded or copied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from jitbuild.system import files
from jitbuild.system.checksums import sha256_of
from jitbuild.system.http import download
from jitbuild.system.progress import SilentReporter

if TYPE_CHECKING:
    from pathlib import Path

    from jitbuild.planning.plan import Source
    from jitbuild.system.progress import Reporter
    from jitbuild.system.urls import Address

_SILENT = SilentReporter()


class Downloader(Protocol):
    """The interface of `jitbuild.system.http.download.download`."""

    def __call__(
        self, url: Address, dest: Path, *, sha256: str | None, size: int, reporter: Reporter
    ) -> Path:
        """Download `url` to `dest`, verify it, and return `dest`."""
        ...


class CachedArchive(NamedTuple):
    """A verified archive in the cache, and its origin: `cache`, `distro`, a path or a URL."""

    path: Path
    origin: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ArchiveCache:
    """Archives below `folder`, in subfolders named by digest.

    Two archives may have the same name, but not the same digest.
    """

    folder: Path
    downloader: Downloader = download.download
    reporter: Reporter = _SILENT

    def find(self, source: Source) -> CachedArchive | None:
        """Return the first archive of `source` that is in the cache with the pinned digest.

        Return None if the cache has no such archive.
        """
        with files.store_errors(self.folder):
            for name, pin in source.files:
                path = self._path(name, pin)
                if path.is_file() and sha256_of(path) == pin.lower():
                    return CachedArchive(path, "cache")
        return None

    def add_download(self, url: Address, name: str, pin: str, size: int = 0) -> CachedArchive:
        """Download the archive `name` at `url` into the cache; check that its sha256 is `pin`.

        `size` is its size in bytes (0: unknown).

        Raises DownloadError if the download fails, and IntegrityError if the sha256 differs.
        """
        dest = self._path(name, pin)
        path = self.downloader(url, dest, sha256=pin, size=size, reporter=self.reporter)
        return CachedArchive(path, str(url))

    def add_copy(
        self, file: Path, name: str, pin: str, *, origin: str, size: int = 0
    ) -> CachedArchive:
        """Copy `file` into the cache under the name `name`, and check that its sha256 is `pin`.

        `origin` is recorded in the result. `size` is the archive's size in bytes (0: unknown).
        Raises DownloadError if `file` cannot be copied, and IntegrityError if the sha256 differs.
        """
        dest = self._path(name, pin)
        files.copy_verified(file, dest, sha256=pin, size=size, reporter=self.reporter)
        return CachedArchive(dest, origin)

    def _path(self, name: str, pin: str) -> Path:
        return self.folder / pin[:16].lower() / name

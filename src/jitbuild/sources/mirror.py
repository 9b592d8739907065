"""Get release archives from a mirror: a URL or a folder.

In a mirror, the archives are in one folder per release, as on python.org, or all together in the
mirror itself ("flat"). An archive is accepted only if it has the pinned sha256. If an archive has
another sha256, no other address is tried.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit, urlunsplit

from jitbuild.errors import MissingError
from jitbuild.system.urls import Address

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from jitbuild.planning.plan import Source
    from jitbuild.sources.archive_cache import ArchiveCache, CachedArchive


def fetch_from_url(source: Source, base: Address, archives: ArchiveCache) -> CachedArchive:
    """Download an archive of `source` from the mirror at the URL `base`.

    Raises MissingError if the mirror does not have the archive, and IntegrityError if its sha256 is
    not the pinned one. Any other DownloadError is raised without trying the next address.
    """
    urls = [(_url_below(base, path), pin) for path, pin in _layout(source)]
    return download_first(source, urls, archives)


def fetch_from_folder(source: Source, base: Path, archives: ArchiveCache) -> CachedArchive:
    """Copy an archive of `source` from the folder `base` into the cache.

    Raises MissingError if the folder does not have the archive, and IntegrityError if its sha256 is
    not the pinned one.
    """
    places = [(base / path, pin) for path, pin in _layout(source)]
    for path, pin in places:
        if path.is_file():
            return archives.add_copy(
                path, path.name, pin, origin=str(path), size=source.size_of(path.name)
            )
    raise _missing(source, [str(path) for path, _ in places])


def download_first(
    source: Source, urls: Sequence[tuple[Address, str]], archives: ArchiveCache
) -> CachedArchive:
    """Download an archive of `source` from the first of `urls` that exists.

    `urls` are pairs of a URL and the sha256 that is pinned for the archive there. Raises
    MissingError if no URL exists. Any other error ends the search and is raised.
    """
    for url, pin in urls:
        try:
            return archives.add_download(url, url.file_name, pin, source.size_of(url.file_name))
        except MissingError:
            continue
    raise _missing(source, [str(url) for url, _ in urls])


def _layout(source: Source) -> Iterator[tuple[str, str]]:
    """Yield the possible paths of an archive below a mirror, each with the pinned sha256.

    For each archive, the path as on python.org comes first, then the flat path.
    """
    release_folder = source.location.rpartition("/")[0].rpartition("/")[2]
    for name, pin in source.files:
        yield f"{release_folder}/{name}", pin
        yield name, pin


def _url_below(base: Address, path: str) -> Address:
    """Return the URL of `path` below `base`.

    The query of `base` is kept, because on some servers it is a signature.
    """
    parts = urlsplit(base.reveal())
    below = parts._replace(path=f"{parts.path.rstrip('/')}/{quote(path)}", fragment="")
    return Address(urlunsplit(below))


def _missing(source: Source, places: list[str]) -> MissingError:
    tried = "\n".join(f"  {place}" for place in places)
    return MissingError(
        f"{source.files[0][0]} was not found at:\n{tried}",
        remedy="Check the address and the version. Or name another mirror with --mirror, or omit "
        "--mirror.",
    )

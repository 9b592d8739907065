"""Get the archive of a prebuilt interpreter: from the cache, its builder's server, or a mirror."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild.errors import DownloadError, MissingError, UsageError
from jitbuild.sources import mirror
from jitbuild.system.urls import Address

if TYPE_CHECKING:
    from jitbuild.planning.plan import Source
    from jitbuild.sources.archive_cache import ArchiveCache, CachedArchive
    from jitbuild.sources.origin import ArchiveOrigin


def fetch(source: Source, origin: ArchiveOrigin, archives: ArchiveCache) -> CachedArchive:
    """Return the verified archive of `source`, which is in the cache afterwards.

    If it is not in the cache yet, it comes from `origin`; the origin `python.org` stands for the
    URL in the recipe. Raises IntegrityError if its sha256 is not the pinned one, DownloadError if
    it is not available, and UsageError if the origin is the distribution, which has only sources.
    """
    if cached := archives.find(source):
        return cached
    match origin.kind:
        case "mirror":
            return mirror.fetch_from_url(source, Address(origin.place), archives)
        case "folder":
            return mirror.fetch_from_folder(source, Path(str(origin.place)), archives)
        case "distro":
            raise UsageError(
                "The mirror `distro` has only sources, and no prebuilt interpreters.",
                remedy="Omit --mirror distro (JITBUILD_MIRROR), or compile: --provider source",
            )
    [(name, pin)] = source.files
    try:
        return archives.add_download(Address(source.location), name, pin, source.size)
    except MissingError as error:
        raise MissingError(
            error.what, remedy="The archive was removed. Compile instead: --provider source"
        ) from error
    except DownloadError as error:
        raise type(error)(
            error.what,
            remedy=f"{error.remedy} Or compile it: --provider source",
        ) from error

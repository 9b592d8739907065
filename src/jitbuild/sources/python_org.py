"""Release archives from python.org."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitbuild.errors import DownloadError, MissingError, TruncatedError
from jitbuild.sources.mirror import download_first
from jitbuild.system.urls import Address

if TYPE_CHECKING:
    from jitbuild.planning.plan import Source
    from jitbuild.sources.archive_cache import ArchiveCache, CachedArchive

_ALTERNATIVES = (
    "Alternatives: a mirror (--mirror URL|FOLDER), on Debian and Ubuntu the distribution's own "
    "archive (--mirror distro), or an archive downloaded elsewhere: jitbuild install ./{name}"
)


def fetch(source: Source, archives: ArchiveCache) -> CachedArchive:
    """Download an archive of `source` from its folder on python.org.

    Raises IntegrityError if its sha256 is not the pinned one, and DownloadError if the download
    fails. The remedy of a DownloadError names the other origins.
    """
    folder = source.location.rpartition("/")[0]
    try:
        return download_first(
            source, [(Address(f"{folder}/{name}"), pin) for name, pin in source.files], archives
        )
    except DownloadError as error:
        alternatives = _ALTERNATIVES.format(name=source.files[0][0])
        if isinstance(error, TruncatedError):
            raise TruncatedError(error.what, remedy=f"{error.remedy} {alternatives}") from error
        suspect = "the network and the proxy settings (HTTPS_PROXY)"
        if isinstance(error, MissingError):
            suspect = "the version"
        raise type(error)(error.what, remedy=f"Check {suspect}. {alternatives}") from error

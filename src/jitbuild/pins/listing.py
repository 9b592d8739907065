"""List the releases that the recipes know, and where each pin comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from packaging.version import Version

from jitbuild.errors import RequestError
from jitbuild.recipes.reader import read_series
from jitbuild.recipes.series import archive_url

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from jitbuild.recipes.catalog import Catalog
    from jitbuild.request import Request


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownRelease:
    """A release in the recipes, as `jitbuild recipes --json` prints it.

    `file` is the series file of the user's own that has its tag; it is empty for a shipped tag.
    `sha256` is empty if it is not known; `unpinned` then tells why.
    """

    version: str
    sha256: str = ""
    size: int = 0
    stated_by: tuple[str, ...] = ()
    verified: str = ""
    unpinned: str = ""
    file: str = ""

    @property
    def origin(self) -> str:
        """The recipes that have the release: `shipped` or `own`."""
        return "own" if self.file else "shipped"

    def to_json(self) -> dict[str, Any]:
        """Return the release as an object of the JSON output."""
        return {
            "version": self.version,
            "origin": self.origin,
            "file": self.file,
            "url": archive_url(self.version),
            "sha256": self.sha256,
            "size": self.size,
            "stated_by": list(self.stated_by),
            "verified": self.verified,
            "unpinned": self.unpinned,
        }


def known_releases(
    catalog: Catalog, own: Path | None, requests: Sequence[Request] = ()
) -> list[KnownRelease]:
    """Return the releases in `catalog` that fit one of `requests` (default: all), oldest first.

    `own` is the folder of the user's own recipes, which `catalog` contains. Raises RequestError if
    no release fits one of `requests`.
    """
    files = _own_files(own)
    pinned = [
        KnownRelease(
            version=tag.version,
            sha256=tag.tar_xz,
            size=tag.size,
            stated_by=tag.stated_by,
            verified=tag.verified,
            file=files.get(tag.version, ""),
        )
        for tag in catalog.tags().values()
    ]
    unpinned = [
        KnownRelease(version=tag.version, unpinned=tag.reason, file=files.get(tag.version, ""))
        for tag in catalog.unpinned().values()
    ]
    releases = sorted([*pinned, *unpinned], key=lambda release: Version(release.version))
    for request in requests:
        if not any(request.admits(release.version) for release in releases):
            raise RequestError(
                f"No recipe knows a release that fits {request.text}.",
                remedy="`jitbuild recipes` lists all that are known, and `jitbuild recipes update` "
                "asks python.org for new ones.",
            )
    return [
        release
        for release in releases
        if not requests or any(request.admits(release.version) for request in requests)
    ]


def _own_files(own: Path | None) -> dict[str, str]:
    """Return the series file in the folder `own` that has the tag, by version."""
    files: dict[str, str] = {}
    for path in sorted(own.glob("cpython-*.toml")) if own else ():
        recipe = read_series(path)
        files |= {tag.version: str(path) for tag in recipe.tag}
        files |= {tag.version: str(path) for tag in recipe.unpinned}
    return files

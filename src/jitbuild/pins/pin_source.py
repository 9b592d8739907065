"""Ask python.org for the pin of one release, and verify it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from jitbuild.errors import IntegrityError
from jitbuild.pins.verification import UnverifiableError, verify_by_spdx, verify_signed
from jitbuild.recipes.series import series_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from jitbuild.pins.release_api import ReleaseAPI, StatedArchive
    from jitbuild.pins.verification import SignatureCheck
    from jitbuild.recipes.catalog import Catalog
    from jitbuild.recipes.series import Tag
    from jitbuild.system.urls import Address

# new: no recipe pinned the release. confirmed: a recipe has the same pin. unverified: python.org
# does not offer what a verification needs.
Status = Literal["new", "confirmed", "unverified", "different"]


@dataclass(frozen=True, kw_only=True, slots=True)
class PinFinding:
    """The result of asking for the pin of one release.

    `verified` names the method of the verification, and `reason` tells why there was none, or what
    is different.
    """

    version: str
    status: Status
    sha256: str = ""
    size: int = 0
    verified: str = ""
    reason: str = ""

    @property
    def series(self) -> str:
        """The series of the release, such as 3.15."""
        return series_of(self.version)

    def to_json(self) -> dict[str, Any]:
        """Return the finding as `jitbuild recipes update --json` prints it."""
        return {
            "version": self.version,
            "status": self.status,
            "sha256": self.sha256,
            "size": self.size,
            "verified": self.verified,
            "reason": self.reason,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class PinSource:
    """python.org as a source of pins.

    `get` returns the document at an address. `signature` verifies the signature of an archive. If
    it is None, or if no recipe names the release manager of the series, the SPDX document is
    compared instead.
    """

    api: ReleaseAPI
    get: Callable[[Address], bytes]
    signature: SignatureCheck | None

    def find(self, version: str, release: int, catalog: Catalog) -> PinFinding:
        """Return the verified pin of `version`, whose id in the API is `release`.

        Raises IntegrityError if a recipe in `catalog` has another pin, or if the verification
        fails, and DownloadError if an answer cannot be fetched or used.
        """
        archive = self.api.archive(version, release)
        if archive is None:
            reason = f"{self.api.host} states no sha256 of a .tar.xz for it"
            return PinFinding(version=version, status="unverified", reason=reason)
        tag = catalog.tags().get(version)
        if tag is not None:
            check_same(tag, archive, self.api.host)
        try:
            verified = self._verify(archive, catalog)
        except UnverifiableError as error:
            return PinFinding(version=version, status="unverified", reason=str(error))
        return PinFinding(
            version=version,
            status="new" if tag is None else "confirmed",
            sha256=archive.sha256,
            size=archive.size,
            verified=verified,
        )

    def _verify(self, archive: StatedArchive, catalog: Catalog) -> str:
        recipe = catalog.series.get(series_of(archive.version))
        manager = recipe.release_manager if recipe else None
        if self.signature is None or manager is None:
            return verify_by_spdx(archive, get=self.get)
        return verify_signed(archive, manager, get=self.get, check=self.signature)


def installed_signature_check() -> SignatureCheck | None:
    """Return the function that verifies signatures; None if the package sigstore is missing."""
    from importlib.util import find_spec

    from jitbuild.system.signatures import verify_signature

    return verify_signature if find_spec("sigstore") else None


def check_same(tag: Tag, archive: StatedArchive, host: str) -> None:
    """Raise IntegrityError if the recipes' `tag` and `archive`, which `host` states, differ."""
    ours, theirs = _pin(tag.tar_xz, tag.size), _pin(archive.sha256, archive.size)
    same_size = tag.size == archive.size or not (tag.size and archive.size)
    if tag.tar_xz != archive.sha256 or not same_size:
        stated = f" (stated by {', '.join(tag.stated_by)})" if tag.stated_by else ""
        raise IntegrityError(
            f"The pins of {tag.version} differ. The recipes{stated}: {ours}. {host}: {theirs}.",
            remedy="Nothing was written. Compare both with the page of the release on python.org. "
            "If the recipes are wrong, put the right pin into your own recipe of the series.",
        )


def _pin(sha256: str, size: int) -> str:
    return f"sha256 {sha256}{f', {size} bytes' if size else ''}"

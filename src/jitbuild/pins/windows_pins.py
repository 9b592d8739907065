"""Verify the pin of a zip for Windows by the manifest of its release."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from jitbuild.errors import IntegrityError
from jitbuild.pins.verification import UNSIGNED, fetched
from jitbuild.sources.windows_release import (
    bundle_address,
    manifest_address,
    signed_sha256,
    stated_sha256,
)
from jitbuild.system.signatures import Signer

if TYPE_CHECKING:
    from collections.abc import Callable

    from jitbuild.pins.verification import SignatureCheck
    from jitbuild.recipes.prebuilt import PrebuiltArchive
    from jitbuild.recipes.series import ReleaseManager
    from jitbuild.system.urls import Address


def verified_zip(
    archive: PrebuiltArchive,
    manager: ReleaseManager | None,
    *,
    get: Callable[[Address], bytes],
    check: SignatureCheck | None,
) -> PrebuiltArchive:
    """Return `archive`, which the feed states, with the method by which it was verified.

    The manifest of the release must state the same sha256, and `manager` must have signed it.
    `check` verifies the signature; if it or `manager` is None, the signature is not required. `get`
    fetches the manifest and its Sigstore bundle. Raises UnverifiableError if they do not exist,
    IntegrityError if the manifest states another sha256 or none, and the errors of `check` and
    `get`.
    """
    address = manifest_address(archive.url, archive.version)
    manifest = fetched(address, get)
    if check is None or manager is None:
        stated = stated_sha256(archive.url, manifest)
        method = f"feed and manifest of the release; {UNSIGNED}"
    else:
        bundle = fetched(bundle_address(address), get)
        signer = Signer(identity=manager.identity, issuer=manager.issuer)
        stated = signed_sha256(archive.url, manifest, bundle, signer, verify=check)
        method = f"Sigstore signature of {manager.identity}"
    if stated != archive.sha256:
        raise IntegrityError(
            f"{archive.file_name} has two different sha256. The feed: {archive.sha256}. "
            f"{address}: {stated}.",
            remedy="Nothing was written. Use neither of them before python.org has corrected this.",
        )
    return replace(archive, verified=method)

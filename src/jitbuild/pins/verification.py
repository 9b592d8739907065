"""Verify the sha256 that the release API states: by its signature, or by the release's SPDX.

If the package sigstore is installed (`jitbuild[verify]`), a signature is required: a server that
withholds it must not get a sha256 accepted by less.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from jitbuild.errors import IntegrityError, MissingError
from jitbuild.pins.release_api import parse_answer, unusable
from jitbuild.system.parsing import parse_json
from jitbuild.system.signatures import Signer

if TYPE_CHECKING:
    from collections.abc import Callable

    from jitbuild.pins.release_api import StatedArchive
    from jitbuild.recipes.series import ReleaseManager
    from jitbuild.system.urls import Address

    # The interface of `jitbuild.system.signatures.verify_signature`.
    SignatureCheck = Callable[[str, str, bytes, Signer], None]

# Recipes and manifests state that a pin was verified in another way than by its signature.
UNSIGNED = "not verified by signature"
_PACKAGE = "SPDXRef-PACKAGE-cpython"


class UnverifiableError(Exception):
    """The server does not offer what the verification of a pin needs. The text is the reason."""


class _SPDXChecksum(msgspec.Struct, frozen=True):
    algorithm: str
    value: str = msgspec.field(name="checksumValue")


class _SPDXPackage(msgspec.Struct, frozen=True):
    id: str = msgspec.field(name="SPDXID")
    checksums: tuple[_SPDXChecksum, ...] = ()


class _SPDX(msgspec.Struct, frozen=True):
    packages: tuple[_SPDXPackage, ...]


def verify_signed(
    archive: StatedArchive,
    manager: ReleaseManager,
    *,
    get: Callable[[Address], bytes],
    check: SignatureCheck,
) -> str:
    """Verify that the release manager has signed `archive`; return the method of the verification.

    The signature is in a Sigstore bundle, which `get` fetches and `check` verifies. Raises
    UnverifiableError if there is no bundle, or none that can be verified without network access,
    and the errors of `check` and `get`.
    """
    bundle = fetched(archive.bundle, get)
    if _has_no_checkpoint(bundle):
        raise UnverifiableError(
            "its signature, like all from before September 2024, has no checkpoint, without which "
            "it cannot be verified offline"
        )
    signer = Signer(identity=manager.identity, issuer=manager.issuer)
    check(archive.name, archive.sha256, bundle, signer)
    return f"Sigstore signature of {manager.identity}"


def verify_by_spdx(archive: StatedArchive, *, get: Callable[[Address], bytes]) -> str:
    """Compare the sha256 of `archive` with that in its SPDX document; return the method.

    Raises UnverifiableError if there is no such document, IntegrityError if the two differ,
    DownloadError if the document cannot be used, and the errors of `get`.
    """
    document = parse_answer(archive.spdx, fetched(archive.spdx, get), _SPDX)
    stated = {
        checksum.value.lower()
        for package in document.packages
        for checksum in package.checksums
        if package.id == _PACKAGE and checksum.algorithm.upper() == "SHA256"
    }
    if not stated:
        raise unusable(archive.spdx, f"it has no SHA256 of {_PACKAGE}")
    if stated != {archive.sha256}:
        raise IntegrityError(
            f"{archive.name} has two different sha256. The release API: {archive.sha256}. "
            f"{archive.spdx}: {', '.join(sorted(stated))}.",
            remedy="Nothing was written. Use neither of them before python.org has corrected this.",
        )
    return f"release API and SPDX document; {UNSIGNED}"


def fetched(address: Address, get: Callable[[Address], bytes]) -> bytes:
    """Return the document at `address`. Raises UnverifiableError if the server does not have it."""
    try:
        return get(address)
    except MissingError as error:
        raise UnverifiableError(error.what.rstrip(".")) from error


def _has_no_checkpoint(bundle: bytes) -> bool:
    """Return True if `bundle` lacks the log's signature (checkpoint), as in old bundles.

    Some have an inclusion proof without a checkpoint, and some have no inclusion proof.
    """
    try:
        content: Any = parse_json(bundle)
        entries = content["verificationMaterial"]["tlogEntries"]
        proofs = [entry.get("inclusionProof") or {} for entry in entries]
        return bool(proofs) and not any("checkpoint" in proof for proof in proofs)
    except (ValueError, LookupError, TypeError, AttributeError):
        return False  # the verification itself reports it

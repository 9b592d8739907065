"""Verify zips of CPython for Windows by the signed manifest of their release.

Beside the zips of a release, python.org has `windows-X.Y.Z.json`, the manifest of the release, with
the entries that the release has in the feed `index-windows.json`, and so with the sha256 of each
zip: `{"versions": [{"url": "...", "hash": {"sha256": "..."}}]}` (windows-release/
merge-and-upload.py of github.com/python/release-tools). The release manager signs it as all files
of a release; the Sigstore bundle is `windows-X.Y.Z.json.sigstore` (add_to_pydotorg.py there).
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from jitbuild.errors import IntegrityError, MissingError, SignatureError
from jitbuild.system.http import documents
from jitbuild.system.parsing import parse_json
from jitbuild.system.signatures import Signer, require_package, verify_signature
from jitbuild.system.urls import Address

if TYPE_CHECKING:
    from collections.abc import Callable

_SHA256 = re.compile(r"[0-9a-f]{64}")
_USE_ANOTHER = "Use a manifest of the same version, or compile: --provider source"


def manifest_address(url: str, version: str) -> Address:
    """Return the address of the manifest of the release `version`, which has the zip at `url`."""
    return Address(f"{url.rpartition('/')[0]}/windows-{version}.json")


def bundle_address(manifest: Address) -> Address:
    """Return the address of the Sigstore bundle of the manifest at the address `manifest`."""
    return Address(f"{manifest.reveal()}.sigstore")


def verify_zip(
    url: str,
    version: str,
    sha256: str,
    signer: Signer,
    *,
    get: Callable[[Address], bytes] = documents.fetch,
    verify: Callable[[str, str, bytes, Signer], None] = verify_signature,
) -> None:
    """Verify that `signer` signed a manifest of the release `version` with this sha256 of the zip.

    The zip is that at `url`; the manifest and its bundle are beside it, and `get` fetches them.
    Raises SignatureError if there is no manifest or no bundle, if the signature is not valid, or if
    the manifest states another sha256, MissingExtraError if the package sigstore is not installed,
    and DownloadError if the files cannot be fetched.
    """
    require_package()
    address = manifest_address(url, version)
    try:
        manifest, bundle = get(address), get(bundle_address(address))
    except MissingError as error:
        raise SignatureError(
            f"The release {version} has no signed manifest: {error.what}",
            remedy="If the sha256 pin of the zip is enough for you, omit --verify.",
        ) from error
    signed = signed_sha256(url, manifest, bundle, signer, verify=verify)
    if signed != sha256:
        raise SignatureError(
            f"{_file_name(url)} is pinned with the sha256 {sha256}, but the release manager signed "
            f"{signed}.",
            remedy="Do not use this file. Correct its pin in the recipe, or compile: "
            "--provider source",
        )


def signed_sha256(
    url: str,
    manifest: bytes,
    bundle: bytes,
    signer: Signer,
    *,
    verify: Callable[[str, str, bytes, Signer], None] = verify_signature,
) -> str:
    """Return the sha256 of the zip at `url`, from the content of the manifest of its release.

    The signature `bundle` of the manifest must be that of `signer`. The entry of the zip is found
    by the name of its file, so that `url` may be that of a mirror.

    Raises SignatureError if the signature is not valid, or if the manifest has no sha256 of the
    zip, and MissingExtraError if the package sigstore is not installed.
    """
    file = _file_name(url)
    verify(
        f"the manifest of the release with {file}",
        hashlib.sha256(manifest).hexdigest(),
        bundle,
        signer,
    )
    return _only(_digests(manifest, file), file, "signed manifest", SignatureError)


def stated_sha256(url: str, manifest: bytes) -> str:
    """Return the sha256 of the zip at `url`, from a manifest whose signature is not verified.

    Raises IntegrityError if the manifest does not have exactly one sha256 of the zip.
    """
    file = _file_name(url)
    return _only(_digests(manifest, file), file, "manifest", IntegrityError)


def _only(
    digests: set[str], file: str, manifest: str, kind: type[SignatureError | IntegrityError]
) -> str:
    """Return the one sha256 in `digests`. Raises an error of the class `kind` otherwise."""
    if len(digests) == 1:
        return next(iter(digests))
    count = f"{len(digests)} different" if digests else "no"
    raise kind(
        f"The {manifest} of the release states {count} sha256 of {file}.", remedy=_USE_ANOTHER
    )


def _digests(manifest: bytes, file: str) -> set[str]:
    """Return the sha256 that `manifest` states for `file`."""
    try:
        packages: Any = parse_json(manifest)["versions"]
        stated = {
            str(package["hash"]["sha256"]).lower()
            for package in packages
            if _file_name(str(package["url"])) == file
        }
    except (ValueError, LookupError, TypeError, AttributeError):
        return set()
    return {digest for digest in stated if _SHA256.fullmatch(digest)}


def _file_name(url: str) -> str:
    return re.split(r"[?#]", url, maxsplit=1)[0].rpartition("/")[2]

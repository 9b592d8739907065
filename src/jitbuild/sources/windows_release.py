"""Take the sha256 of a zip for Windows from the signed manifest of its release.

python.org signs `windows-X.Y.Z.json`, the manifest of a release, which contains the sha256 of each
zip: `{"versions": [{"url": "...", "hash": {"sha256": "..."}}]}` (merge-and-upload.py and
add_to_pydotorg.py of github.com/python/release-tools). The signer is the release manager.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from jitbuild.errors import SignatureError
from jitbuild.system.parsing import parse_json
from jitbuild.system.signatures import Signer, verify_signature

if TYPE_CHECKING:
    from collections.abc import Callable

_SHA256 = re.compile(r"[0-9a-f]{64}")


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
    digests = _digests(manifest, file)
    if len(digests) != 1:
        raise SignatureError(
            f"The signed manifest of the release has {len(digests)} different sha256 of {file}."
            if digests
            else f"The signed manifest of the release has no sha256 of {file}.",
            remedy="Use a manifest of the same version, or compile: --provider source",
        )
    return digests.pop()


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

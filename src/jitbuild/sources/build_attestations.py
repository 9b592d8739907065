"""Verify that a file was built by a workflow of GitHub Actions, by GitHub's build attestations.

A workflow can sign a statement about the files that it has built (SLSA provenance). GitHub returns
the signed statements about a file at `/repos/OWNER/REPO/attestations/sha256:DIGEST` of its API, as
`{"attestations": [{"bundle": {...}, "bundle_url": "..."}]}` (docs.github.com/rest/repos/
attestations). `bundle` may be missing; then `bundle_url` leads to the same bundle, compressed with
Snappy.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jitbuild.errors import DownloadError, MissingError, SignatureError
from jitbuild.system.archives import snappy
from jitbuild.system.http import documents
from jitbuild.system.parsing import parse_json
from jitbuild.system.signatures import Signer, require_package, verify_statement
from jitbuild.system.urls import Address, scheme_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Get = Callable[[Address], bytes]

GITHUB_API = "https://api.github.com"
STANDALONE_REPOSITORY = "astral-sh/python-build-standalone"
_PROVENANCE = "https://slsa.dev/provenance/v1"
_MOST_BYTES = 16 << 20
_MOST_ATTESTATIONS = 30
_LIMIT = "GitHub's API answers about 60 requests an hour from the same network."


def workflow_signer(repository: str, workflow: str, reference: str) -> Signer:
    """Return the signer of statements that a workflow of `repository` (OWNER/NAME) signs.

    `workflow` is the name of its file, and `reference` the git reference on which it ran.
    """
    url = f"https://github.com/{repository}"
    return Signer(
        identity=f"{url}/.github/workflows/{workflow}@{reference}",
        issuer="https://token.actions.githubusercontent.com",
        repository=url,
    )


# The workflow that publishes the archives runs on the main branch (release.yml, workflow_dispatch).
STANDALONE_SIGNER = workflow_signer(STANDALONE_REPOSITORY, "release.yml", "refs/heads/main")


def verify_standalone(
    name: str,
    sha256: str,
    *,
    get: Get = documents.fetch,
    verify: Callable[..., None] = verify_statement,
    api: str = GITHUB_API,
) -> None:
    """Verify that the release workflow of python-build-standalone built a file.

    `name` is the name of the file in messages, and `sha256` its SHA-256. `get` returns the document
    at an address, and `verify` verifies a signed statement.

    Raises SignatureError if no attestation shows it, MissingExtraError if the package sigstore is
    not installed, and DownloadError if GitHub's answer cannot be fetched or used.
    """
    require_package()  # before GitHub, which limits the number of requests, is asked
    bundles = fetch_bundles(name, sha256, STANDALONE_REPOSITORY, get=get, api=api)
    verify_build(name, sha256, bundles, STANDALONE_SIGNER, verify=verify)


def verify_build(
    name: str,
    sha256: str,
    bundles: Sequence[bytes],
    signer: Signer,
    *,
    verify: Callable[..., None] = verify_statement,
) -> None:
    """Verify that one of `bundles` is provenance of the file with this SHA-256, by `signer`.

    `name` is the name of the file in messages. Raises SignatureError if there is none: that of the
    first bundle, or one that tells that there is no bundle.
    """
    errors = []
    for bundle in bundles:
        try:
            return verify(name, sha256, bundle, signer, _PROVENANCE)
        except SignatureError as error:
            errors.append(error)
    raise errors[0] if errors else _no_attestation(name, sha256)


def fetch_bundles(
    name: str,
    sha256: str,
    repository: str,
    *,
    get: Get = documents.fetch,
    api: str = GITHUB_API,
) -> list[bytes]:
    """Return the Sigstore bundles that GitHub has for the file with the SHA-256 `sha256`.

    Nothing about them has been verified. `repository` is OWNER/NAME, and `get` returns the document
    at an address. Raises SignatureError if there is no attestation, and DownloadError if the answer
    cannot be fetched or used.
    """
    address = Address(f"{api}/repos/{repository}/attestations/sha256:{sha256.lower()}")
    try:
        answer = get(address)
    except MissingError as error:
        raise _no_attestation(name, sha256) from error
    except DownloadError as error:
        if "HTTP 4" not in error.what:
            raise
        raise type(error)(error.what, remedy=f"{error.remedy} {_LIMIT}") from error
    try:
        entries = parse_json(answer)["attestations"][:_MOST_ATTESTATIONS]
        return [_bundle(entry, get) for entry in entries]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise DownloadError(
            f"{address} did not return build attestations: {error}.",
            remedy="Try again later. The answer may be that of a proxy, or its form has changed.",
        ) from error


def _bundle(entry: Any, get: Get) -> bytes:
    """Return the bundle of an entry of the answer. Raises ValueError if it has none."""
    if bundle := entry.get("bundle"):
        return json.dumps(bundle).encode()
    url = str(entry["bundle_url"])
    if scheme_of(url) not in {"https", "http"}:
        raise ValueError("the address of a bundle is not a web address")
    return snappy.decompress(get(Address(url)), most_bytes=_MOST_BYTES)


def _no_attestation(name: str, sha256: str) -> SignatureError:
    return SignatureError(
        f"GitHub has no build attestation of {name} (sha256 {sha256}).",
        remedy="Do not use this file. If its sha256 pin is enough for you, omit --verify.",
    )

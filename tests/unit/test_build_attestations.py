"""GitHub's build attestations: a real one, and some of a Sigstore instance of the tests' own."""

from __future__ import annotations

import functools
import json
import sys
from pathlib import Path

import pytest

from jitbuild.errors import DownloadError, MissingError, MissingExtraError, SignatureError
from jitbuild.sources import build_attestations
from jitbuild.sources.build_attestations import (
    STANDALONE_SIGNER,
    fetch_bundles,
    verify_build,
    verify_standalone,
    workflow_signer,
)
from jitbuild.system.signatures import Signer, verify_statement
from jitbuild.system.urls import Address
from sigstore_instance import SigstoreInstance, provenance

REAL_NAME = "pypi_attestations-0.0.19.tar.gz"
REAL_SHA = "9bb1add04b1b4e182be6b0b80931593f7a291eb49d69b4fd728a5d4cbcdc4bd3"
REAL = (Path(__file__).parent / "sigstore" / f"{REAL_NAME}.sigstore.json").read_bytes()

NAME = "cpython-3.15.2+20261101-x86_64-unknown-linux-gnu-install_only_stripped.tar.gz"
SHA = "12" * 32
INSTANCE = SigstoreInstance()
verify_by_instance = functools.partial(verify_statement, verifier=INSTANCE.verifier)
API = f"https://api.github.com/repos/astral-sh/python-build-standalone/attestations/sha256:{SHA}"


def attested(*files: tuple[str, str], signer: Signer = STANDALONE_SIGNER, **other) -> bytes:
    files = files or (("other.tar.zst", "34" * 32), (NAME, SHA))
    statement = provenance(*files, **other)
    return INSTANCE.attest(statement, signer.identity, signer.issuer, repository=signer.repository)


def answer(*bundles: bytes) -> bytes:
    return json.dumps({"attestations": [{"bundle": json.loads(each)} for each in bundles]}).encode()


def server(answers: dict[str, bytes | Exception]):
    """Return a function that returns the answer for an address."""

    def get(address: Address) -> bytes:
        found = answers[address.reveal()]
        if isinstance(found, Exception):
            raise found
        return found

    return get


def verify(*bundles: bytes) -> None:
    verify_standalone(NAME, SHA, get=server({API: answer(*bundles)}), verify=verify_by_instance)


def refusal(*bundles: bytes) -> SignatureError:
    with pytest.raises(SignatureError) as refused:
        verify(*bundles)
    return refused.value


def test_a_real_attestation_of_github_is_accepted_for_its_file_and_workflow_only():
    signer = workflow_signer("trailofbits/pypi-attestations", "release.yml", "refs/tags/v0.0.19")
    verify_build(REAL_NAME, REAL_SHA, [REAL], signer)
    with pytest.raises(SignatureError, match="does not contain the sha256"):
        verify_build(REAL_NAME, SHA, [REAL], signer)
    with pytest.raises(SignatureError, match=r"pypi-attestations/.* not by .*standalone/"):
        verify_build(REAL_NAME, REAL_SHA, [REAL], STANDALONE_SIGNER)


def test_an_archive_that_the_workflow_has_built_is_accepted():
    verify(attested())
    assert STANDALONE_SIGNER.identity == (
        "https://github.com/astral-sh/python-build-standalone/.github/workflows/release.yml"
        "@refs/heads/main"
    )


def test_one_valid_attestation_among_others_suffices():
    verify(
        attested(signer=workflow_signer("astral-sh/python-build-standalone", "ci.yml", "refs/x")),
        attested(),
    )


def test_another_archive_is_refused():
    assert f"is not about {NAME}" in refusal(attested((NAME, "56" * 32))).what


@pytest.mark.parametrize(
    "signer",
    [
        workflow_signer("astral-sh/python-build-standalone", "release.yml", "refs/heads/evil"),
        workflow_signer("astral-sh/python-build-standalone", "ci.yml", "refs/heads/main"),
        workflow_signer("evil/python-build-standalone", "release.yml", "refs/heads/main"),
        Signer(
            identity=STANDALONE_SIGNER.identity,
            issuer=STANDALONE_SIGNER.issuer,
            repository="https://github.com/evil/caller",
        ),
        Signer(
            identity=STANDALONE_SIGNER.identity,
            issuer="https://token.example.org",
            repository=STANDALONE_SIGNER.repository,
        ),
        Signer(identity="eve@example.org", issuer="https://github.com/login/oauth"),
    ],
)
def test_another_workflow_branch_repository_or_issuer_is_refused(signer: Signer):
    assert f"{NAME} was signed by {signer.identity}" in refusal(attested(signer=signer)).what


def test_another_kind_of_statement_is_refused():
    error = refusal(attested(predicateType="https://spdx.dev/Document"))
    assert (
        "has the type https://spdx.dev/Document, not https://slsa.dev/provenance/v1" in error.what
    )


def test_an_attestation_of_another_sigstore_instance_is_refused():
    foreign = SigstoreInstance().attest(
        provenance((NAME, SHA)), STANDALONE_SIGNER.identity, STANDALONE_SIGNER.issuer
    )
    assert "is not from Sigstore" in refusal(foreign).what


def test_a_file_without_attestation_is_refused():
    missing = MissingError(f"{API} does not exist.", remedy="Check the URL.")
    for found in (missing, answer()):
        with pytest.raises(SignatureError) as refused:
            verify_standalone(NAME, SHA, get=server({API: found}), verify=verify_by_instance)
        assert refused.value.what == f"GitHub has no build attestation of {NAME} (sha256 {SHA})."


@pytest.mark.parametrize(
    "content",
    [
        b"<html>Please log in</html>",
        b"[]",
        b"{}",
        b'{"attestations": null}',
        b'{"attestations": [{}]}',
        b'{"attestations": [7]}',
        b'{"attestations": [{"bundle_url": "file:///etc/passwd"}]}',
    ],
)
def test_an_answer_of_another_form_is_refused(content: bytes):
    with pytest.raises(DownloadError, match="did not return build attestations"):
        fetch_bundles(NAME, SHA, "astral-sh/python-build-standalone", get=server({API: content}))


def test_the_error_of_a_refused_request_names_the_limit_of_the_api():
    error = DownloadError("Access was denied (HTTP 403).", remedy="Use another network.")
    with pytest.raises(
        DownloadError, match=r"403\).\nUse another network\. .* 60 requests an hour"
    ):
        verify_standalone(NAME, SHA, get=server({API: error}))


def test_without_the_package_nothing_is_asked(monkeypatch):
    monkeypatch.setitem(sys.modules, "sigstore.models", None)
    with pytest.raises(MissingExtraError, match="sigstore is not installed"):
        verify_standalone(NAME, SHA, get=server({}))


def snappy_block(content: bytes) -> bytes:
    """Return `content` as a block of Snappy with one literal."""
    length = len(content)
    groups = bytes([length & 0x7F | 0x80, length >> 7 & 0x7F | 0x80, length >> 14])
    return groups + b"\xf4" + (length - 1).to_bytes(2, "little") + content


BLOB = "https://blobs.test/1.json.sn?sig=secret"
LISTED = json.dumps({"attestations": [{"bundle": None, "bundle_url": BLOB}]}).encode()


def test_a_bundle_that_is_not_in_the_answer_is_fetched_and_decompressed():
    get = server({API: LISTED, BLOB: snappy_block(attested())})
    verify_standalone(NAME, SHA, get=get, verify=verify_by_instance)


def test_a_damaged_compressed_bundle_is_refused():
    get = server({API: LISTED, BLOB: snappy_block(attested())[:-5]})
    with pytest.raises(DownloadError, match="damaged or cut off"):
        verify_standalone(NAME, SHA, get=get, verify=verify_by_instance)


def test_only_some_attestations_are_read():
    many = answer(*[attested(("x", "00" * 32))] * 40, attested())
    bundles = fetch_bundles(NAME, SHA, "a/b", get=lambda _: many)
    assert len(bundles) == build_attestations._MOST_ATTESTATIONS

"""Signatures of files, made as CPython's are, by a Sigstore instance of the tests' own."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime

import pytest

from jitbuild.errors import SignatureError
from jitbuild.system.signatures import Signer, packaged_verifier, verify_signature
from sigstore_instance import SigstoreInstance

NAME = "Python-3.15.2.tar.xz"
CONTENT = b"a release"
SHA = hashlib.sha256(CONTENT).hexdigest()
HUGO = Signer(identity="hugo@python.org", issuer="https://github.com/login/oauth")
INSTANCE = SigstoreInstance()


def signed(content: bytes = CONTENT, **options) -> bytes:
    options = {"identity": HUGO.identity, "issuer": HUGO.issuer, **options}
    return INSTANCE.sign(content, **options)


def verify(bundle: bytes, *, sha256: str = SHA, signer: Signer = HUGO, **options) -> None:
    verify_signature(NAME, sha256, bundle, signer, verifier=INSTANCE.verifier, **options)


def refusal(bundle: bytes, **options) -> SignatureError:
    with pytest.raises(SignatureError) as refused:
        verify(bundle, **options)
    return refused.value


def test_the_signature_of_the_expected_signer_is_accepted():
    verify(signed())
    verify(signed(), sha256=SHA.upper())


def test_another_signer_is_refused():
    error = refusal(signed(identity="eve@example.org"))
    assert error.what == (
        f"{NAME} was signed by eve@example.org (issuer https://github.com/login/oauth), not by "
        "hugo@python.org (issuer https://github.com/login/oauth)."
    )
    assert error.remedy == (
        "Do not use this file. If its publisher has a new signer, update jitbuild."
    )


def test_the_same_name_of_another_issuer_is_refused():
    error = refusal(signed(issuer="https://accounts.example.org"))
    assert "hugo@python.org (issuer https://accounts.example.org), not by" in error.what


def test_control_characters_in_a_certificate_are_escaped():
    error = refusal(signed(identity="a\x1b[31m@b.c", issuer="https://i\x1b[2J\n.test"))
    assert r"a\x1b[31m@b.c (issuer https://i\x1b[2J\n.test)" in error.what


def test_a_very_long_name_in_a_certificate_is_cut_off():
    error = refusal(signed(identity=f"{'a' * 10_000}@b.c"))
    assert len(error.what) < 600


def test_the_signature_of_another_file_is_refused():
    other = hashlib.sha256(b"another file").hexdigest()
    error = refusal(signed(b"another file"))
    assert error.what == (
        f"{NAME} is not the file that was signed: its sha256 is {SHA}, and the signature is for "
        f"{other}."
    )


@pytest.mark.parametrize("stated", [None, {"algorithm": "SHA2_256", "digest": ""}, "this file's"])
def test_the_signature_of_another_file_is_refused_whatever_digest_the_bundle_states(stated):
    bundle = json.loads(signed(b"another file"))
    if stated == "this file's":
        stated = json.loads(signed())["messageSignature"]["messageDigest"]
    bundle["messageSignature"]["messageDigest"] = stated
    assert "The signature of" in refusal(json.dumps(bundle).encode()).what


def test_a_signature_after_the_certificate_expired_is_refused():
    error = refusal(signed(logged_at=datetime(2026, 11, 2, tzinfo=UTC)))
    assert error.what == (
        f"The signature of {NAME} was not made while its certificate was valid, from 2026-11-01 "
        "12:00:00+00:00 to 2026-11-01 12:10:00+00:00."
    )


def test_a_bundle_of_another_instance_is_refused():
    other = SigstoreInstance().sign(CONTENT, HUGO.identity, HUGO.issuer)
    assert (
        f"The certificate for the signature of {NAME} is not from Sigstore" in refusal(other).what
    )
    with pytest.raises(SignatureError, match="is not from Sigstore"):
        verify_signature(NAME, SHA, signed(), HUGO, verifier=packaged_verifier)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("logIndex", "1"),
        ("integratedTime", "1793534406"),
        ("inclusionPromise", {"signedEntryTimestamp": "AAAA"}),
        ("canonicalizedBody", "e30="),
        ("kindVersion", {"kind": "intoto", "version": "0.0.1"}),
    ],
)
def test_a_changed_entry_of_the_log_is_refused(path, value):
    bundle = json.loads(signed())
    bundle["verificationMaterial"]["tlogEntries"][0][path] = value
    assert "The signature of" in refusal(json.dumps(bundle).encode()).what


def test_a_bundle_without_a_checkpoint_is_refused_with_the_reason():
    bundle = json.loads(signed())
    del bundle["verificationMaterial"]["tlogEntries"][0]["inclusionProof"]["checkpoint"]
    error = refusal(json.dumps(bundle).encode())
    assert "such as those of CPython before September 2024" in error.remedy


ENTRY = ("verificationMaterial", "tlogEntries", 0)


@pytest.mark.parametrize(
    "path",
    [
        ("messageSignature", "signature"),
        ("messageSignature", "messageDigest", "digest"),
        ("verificationMaterial", "certificate", "rawBytes"),
        (*ENTRY, "logId", "keyId"),
        (*ENTRY, "canonicalizedBody"),
        (*ENTRY, "inclusionPromise", "signedEntryTimestamp"),
        (*ENTRY, "inclusionProof", "rootHash"),
        (*ENTRY, "inclusionProof", "checkpoint", "envelope"),
    ],
    ids=lambda path: path[-1],
)
def test_a_bundle_with_one_changed_character_is_refused(path):
    bundle = json.loads(signed())
    place = bundle
    for key in path[:-1]:
        place = place[key]
    text = place[path[-1]]
    middle = len(text) // 2
    other = "A" if text[middle] != "A" else "B"
    place[path[-1]] = text[:middle] + other + text[middle + 1 :]
    refusal(json.dumps(bundle).encode())

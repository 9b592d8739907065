"""The sha256 of a zip for Windows, from a signed manifest of its release."""

from __future__ import annotations

import functools
import json

import pytest

from jitbuild.errors import IntegrityError, MissingError, SignatureError
from jitbuild.sources.windows_release import signed_sha256, stated_sha256, verify_zip
from jitbuild.system.signatures import Signer, verify_signature
from sigstore_instance import SigstoreInstance

URL = "https://www.python.org/ftp/python/3.15.2/python-3.15.2-amd64.zip"
SHA = "ab" * 32
HUGO = Signer(identity="hugo@python.org", issuer="https://github.com/login/oauth")
INSTANCE = SigstoreInstance()


def package(url: str, sha256: str) -> dict[str, object]:
    return {
        "schema": 1,
        "id": "pythoncore-3.15-64",
        "sort-version": "3.15.2",
        "tag": "3.15-64",
        "url": url,
        "hash": {"sha256": sha256},
    }


def manifest(*packages: dict[str, object]) -> bytes:
    others = [
        package(URL.replace("amd64", "arm64"), "cd" * 32),
        package(URL.replace("-amd64", "t-amd64"), "ef" * 32),
    ]
    return json.dumps({"versions": [*others, *packages]}, indent=2).encode()


MANIFEST = manifest(package(URL, SHA))


def digest_of(content: bytes, *, signer: Signer = HUGO, url: str = URL, signed: bytes = b"") -> str:
    bundle = INSTANCE.sign(signed or content, signer.identity, signer.issuer)
    verify = functools.partial(verify_signature, verifier=INSTANCE.verifier)
    return signed_sha256(url, content, bundle, HUGO, verify=verify)


def test_the_sha256_of_the_zip_is_returned():
    assert digest_of(MANIFEST) == SHA
    assert digest_of(MANIFEST, url="http://mirror.test/x/python-3.15.2-amd64.zip?a=/b") == SHA
    assert digest_of(MANIFEST, url=URL.replace("amd64", "arm64")) == "cd" * 32
    assert digest_of(manifest(package(URL, SHA.upper()))) == SHA


def test_a_manifest_that_was_changed_after_it_was_signed_is_refused():
    with pytest.raises(SignatureError, match=r"the manifest of the release with python-3\.15\.2-"):
        digest_of(manifest(package(URL, "00" * 32)), signed=MANIFEST)


def test_a_manifest_of_another_signer_is_refused():
    steve = Signer(identity="eve@python.org", issuer=HUGO.issuer)
    with pytest.raises(SignatureError, match=r"signed by eve@python\.org"):
        digest_of(MANIFEST, signer=steve)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(manifest(), id="without the zip"),
        pytest.param(manifest(package(URL, "")), id="without a sha256"),
        pytest.param(manifest(package(URL, "../x")), id="with another text"),
        pytest.param(b"{}", id="empty"),
        pytest.param(b'{"versions": [{}]}', id="without keys"),
        pytest.param(b'{"versions": [{"url": "x", "hash": null}]}', id="without hashes"),
        pytest.param(b"<html>", id="no manifest"),
    ],
)
def test_a_signed_manifest_without_the_sha256_is_refused(content: bytes):
    with pytest.raises(SignatureError, match=r"states no sha256 of python-3\.15\.2-amd64\.zip"):
        digest_of(content)


def test_a_signed_manifest_with_two_different_sha256_is_refused():
    content = manifest(package(URL, SHA), package(URL, "00" * 32))
    with pytest.raises(SignatureError, match="states 2 different sha256"):
        digest_of(content)


def test_without_a_signature_the_manifest_must_state_one_sha256():
    assert stated_sha256(URL, MANIFEST) == SHA
    with pytest.raises(
        IntegrityError, match=r"manifest of the release states no sha256 of python-3"
    ):
        stated_sha256(URL, manifest())


def check(sha256: str = SHA, *, missing: str = "") -> list[str]:
    """Verify the zip with the pin `sha256`; return the addresses that were asked for."""
    asked = []
    bundle = INSTANCE.sign(MANIFEST, HUGO.identity, HUGO.issuer)
    folder = URL.rpartition("/")[0]
    answers = {f"{folder}/windows-3.15.2.json": MANIFEST}
    answers[f"{folder}/windows-3.15.2.json.sigstore"] = bundle

    def get(address):
        asked.append(address.reveal())
        if missing and address.reveal().endswith(missing):
            raise MissingError(f"{address} was not found (HTTP 404).", remedy="-")
        return answers[address.reveal()]

    verify = functools.partial(verify_signature, verifier=INSTANCE.verifier)
    verify_zip(URL, "3.15.2", sha256, HUGO, get=get, verify=verify)
    return asked


def test_a_pin_is_verified_by_the_signed_manifest_beside_the_zip():
    assert [address.rpartition("/")[2] for address in check()] == [
        "windows-3.15.2.json",
        "windows-3.15.2.json.sigstore",
    ]


def test_a_pin_that_the_release_manager_did_not_sign_is_refused():
    with pytest.raises(SignatureError, match=rf"pinned with .* 0+, but .* signed {SHA}"):
        check("0" * 64)


@pytest.mark.parametrize("missing", [".json", ".sigstore"])
def test_a_missing_manifest_or_signature_is_no_verification(missing: str):
    with pytest.raises(SignatureError, match=rf"\{missing} was not found") as caught:
        check(missing=missing)
    assert "omit --verify" in caught.value.remedy

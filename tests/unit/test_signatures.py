"""Signatures: a real build attestation, verified with the keys that the package sigstore ships."""

from __future__ import annotations

import copy
import json
import sys
import tomllib
from pathlib import Path

import pytest
from sigstore.verify import Verifier

from jitbuild.errors import MissingExtraError, SignatureError
from jitbuild.system.signatures import Signer, verify_signature, verify_statement

ROOT = Path(__file__).parents[2]
NAME = "pypi_attestations-0.0.19.tar.gz"
SHA = "9bb1add04b1b4e182be6b0b80931593f7a291eb49d69b4fd728a5d4cbcdc4bd3"
BUNDLE = (Path(__file__).parent / "sigstore" / f"{NAME}.sigstore.json").read_bytes()
REPOSITORY = "https://github.com/trailofbits/pypi-attestations"
IDENTITY = f"{REPOSITORY}/.github/workflows/release.yml@refs/tags/v0.0.19"
ISSUER = "https://token.actions.githubusercontent.com"
SIGNER = Signer(identity=IDENTITY, issuer=ISSUER, repository=REPOSITORY)
PROVENANCE = "https://slsa.dev/provenance/v1"


def refusal(bundle: bytes = BUNDLE, *, sha256: str = SHA, signer: Signer = SIGNER, **options):
    """Return the error with which the statement is refused."""
    with pytest.raises(SignatureError) as refused:
        verify_statement(NAME, sha256, bundle, signer, PROVENANCE, **options)
    return refused.value


def changed(*path: str | int, value: object) -> bytes:
    """Return the bundle with another `value` at `path`."""
    bundle = copy.deepcopy(json.loads(BUNDLE))
    place = bundle
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return json.dumps(bundle).encode()


def test_a_real_attestation_of_the_expected_signer_is_accepted():
    verify_statement(NAME, SHA, BUNDLE, SIGNER, PROVENANCE)
    verify_statement(
        NAME, SHA.upper(), BUNDLE, Signer(identity=IDENTITY, issuer=ISSUER), PROVENANCE
    )


def test_another_identity_is_refused_and_both_are_stated():
    error = refusal(signer=Signer(identity="hugo@python.org", issuer=ISSUER))
    assert error.what == (
        f"{NAME} was signed by {IDENTITY} (issuer {ISSUER}), not by hugo@python.org (issuer "
        f"{ISSUER})."
    )
    assert error.exit_code == 25


@pytest.mark.parametrize("ref", ["refs/heads/main", "refs/tags/v0.0.1", ""])
def test_the_same_workflow_of_another_reference_is_refused(ref):
    identity = f"{IDENTITY.partition('@')[0]}@{ref}"
    assert "not by" in refusal(signer=Signer(identity=identity, issuer=ISSUER)).what


def test_another_issuer_is_refused():
    error = refusal(signer=Signer(identity=IDENTITY, issuer="https://github.com/login/oauth"))
    assert f"(issuer {ISSUER}), not by" in error.what


def test_a_workflow_that_ran_in_another_repository_is_refused():
    error = refusal(
        signer=Signer(identity=IDENTITY, issuer=ISSUER, repository="https://github.com/a/b")
    )
    assert f"repository {REPOSITORY}), not by" in error.what
    assert error.what.endswith("repository https://github.com/a/b).")


def test_another_file_is_refused():
    assert (
        f"is not about {NAME}: it does not contain the sha256 00" in refusal(sha256="0" * 64).what
    )


def test_another_type_of_statement_is_refused():
    with pytest.raises(SignatureError, match=f"has the type {PROVENANCE}, not https://example"):
        verify_statement(NAME, SHA, BUNDLE, SIGNER, "https://example.com")


def test_a_statement_is_not_the_signature_of_a_file():
    with pytest.raises(SignatureError, match=r"is not valid: .*signature"):
        verify_signature(NAME, SHA, BUNDLE, SIGNER)


@pytest.mark.parametrize("length", [0, 1, 100, 5000, len(BUNDLE) - 3])
def test_a_truncated_bundle_is_refused(length):
    error = refusal(BUNDLE[:length])
    assert error.what.startswith(f"The signature of {NAME} cannot be used: ")
    assert error.remedy == (
        "Download the signature (the Sigstore bundle) again: it may be damaged or cut off."
    )


@pytest.mark.parametrize(
    "content",
    [b"{}", b"[]", b"null", b"<html>Please log in</html>", b"\xff\xfe", b"[" * 100_000],
)
def test_what_is_no_bundle_is_refused(content):
    assert "cannot be used" in refusal(content).what


def test_the_message_names_what_is_missing_in_a_bundle():
    error = refusal(b"{}")
    assert error.what == (
        f"The signature of {NAME} cannot be used: failed to load bundle: 2 validation errors for "
        "Bundle mediaType Field required verificationMaterial Field required."
    )


def test_a_changed_statement_is_refused():
    payload = json.loads(BUNDLE)["dsseEnvelope"]["payload"]
    other = changed("dsseEnvelope", "payload", value=payload.replace("A", "B", 1))
    assert "is not valid" in refusal(other).what


def test_a_time_of_signing_outside_the_validity_of_the_certificate_is_refused():
    later = ("verificationMaterial", "tlogEntries", 0, "integratedTime")
    error = refusal(changed(*later, value="1790000000"))
    assert error.what == (
        f"The signature of {NAME} was not made while its certificate was valid, from 2024-12-04 "
        "23:13:46+00:00 to 2024-12-04 23:23:46+00:00."
    )


def test_a_time_of_signing_that_the_log_did_not_confirm_is_refused():
    later = ("verificationMaterial", "tlogEntries", 0, "integratedTime")
    error = refusal(changed(*later, value=str(1733354027)))
    assert "is not valid: invalid log entry" in error.what


def test_a_bundle_of_another_instance_is_refused(tmp_path, monkeypatch):
    for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    error = refusal(verifier=lambda: Verifier.staging(offline=True))
    assert error.what.startswith(
        f"The certificate for the signature of {NAME} is not from Sigstore"
    )


def test_without_the_package_the_message_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "sigstore.models", None)
    with pytest.raises(MissingExtraError) as missing:
        verify_statement(NAME, SHA, BUNDLE, SIGNER, PROVENANCE)
    assert missing.value.exit_code == 26
    assert "pip install 'jitbuild[verify]'" in missing.value.remedy


def test_the_tests_use_the_versions_of_the_package_that_the_extra_allows():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (extra,) = project["project"]["optional-dependencies"]["verify"]
    assert extra in project["dependency-groups"]["test"]
    assert not any("sigstore" in each for each in project["project"]["dependencies"])

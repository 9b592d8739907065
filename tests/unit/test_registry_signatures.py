"""Signatures of artifacts in a registry, verified by the package sigstore itself."""

from __future__ import annotations

import functools
import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from fake_registry import HOST as SERVER
from fake_registry import FakeRegistry

from jitbuild.errors import DownloadError, RegistryError, SignatureError
from jitbuild.registry import signatures
from jitbuild.registry.client import connect
from jitbuild.registry.documents import (
    EMPTY_BLOB,
    ImageIndex,
    artifact,
    decode_document,
    describe,
    descriptor_of,
)
from jitbuild.registry.referrers import add_referrer, referrers_tag
from jitbuild.registry.repository import Repository
from jitbuild.registry.signatures import BUNDLE_TYPE, add_signature, require_signature
from jitbuild.registry.signers import parse_signer
from jitbuild.system.signatures import SignedStatement, Signer, verify_statement
from sigstore_instance import SigstoreInstance, provenance

REPOSITORY = Repository("https", SERVER, "a/b")
IDENTITY = "https://github.com/octo/app/.github/workflows/jit.yml@refs/heads/main"
SIGNER = parse_signer(IDENTITY)
INSTANCE = SigstoreInstance()
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


BY_CLIENTS = pytest.mark.parametrize("registry", ["listed by clients"], indirect=True)


@pytest.fixture(params=["listed by the registry", "listed by clients"])
def registry(request):
    return FakeRegistry(lists_referrers=request.param == "listed by the registry")


@pytest.fixture
def client(registry):
    with connect(REPOSITORY, effects=registry.effects) as client:
        yield client


@pytest.fixture
def put(client):
    """Write an artifact with a text as its only layer, and return its digest."""

    def put(text):
        layer = descriptor_of("text/plain", text)
        document = artifact("text/plain", (layer,), {})
        client.upload(EMPTY_BLOB, document.config)
        client.upload(text, layer)
        return client.put(document, "")

    return put


@pytest.fixture
def digest(put):
    return put(b"an interpreter")


@pytest.fixture
def sign(client, digest):
    """Sign a document, and add the signature to the registry."""

    def sign(digest=digest, signer=SIGNER, minutes=0, instance=INSTANCE, **options):
        options = {"repository": signer.repository, **options}

        def attest(statement):
            return SignedStatement(
                instance.attest(json.loads(statement), signer.identity, signer.issuer, **options),
                signer,
            )

        later = NOW + timedelta(minutes=minutes)
        return add_signature(client, digest, "3.15.2-jit-fast", attest, now=lambda: later)

    return sign


@pytest.fixture
def attach(client, digest):
    """Add bytes as the bundle of a signature to the registry."""

    def attach(bundle, digest=digest, layers=1, **annotations):
        layer = descriptor_of(BUNDLE_TYPE, bundle)
        subject = describe(client.get(digest)[0])
        document = artifact(BUNDLE_TYPE, (layer,) * layers, annotations, subject)
        client.upload(EMPTY_BLOB, document.config)
        client.upload(bundle, layer)
        add_referrer(client, document)

    return attach


@pytest.fixture
def require(client, digest, tmp_path):
    verify = functools.partial(verify_statement, verifier=INSTANCE.verifier)

    def require(digest=digest, signer=SIGNER):
        return require_signature(client, digest, signer, tmp_path, verify=verify)

    return require


@pytest.fixture
def refusal(require):
    def refusal(**options):
        with pytest.raises(SignatureError) as refused:
            require(**options)
        return refused.value

    return refusal


def bundles(registry):
    """Return the digests of the bundles in the registry."""
    return [key for key, content in registry.blobs.items() if b"dsseEnvelope" in content]


def test_a_signed_artifact_is_accepted(sign, require):
    assert sign() == SIGNER
    assert require() == f"Sigstore signature of {IDENTITY}"


def test_a_signature_has_the_form_of_cosign(registry, client, sign, digest):
    sign()
    (document,) = [
        json.loads(content)
        for key, (_, content) in registry.documents.items()
        if b'"subject"' in content and key.startswith("sha256:")
    ]
    assert document["artifactType"] == "application/vnd.dev.sigstore.bundle.v0.3+json"
    assert document["subject"] == {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": digest,
        "size": len(registry.documents[digest][1]),
    }
    assert document["annotations"] == {
        "dev.sigstore.bundle.content": "dsse-envelope",
        "dev.sigstore.bundle.predicateType": "https://sigstore.dev/cosign/sign/v1",
        "org.opencontainers.image.created": "2026-11-01T12:00:00Z",
    }
    (layer,) = document["layers"]
    assert layer["mediaType"] == document["artifactType"]
    tag = referrers_tag(digest)
    assert tag == f"sha256-{digest[7:]}"
    assert (tag in registry.documents) is not registry.lists_referrers
    if not registry.lists_referrers:
        (entry,) = decode_document(registry.documents[tag][1], tag).manifests
        assert entry.artifact_type == document["artifactType"]
        assert entry.annotations == document["annotations"]


def test_a_signature_as_cosign_writes_it_is_accepted(attach, require, digest):
    """cosign's statement has no name; its list of referrers may lack annotations."""
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"digest": {"sha256": digest[7:]}, "annotations": {}}],
        "predicateType": "https://sigstore.dev/cosign/sign/v1",
        "predicate": {},
    }
    attach(INSTANCE.attest(statement, IDENTITY, SIGNER.issuer, repository=SIGNER.repository))
    require()


def test_an_artifact_without_a_signature_is_refused(refusal, digest):
    error = refusal()
    assert error.what == f"{REPOSITORY}@{digest} is not signed, and must be signed by {SIGNER}."
    assert "push --sign" in error.remedy


def test_the_signature_of_another_artifact_does_not_count(put, sign, refusal):
    sign(digest=put(b"another interpreter"))
    assert "is not signed" in refusal().what


def test_a_signature_that_was_moved_here_is_refused(registry, put, sign, attach, refusal):
    sign(digest=put(b"another interpreter"))
    (moved,) = bundles(registry)
    attach(registry.blobs[moved])
    assert "The signed statement is not about" in refusal().what


@pytest.mark.parametrize(
    "signer",
    [
        Signer(identity=IDENTITY.replace("octo", "eve"), issuer=SIGNER.issuer),
        Signer(identity=IDENTITY, issuer="https://evil.test", repository=SIGNER.repository),
        Signer(identity=IDENTITY.replace("main", "pull/1/merge"), issuer=SIGNER.issuer),
        # Another repository called the workflow as a reusable one.
        Signer(identity=IDENTITY, issuer=SIGNER.issuer, repository="https://github.com/eve/app"),
    ],
    ids=["identity", "issuer", "reference", "caller"],
)
def test_another_signer_is_refused(sign, refusal, signer):
    sign(signer=signer)
    error = refusal()
    assert f"was signed by {signer.identity} (issuer {signer.issuer}" in error.what
    assert f"not by {SIGNER}" in error.what
    assert "--signed-by" in error.remedy


def test_a_signature_after_the_end_of_its_certificate_is_refused(sign, refusal):
    sign(logged_at=datetime(2026, 11, 1, 13, tzinfo=UTC))
    assert "was not made while its certificate was valid" in refusal().what


def test_the_signature_of_another_sigstore_is_refused(sign, refusal):
    sign(instance=SigstoreInstance())
    assert "is not from Sigstore" in refusal().what


def test_a_changed_bundle_is_refused(registry, sign, refusal):
    sign()
    (bundle,) = bundles(registry)
    registry.blobs[bundle] = registry.blobs[bundle][:-9] + b"x" * 9
    error = refusal()
    assert "A signature of" in error.what
    assert "cannot be used" in error.what


def test_a_bundle_that_is_none_is_refused(attach, refusal):
    attach(b'{"dsseEnvelope": {}}')
    assert "cannot be used" in refusal().what


@pytest.mark.parametrize("layers", [0, 2])
def test_a_signature_needs_one_bundle(attach, refusal, layers):
    attach(b"{}", layers=layers)
    assert "does not contain one bundle" in refusal().what


def test_a_huge_bundle_is_not_downloaded(registry, attach, refusal):
    attach(b"x" * ((1 << 20) + 1))
    assert "at most 1 MiB" in refusal().what
    assert not any("/blobs/" in path for path in registry.sent("GET"))


def test_a_bundle_without_end_is_cut_off(registry, sign, refusal):
    sign()
    (bundle,) = bundles(registry)
    registry.blobs[bundle] += b" " * (8 << 20)
    assert "cannot be used" in refusal().what


def test_one_valid_signature_among_others_is_enough(attach, sign, require):
    sign(signer=Signer(identity="eve@example.org", issuer="https://evil.test"), minutes=2)
    sign(minutes=1)
    attach(b"nonsense")
    require()


def test_the_newest_of_several_errors_is_stated(sign, refusal):
    for number in range(3):
        identity = f"eve{number}@example.org"
        sign(signer=Signer(identity=identity, issuer="https://evil.test"), minutes=number)
    error = refusal()
    assert "was signed by eve2@example.org" in error.what
    assert error.what.endswith("The 2 other signatures are not valid either.")


def test_the_number_of_signatures_is_limited(registry, attach, sign, refusal):
    sign()
    for number in range(31):
        later = (NOW + timedelta(minutes=1 + number)).isoformat()
        attach(b"%d" % number, **{signatures.CREATED: later})
    before = len(registry.requests)
    assert "The 29 other signatures are not valid" in refusal().what
    assert len(registry.requests) - before < 100


def test_other_statements_are_not_tried(registry, client, attach, refusal, digest):
    statement = provenance(("x", digest[7:]))
    bundle = INSTANCE.attest(statement, IDENTITY, SIGNER.issuer, repository=SIGNER.repository)
    attach(bundle, **{signatures.PREDICATE: "https://slsa.dev/provenance/v1"})
    assert "is not signed" in refusal().what
    attach(bundle)
    assert "has the type https://slsa.dev/provenance/v1" in refusal().what


def test_a_list_of_several_pages_is_read():
    registry = FakeRegistry(lists_referrers=True, page=2)
    with connect(REPOSITORY, effects=registry.effects) as client:
        document = artifact("text/plain", (), {})
        client.upload(EMPTY_BLOB, document.config)
        digest = client.put(document, "")
        for number in range(5):
            other = artifact("text/other", (), {"number": str(number)}, describe(document))
            add_referrer(client, other)
        entries = signatures.list_referrers(client, digest, "text/other")
    assert len({each.digest for each in entries}) == 5


@BY_CLIENTS
def test_two_signatures_at_the_same_time_are_both_kept(registry, client, sign, attach, digest):
    sign()
    tag = referrers_tag(digest)
    theirs = registry.documents[tag]
    registry.overwrites = {tag: theirs}
    attach(b"mine")
    index = decode_document(registry.documents[tag][1], tag)
    assert isinstance(index, ImageIndex)
    assert len(index.manifests) == 2


def test_a_registry_that_refuses_the_list_is_an_error(registry, require):
    registry.failing, registry.failures = "referrers", 9
    registry.failure = httpx.Response(403)
    with pytest.raises(RegistryError, match="refused to list signatures"):
        require()
    registry.failing, registry.failures = "referrers", 99
    registry.failure = httpx.ConnectError("refused")
    with pytest.raises(DownloadError):
        require()


@BY_CLIENTS
@pytest.mark.parametrize("status", [200, 303, 400, 405])
def test_a_list_in_another_form_counts_as_none(registry, sign, require, status):
    sign()
    registry.failing, registry.failures = "referrers", 9
    registry.failure = httpx.Response(status, headers={"Content-Type": "text/html"})
    require()

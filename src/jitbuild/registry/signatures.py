"""Sigstore signatures of artifacts in a registry.

A signature is an artifact of its own, whose subject is the signed manifest, and whose only layer is
a Sigstore bundle with a statement (in-toto, in a DSSE envelope) about the manifest's digest. The
form is that of cosign 3, which can therefore sign and verify these artifacts, too. Sources:
github.com/sigstore/cosign, specs/BUNDLE_SPEC.md and pkg/oci/remote/write.go (WriteReferrer,
WriteAttestationNewBundleFormat), cmd/cosign/cli/sign/sign.go (signDigestBundle).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from jitbuild.errors import IntegrityError, MissingError, RegistryError, SignatureError
from jitbuild.registry.documents import (
    EMPTY_BLOB,
    Descriptor,
    ImageManifest,
    artifact,
    describe,
    descriptor_of,
)
from jitbuild.registry.referrers import add_referrer, list_referrers
from jitbuild.system.signatures import Signer, verify_statement

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jitbuild.registry.client import RegistryClient
    from jitbuild.system.signatures import SignedStatement

    # The interface of `verify_statement`.
    Verify = Callable[[str, str, bytes, Signer, str], None]
    # The interface of `jitbuild.system.signing.sign_statement`.
    Sign = Callable[[bytes], SignedStatement]

BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
# The type of a statement that says nothing but that its signer signed the subject.
PREDICATE_TYPE = "https://sigstore.dev/cosign/sign/v1"
PREDICATE, CREATED = "dev.sigstore.bundle.predicateType", "org.opencontainers.image.created"
# A bundle takes about 10 kB. Whoever may push can add signatures without end.
_MOST_BYTES = 1 << 20
_MOST_SIGNATURES = 30
_REMEDY = (
    "Do not use this artifact. If it should have been signed by another identity, state that one"
    " with --signed-by; if it was signed recently, update the package sigstore."
)


def require_signature(
    client: RegistryClient,
    digest: str,
    signer: Signer,
    folder: Path,
    *,
    verify: Verify = verify_statement,
) -> str:
    """Verify that `signer` signed the document `digest`; return the method of the verification.

    One valid signature is enough; the newest ones are tried first. Bundles are downloaded into
    `folder`. Raises SignatureError if there is none, MissingExtraError if the package sigstore is
    not installed, and the errors of RegistryClient.
    """
    shown = f"{client.repository}@{digest}"
    errors: list[SignatureError] = []
    for number, entry in enumerate(_signatures(client, digest)):
        try:
            bundle = _read_bundle(client, entry, folder / f"signature-{number}")
            verify(shown, digest.removeprefix("sha256:"), bundle, signer, PREDICATE_TYPE)
        except SignatureError as error:
            errors.append(SignatureError(error.what, remedy=_REMEDY))
        except (RegistryError, IntegrityError, MissingError) as error:
            what = f"A signature of {shown} cannot be used. {error.what}"
            errors.append(SignatureError(what, remedy=_REMEDY))
        else:
            return f"Sigstore signature of {signer.identity}"
    raise _refusal(shown, signer, errors)


def add_signature(
    client: RegistryClient,
    digest: str,
    name: str,
    sign: Sign,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Signer:
    """Let `sign` sign a statement about the document `digest`; add its signature to the registry.

    `name` is the name of the document in the statement. Returns the signer. Raises the errors of
    `sign` and of RegistryClient.
    """
    document, _ = client.get(digest)
    assert isinstance(document, ImageManifest)
    signed = sign(_statement(digest, name))
    layer = descriptor_of(BUNDLE_TYPE, signed.bundle)
    annotations = {
        CREATED: now().isoformat(timespec="seconds").replace("+00:00", "Z"),
        "dev.sigstore.bundle.content": "dsse-envelope",
        PREDICATE: PREDICATE_TYPE,
    }
    signature = artifact(BUNDLE_TYPE, (layer,), annotations, describe(document))
    client.upload(EMPTY_BLOB, signature.config)
    client.upload(signed.bundle, layer, f"Uploading the signature of {name}")
    add_referrer(client, signature)
    return signed.signer


def _statement(digest: str, name: str) -> bytes:
    """Return the statement whose signature is that of the document `digest`.

    github.com/in-toto/attestation, spec/v1/statement.md
    """
    return msgspec.json.encode(
        {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": name, "digest": {"sha256": digest.removeprefix("sha256:")}}],
            "predicateType": PREDICATE_TYPE,
            "predicate": {},
        }
    )


def _signatures(client: RegistryClient, digest: str) -> list[Descriptor]:
    """Return the newest signatures of the document `digest`.

    Other statements about it are omitted, if the list states their types.
    """
    signatures = [
        each
        for each in list_referrers(client, digest, BUNDLE_TYPE)
        if each.annotations.get(PREDICATE, PREDICATE_TYPE) == PREDICATE_TYPE
    ]
    signatures.sort(key=lambda each: each.annotations.get(CREATED, ""), reverse=True)
    return signatures[:_MOST_SIGNATURES]


def _read_bundle(client: RegistryClient, entry: Descriptor, file: Path) -> bytes:
    """Download the bundle of the signature `entry` to `file`, and return it."""
    document, _ = client.get(entry.digest)
    layers = document.layers if isinstance(document, ImageManifest) else ()
    if len(layers) != 1 or layers[0].size > _MOST_BYTES:
        raise RegistryError(
            f"{client.repository}@{entry.digest} does not contain one bundle of at most 1 MiB.",
            remedy=_REMEDY,
        )
    return client.download(layers[0], file, "Fetching a signature").read_bytes()


def _refusal(shown: str, signer: Signer, errors: list[SignatureError]) -> SignatureError:
    """Return the error for the artifact `shown`, whose signatures have these `errors`."""
    if not errors:
        return SignatureError(
            f"{shown} is not signed, and must be signed by {signer}.",
            remedy="Sign it where it is built, with `jitbuild push --sign`. To use it nevertheless,"
            " omit --signed-by and the setting `signed-by`.",
        )
    what, others = errors[0].what, len(errors) - 1
    if others:
        subject = f"The {others} other signatures are" if others > 1 else "The other signature is"
        what = f"{what} {subject} not valid either."
    return SignatureError(what, remedy=_REMEDY)

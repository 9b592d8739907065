"""Verify Sigstore signatures without network access, with the optional package `sigstore`.

A Sigstore bundle contains a signature, a certificate that an issuer (an OpenID Connect provider)
granted to an identity for some minutes, and the proof that the signature was entered into a public
log while the certificate was valid. The package checks all of this against the keys that it ships,
so no server is asked. A bundle signs either a file (`verify_signature`) or a statement about
files (`verify_statement`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from jitbuild.errors import JitbuildError, MissingExtraError, SignatureError
from jitbuild.safe_text import escape_controls
from jitbuild.system.parsing import parse_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.resources.abc import Traversable

    from cryptography.x509 import Certificate
    from sigstore.models import Bundle
    from sigstore.verify import Verifier

_INSTANCE = "https://tuf-repo-cdn.sigstore.dev"
_STATEMENT_FORMAT = "application/vnd.in-toto+json"
_STATEMENT_TYPES = frozenset(
    {"https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1"}
)
# Numbers of certificate extensions: github.com/sigstore/fulcio, docs/oid-info.md
_ISSUER_EXTENSION = "1.3.6.1.4.1.57264.1.1"
_REPOSITORY_EXTENSION = "1.3.6.1.4.1.57264.1.12"
# What pydantic adds to each error: the type and the value of the input, and an address.
_NOISE = re.compile(r"\s*\[type=.*\]|\s*For further information visit \S+")
# The wordings of the versions of the package.
_EXPIRED = re.compile("not valid at validation time|has expired|not yet valid")
_MOST_TEXT = 300
_DO_NOT_USE = "Do not use this file."


@dataclass(frozen=True, kw_only=True, slots=True)
class Signer:
    """The signer that a bundle must have: `identity`, as confirmed by `issuer`.

    `identity` is an email address, or the address of a workflow with its git reference, as in
    `https://github.com/OWNER/REPO/.github/workflows/release.yml@refs/heads/main`. `issuer` is the
    URL of the OpenID Connect provider. If `repository` is not empty, the workflow must also have
    run in the repository with this URL: another one could call it as a reusable workflow.
    """

    identity: str
    issuer: str
    repository: str = ""

    def __str__(self) -> str:
        place = f", repository {self.repository}" if self.repository else ""
        return f"{self.identity} (issuer {self.issuer}{place})"


class SignedStatement(NamedTuple):
    """The Sigstore bundle of a signed statement, and the signer that its certificate names."""

    bundle: bytes
    signer: Signer


def require_package() -> None:
    """Raise MissingExtraError if the package sigstore is not installed."""
    try:
        import sigstore.models  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(
            "Signatures cannot be made or verified: the package sigstore is not installed.",
            remedy="Install it beside jitbuild: python -m pip install 'jitbuild[verify]'",
        ) from error


def packaged_verifier() -> Verifier:
    """Return a verifier with the keys of Sigstore's public instance that the package ships.

    `Verifier.production(offline=True)` would use a copy of these keys in the user's data folder. An
    older version of the package may have written that copy, and an upgrade does not replace it.
    """
    from importlib import resources

    from sigstore.models import TrustedRoot
    from sigstore.verify import Verifier

    with resources.as_file(packaged_file("trusted_root.json")) as path:
        return Verifier(trusted_root=TrustedRoot.from_file(str(path)))


def packaged_file(name: str) -> Traversable:
    """Return a file about Sigstore's public instance that the package ships."""
    from importlib import resources
    from urllib.parse import quote

    return resources.files("sigstore") / "_store" / quote(_INSTANCE, safe="") / name


def verify_signature(
    name: str,
    sha256: str,
    bundle: bytes,
    signer: Signer,
    *,
    verifier: Callable[[], Verifier] = packaged_verifier,
) -> None:
    """Verify that `signer` signed the file with the SHA-256 `sha256`.

    `bundle` is the content of a Sigstore bundle, such as `Python-3.15.2.tar.xz.sigstore` beside a
    release on python.org. `name` is the name of the file in messages. `verifier` returns the
    verifier of the package `sigstore`, which determines the trusted keys.

    Raises SignatureError if the bundle is damaged, is for another file, was made by another signer
    or outside the validity of the certificate, or is not one of the trusted Sigstore instance.
    Raises MissingExtraError if the package is not installed.
    """

    def verify(tool: Verifier, parsed: Bundle) -> None:
        from sigstore.hashes import Hashed
        from sigstore_models.common.v1 import HashAlgorithm

        _check_digest(name, sha256, parse_json(bundle))
        hashed = Hashed(algorithm=HashAlgorithm.SHA2_256, digest=bytes.fromhex(sha256))
        tool.verify_artifact(hashed, parsed, _ExpectedSigner(name, signer))

    _verify(name, bundle, verifier, verify)


def verify_statement(
    name: str,
    sha256: str,
    bundle: bytes,
    signer: Signer,
    predicate_type: str,
    *,
    verifier: Callable[[], Verifier] = packaged_verifier,
) -> None:
    """Verify that `signer` signed a statement about the file with the SHA-256 `sha256`.

    The statement is an in-toto statement, and must have the predicate type `predicate_type`, such
    as `https://slsa.dev/provenance/v1`. The other parameters and the errors are those of
    `verify_signature`; SignatureError is also raised if the statement is of another type, or does
    not name this file.
    """

    def verify(tool: Verifier, parsed: Bundle) -> None:
        content_type, content = tool.verify_dsse(parsed, _ExpectedSigner(name, signer))
        if content_type != _STATEMENT_FORMAT:
            raise ValueError(f"its content has the type {content_type}")
        _check_statement(name, sha256, parse_json(content), predicate_type)

    _verify(name, bundle, verifier, verify)


def _verify(
    name: str,
    content: bytes,
    verifier: Callable[[], Verifier],
    verify: Callable[[Verifier, Bundle], None],
) -> None:
    """Call `verify` with the verifier and the bundle `content`, and translate all errors."""
    require_package()
    from sigstore.models import Bundle

    parsed: Bundle | None = None
    try:
        parse_json(content)
        parsed = Bundle.from_json(content)
        verify(verifier(), parsed)
    except JitbuildError:
        raise
    # The package has errors of its own, but hostile bundles cause others, too.
    except Exception as error:
        raise _translated(name, parsed, error) from error


class _ExpectedSigner:
    """A policy that the verifier calls once it knows that the certificate is genuine."""

    def __init__(self, name: str, signer: Signer) -> None:
        self._name = name
        self._signer = signer

    def verify(self, cert: Certificate) -> None:
        """Raise SignatureError unless `cert` is a certificate of the expected signer."""
        from sigstore.errors import VerificationError
        from sigstore.verify import policy

        signer = self._signer
        policies: list[policy.VerificationPolicy] = [
            policy.Identity(identity=signer.identity, issuer=signer.issuer)
        ]
        if signer.repository:
            policies.append(policy.OIDCSourceRepositoryURI(signer.repository))
        try:
            policy.AllOf(policies).verify(cert)
        except VerificationError as error:
            raise SignatureError(
                f"{self._name} was signed by {named_signer(cert, signer)}, not by {signer}.",
                remedy=f"{_DO_NOT_USE} If its publisher has a new signer, update jitbuild.",
            ) from error


def named_signer(cert: Certificate, expected: Signer | None = None) -> Signer:
    """Return the signer that `cert` names; its repository only if `expected` states one."""
    from cryptography.x509 import SubjectAlternativeName

    names = cert.extensions.get_extension_for_class(SubjectAlternativeName).value
    texts = {
        extension.oid.dotted_string: extension.value.public_bytes().decode(errors="replace")
        for extension in cert.extensions
        if extension.oid.dotted_string in {_ISSUER_EXTENSION, _REPOSITORY_EXTENSION}
    }
    # The text follows two or more bytes that state its type and its length.
    repository = texts.get(_REPOSITORY_EXTENSION, "none").partition("http")
    return Signer(
        identity=one_line(", ".join(str(name.value) for name in names)),
        issuer=one_line(texts.get(_ISSUER_EXTENSION, "unknown")),
        repository=one_line("".join(repository[1:]) or "none")
        if expected and expected.repository
        else "",
    )


def _check_digest(name: str, sha256: str, bundle: Any) -> None:
    """Raise SignatureError if `bundle` states the digest of another file.

    The signature alone would not tell that the file is another one.
    """
    import base64

    stated = bundle.get("messageSignature", {}).get("messageDigest", {}).get("digest", "")
    signed = base64.b64decode(stated).hex()
    if signed and signed != sha256.lower():
        raise SignatureError(
            f"{name} is not the file that was signed: its sha256 is {sha256}, and the signature is "
            f"for {signed}.",
            remedy=f"{_DO_NOT_USE} Download the file and its signature again.",
        )


def _check_statement(name: str, sha256: str, statement: Any, predicate_type: str) -> None:
    """Raise SignatureError unless `statement` has the predicate type and names the file."""
    kinds = (statement.get("_type"), statement.get("predicateType"))
    if kinds[0] not in _STATEMENT_TYPES or kinds[1] != predicate_type:
        raise SignatureError(
            f"The signed statement about {name} has the type {one_line(str(kinds[1]))}, not "
            f"{predicate_type}.",
            remedy="Use a statement of the expected type.",
        )
    subjects = statement.get("subject", [])
    if sha256.lower() not in {subject.get("digest", {}).get("sha256") for subject in subjects}:
        raise SignatureError(
            f"The signed statement is not about {name}: it does not contain the sha256 {sha256}.",
            remedy=f"{_DO_NOT_USE} Download the file and its attestation again.",
        )


def _translated(name: str, bundle: Bundle | None, error: Exception) -> SignatureError:
    """Return the error for `name`, whose `bundle` (None: cannot be parsed) caused `error`."""
    from sigstore.errors import CertValidationError

    detail = one_line(" ".join(_NOISE.sub("", str(error)).split()) or repr(error))
    if bundle is None:
        remedy = "Download the signature (the Sigstore bundle) again: it may be damaged or cut off."
        if "checkpoint" in detail:
            remedy = (
                "Bundles without a checkpoint, such as those of CPython before September 2024, "
                "cannot be verified without network access. Use another way to verify the file."
            )
        return SignatureError(f"The signature of {name} cannot be used: {detail}.", remedy=remedy)
    what = f"The signature of {name} is not valid: {detail}."
    if isinstance(error, CertValidationError):
        what = f"The certificate for the signature of {name} is not from Sigstore: {detail}."
        if _EXPIRED.search(detail):
            cert = bundle.signing_certificate
            what = (
                f"The signature of {name} was not made while its certificate was valid, from "
                f"{cert.not_valid_before_utc} to {cert.not_valid_after_utc}."
            )
    return SignatureError(
        what,
        remedy=f"{_DO_NOT_USE} If it was signed recently, update the package sigstore, which "
        "contains the keys of Sigstore.",
    )


def one_line(text: str) -> str:
    """Return `text`, which others wrote, as one line of limited length without controls."""
    line = escape_controls(text, one_line=True)
    return line if len(line) <= _MOST_TEXT else f"{line[:_MOST_TEXT]} (cut off)"

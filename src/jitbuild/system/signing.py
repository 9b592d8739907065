"""Sign statements with Sigstore, as the identity of the environment, such as that of a CI job.

The optional package `sigstore` does the work (github.com/sigstore/sigstore-python, sigstore/sign.py
and sigstore/oidc.py): the CI's OpenID Connect provider issues a token for the job's identity,
Sigstore's certificate authority (Fulcio) a certificate of ten minutes for a new key, and its log
(Rekor) the proof that the signature was made in this time. Neither token nor key is kept.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jitbuild.errors import SignatureError, UsageError
from jitbuild.system.parsing import parse_json
from jitbuild.system.signatures import (
    SignedStatement,
    named_signer,
    one_line,
    packaged_file,
    require_package,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from sigstore.models import Bundle
    from sigstore.oidc import IdentityToken
    from sigstore.sign import SigningContext

# The package sets no limit for Fulcio and Rekor.
_MOST_SECONDS = 120.0
_PERMISSION = (
    "In GitHub Actions, give the job `permissions: id-token: write`; a pull request from a fork"
    " cannot get it. Elsewhere than in a CI, omit --sign."
)


def find_token() -> str | None:
    """Return a token of the CI job's identity for Sigstore; None if this is no CI job with one."""
    from sigstore.oidc import detect_credential

    return detect_credential()


def packaged_context() -> SigningContext:
    """Return Sigstore's public instance, with the addresses and keys that the package ships.

    They are those by which `packaged_verifier` verifies.
    """
    from sigstore.models import ClientTrustConfig
    from sigstore.sign import SigningContext

    config = {
        "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
        "trustedRoot": parse_json(packaged_file("trusted_root.json").read_bytes()),
        "signingConfig": parse_json(packaged_file("signing_config.v0.2.json").read_bytes()),
    }
    return SigningContext.from_trust_config(ClientTrustConfig.from_json(json.dumps(config)))


@dataclass(frozen=True, kw_only=True, slots=True)
class StatementSigner:
    """Signs statements with the identity of the environment. The fields are effects."""

    token: Callable[[], str | None] = find_token
    context: Callable[[], SigningContext] = packaged_context
    most_seconds: float = _MOST_SECONDS

    def require_identity(self) -> IdentityToken:
        """Return a token of the environment's identity, which is valid for some minutes.

        Raises MissingExtraError if the package sigstore is not installed, and UsageError if the
        environment has no identity.
        """
        require_package()
        from sigstore.oidc import IdentityToken

        try:
            token = self.token()
            if token is not None:
                return IdentityToken(token)
        # The package has errors of its own, but the requests cause others, too.
        except Exception as error:
            raise UsageError(
                f"The identity of this environment cannot be used to sign: {_reason(error)}.",
                remedy=_PERMISSION,
            ) from error
        raise UsageError("This environment has no identity with which to sign.", remedy=_PERMISSION)

    def sign(self, statement: bytes) -> SignedStatement:
        """Return `statement`, an in-toto statement, with its signature.

        Raises SignatureError if Sigstore cannot be reached or refuses, and the errors of
        `require_identity`.
        """
        token = self.require_identity()
        bundle = self._in_time(lambda: _sign(self.context(), token, statement))
        return SignedStatement(bundle.to_json().encode(), named_signer(bundle.signing_certificate))

    def _in_time(self, work: Callable[[], Bundle]) -> Bundle:
        """Return the result of `work`, which is abandoned if it takes too long."""
        results: list[Bundle] = []
        errors: list[Exception] = []

        def run() -> None:
            try:
                results.append(work())
            except Exception as error:  # noqa: BLE001 - raised by the thread that waits
                errors.append(error)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        thread.join(self.most_seconds)
        if results:
            return results[0]
        error = errors[0] if errors else TimeoutError(f"no answer for {self.most_seconds:.0f} s")
        raise SignatureError(
            f"Sigstore did not sign: {_reason(error)}.",
            remedy="Sign it later with `jitbuild push --sign`. If that fails, see"
            " https://status.sigstore.dev, and check the network and the proxy settings"
            " (HTTPS_PROXY).",
        ) from error


def _sign(context: SigningContext, token: IdentityToken, statement: bytes) -> Bundle:
    from sigstore.dsse import Statement

    with context.signer(token) as signer:
        return signer.sign_dsse(Statement(statement))


def _reason(error: BaseException) -> str:
    """Return the text of `error` as one line; if it has none, that of its cause, or its name."""
    text = one_line(" ".join(str(error).split())).rstrip(".")
    if text:
        return text
    return _reason(error.__cause__) if error.__cause__ else type(error).__name__

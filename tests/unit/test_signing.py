"""Statements are signed as the identity of the environment, or the reason is one message."""

from __future__ import annotations

import base64
import contextlib
import json
import sys
import threading
import time

import pytest

from jitbuild.errors import MissingExtraError, SignatureError, UsageError
from jitbuild.system.signing import StatementSigner, packaged_context

STATEMENT = json.dumps(
    {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "x", "digest": {"sha256": "ab" * 32}}],
        "predicateType": "https://sigstore.dev/cosign/sign/v1",
        "predicate": {},
    }
).encode()


def token(**claims):
    now = int(time.time())
    claims = {
        "iss": "https://token.actions.githubusercontent.com",
        "sub": "repo:octo/app:ref:refs/heads/main",
        "aud": "sigstore",
        "iat": now,
        "exp": now + 300,
        **claims,
    }
    parts = [b'{"alg": "RS256"}', json.dumps(claims).encode(), b"signature"]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


class FakeContext:
    """A signing context whose signer does what `work` does."""

    def __init__(self, work):
        self.work = work

    @contextlib.contextmanager
    def signer(self, token):
        yield self

    def sign_dsse(self, statement):
        return self.work()


def signer(work, **options):
    options = {"token": token, "context": lambda: FakeContext(work), **options}
    return StatementSigner(**options)


def failing(error):
    def fail(*_):
        raise error

    return fail


@pytest.mark.parametrize(
    ("find", "text"),
    [
        (lambda: None, "This environment has no identity with which to sign."),
        (failing(RuntimeError("no\n answer\x1b[2J.")), "used to sign: no answer"),
        (failing(RuntimeError), "used to sign: RuntimeError."),
        (lambda: "nonsense", "used to sign: Identity token is malformed"),
        (lambda: token(exp=1), "used to sign: Identity token is"),
        (lambda: token(aud="other"), "used to sign: Identity token is"),
    ],
)
def test_an_environment_without_an_identity_is_one_message(find, text):
    for call in (StatementSigner.require_identity, lambda each: each.sign(STATEMENT)):
        with pytest.raises(UsageError) as caught:
            call(signer(failing(AssertionError), token=find))
        assert text in caught.value.what
        assert "\x1b" not in str(caught.value)
        assert "`permissions: id-token: write`" in caught.value.remedy
        assert "eyJ" not in str(caught.value), "a token"


def test_the_package_is_required(monkeypatch):
    monkeypatch.setitem(sys.modules, "sigstore", None)
    with pytest.raises(MissingExtraError, match="cannot be made or verified"):
        signer(failing(AssertionError)).require_identity()


def with_cause():
    raise ValueError from ConnectionError(
        "403 Client Error: Forbidden for url: https://fulcio.test"
    )


@pytest.mark.parametrize(
    ("work", "text"),
    [
        (failing(OSError("Connection refused.")), "Sigstore did not sign: Connection refused."),
        (with_cause, "Sigstore did not sign: 403 Client Error: Forbidden"),
        (failing(KeyError()), "Sigstore did not sign: KeyError."),
    ],
)
def test_a_failure_of_sigstore_is_one_message(work, text):
    with pytest.raises(SignatureError) as caught:
        signer(work).sign(STATEMENT)
    assert caught.value.what.startswith(text)
    assert "status.sigstore.dev" in caught.value.remedy


def test_a_sigstore_that_never_answers_is_given_up():
    never = threading.Event()
    try:
        with pytest.raises(SignatureError, match="no answer for 0 s"):
            signer(never.wait, most_seconds=0.01).sign(STATEMENT)
    finally:
        never.set()


def test_the_instance_is_that_of_the_package():
    from sigstore.sign import SigningContext

    assert isinstance(packaged_context(), SigningContext)

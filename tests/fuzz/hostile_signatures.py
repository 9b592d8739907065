"""Sigstore bundles, GitHub's answers and manifests of Windows releases with anything in them."""

from __future__ import annotations

import functools
import hashlib
import json
from typing import TYPE_CHECKING, Any

import hostile_text

from jitbuild.sources import build_attestations, windows_release
from jitbuild.sources.build_attestations import STANDALONE_SIGNER
from jitbuild.system.signatures import Signer, verify_signature, verify_statement
from sigstore_instance import SigstoreInstance, provenance

if TYPE_CHECKING:
    from fuzzing import Case, Ending

_NAME = "Python-3.15.2.tar.xz"
_URL = "https://x.test/p.zip"
_CONTENT = json.dumps({"versions": [{"url": _URL, "hash": {"sha256": "ab" * 32}}]}).encode()
_SHA = hashlib.sha256(_CONTENT).hexdigest()
_SIGNER = Signer(identity="hugo@python.org", issuer="https://github.com/login/oauth")
_INSTANCE = SigstoreInstance()
_SIGNED = json.loads(_INSTANCE.sign(_CONTENT, _SIGNER.identity, _SIGNER.issuer))


def signature(case: Case) -> Ending:
    """A hostile bundle, or a signed text whose content is hostile."""
    kind = case.rng.randrange(4)
    if kind == 0:
        bundle = _changed(case, _SIGNED)
        return case.call(lambda: _verify(_NAME, _SHA, bundle, _SIGNER), repr(bundle))
    if kind == 1:
        statement = hostile_text.changed(case.rng, provenance((_NAME, _SHA)))
        return _answer(case, {"attestations": [{"bundle": _attested(statement), "bundle_url": ""}]})
    if kind == 2:
        answer = {"attestations": [{"bundle": _attested(provenance((_NAME, _SHA)))}]}
        return _answer(case, hostile_text.changed(case.rng, answer))
    manifest = _changed(case, json.loads(_CONTENT))
    bundle = _INSTANCE.sign(manifest, _SIGNER.identity, _SIGNER.issuer)
    read = functools.partial(windows_release.signed_sha256, verify=_verify)
    return case.call(lambda: read(_URL, manifest, bundle, _SIGNER), repr(manifest))


def _answer(case: Case, answer: Any) -> Ending:
    """Verify an archive by an `answer` of GitHub's API, which is also that for any other URL."""
    text = json.dumps(answer).encode("utf-8", "surrogatepass")
    check = functools.partial(build_attestations.verify_standalone, verify=_verify_statement)
    return case.call(lambda: check(_NAME, _SHA, get=lambda _: text), repr(text))


def _attested(statement: Any) -> Any:
    identity, issuer = STANDALONE_SIGNER.identity, STANDALONE_SIGNER.issuer
    repository = STANDALONE_SIGNER.repository
    return json.loads(_INSTANCE.attest(statement, identity, issuer, repository=repository))


def _changed(case: Case, plain: Any) -> bytes:
    changed = json.dumps(hostile_text.changed(case.rng, plain)).encode("utf-8", "surrogatepass")
    return hostile_text.damaged(case.rng, changed) if case.rng.random() < 0.3 else changed


_verify = functools.partial(verify_signature, verifier=_INSTANCE.verifier)
_verify_statement = functools.partial(verify_statement, verifier=_INSTANCE.verifier)

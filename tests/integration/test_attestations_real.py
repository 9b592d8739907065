"""Build attestations from a real server with the form of GitHub's API."""

from __future__ import annotations

import functools
import http.server
import json
import threading

import pytest
from serving import serving

from jitbuild.errors import DownloadError, SignatureError
from jitbuild.sources.build_attestations import STANDALONE_SIGNER, verify_standalone
from jitbuild.system.signatures import verify_statement
from sigstore_instance import SigstoreInstance, provenance

pytestmark = pytest.mark.integration

NAME = "cpython-3.15.2+20261101-x86_64-unknown-linux-gnu-install_only_stripped.tar.gz"
SHA = "12" * 32
PATH = f"/repos/astral-sh/python-build-standalone/attestations/sha256:{SHA}"


@pytest.fixture(scope="module")
def instance():
    return SigstoreInstance()


@pytest.fixture(scope="module")
def bundle(instance) -> bytes:
    signer = STANDALONE_SIGNER
    statement = provenance((NAME, SHA))
    return instance.attest(statement, signer.identity, signer.issuer, repository=signer.repository)


@pytest.fixture
def server():
    """A server, as its address and its answers: a status and a body for each path."""
    answers: dict[str, tuple[int, bytes]] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            status, body = answers.get(self.path, (404, b'{"message": "Not Found"}'))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    listening = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with serving(listening, threading.Event()):
        yield f"http://127.0.0.1:{listening.server_port}", answers


@pytest.fixture
def verify(instance, server):
    check = functools.partial(verify_statement, verifier=instance.verifier)
    return functools.partial(verify_standalone, NAME, SHA, verify=check, api=server[0])


def test_an_attestation_in_the_answer_is_verified(server, verify, bundle):
    server[1][PATH] = (200, json.dumps({"attestations": [{"bundle": json.loads(bundle)}]}).encode())
    verify()


def test_an_attestation_that_the_answer_links_to_is_verified(server, verify, bundle):
    api, answers = server
    attestation = {"bundle": None, "bundle_url": f"{api}/blob?sig=secret"}
    answers[PATH] = (200, json.dumps({"attestations": [attestation]}).encode())
    length = len(bundle)
    groups = bytes([length & 0x7F | 0x80, length >> 7 & 0x7F | 0x80, length >> 14])
    literal = b"\xf4" + (length - 1).to_bytes(2, "little") + bundle
    answers["/blob?sig=secret"] = (200, groups + literal)
    verify()
    answers["/blob?sig=secret"] = (403, b"")
    with pytest.raises(DownloadError) as denied:
        verify()
    assert "secret" not in str(denied.value)


def test_a_file_without_attestation_is_refused(verify):
    with pytest.raises(SignatureError, match="GitHub has no build attestation"):
        verify()


def test_a_refused_request_names_the_limit_of_the_api(server, verify):
    server[1][PATH] = (403, b'{"message": "API rate limit exceeded"}')
    with pytest.raises(DownloadError, match=r"HTTP 403 Forbidden.*\n.*60 requests an hour"):
        verify()


def test_an_answer_that_is_cut_off_is_refused(server, verify):
    server[1][PATH] = (200, b'{"attestations": [{"bundle": {"mediaType"')
    with pytest.raises(DownloadError, match="did not return build attestations"):
        verify()

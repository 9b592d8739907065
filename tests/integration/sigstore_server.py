"""A Sigstore instance of the tests' own, whose services the package sigstore uses over HTTP.

It is also the server from which a GitHub job gets a token of its identity.
"""

from __future__ import annotations

import base64
import contextlib
import http.server
import json
import shutil
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import sigstore
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from serving import serving

from sigstore_instance import SigstoreInstance, dsse_body

if TYPE_CHECKING:
    from collections.abc import Iterator

ISSUER = "https://token.actions.githubusercontent.com"
REPOSITORY = "octo/app"
WORKFLOW = f"{REPOSITORY}/.github/workflows/jit.yml@refs/heads/main"
IDENTITY = f"https://github.com/{WORKFLOW}"
REQUEST_TOKEN = "t0p-secret-request"


@dataclass
class SigstoreServer:
    """The instance, the address of its services, and what they were asked.

    `failing` maps the name of a service (token, fulcio, rekor) to the status of its answers; the
    status 0 stands for an answer that never comes.
    """

    instance: SigstoreInstance
    url: str
    closing: threading.Event
    failing: dict[str, int] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    claims: dict[str, Any] = field(default_factory=dict)

    @property
    def job(self) -> dict[str, str]:
        """The variables of a GitHub job that may get a token of its identity."""
        return {
            "GITHUB_ACTIONS": "true",
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{self.url}/token?job=1",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": REQUEST_TOKEN,
        }

    def package(self, folder: Path) -> dict[str, str]:
        """Copy the package sigstore into `folder`, with the addresses and keys of this instance.

        Returns the variables with which Python imports the copy.
        """
        source = Path(sigstore.__file__).parent
        copy = shutil.copytree(source, folder / "sigstore", dirs_exist_ok=True)
        store = copy / "_store" / quote("https://tuf-repo-cdn.sigstore.dev", safe="")
        (store / "trusted_root.json").write_text(json.dumps(self.instance.trusted_root()))
        service = {
            "url": self.url,
            "majorApiVersion": 1,
            "validFor": {"start": "2020-01-01T00:00:00Z"},
            "operator": "tests",
        }
        config = {
            "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
            "caUrls": [service],
            "oidcUrls": [],
            "rekorTlogUrls": [service],
            "tsaUrls": [],
            "rekorTlogConfig": {"selector": "ANY"},
            "tsaConfig": {"selector": "ANY"},
        }
        (store / "signing_config.v0.2.json").write_text(json.dumps(config))
        return {"PYTHONPATH": str(folder)}

    def token(self) -> dict[str, Any]:
        """Answer with a token: header, claims and a signature, which only a real Fulcio checks."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "sub": f"repo:{REPOSITORY}:ref:refs/heads/main",
            "aud": "sigstore",
            "iat": now,
            "nbf": now,
            "exp": now + 300,
            "repository": REPOSITORY,
            "job_workflow_ref": WORKFLOW,
            **self.claims,
        }
        parts = [json.dumps({"alg": "RS256"}).encode(), json.dumps(claims).encode(), b"signature"]
        token = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
        self.tokens.append(token)
        return {"value": token}

    def fulcio(self, request: dict[str, Any], token: str) -> dict[str, Any]:
        """Answer a request for a certificate, as Fulcio does: POST /api/v2/signingCert."""
        assert token in self.tokens
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        pem = base64.b64decode(request["certificateSigningRequest"])
        self.instance.now = datetime.now(UTC).replace(microsecond=0)
        certificate = self.instance.grant(
            x509.load_pem_x509_csr(pem).public_key(),
            f"https://github.com/{claims['job_workflow_ref']}",
            claims["iss"],
            f"https://github.com/{claims['repository']}",
        )
        chain = [
            each.public_bytes(Encoding.PEM).decode()
            for each in (certificate, self.instance.authority)
        ]
        return {"signedCertificateEmbeddedSct": {"chain": {"certificates": chain}}}

    def rekor(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer a new entry of the log, as Rekor does: POST /api/v1/log/entries."""
        proposed = request["spec"]["proposedContent"]
        entry = self.instance.log(dsse_body(proposed["envelope"], proposed["verifiers"][0]))
        proof = entry["inclusionProof"]
        return {
            "a" * 80: {
                "body": entry["canonicalizedBody"],
                "integratedTime": int(entry["integratedTime"]),
                "logID": base64.b64decode(entry["logId"]["keyId"]).hex(),
                "logIndex": 0,
                "verification": {
                    "inclusionProof": {
                        "logIndex": 0,
                        "rootHash": base64.b64decode(proof["rootHash"]).hex(),
                        "treeSize": 1,
                        "hashes": [],
                        "checkpoint": proof["checkpoint"]["envelope"],
                    },
                    "signedEntryTimestamp": entry["inclusionPromise"]["signedEntryTimestamp"],
                },
            }
        }


@contextlib.contextmanager
def running_sigstore() -> Iterator[SigstoreServer]:
    """Run the services of a new instance."""
    running: list[SigstoreServer] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.headers["Authorization"] == f"bearer {REQUEST_TOKEN}"
            assert self.path == "/token?job=1&audience=sigstore"
            self.answer("token", running[0].token)

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path == "/api/v2/signingCert":
                token = self.headers["Authorization"].removeprefix("Bearer ")
                self.answer("fulcio", lambda: running[0].fulcio(request, token))
            else:
                assert self.path == "/api/v1/log/entries", self.path
                self.answer("rekor", lambda: running[0].rekor(request), 201)

        def answer(self, service: str, content: Any, status: int = 200) -> None:
            server = running[0]
            server.asked.append(service)
            failure = server.failing.get(service)
            if failure == 0:
                server.closing.wait()
                return
            body = json.dumps({"code": failure, "message": "no"} if failure else content())
            self.send_response(failure or status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    listening = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    closing = threading.Event()
    url = f"http://127.0.0.1:{listening.server_port}"
    running.append(SigstoreServer(SigstoreInstance(), url, closing))
    with serving(listening, closing):
        yield running[0]

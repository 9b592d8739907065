"""A token service as large registries have one: all may read, and USER may write with PASSWORD.

Source: distribution project, docs/content/spec/auth (token.md, jwt.md).
"""

from __future__ import annotations

import base64
import contextlib
import http.server
import json
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from registry_server import BASIC
from serving import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SERVICE, ISSUER = "a registry", "a token service"


class TokenService(http.server.ThreadingHTTPServer):
    """Signs tokens with a key whose certificate is in the file `certificate`.

    `granted` lists what each token allows: "" for nothing, else pull or pull,push.
    """

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, ISSUER)])
        now = datetime.now(UTC)
        signed = (
            x509.CertificateBuilder(name, name, self.key.public_key(), 1)
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
            .sign(self.key, hashes.SHA256())
        )
        self.chain = [base64.b64encode(signed.public_bytes(serialization.Encoding.DER)).decode()]
        self.certificate = folder / "certificate.pem"
        self.certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        self.granted: list[str] = []

    @property
    def configuration(self) -> str:
        """What the configuration of a registry says of this service."""
        realm = f"http://127.0.0.1:{self.server_address[1]}/token"
        return (
            f"auth: {{token: {{realm: '{realm}', service: {SERVICE}, issuer: {ISSUER},"
            f" rootcertbundle: '{self.certificate}'}}}}\n"
        )

    def token(self, repository: str, actions: list[str]) -> str:
        """Return a token that allows `actions` with `repository` for a minute."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "sub": "",
            "aud": SERVICE,
            "exp": now + 60,
            "nbf": now - 10,
            "iat": now,
            "jti": str(time.monotonic_ns()),
            "access": [{"type": "repository", "name": repository, "actions": actions}],
        }
        parts = ({"typ": "JWT", "alg": "RS256", "x5c": self.chain}, claims)
        text = ".".join(_encoded(json.dumps(part).encode()) for part in parts)
        signature = self.key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{text}.{_encoded(signature)}"


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


class _Handler(http.server.BaseHTTPRequestHandler):
    server: TokenService

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        kind, repository, wanted = query["scope"][0].split(":")
        given = self.headers.get("Authorization")
        if (kind, query["service"]) != ("repository", [SERVICE]) or given not in {None, BASIC}:
            self.send_error(401)
            return
        actions = [each for each in wanted.split(",") if each == "pull" or given]
        self.server.granted.append(",".join(actions))
        body = json.dumps({"token": self.server.token(repository, actions)}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Print nothing."""


@contextlib.contextmanager
def running_token_service(folder: Path) -> Iterator[TokenService]:
    """Run a token service with its certificate in `folder`."""
    service = TokenService(folder)
    with serving(service, threading.Event()):
        yield service

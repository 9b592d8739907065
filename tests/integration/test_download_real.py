"""Downloads from a misbehaving server on this machine, and onto a disk that is full."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from processes import LONGEST, Started, wait_until
from serving import serving

from jitbuild.errors import DiskFullError, DownloadError, IntegrityError, TruncatedError
from jitbuild.system.http.client import NetworkEffects
from jitbuild.system.http.download import download

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.integration

DATA = os.urandom(3 << 20)
SHA = hashlib.sha256(DATA).hexdigest()
QUICK = NetworkEffects(sleep=lambda seconds: None)
FETCH = """
import os, sys
from pathlib import Path
from jitbuild.system.http.download import download
Path(sys.argv[4], str(os.getpid())).touch()
download(sys.argv[1], Path(sys.argv[2]), sha256=sys.argv[3])
"""


class Handler(BaseHTTPRequestHandler):
    """Behaves as the first part of the path says."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        manner = self.path.split("/")[1]
        self.server.seen.append((manner, self.headers.get("Range")))
        tries = sum(1 for seen, _ in self.server.seen if seen == manner)
        getattr(self, f"be_{manner}")(tries)

    def be_honest(self, tries: int) -> None:
        self.give(DATA)

    def be_breaking(self, tries: int) -> None:
        """Break off twice, and honour Range."""
        self.give(DATA, at_most=1 << 20)

    def be_breaking_always(self, tries: int) -> None:
        """Break off after the same bytes each time, and ignore Range."""
        self.give(DATA, at_most=1000, ranges=False)

    def be_stalling(self, tries: int) -> None:
        """Stall in the middle, once."""
        self.give(DATA, at_most=1 << 20 if tries == 1 else None, then=self.server.closing.wait)

    def be_lying(self, tries: int) -> None:
        """Announce more bytes than the file has."""
        self.give(DATA, announce=len(DATA) + 1000)

    def be_short_lying(self, tries: int) -> None:
        """Announce fewer bytes than the file has."""
        self.give(DATA, announce=len(DATA) - 1000, ranges=False)

    def be_other(self, tries: int) -> None:
        self.give(b"<html>Please log in</html>")

    def be_busy(self, tries: int) -> None:
        if tries > 2:
            self.give(DATA)
        else:
            self.send_response(503)
            self.send_header("Retry-After", "1")
            self.send_header("Content-Length", "0")
            self.end_headers()

    def be_late(self, tries: int) -> None:
        self.server.answering.wait()
        self.give(DATA)

    def be_gone(self, tries: int) -> None:
        self.send_error(404)

    def give(
        self,
        data: bytes,
        *,
        announce: int | None = None,
        at_most: int | None = None,
        ranges=True,
        then=None,
    ) -> None:
        match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "")) if ranges else None
        start = int(match[1]) if match else 0
        if match and start >= len(data):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(data)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if match else 200)
        if match:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str((announce or len(data)) - start))
        self.end_headers()
        self.wfile.write(data[start:][:at_most])
        self.wfile.flush()
        if then is not None:
            then()
        self.close_connection = True

    def log_message(self, *args: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[tuple[str, str | None]] = []
        self.closing = threading.Event()
        self.answering = threading.Event()

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that hang up: they are part of the tests."""

    def url(self, manner: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{manner}/Python.tgz"

    def ranges(self) -> list[str | None]:
        return [range_ for _, range_ in self.seen]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "*")
    server = Server()
    with serving(server, server.closing):
        yield server


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    """A folder in which each process of `start_fetch` that begins a download makes a file."""
    folder = tmp_path / "begun"
    folder.mkdir()
    return folder


def start_fetch(server: Server, manner: str, dest: Path, begun: Path) -> Started:
    words = [server.url(manner), str(dest), SHA, str(begun)]
    return Started([sys.executable, "-c", FETCH, *words])


@pytest.fixture
def dest(tmp_path: Path) -> Path:
    return tmp_path / "sources" / "Python.tgz"


def files(dest: Path) -> list[str]:
    return sorted(path.name for path in dest.parent.iterdir() if path.suffix != ".lock")


@pytest.mark.parametrize("manner", ["honest", "busy"])
def test_a_file_is_downloaded_whole(server, dest, manner):
    download(server.url(manner), dest, sha256=SHA, effects=QUICK)
    assert dest.read_bytes() == DATA
    assert files(dest) == [dest.name]


def test_a_connection_that_breaks_is_resumed(server, dest):
    download(server.url("breaking"), dest, sha256=SHA, effects=QUICK)
    assert dest.read_bytes() == DATA
    assert server.ranges() == [None, f"bytes={1 << 20}-", f"bytes={2 << 20}-"]


def test_a_connection_that_stalls_is_resumed(server, dest):
    impatient = replace(QUICK, timeout=3)
    download(server.url("stalling"), dest, sha256=SHA, effects=impatient)
    assert dest.read_bytes() == DATA
    assert server.ranges() == [None, f"bytes={1 << 20}-"]


def test_an_announced_length_that_is_too_long_is_corrected(server, dest):
    download(server.url("lying"), dest, sha256=SHA, effects=QUICK)
    assert dest.read_bytes() == DATA


def test_an_announced_length_that_is_too_short_is_refused(server, dest):
    with pytest.raises(IntegrityError):
        download(server.url("short_lying"), dest, sha256=SHA, effects=QUICK)
    assert files(dest) == []


def test_a_download_that_always_breaks_off_can_be_resumed_later(server, dest):
    with pytest.raises(TruncatedError):
        download(server.url("breaking_always"), dest, sha256=SHA, retries=2, effects=QUICK)
    assert len(server.seen) == 3
    assert files(dest) == [dest.name + ".part"]
    download(server.url("honest"), dest, sha256=SHA, effects=QUICK)
    assert server.ranges()[-1] == "bytes=1000-"
    assert dest.read_bytes() == DATA


def test_another_file_is_refused_without_a_retry(server, dest):
    with pytest.raises(IntegrityError):
        download(server.url("other"), dest, sha256=SHA, effects=QUICK)
    assert len(server.seen) == 1
    assert files(dest) == []


def test_a_missing_file_is_reported(server, dest):
    with pytest.raises(DownloadError, match="404"):
        download(server.url("gone"), dest, sha256=SHA, effects=QUICK)
    assert files(dest) == []


def test_a_closed_port_is_reported(server, dest):
    with Server() as closed:
        url = closed.url("honest")
    with pytest.raises(DownloadError, match=r"refused|reset"):
        download(url, dest, sha256=SHA, retries=1, effects=QUICK)


def test_two_processes_fetch_a_file_once(server, dest, begun):
    children = [start_fetch(server, "late", dest, begun) for _ in range(2)]
    wait_until(lambda: len([*begun.iterdir()]) == 2, "both begin")
    server.answering.set()
    assert [child.wait() for child in children] == [0, 0]
    assert len(server.seen) == 1
    assert dest.read_bytes() == DATA
    assert files(dest) == [dest.name]


def test_the_part_of_a_killed_process_is_resumed(server, dest, begun):
    part = dest.with_name(dest.name + ".part")
    child = start_fetch(server, "stalling", dest, begun)
    wait_until(lambda: part.exists() and part.stat().st_size > 1 << 19, "half of it has arrived")
    child.kill()
    child.wait()
    assert files(dest) == [part.name]
    download(server.url("honest"), dest, sha256=SHA, effects=QUICK)
    assert dest.read_bytes() == DATA
    assert server.ranges()[-1] is not None


# Runs in its own mount namespace, so that no mount is left behind.
ON_A_SMALL_DISK = """
import json, subprocess, sys
from pathlib import Path
from jitbuild.system.archives import archive
from jitbuild.system.http import download
from jitbuild.errors import JitbuildError

disk, url, sha256, tar = Path(sys.argv[1]), *sys.argv[2:]
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], check=True)
for work in (
    lambda: download.download(url, disk / "file", sha256=sha256),
    lambda: download.download(Path(tar).as_uri(), disk / "file", sha256=None),
    lambda: archive.unpack(Path(tar), disk / "tree"),
):
    try:
        work()
    except JitbuildError as error:
        left = sorted(path.name for path in disk.iterdir() if path.suffix != ".lock")
        print(json.dumps([type(error).__name__, error.exit_code, left]))
"""


def private_mounts() -> list[str]:
    """Return a command with which this user may mount a tmpfs; skip the test if there is none."""
    if sys.platform != "linux" or shutil.which("unshare") is None:
        pytest.skip("a small disk is made with Linux mount namespaces")
    for argv in (["unshare", "-m"], ["unshare", "-rm"]):
        if (
            subprocess.run(
                [*argv, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False
            ).returncode
            == 0
        ):
            return argv
    pytest.skip("neither root nor user namespaces may mount a tmpfs here")


def test_a_full_disk_is_reported_and_leaves_nothing(server, tmp_path):
    small, tar = tmp_path / "small", tmp_path / "a.tar"
    small.mkdir()
    (tmp_path / "data").write_bytes(DATA)
    with tarfile.open(tar, "w") as file:
        file.add(tmp_path / "data", "top/data")
    argv = [
        *private_mounts(),
        sys.executable,
        "-c",
        ON_A_SMALL_DISK,
        str(small),
        server.url("honest"),
        SHA,
        str(tar),
    ]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=LONGEST, check=True)
    full = [DiskFullError.__name__, DiskFullError.exit_code, []]
    assert [json.loads(line) for line in done.stdout.splitlines()] == [full] * 3

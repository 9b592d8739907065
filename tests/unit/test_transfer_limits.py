"""The bounds of downloads: size, disk, time, and attempts without real progress."""

from __future__ import annotations

import dataclasses
import hashlib
import threading
from pathlib import Path

import httpx
import pytest
from reporters import RecordingReporter

from jitbuild.errors import DiskFullError, DownloadError, IntegrityError, TruncatedError
from jitbuild.system.files import copy_verified
from jitbuild.system.http import download
from jitbuild.system.http.client import NetworkEffects
from jitbuild.system.http.transfer_limits import MOST_BYTES, announced_size

DATA = bytes(range(256)) * 40
SHA = hashlib.sha256(DATA).hexdigest()
URL = "https://host.test/Python-3.15.0.tgz"


class Body(httpx.SyncByteStream):
    """Sends `chunks`, counts those that were read, and then breaks off if `breaks` is True."""

    def __init__(self, chunks, *, breaks=False):
        self.chunks, self.breaks, self.read = chunks, breaks, 0

    def __iter__(self):
        for chunk in self.chunks:
            self.read += len(chunk)
            yield chunk
        if self.breaks:
            raise httpx.ReadError("connection lost")


def get(dest, answer, **options):
    """Download from a server that answers every request with `answer(request)`."""
    effects = {
        name: options.pop(name)
        for name in ("most_bytes", "free_space", "window", "tick", "monotonic", "least_speed")
        if name in options
    }
    network = NetworkEffects(
        transport=httpx.MockTransport(answer), sleep=lambda seconds: None, **effects
    )
    return download.download(URL, dest, sha256=SHA, effects=network, **options)


def endless():
    while True:
        yield b"x" * 1000


@pytest.fixture
def dest(tmp_path):
    return tmp_path / "sources" / "Python-3.15.0.tgz"


def left(dest):
    return [path.name for path in dest.parent.iterdir() if path.suffix != ".lock"]


@pytest.mark.parametrize("announced", [10**12, "9" * 5000])
def test_an_announced_size_above_the_bound_is_refused_before_a_byte_is_read(dest, announced):
    body = Body([DATA])
    headers = {"Content-Length": str(announced)}
    with pytest.raises(DownloadError, match=r"larger than 1\.1 GB"):
        get(dest, lambda request: httpx.Response(200, headers=headers, stream=body))
    assert (body.read, left(dest)) == (0, [])


@pytest.mark.parametrize("announced", [10**12, len(DATA) + 1, len(DATA) - 1, 26])
def test_an_announced_size_other_than_the_stated_one_is_refused_before_a_byte(dest, announced):
    body = Body([DATA])
    headers = {"Content-Length": str(announced)}
    with pytest.raises(IntegrityError, match=f"expected {len(DATA)} bytes, got {announced}"):
        get(
            dest,
            lambda request: httpx.Response(200, headers=headers, stream=body),
            size=len(DATA),
        )
    assert (body.read, left(dest)) == (0, [])


def test_an_endless_body_ends_at_the_stated_size(dest):
    body = Body(endless())
    with pytest.raises(IntegrityError, match=r"expected 10240 bytes, got 11000 or more"):
        get(dest, lambda request: httpx.Response(200, stream=body), size=len(DATA))
    assert (body.read, left(dest)) == (11_000, [])


def test_an_endless_body_of_unknown_size_ends_at_the_maximum(dest):
    body = Body(endless())
    with pytest.raises(DownloadError, match=r"larger than 50\.0 kB"):
        get(dest, lambda request: httpx.Response(200, stream=body), most_bytes=50_000)
    assert (body.read, left(dest)) == (51_000, [])


def test_a_short_file_is_refused_by_its_size_before_its_hash(dest):
    with pytest.raises(IntegrityError, match="expected 10240 bytes, got 3"):
        get(dest, lambda request: httpx.Response(200, stream=Body([b"abc"])), size=len(DATA))
    assert left(dest) == []


def test_a_file_of_the_stated_size_is_downloaded(dest):
    headers = {"Content-Length": str(len(DATA))}

    def answer(request):
        return httpx.Response(200, headers=headers, stream=Body([DATA]))

    assert get(dest, answer, size=len(DATA)).read_bytes() == DATA


@pytest.mark.parametrize("stated", [0, len(DATA)])
def test_an_archive_needs_room_for_its_content_before_a_byte_is_read(dest, stated):
    def answer(request):
        headers = {"Content-Length": str(len(DATA))}
        return httpx.Response(200, headers=headers, stream=Body([DATA]))

    needed = 3 * len(DATA)
    with pytest.raises(DiskFullError, match=r"30\.7 kB are needed, and 30\.7 kB are free"):
        get(dest, answer, size=stated, room=3, free_space=lambda folder: needed - 1)
    assert left(dest) == []
    assert get(dest, answer, size=stated, room=3, free_space=lambda folder: needed) == dest


@pytest.mark.parametrize("stated", [0, len(DATA)])
def test_a_disk_with_too_little_space_is_full_before_a_byte_is_read(dest, stated):
    body = Body([DATA])
    headers = {"Content-Length": str(len(DATA))}
    with pytest.raises(DiskFullError, match="No space"):
        get(
            dest,
            lambda request: httpx.Response(200, headers=headers, stream=body),
            size=stated,
            free_space=lambda folder: len(DATA) - 1,
        )
    assert (body.read, left(dest)) == (0, [])


def test_bytes_that_are_there_need_no_space(dest):
    dest.parent.mkdir()
    dest.with_name(dest.name + ".part").write_bytes(DATA[:-10])
    span = {"Content-Range": f"bytes {len(DATA) - 10}-{len(DATA) - 1}/{len(DATA)}"}

    def answer(request):
        return httpx.Response(206, headers=span, stream=Body([DATA[-10:]]))

    assert get(dest, answer, free_space=lambda folder: 10).read_bytes() == DATA


@pytest.mark.parametrize("total", ["1000000000000", "9" * 5000])
def test_the_total_of_a_range_is_bounded_as_well(dest, total):
    dest.parent.mkdir()
    dest.with_name(dest.name + ".part").write_bytes(DATA[:10])
    span = {"Content-Range": f"bytes 10-99/{total}"}
    with pytest.raises(DownloadError, match="larger than"):
        get(dest, lambda request: httpx.Response(206, headers=span, stream=Body([DATA])))
    assert left(dest) == []


def drops(total, step, requests):
    """Answer with `step` more bytes of a file of `total` bytes each time, and break off."""

    def answer(request):
        requests.append(request)
        start = int(request.headers.get("Range", "bytes=0-")[6:-1])
        headers = {"Content-Range": f"bytes {start}-{total - 1}/{total}"} if start else {}
        headers["Content-Length"] = str(total - start)
        body = Body([b"x" * step], breaks=True)
        return httpx.Response(206 if start else 200, headers=headers, stream=body)

    return answer


def test_two_megabytes_per_attempt_of_a_large_file_are_no_progress(dest):
    requests: list[httpx.Request] = []
    with pytest.raises(TruncatedError):
        get(dest, drops(900_000_000, 2_000_000, requests))
    assert len(requests) == 5


def test_attempts_with_a_twentieth_of_the_file_are_progress_and_end(dest):
    requests: list[httpx.Request] = []
    with pytest.raises(IntegrityError):  # the file is complete in the end, and not the right one
        get(dest, drops(30_000_000, 2_000_000, requests))
    # Sixteen requests, and all of them once more because the file was put together.
    assert len(requests) == 32


def test_a_redirect_is_followed_without_reading_its_body(dest):
    body = Body(endless())

    def answer(request):
        if request.url.path == "/there":
            return httpx.Response(200, stream=Body([DATA]))
        return httpx.Response(302, headers={"Location": "/there"}, stream=body)

    assert get(dest, answer).read_bytes() == DATA
    assert body.read == 0


@pytest.mark.parametrize(
    ("location", "sent"),
    [
        ("https://other.test/x", False),
        ("http://host.test/x", False),
        ("https://host.test:444/x", False),
        ("//other.test/x", False),
        ("/x", True),
        ("https://host.test/x", True),
    ],
)
def test_a_redirect_carries_credentials_only_to_the_same_host(dest, location, sent):
    requests = []

    def answer(request):
        requests.append(request)
        if len(requests) == 1:
            return httpx.Response(302, headers={"Location": location})
        return httpx.Response(200, stream=Body([DATA]))

    effects = NetworkEffects(transport=httpx.MockTransport(answer))
    url = "https://bob:hunter2@host.test/Python.tgz?token=hunter3"
    download.download(url, dest, sha256=SHA, effects=effects)
    first, second = requests
    assert "Authorization" in first.headers
    assert ("Authorization" in second.headers) is sent
    assert "hunter3" not in f"{second.url}{second.headers.raw}"
    assert "Referer" not in second.headers


@dataclasses.dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_body_that_never_arrives_is_given_up_although_no_data_come(dest):
    """The clock says that a minute has passed while the transfer waits for the first byte."""
    clock, closed, waiting = Clock(), threading.Event(), threading.Event()

    class Silent(httpx.SyncByteStream):
        def __iter__(self):
            waiting.set()
            clock.now += 61
            assert closed.wait(60)
            raise httpx.ReadError("closed")
            yield b""

    class Transport(httpx.MockTransport):
        def close(self):
            closed.set()

    transport = Transport(lambda request: httpx.Response(200, stream=Silent()))
    effects = NetworkEffects(transport=transport, tick=0.01, monotonic=clock)
    reporter = RecordingReporter()
    with pytest.raises(TruncatedError, match="too slow: 0 B in 61 s"):
        download.download(URL, dest, sha256=SHA, effects=effects, reporter=reporter)


@pytest.mark.parametrize(
    ("text", "size"),
    [("12", 12), ("", None), ("*", None), ("-1", None), ("\u0661", None), ("9" * 30, 10**18)],
)
def test_sizes_in_headers(text, size):
    assert announced_size(text) == size


def test_a_copied_file_must_have_the_stated_size(tmp_path):
    source = tmp_path / "a"
    source.write_bytes(DATA)
    copy_verified(source, tmp_path / "b", sha256=SHA, size=len(DATA))
    with pytest.raises(IntegrityError, match="expected 7 bytes, got 10240"):
        copy_verified(source, tmp_path / "c", sha256=SHA, size=7)
    with pytest.raises(IntegrityError, match="expected 7 bytes, got 10240"):
        download.download(source.as_uri(), tmp_path / "d", sha256=SHA, size=7)
    assert not (tmp_path / "c").exists()


def test_the_maximum_is_documented():
    assert MOST_BYTES == 1 << 30
    readme = Path(__file__).parents[2] / "README.md"
    if readme.exists():
        assert "at most 1 GiB" in " ".join(readme.read_text(encoding="utf-8").split())

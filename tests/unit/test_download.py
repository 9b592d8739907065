"""Downloads, from a server that is a function."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import re
import threading
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from reporters import RecordingReporter

from jitbuild.errors import (
    DiskFullError,
    DownloadError,
    IntegrityError,
    JitbuildError,
    StoreError,
    TruncatedError,
)
from jitbuild.system import urls
from jitbuild.system.files import copy_verified
from jitbuild.system.http import download
from jitbuild.system.http.client import NetworkEffects, trust_context

DATA = bytes(range(256)) * 40
SHA = hashlib.sha256(DATA).hexdigest()
OTHER = b"<html>Please log in</html>"
URL = "https://host.test/3.15.0/Python-3.15.0.tgz"


class Breaks(httpx.SyncByteStream):
    """A response body that breaks off with an error after `data`."""

    def __init__(self, data: bytes, error: Exception | None = None) -> None:
        self._data = data
        self._error = error or httpx.RemoteProtocolError("peer closed connection")

    def __iter__(self):
        if self._data:
            yield self._data
        raise self._error


@dataclass
class Server:
    """Answers requests with `answers` in turn (the last one repeatedly), and records them."""

    answers: list
    requests: list[httpx.Request] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    progress_bytes: int = 1 << 20

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        answer = answer(request) if callable(answer) else answer
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def effects(self) -> NetworkEffects:
        return NetworkEffects(
            transport=httpx.MockTransport(self),
            sleep=self.slept.append,
            jitter=lambda: 1.0,
            clock=lambda: 1_000_000.0,
            progress_bytes=self.progress_bytes,
        )

    def ranges(self) -> list[str | None]:
        return [request.headers.get("Range") for request in self.requests]


def whole(data: bytes = DATA, **headers: str):
    answer = {"Content-Length": str(len(data)), **headers}
    return lambda request: httpx.Response(200, stream=httpx.ByteStream(data), headers=answer)


def broken(count: int, *, announced: int = len(DATA), **headers: str):
    """Return a 200 that announces `announced` bytes and breaks off after `count`."""
    answer = {"Content-Length": str(announced), **headers}
    return lambda request: httpx.Response(200, headers=answer, stream=Breaks(DATA[:count]))


def rest(data: bytes = DATA, **headers: str):
    """Return an answer that honours Range."""

    def answer(request: httpx.Request) -> httpx.Response:
        start = int(request.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        span = {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}
        return httpx.Response(
            206, stream=httpx.ByteStream(data[start:]), headers={**span, **headers}
        )

    return answer


def status(code: int, **headers: str):
    return lambda request: httpx.Response(
        code, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )


@pytest.fixture
def dest(tmp_path: Path) -> Path:
    return tmp_path / "sources" / "Python-3.15.0.tgz"


def part_of(dest: Path) -> Path:
    return dest.with_name(dest.name + ".part")


def leave_part(dest: Path, data: bytes) -> None:
    dest.parent.mkdir(parents=True)
    part_of(dest).write_bytes(data)


def names_beside(dest: Path) -> list[str]:
    return sorted(path.name for path in dest.parent.iterdir() if path.suffix != ".lock")


def get(server: Server, dest: Path, *, sha256: str | None = SHA, url: str = URL, **kwargs) -> Path:
    return download.download(url, dest, sha256=sha256, effects=server.effects, **kwargs)


def test_a_file_is_downloaded_to_its_name(dest):
    server, recorder = Server([whole()]), RecordingReporter()
    assert get(server, dest, reporter=recorder, title="Fetching CPython") == dest
    assert dest.read_bytes() == DATA
    assert names_beside(dest) == [dest.name]
    assert recorder.titles == ["Fetching CPython"]
    assert recorder.progress[-1] == (len(DATA), len(DATA))
    assert re.fullmatch(r"jitbuild/\d+\.\d+.*", server.requests[0].headers["User-Agent"])
    assert server.requests[0].headers["Accept-Encoding"] == "identity"


def test_an_existing_file_needs_no_network(dest):
    dest.parent.mkdir()
    dest.write_bytes(DATA)
    get(Server([httpx.ConnectError("no network")]), dest, sha256=SHA.upper())
    assert names_beside(dest) == [dest.name]


def test_a_damaged_file_in_the_cache_is_replaced(dest):
    dest.parent.mkdir()
    dest.write_bytes(OTHER)
    recorder = RecordingReporter()
    get(Server([whole()]), dest, reporter=recorder)
    assert dest.read_bytes() == DATA
    assert "fetching it again" in recorder.warnings[0]


def test_empty_files_and_files_of_unknown_size_are_downloaded(dest):
    empty = dest.with_name("empty")
    get(Server([whole(b"")]), empty, sha256=hashlib.sha256().hexdigest())
    assert empty.read_bytes() == b""
    get(Server([lambda request: httpx.Response(200, content=iter([DATA[:9], DATA[9:]]))]), dest)
    assert dest.read_bytes() == DATA


def test_a_body_labelled_as_encoded_is_not_decoded(dest):
    import gzip

    data = gzip.compress(DATA)
    server = Server(
        [
            lambda request: httpx.Response(
                200, headers={"Content-Encoding": "gzip"}, stream=httpx.ByteStream(data)
            )
        ]
    )
    get(server, dest, sha256=hashlib.sha256(data).hexdigest())
    assert dest.read_bytes() == data


def test_an_interrupted_response_is_resumed_where_it_ended(dest):
    server = Server([broken(1000, ETag='"a"'), rest(ETag='"a"')])
    get(server, dest)
    assert dest.read_bytes() == DATA
    assert server.ranges() == [None, "bytes=1000-"]
    assert server.requests[1].headers["If-Range"] == '"a"'


@pytest.mark.parametrize(
    ("headers", "validator"),
    [
        (
            {"ETag": 'W/"a"', "Last-Modified": "Wed, 07 Oct 2026 07:28:00 GMT"},
            "Wed, 07 Oct 2026 07:28:00 GMT",
        ),
        ({"ETag": 'W/"a"'}, None),
        ({}, None),
    ],
)
def test_only_a_strong_validator_is_sent(dest, headers, validator):
    server = Server([broken(1000, **headers), rest()])
    get(server, dest)
    assert server.requests[1].headers.get("If-Range") == validator


def test_a_short_body_without_an_error_is_resumed(dest):
    server = Server(
        [
            lambda request: httpx.Response(
                200, headers={"Content-Length": "10240"}, content=iter([b"x"])
            ),
            whole(),
        ]
    )
    get(server, dest)
    assert dest.read_bytes() == DATA
    assert len(server.requests) == 2


def test_a_body_longer_than_announced_is_discarded(dest):
    server = Server(
        [
            lambda request: httpx.Response(
                200, headers={"Content-Length": "3"}, content=iter([DATA])
            ),
            whole(),
        ]
    )
    get(server, dest)
    assert server.ranges() == [None, None]


def test_the_part_of_an_earlier_call_is_resumed(dest):
    leave_part(dest, DATA[:5000])
    server, recorder = Server([rest()]), RecordingReporter()
    get(server, dest, reporter=recorder)
    assert dest.read_bytes() == DATA
    assert server.ranges() == ["bytes=5000-"]
    assert recorder.progress[-1] == (len(DATA), len(DATA))
    assert names_beside(dest) == [dest.name]


def test_without_a_hash_the_part_of_an_earlier_call_is_not_used(dest):
    leave_part(dest, OTHER)
    server = Server([broken(100), whole()])
    get(server, dest, sha256=None)
    assert dest.read_bytes() == DATA
    assert server.ranges() == [None, None]


def test_without_a_hash_a_validator_allows_resuming(dest):
    server = Server([broken(100, ETag='"a"'), rest()])
    get(server, dest, sha256=None)
    assert server.ranges() == [None, "bytes=100-"]


def test_a_server_that_ignores_range_sends_the_file_again(dest):
    leave_part(dest, b"x" * 5000)
    server = Server([whole()])
    get(server, dest)
    assert dest.read_bytes() == DATA
    assert server.ranges() == ["bytes=5000-"]


@pytest.mark.parametrize("span", ["bytes 0-10239/10240", "bytes 4999-10239/10240", "rubbish", ""])
def test_a_wrong_content_range_is_refused(dest, span):
    leave_part(dest, DATA[:5000])
    server = Server(
        [
            lambda request: httpx.Response(
                206, stream=httpx.ByteStream(DATA), headers={"Content-Range": span}
            ),
            whole(),
        ]
    )
    get(server, dest)
    assert dest.read_bytes() == DATA
    assert server.ranges() == ["bytes=5000-", None]


def test_a_content_range_of_unknown_size_is_accepted(dest):
    leave_part(dest, DATA[:5000])
    span = {"Content-Range": "bytes 5000-10239/*"}
    get(
        Server(
            [
                lambda request: httpx.Response(
                    206, stream=httpx.ByteStream(DATA[5000:]), headers=span
                )
            ]
        ),
        dest,
    )
    assert dest.read_bytes() == DATA


def test_a_part_that_is_already_whole_is_used(dest):
    leave_part(dest, DATA)
    get(Server([status(416, Content_Range=f"bytes */{len(DATA)}")]), dest)
    assert dest.read_bytes() == DATA


def test_a_part_longer_than_the_file_is_discarded(dest):
    leave_part(dest, DATA + b"x")
    server = Server([status(416, Content_Range=f"bytes */{len(DATA)}"), whole()])
    get(server, dest)
    assert dest.read_bytes() == DATA
    assert server.ranges() == ["bytes=10241-", None]


def test_a_part_of_another_file_is_discarded_and_the_file_downloaded_again(dest):
    leave_part(dest, b"x" * 5000)
    server = Server([rest(), whole()])
    get(server, dest)
    assert dest.read_bytes() == DATA
    assert server.ranges() == ["bytes=5000-", None]


def test_a_wrong_hash_ends_the_download_and_leaves_nothing(dest):
    server = Server([whole(OTHER)])
    with pytest.raises(IntegrityError) as caught:
        get(server, dest)
    assert URL in caught.value.what
    assert SHA in caught.value.what
    assert hashlib.sha256(OTHER).hexdigest() in caught.value.what
    assert "--mirror" in caught.value.remedy
    assert len(server.requests) == 1
    assert names_beside(dest) == []


def test_a_wrong_hash_of_a_stitched_file_is_retried_once(dest):
    leave_part(dest, OTHER[:5])
    server = Server([rest(OTHER), whole(OTHER)])
    with pytest.raises(IntegrityError):
        get(server, dest)
    assert len(server.requests) == 2
    assert names_beside(dest) == []


def test_temporary_errors_are_retried_with_growing_waits(dest):
    server = Server(
        [
            status(503),
            status(500),
            httpx.ConnectError("refused"),
            httpx.ReadTimeout("slow"),
            whole(),
        ]
    )
    recorder = RecordingReporter()
    get(server, dest, reporter=recorder)
    assert server.slept == [0.5, 1, 2, 4]
    assert (
        recorder.details[0]
        == "the server answered HTTP 503 Service Unavailable; trying again in 1 s"
    )


def test_half_of_the_wait_is_jitter(dest):
    server = Server([status(503), whole()])
    effects = NetworkEffects(
        transport=httpx.MockTransport(server), sleep=server.slept.append, jitter=lambda: 0.0
    )
    download.download(URL, dest, sha256=SHA, effects=effects)
    assert server.slept == [0.25]


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("7", 7),
        ("99999", 60),
        ("Mon, 12 Jan 1970 13:46:50 GMT", 10),  # 1,000,010 s after the epoch
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.5),
        ("soon", 0.5),
        ("0", 0.5),
    ],
)
def test_retry_after_is_honoured_within_bounds(dest, value, wait):
    server = Server([status(429, Retry_After=value), whole()])
    get(server, dest)
    assert server.slept == [wait]


def test_a_download_that_keeps_ending_early_is_reported_and_leaves_its_part(dest):
    server = Server([broken(1000, announced=99)])
    with pytest.raises(
        TruncatedError, match=r"ending early, most recently after 1\.0 kB"
    ) as caught:
        get(server, dest, retries=2)
    assert "resume the download" in caught.value.remedy
    assert len(server.requests) == 3
    assert len(server.slept) == 2
    assert names_beside(dest) == [part_of(dest).name]
    get(Server([rest()]), dest)
    assert dest.read_bytes() == DATA


def test_attempts_that_make_progress_are_not_counted(dest):

    def a_bit_more(request: httpx.Request) -> httpx.Response:
        start = int(
            request.headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-")
        )
        span = {"Content-Range": f"bytes {start}-{len(DATA) - 1}/{len(DATA)}"}
        return httpx.Response(
            206 if start else 200, headers=span, stream=Breaks(DATA[start : start + 1000])
        )

    server = Server([a_bit_more] * 10 + [rest()], progress_bytes=1000)
    get(server, dest, retries=1)
    assert dest.read_bytes() == DATA
    assert server.slept == [0.5] * 10


def test_starting_again_from_the_beginning_is_no_progress(dest):
    server = Server([broken(5000)], progress_bytes=1000)
    with pytest.raises(TruncatedError):
        get(server, dest, retries=3)
    assert len(server.requests) == 4


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (httpx.ConnectError("[Errno -2] Name or service not known"), "Name or service not known"),
        (httpx.ConnectTimeout(""), "ConnectTimeout"),
        (status(502), "the server answered HTTP 502 Bad Gateway"),
    ],
)
def test_a_server_that_cannot_be_reached_is_reported_after_all_attempts(dest, answer, says):
    server = Server([answer])
    with pytest.raises(DownloadError, match=re.escape(says)) as caught:
        get(server, dest, retries=2)
    assert type(caught.value) is DownloadError
    assert "HTTPS_PROXY" in caught.value.remedy
    assert len(server.requests) == 3
    assert names_beside(dest) == []


def test_an_unreachable_server_is_not_a_truncated_download_despite_an_old_part(dest):
    leave_part(dest, DATA[:5])
    with pytest.raises(DownloadError) as caught:
        get(Server([httpx.ConnectError("refused")]), dest, retries=0)
    assert type(caught.value) is DownloadError
    assert names_beside(dest) == [part_of(dest).name]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (status(404), "was not found (HTTP 404 Not Found)"),
        (status(410), "was not found"),
        (status(401), "was denied"),
        (status(407), "was denied"),
        (status(400), "could not be downloaded: the server answered HTTP 400"),
        (status(204), "could not be downloaded: the server answered HTTP 204"),
        (httpx.UnsupportedProtocol("unsupported protocol 'ftp://'"), "not http or https"),
        (status(302, Location=URL), "too many redirects"),
        (
            httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed"),
            "is not trusted on this machine",
        ),
    ],
)
def test_permanent_errors_are_not_retried(dest, answer, says):
    server = Server([answer])
    with pytest.raises(DownloadError, match=re.escape(says)):
        get(server, dest)
    assert server.slept == []
    assert names_beside(dest) == []


def test_redirects_are_followed(dest):
    server = Server([status(302, Location="https://cdn.test/x"), whole()])
    get(server, dest)
    assert server.requests[1].url == "https://cdn.test/x"


@pytest.mark.parametrize("url", ["ftp://host.test/x", "C:\\x", "nothing", "http://[bad/x"])
def test_a_text_that_is_no_url_is_refused(dest, url):
    with pytest.raises(DownloadError, match="is not a URL that can be downloaded"):
        get(Server([whole()]), dest, url=url)


@pytest.mark.parametrize("url", ["http://host.test:port/x", "https://user:secret@host.test:port/x"])
def test_a_url_that_httpx_refuses_is_reported(dest, url):
    with pytest.raises(DownloadError, match="it is not a valid URL") as caught:
        get(Server([whole()]), dest, url=url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "answers", [[status(404)], [status(503)], [broken(5)], [whole(OTHER)], [status(400)]]
)
def test_credentials_are_not_printed(dest, answers):
    server, recorder = Server(answers), RecordingReporter()
    with pytest.raises(JitbuildError) as caught:
        get(server, dest, url="https://user:secret@host.test/x?token=secret", reporter=recorder)
    assert "secret" not in "".join(
        [str(caught.value), *recorder.details, *recorder.messages, *recorder.titles]
    )
    assert "https://***@host.test/x?***" in str(caught.value)
    assert server.requests[0].headers["Authorization"].startswith("Basic ")


@pytest.mark.parametrize(
    ("user", "sent"), [("", None), ("me:own@", "Basic bWU6b3du")], ids=["none", "own"]
)
def test_only_the_credentials_in_a_url_are_sent(dest, monkeypatch, tmp_path, user, sent):
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine host.test login ann password other\ndefault login a password b\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(netrc))
    server = Server([whole()])
    get(server, dest, url=f"https://{user}host.test/x")
    assert server.requests[0].headers.get("Authorization") == sent


@pytest.mark.parametrize(
    ("url", "printed"),
    [
        (URL, URL),
        ("https://a:b@h/x@1/y", "https://***@h/x@1/y"),
        ("https://a:b@c@h/x", "https://***@h/x"),
        ("https://a:b#c@h/x", "https://***@h/x"),
        ("https://h/x?sig=1", "https://h/x?***"),
    ],
)
def test_a_url_is_redacted(url, printed):
    assert str(urls.Address(url)) == printed


def test_the_part_is_removed_when_the_disk_is_full(dest):
    full = OSError(errno.ENOSPC, "No space left on device")
    server = Server([lambda request: httpx.Response(200, stream=Breaks(DATA[:100], full))])
    with pytest.raises(DiskFullError, match="No space is left") as caught:
        get(server, dest)
    assert "JITBUILD_HOME" in caught.value.remedy
    assert names_beside(dest) == []
    assert server.slept == []


def test_a_folder_that_cannot_be_created_is_reported(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be read or written") as caught:
        get(Server([whole()]), tmp_path / "file" / "dest")
    assert type(caught.value) is StoreError


def test_an_interrupted_download_is_resumed_later(dest):
    stop = Server(
        [lambda request: httpx.Response(200, stream=Breaks(DATA[:4096], KeyboardInterrupt()))]
    )
    with pytest.raises(KeyboardInterrupt):
        get(stop, dest)
    assert names_beside(dest) == [part_of(dest).name]
    server = Server([rest()])
    get(server, dest)
    assert server.ranges() == ["bytes=4096-"]


def test_a_file_url_is_copied_and_verified(tmp_path, dest):
    source = tmp_path / "a folder #1" / "Python 3.15.tgz"
    source.parent.mkdir()
    source.write_bytes(DATA)
    recorder = RecordingReporter()
    assert download.download(source.as_uri(), dest, sha256=SHA, reporter=recorder) == dest
    assert dest.read_bytes() == DATA
    assert recorder.progress[-1] == (len(DATA), len(DATA))
    assert names_beside(dest) == [dest.name]
    other = dest.with_name("other")
    with pytest.raises(IntegrityError, match=re.escape(str(source))):
        download.download(source.as_uri(), other, sha256="0" * 64)
    assert names_beside(dest) == [dest.name]
    assert copy_verified(source, other, sha256=None).read_bytes() == DATA


def test_a_file_url_without_a_file_is_reported(tmp_path, dest):
    with pytest.raises(DownloadError, match="No such file"):
        download.download((tmp_path / "gone").as_uri(), dest, sha256=SHA)
    with pytest.raises(DownloadError, match="is not a file"):
        download.download(tmp_path.as_uri(), dest, sha256=SHA)
    assert names_beside(dest) == []


@pytest.mark.parametrize(
    ("url", "windows", "path"),
    [
        ("file:///srv/a%20b/%C3%A9.tgz", False, "/srv/a b/é.tgz"),
        ("file://localhost/srv/a", False, "/srv/a"),
        ("file:///C:/a%20b/c.tgz", True, r"C:\a b\c.tgz"),
        ("file://C:/a/c.tgz", True, r"C:\a\c.tgz"),
        ("file:C:/a", True, r"C:\a"),
        ("file://localhost/d:/a", True, r"d:\a"),
        ("file://server/share/a", True, r"\\server\share\a"),
        ("file:////server/share/a", True, r"\\server\share\a"),
    ],
)
def test_a_file_url_becomes_a_path(url, windows, path):
    assert urls.path_of_file_url(url, windows=windows) == path


def test_a_file_url_on_another_machine_is_refused(dest):
    with pytest.raises(DownloadError, match="on another machine"):
        urls.path_of_file_url("file://server/share/a", windows=False)


def test_an_invalid_file_url_is_refused():
    with pytest.raises(DownloadError, match="not a valid URL"):
        urls.path_of_file_url("file://[")


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_a_named_ca_file_is_the_only_one_trusted(tmp_path, variable):
    import certifi

    bundle = Path(certifi.where()).read_text(encoding="utf-8")
    one = re.search(
        r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", bundle, re.DOTALL
    )[0]
    (tmp_path / "ca.pem").write_text(one, encoding="ascii")
    assert len(trust_context({variable: str(tmp_path / "ca.pem")}).get_ca_certs()) == 1
    assert len(trust_context({}).get_ca_certs()) > 50


def test_a_named_ca_folder_is_read(tmp_path):
    assert trust_context({"SSL_CERT_DIR": str(tmp_path)}).get_ca_certs() == []


def test_a_ca_file_that_cannot_be_read_is_named(tmp_path, dest):
    (tmp_path / "empty.pem").touch()
    for path in (tmp_path / "gone.pem", tmp_path / "empty.pem"):
        effects = NetworkEffects(environ={"REQUESTS_CA_BUNDLE": str(path)})
        with pytest.raises(DownloadError, match=f"REQUESTS_CA_BUNDLE names {path}"):
            download.download(URL, dest, sha256=SHA, effects=effects)


def test_a_proxy_that_cannot_be_used_is_named_without_its_password(dest, monkeypatch):
    for proxy in ("socks5://user:secret@proxy.test:1080", "rubbish://user:secret@proxy.test"):
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        with pytest.raises(DownloadError, match="HTTPS_PROXY") as caught:
            download.download(URL, dest, sha256=SHA)
        assert "secret" not in str(caught.value)


class Drip(httpx.SyncByteStream):
    """A response body that sends `data` in chunks of `size` bytes, and sets a clock forward."""

    def __init__(self, clock: Clock, data: bytes, *, size: int, seconds: float) -> None:
        self._clock = clock
        self._data = data
        self._size = size
        self._seconds = seconds

    def __iter__(self):
        for start in range(0, len(self._data), self._size):
            self._clock.now += self._seconds
            yield self._data[start : start + self._size]


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def drip(dest, *, size, seconds, **effects):
    """Download DATA from a server that needs `seconds` for `size` bytes."""
    clock = Clock()

    def answer(request):
        stream = Drip(clock, DATA, size=size, seconds=seconds)
        return httpx.Response(200, stream=stream, headers={"Content-Length": str(len(DATA))})

    server = Server([answer])
    network = dataclasses.replace(server.effects, monotonic=clock, **effects)
    try:
        return download.download(URL, dest, sha256=SHA, effects=network)
    finally:
        assert len(server.requests) == 1
        assert server.slept == []


def test_a_server_that_drips_is_given_up_after_a_minute_without_another_attempt(dest):
    with pytest.raises(TruncatedError) as caught:
        drip(dest, size=1, seconds=1)
    assert f"The transfer of {URL} was given up, because it was too slow: 60 B in 60 s." in str(
        caught.value
    )
    assert "min-speed" in caught.value.remedy
    assert dest.with_name(f"{dest.name}.part").stat().st_size == 60  # to be resumed


def test_a_slow_line_is_accepted_at_the_least_speed_that_was_set(dest):
    drip(dest, size=100, seconds=1, least_speed=100)
    assert dest.read_bytes() == DATA


def test_a_least_speed_of_0_accepts_every_speed(dest):
    drip(dest, size=1, seconds=60, least_speed=0)
    assert dest.read_bytes() == DATA


def test_a_line_that_is_fast_enough_on_average_may_pause(dest):
    drip(dest, size=4000, seconds=59, least_speed=50)
    assert dest.read_bytes() == DATA


def test_headers_that_never_end_close_the_client(dest):
    closed = threading.Event()

    class Headers(httpx.BaseTransport):
        def handle_request(self, request):
            assert closed.wait(30)
            raise httpx.ReadError("closed")

        def close(self):
            closed.set()

    effects = NetworkEffects(transport=Headers(), window=0.01)
    with pytest.raises(TruncatedError, match="too slow"):
        download.download(URL, dest, sha256=SHA, effects=effects)


def test_the_least_speed_of_the_settings_is_used():
    assert download.downloader(None) is download.download
    effects = download.downloader(5).keywords["effects"]
    assert (effects.least_speed, NetworkEffects().least_speed) == (5, 1000)
    assert [download.downloader(speed, room=3).keywords["room"] for speed in (None, 5)] == [3, 3]

"""The only module that opens the network: one function, that has a file from an address."""

from __future__ import annotations

import os
import random
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote_to_bytes, urlsplit

from jitbuild.errors import DownloadError, MissingError, TruncatedError
from jitbuild.system import cancellation, files
from jitbuild.system.checksums import checksum_error, remove_if_different
from jitbuild.system.formatting import format_size
from jitbuild.system.progress import SilentReporter

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

    import httpx

    from jitbuild.system.progress import Reporter, Stage

_HEADWAY = 1 << 20  # a try that brought this much was worth it, and does not count as a failed one
_FIRST_WAIT = 0.5
_LONGEST_WAIT = 60.0
_AGAIN = {408, 425, 429}  # 4xx that may pass with time (RFC 9110 15.5.9, RFC 8470 5.2, RFC 6585 4)
_CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "SSL_CERT_DIR")
_MIRROR = "name another place with --mirror"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wire:
    """What downloads go through: the real thing by default, fakes in tests. `timeout` is of one read or connect."""

    transport: httpx.BaseTransport | None = None
    timeout: float = 30.0
    sleep: Callable[[float], None] = cancellation.sleep
    clock: Callable[[], float] = time.time
    jitter: Callable[[], float] = random.random
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)


_WIRE = Wire()
_SILENT = SilentReporter()


def download(
    url: str,
    dest: Path,
    *,
    sha256: str | None,
    reporter: Reporter = _SILENT,
    title: str | None = None,
    retries: int = 4,
    wire: Wire = _WIRE,
) -> Path:
    """Have the file at `url` (http, https or file) as `dest`, and return `dest`.

    A `dest` that is there with the right hash is taken as it is, without the network; one with another hash is replaced.
    `sha256` None means that the caller verifies the file by other means. What an earlier try left in `<dest>.part` is
    resumed; a failed try is repeated up to `retries` times, and one that brought a good deal is not counted.

    Raises DownloadError (cannot be reached), MissingError (does not have it), TruncatedError (kept ending early; the part
    stays for the next call), IntegrityError (other bytes; nothing stays), DiskFullError (nothing stays) or StoreError.
    """
    scheme = _scheme(url)
    if scheme == "file":
        return files.copy_verified(
            Path(path_of_file_url(url)), dest, sha256=sha256, reporter=reporter, title=title
        )
    if scheme not in {"http", "https"}:
        raise DownloadError(
            f"{redacted(url)} is not an address.", remedy="Use an http, https or file URL."
        )

    def fetch(part: Path, stage: Stage) -> None:
        with _client(wire) as client:
            transfer = _Transfer(
                url=url, part=part, sha256=sha256, client=client, wire=wire, stage=stage
            )
            transfer.run(retries)

    return files.provide_file(dest, fetch, sha256=sha256, reporter=reporter, title=title)


def path_of_file_url(url: str, *, windows: bool = os.name == "nt") -> str:
    """The path that a file URL names (RFC 8089), as `windows` or POSIX spells it; DownloadError when it is on another host.

    Windows' drive letters (`file:///C:/a%20b`, and the common slip `file://C:/a`) and shares (`file://server/share/a`)
    are understood.
    """
    parts = urlsplit(url)
    path, host = os.fsdecode(unquote_to_bytes(parts.path)), parts.netloc
    if windows:
        if re.fullmatch("[A-Za-z]:", host):
            path, host = f"/{host}{path}", ""
        if host in {"", "localhost"}:
            return re.sub(r"^/+(?=[A-Za-z]:)", "", path).replace("/", "\\")
        return f"//{host}{path}".replace("/", "\\")
    if host not in {"", "localhost"}:
        raise DownloadError(
            f"{redacted(url)} names a file on another machine.",
            remedy="Write file:/// and an absolute path, or its http URL.",
        )
    return path


def redacted(url: str) -> str:
    """`url` as it may be printed: without the user, password and query, which may be secrets."""
    address, mark, _ = re.sub(r"(?<=//)[^/]*@", "***@", url).partition("?")
    return f"{address}?***" if mark else address


def _scheme(url: str) -> str:
    try:
        return urlsplit(url).scheme
    except ValueError:  # such as an open bracket in the host
        return ""


class _RetryError(Exception):
    """A try failed in a way that may pass. `broken`: the file had begun to come. `wait`: what the server asked for."""

    def __init__(self, reason: str, *, broken: bool = False, wait: float = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.broken = broken
        self.wait = wait


class _Body(NamedTuple):
    """Which bytes a response holds: from `start` on, of a file of `total` bytes (None: unknown)."""

    start: int
    total: int | None


@dataclass(kw_only=True, slots=True)
class _Transfer:
    """One file on its way, and what is known of it between the tries."""

    url: str
    part: Path
    sha256: str | None
    client: httpx.Client
    wire: Wire
    stage: Stage
    validator: str | None = None
    stitched: bool = False

    def run(self, retries: int) -> None:
        """Fill `part` and verify it.

        A part put together from several answers may be of two files (a mirror changed, or was changed for another), which
        says nothing about what the place serves now: such a one is fetched once more, whole, before it is judged.
        """
        self._complete(retries)
        got = remove_if_different(self.part, self.sha256)
        if got is not None and self.stitched:
            self._complete(retries)
            got = remove_if_different(self.part, self.sha256)
        if got is not None:
            raise checksum_error(redacted(self.url), self.sha256, got)

    def _complete(self, retries: int) -> None:
        failures, best = 0, self._resumable()
        while True:
            try:
                return self._once()
            except _RetryError as error:
                reached = self._size()
                failures = 1 if reached - best >= _HEADWAY else failures + 1
                best = max(best, reached)
                if failures > retries:
                    raise self._given_up(error) from error
                self._pause(error, failures)

    def _once(self) -> None:
        """One request: returns with `part` whole, or raises _RetryError or what ends the download."""
        import httpx

        have, begun = self._resumable(), False
        try:
            with self.client.stream("GET", self.url, headers=self._headers(have)) as response:
                body = self._accept(response, have)
                begun = True
                if body.start != body.total or not body.total:
                    self._receive(response, body)
        except httpx.UnsupportedProtocol as error:
            raise self._impossible("it leads to an address that is not http or https") from error
        except httpx.TransportError as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise self._distrusted() from error
            raise _RetryError(str(error) or type(error).__name__, broken=begun) from error
        except httpx.TooManyRedirects as error:
            raise self._impossible("it leads in a circle") from error
        except httpx.InvalidURL:
            # Its message may quote the password.
            raise self._impossible("it is not an address") from None

    def _size(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _resumable(self) -> int:
        """How many bytes of `part` can be gone on from.

        With neither pin nor validator nothing would tell that the halves are of one file, so that part is dropped.
        """
        if self.sha256 is None and self.validator is None:
            self.part.unlink(missing_ok=True)
        return self._size()

    def _headers(self, have: int) -> dict[str, str]:
        if not have:
            return {}
        condition = {"If-Range": self.validator} if self.validator else {}
        return {"Range": f"bytes={have}-", **condition}

    def _accept(self, response: httpx.Response, have: int) -> _Body:
        """Which bytes will come; _RetryError or DownloadError when none that are of use."""
        status = response.status_code
        if status == 200:
            length = response.headers.get("Content-Length", "")
            body = _Body(0, int(length) if length.isdecimal() else None)
        elif status == 206:
            body = self._continued(response, have)
        elif status == 416:
            return self._exhausted(response, have)
        else:
            raise self._failed(response)
        self.stitched = body.start > 0
        self.validator = _validator(response.headers)
        return body

    def _continued(self, response: httpx.Response, have: int) -> _Body:
        """A 206 is believed only when it says that it begins where the part ends (RFC 9110 14.4)."""
        match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        if match is None or int(match[1]) != have:
            self.part.unlink(missing_ok=True)
            raise _RetryError("the server sent another range than it was asked for")
        return _Body(have, None if match[2] == "*" else int(match[2]))

    def _exhausted(self, response: httpx.Response, have: int) -> _Body:
        """A 416 says that nothing follows the part: it is whole if its size is the file's, and of no use otherwise."""
        if have and response.headers.get("Content-Range") == f"bytes */{have}":
            self.stitched = True
            return _Body(have, have)
        self.part.unlink(missing_ok=True)
        raise _RetryError("the part that was there is not of this file")

    def _failed(self, response: httpx.Response) -> Exception:
        status = response.status_code
        reason = f"it answered {status} {response.reason_phrase}".rstrip()
        if status in _AGAIN or status >= 500:
            wait = _retry_after(response.headers.get("Retry-After", ""), self.wire.clock())
            return _RetryError(reason, wait=wait)
        if status in {404, 410}:
            return MissingError(
                f"{redacted(self.url)} is not there: {reason}.",
                remedy=f"Check the version and the address, or {_MIRROR}.",
            )
        if status in {401, 403, 407}:
            return DownloadError(
                f"{redacted(self.url)} is not given to you: {reason}.",
                remedy=f"Check the credentials and the proxy settings (HTTPS_PROXY, NO_PROXY), or {_MIRROR}.",
            )
        return self._impossible(reason)

    def _receive(self, response: httpx.Response, body: _Body) -> None:
        done = body.start
        with self.part.open("ab" if body.start else "wb") as file:
            # Raw: the hash is of the bytes on the server, and a .tar.gz is often labelled as a gzip-encoded .tar.
            for chunk in response.iter_raw():
                file.write(chunk)
                done += len(chunk)
                self.stage.advance(done, body.total)
        if body.total is None or done == body.total:
            return
        if done > body.total:
            self.part.unlink()
        raise _RetryError(
            f"{format_size(done)} came, where {format_size(body.total)} were announced", broken=True
        )

    def _pause(self, error: _RetryError, failures: int) -> None:
        # Half of the wait is random, so that the machines of one CI run do not come back all at once.
        backoff = _FIRST_WAIT * 2 ** (failures - 1) * (1 + self.wire.jitter()) / 2
        wait = min(max(backoff, error.wait), _LONGEST_WAIT)
        self.stage.detail(f"{error.reason}; trying again in {wait:.0f} s")
        self.wire.sleep(wait)

    def _given_up(self, error: _RetryError) -> DownloadError:
        if error.broken:
            return TruncatedError(
                f"{redacted(self.url)} kept ending early, last after {format_size(self._size())}: {error.reason}.",
                remedy=f"Run the same command again, it goes on from there. If it always ends there, {_MIRROR}.",
            )
        return DownloadError(
            f"{redacted(self.url)} cannot be had: {error.reason}.",
            remedy=f"Check the network and the proxy settings (HTTPS_PROXY, NO_PROXY), try later, or {_MIRROR}.",
        )

    def _impossible(self, reason: str) -> DownloadError:
        return DownloadError(
            f"{redacted(self.url)} cannot be had: {reason}.",
            remedy=f"Check the address, or {_MIRROR}.",
        )

    def _distrusted(self) -> DownloadError:
        return DownloadError(
            f"{redacted(self.url)} shows a certificate that is not trusted here.",
            remedy="Behind a proxy that opens TLS, name its CA file in SSL_CERT_FILE; else check this machine's clock.",
        )


def _validator(headers: httpx.Headers) -> str | None:
    """What tells this version of the file from another: a strong ETag, else its date (RFC 9110 13.1.5)."""
    tag: str | None = headers.get("ETag")
    date: str | None = headers.get("Last-Modified")
    return tag if tag and not tag.startswith("W/") else date


def _retry_after(value: str, now: float) -> float:
    """How many seconds `Retry-After` asks for, as a number or as a date (RFC 9110 10.2.3); 0 when it says nothing."""
    from email.utils import parsedate_to_datetime

    if value.isdecimal():
        return float(value)
    try:
        return max(parsedate_to_datetime(value).timestamp() - now, 0.0)
    except ValueError:
        return 0.0


def _client(wire: Wire) -> httpx.Client:
    """A client that honours the environment's proxies and CA files."""
    import httpx

    fake = wire.transport is not None
    try:
        return httpx.Client(
            transport=wire.transport,
            verify=True if fake else _trust(wire.environ),
            timeout=wire.timeout,
            follow_redirects=True,
            headers={"User-Agent": _user_agent(), "Accept-Encoding": "identity"},
        )
    except (ImportError, ValueError, httpx.InvalidURL):
        # Not the cause: its message may quote the proxy's password.
        raise DownloadError(
            "The proxy that HTTPS_PROXY, HTTP_PROXY or ALL_PROXY names cannot be used.",
            remedy="Write it as http://host:port, or unset the variable; for a socks5 proxy install httpx[socks].",
        ) from None


def _trust(environ: Mapping[str, str]) -> ssl.SSLContext:
    """Whom to trust: the CA file or folder that the environment names and nothing else, or the known ones.

    httpx reads SSL_CERT_FILE and SSL_CERT_DIR, but not REQUESTS_CA_BUNDLE, which is what companies set for pip, and
    without them trusts certifi alone; the system's own store, where Windows keeps a company's CA, is added to that.
    """
    import ssl

    import httpx

    name = next((name for name in _CA_VARIABLES if environ.get(name)), None)
    if name is None:
        context = httpx.create_ssl_context(trust_env=False)
        context.load_default_certs()
        return context
    place = Path(environ[name])
    try:
        if place.is_dir():
            return ssl.create_default_context(capath=place)
        return ssl.create_default_context(cafile=place)
    except OSError as error:  # ssl.SSLError is one
        raise DownloadError(
            f"{name} names {place}, which cannot be used: {error.strerror or error}.",
            remedy="Point it at a file of PEM certificates, or unset it.",
        ) from error


def _user_agent() -> str:
    from importlib.metadata import version

    return f"jitbuild/{version('jitbuild')}"

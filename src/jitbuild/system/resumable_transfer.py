"""Transfer one file over HTTP: send requests, resume, retry, and report the server's errors."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from jitbuild.system import transfer_errors as errors
from jitbuild.system.checksums import checksum_error, remove_if_different
from jitbuild.system.formatting import format_size
from jitbuild.system.transfer_errors import RetryError
from jitbuild.system.transfer_speed import SpeedCheck, TooSlowError, deadline

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx

    from jitbuild.system.http_client import NetworkEffects
    from jitbuild.system.progress import Stage
    from jitbuild.system.urls import Address

_FIRST_WAIT_SECONDS = 0.5
_MAX_WAIT_SECONDS = 60.0


class _Body(NamedTuple):
    """The part of the file that a response contains: all bytes from the offset `start` on.

    `total` is the size of the whole file in bytes, or None if the size is unknown.
    """

    start: int
    total: int | None


@dataclass(kw_only=True, slots=True)
class Transfer:
    """The transfer of `address` to the file `part`, and its state between attempts.

    An earlier transfer may have left the beginning of the file in `part`. `validator` is the
    identifier of the file's version that the server's last response contained. `stitched` is True
    if `part` was put together from several responses. `started` is True if the body of the last
    response began to arrive, and `expired` is True if its headers took too long.
    """

    address: Address
    part: Path
    sha256: str | None
    client: httpx.Client
    effects: NetworkEffects
    stage: Stage
    validator: str | None = None
    stitched: bool = False
    started: bool = False
    expired: bool = False

    def run(self, retries: int) -> None:
        """Download the file to `part`, and check that its SHA-256 is `sha256` (None: no check).

        A failed attempt is repeated up to `retries` times. If `part` was put together from several
        responses, it may be a mixture of two files, because the file or the mirror changed in
        between. If the hash of such a file is wrong, the whole file is fetched once more before an
        error is raised.

        Raises DownloadError if the file cannot be downloaded, MissingError if it does not exist,
        TruncatedError if the download kept ending early, and IntegrityError if the hash is wrong.
        """
        self._complete(retries)
        actual = remove_if_different(self.part, self.sha256)
        if actual is not None and self.stitched:
            self._complete(retries)
            actual = remove_if_different(self.part, self.sha256)
        if actual is not None:
            raise checksum_error(str(self.address), self.sha256, actual)

    def _complete(self, retries: int) -> None:
        failures, best = 0, self._resumable()
        while True:
            try:
                return self._attempt()
            except RetryError as error:
                size = self._size()
                progressed = size - best >= self.effects.progress_bytes
                failures = 1 if progressed else failures + 1
                best = max(best, size)
                if failures > retries:
                    raise errors.final_error(self.address, error, self._size()) from error
                self._pause(error, failures)

    def _attempt(self) -> None:
        """Make one request, which completes `part`.

        Raises RetryError if another attempt may succeed, and DownloadError if none can.
        """
        size = self._resumable()
        self.started, self.expired = False, False
        with self._translated_errors(), contextlib.ExitStack() as stack:
            with self._header_deadline():
                request = self.client.stream(
                    "GET", self.address.reveal(), headers=self._headers(size)
                )
                response = stack.enter_context(request)
            body = self._accept(response, size)
            self.started = True
            if body.start != body.total or not body.total:
                self._receive(response, body)

    @contextlib.contextmanager
    def _translated_errors(self) -> Iterator[None]:
        """Turn the errors of httpx into RetryError and DownloadError."""
        import httpx

        try:
            yield
        except TooSlowError as error:
            raise errors.too_slow(self.address, error) from error
        except httpx.UnsupportedProtocol as error:
            raise errors.failure(
                self.address, "it leads to a URL that is not http or https"
            ) from error
        except httpx.TransportError as error:
            raise self._broken(error) from error
        except httpx.TooManyRedirects as error:
            raise errors.failure(self.address, "there are too many redirects") from error
        except RuntimeError as error:
            # httpx raises it if `expire` closed the client before the request was sent.
            if not self.expired:
                raise
            raise self._too_slow() from error
        except httpx.InvalidURL:
            # The cause is suppressed, because its message may contain a password.
            raise errors.failure(self.address, "it is not a valid URL") from None

    def _broken(self, error: httpx.TransportError) -> Exception:
        """Return the error for a connection that failed or was closed."""
        if self.expired:
            return self._too_slow()
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return errors.untrusted(self.address)
        return RetryError(str(error) or type(error).__name__, interrupted=self.started)

    def _too_slow(self) -> Exception:
        return errors.too_slow(self.address, TooSlowError(0, self.effects.window))

    def _header_deadline(self) -> contextlib.AbstractContextManager[None]:
        """Return a context manager that limits the wait for the headers of a response.

        If they do not arrive in time, the client is closed, which ends the request with an error.
        """
        if not self.effects.least_speed:
            return contextlib.nullcontext()

        def expire() -> None:
            self.expired = True
            self.client.close()

        return deadline(self.effects.window, expire)

    def _size(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _resumable(self) -> int:
        """Return the size of `part`, from which the download can be resumed; 0 to start again.

        If neither a hash nor a validator is known, `part` is removed first: nothing could show that
        its bytes and the following ones belong to the same file.
        """
        if self.sha256 is None and self.validator is None:
            self.part.unlink(missing_ok=True)
        return self._size()

    def _headers(self, size: int) -> dict[str, str]:
        if not size:
            return {}
        condition = {"If-Range": self.validator} if self.validator else {}
        return {"Range": f"bytes={size}-", **condition}

    def _accept(self, response: httpx.Response, size: int) -> _Body:
        """Return the part of the file that the response contains.

        Raises RetryError or DownloadError if the response contains no usable part of the file.
        `size` is the size of `part`.
        """
        status = response.status_code
        if status == 200:
            length = response.headers.get("Content-Length", "")
            body = _Body(0, int(length) if length.isdecimal() else None)
        elif status == 206:
            body = self._continued(response, size)
        elif status == 416:
            return self._nothing_follows(response, size)
        else:
            wait = errors.retry_after(response.headers.get("Retry-After", ""), self.effects.clock())
            raise errors.refused(self.address, status, response.reason_phrase, wait)
        self.stitched = body.start > 0
        self.validator = _validator(response.headers)
        return body

    def _continued(self, response: httpx.Response, size: int) -> _Body:
        """Accept a response with status 206 if its range starts at `size` (RFC 9110 14.4).

        Otherwise, remove `part` and raise RetryError.
        """
        match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        if match is None or int(match[1]) != size:
            self.part.unlink(missing_ok=True)
            raise RetryError("the server sent a range that was not requested")
        return _Body(size, None if match[2] == "*" else int(match[2]))

    def _nothing_follows(self, response: httpx.Response, size: int) -> _Body:
        """Accept a response with status 416 if it states that the file has the size of `part`.

        Otherwise, remove `part` and raise RetryError. `size` is the size of `part`.
        """
        if size and response.headers.get("Content-Range") == f"bytes */{size}":
            self.stitched = True
            return _Body(size, size)
        self.part.unlink(missing_ok=True)
        raise RetryError("the partial file belongs to another file")

    def _receive(self, response: httpx.Response, body: _Body) -> None:
        done = body.start
        speed = SpeedCheck(
            least=self.effects.least_speed,
            window=self.effects.window,
            clock=self.effects.monotonic,
        )
        with self.part.open("ab" if body.start else "wb") as file:
            # Keep the bytes as they are on the server, because the pinned hash is of these bytes.
            # Servers often declare a .tar.gz as a gzip-encoded .tar, and httpx would decompress it.
            for chunk in response.iter_raw():
                file.write(chunk)
                done += len(chunk)
                self.stage.advance(done, body.total)
                speed.received(len(chunk))
        if body.total is None or done == body.total:
            return
        if done > body.total:
            self.part.unlink()
        sizes = f"{format_size(done)} of the announced {format_size(body.total)}"
        raise RetryError(f"the server sent {sizes}", interrupted=True)

    def _pause(self, error: RetryError, failures: int) -> None:
        # Up to half of the wait is random, so that the machines of a CI run do not all retry at the
        # same time.
        jitter = (1 + self.effects.jitter()) / 2
        backoff = _FIRST_WAIT_SECONDS * 2 ** (failures - 1) * jitter
        wait = min(max(backoff, error.wait), _MAX_WAIT_SECONDS)
        self.stage.detail(f"{error.reason}; trying again in {wait:.0f} s")
        self.effects.sleep(wait)


def _validator(headers: httpx.Headers) -> str | None:
    """Return the header that identifies the version of the file, or None (RFC 9110 13.1.5).

    This is the ETag if it is a strong one, else the date of the last modification.
    """
    tag: str | None = headers.get("ETag")
    date: str | None = headers.get("Last-Modified")
    return tag if tag and not tag.startswith("W/") else date

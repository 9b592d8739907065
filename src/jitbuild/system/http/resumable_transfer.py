"""Transfer one file over HTTP: send requests, resume, retry, and report the server's errors."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from jitbuild.errors import IntegrityError, JitbuildError
from jitbuild.system.checksums import checksum_error, remove_if_different
from jitbuild.system.formatting import format_size
from jitbuild.system.http import transfer_errors as errors
from jitbuild.system.http.guard import RequestGuard
from jitbuild.system.http.retries import pause
from jitbuild.system.http.transfer_errors import RetryError
from jitbuild.system.http.transfer_limits import announced_size, size_error
from jitbuild.system.http.transfer_speed import watched

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx

    from jitbuild.system.http.client import HTTPClient, NetworkEffects
    from jitbuild.system.http.transfer_limits import SizeLimit
    from jitbuild.system.progress import Stage
    from jitbuild.system.urls import Address

_MOST_REDIRECTS = 20


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
    identifier of the file's version that the server's last response contained, and `announced` the
    size of the file that it stated. `stitched` is True if `part` was put together from several
    responses.
    """

    address: Address
    part: Path
    sha256: str | None
    limit: SizeLimit
    client: HTTPClient
    effects: NetworkEffects
    stage: Stage
    validator: str | None = None
    announced: int | None = None
    stitched: bool = False
    guard: RequestGuard = field(init=False)

    def __post_init__(self) -> None:
        self.guard = RequestGuard(
            address=self.address, client=self.client, window=self.effects.window
        )

    def run(self, retries: int) -> None:
        """Download the file to `part`; check its size, and that its SHA-256 is `sha256` (if any).

        A failed attempt is repeated up to `retries` times. If `part` was put together from several
        responses, it may be a mixture of two files, because the file or the mirror changed in
        between. If the hash of such a file is wrong, the whole file is fetched once more before an
        error is raised.

        Raises DownloadError if the file cannot be downloaded or is too large, MissingError if it
        does not exist, TruncatedError if the download kept ending early, and IntegrityError if the
        size or the hash is wrong.
        """
        self._complete(retries)
        error = self._mismatch()
        if error is not None and self.stitched:
            self._complete(retries)
            error = self._mismatch()
        if error is not None:
            raise error

    def _mismatch(self) -> IntegrityError | None:
        """Return the error if `part` has another size or hash, and remove it then."""
        expected, actual = self.limit.size, self._size()
        if expected and actual != expected:
            self.part.unlink()
            return size_error(str(self.address), expected, actual)
        digest = remove_if_different(self.part, self.sha256)
        return checksum_error(str(self.address), self.sha256, digest) if digest else None

    def _complete(self, retries: int) -> None:
        failures, best = 0, self._resumable()
        while True:
            try:
                return self._attempt()
            except RetryError as error:
                size = self._size()
                needed = self.limit.progress(self.announced, self.effects.progress_bytes)
                progressed = size - best >= needed
                failures = 1 if progressed else failures + 1
                best = max(best, size)
                if failures > retries:
                    raise errors.final_error(self.address, error, self._size()) from error
                pause(error, failures, self.effects, self.stage.detail)

    def _attempt(self) -> None:
        """Make one request, which completes `part`.

        Raises RetryError if another attempt may succeed, and DownloadError if none can.
        """
        size = self._resumable()
        with self.guard.errors(), contextlib.ExitStack() as stack:
            with self.guard.in_time():
                headers = self._headers(size)
                url = self.address.reveal()
                request = self.client.build_request("GET", url, headers=headers)
                response = self.guard.follow(request, _MOST_REDIRECTS)
            stack.callback(response.close)
            body = self._accept(response, size)
            self.guard.started = True
            if body.start != body.total or not body.total:
                self._receive(response, body)

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
            body = _Body(0, announced_size(response.headers.get("Content-Length", "")))
        elif status == 206:
            body = self._continued(response, size)
        elif status == 416:
            return self._nothing_follows(response, size)
        else:
            raise self.guard.refused(response, self.effects.clock())
        self.announced = body.total
        if not body.start:
            self.part.unlink(missing_ok=True)
        with self._removed_if_wrong():
            self.limit.check_announced(self.address, body.total, self.part)
        self.stitched = body.start > 0
        self.validator = _validator(response.headers)
        return body

    @contextlib.contextmanager
    def _removed_if_wrong(self) -> Iterator[None]:
        """Remove `part` if the block raises a JitbuildError: its file is not the expected one."""
        try:
            yield
        except JitbuildError:
            self.part.unlink(missing_ok=True)
            raise

    def _continued(self, response: httpx.Response, size: int) -> _Body:
        """Accept a response with status 206 if its range starts at `size` (RFC 9110 14.4).

        Otherwise, remove `part` and raise RetryError.
        """
        match = re.fullmatch(
            r"bytes ([0-9]{1,18})-[0-9]+/([0-9]+|\*)", response.headers.get("Content-Range", "")
        )
        if match is None or int(match[1]) != size:
            self.part.unlink(missing_ok=True)
            raise RetryError("the server sent a range that was not requested")
        return _Body(size, announced_size(match[2]))

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
        speed = self.effects.speed_check()
        watcher = watched(speed, self.effects.tick, self.guard.expire)
        with self.part.open("ab" if body.start else "wb") as file, watcher:
            # Keep the bytes as they are on the server, because the pinned hash is of these bytes.
            # Servers often declare a .tar.gz as a gzip-encoded .tar, and httpx would decompress it.
            for chunk in response.iter_raw():
                done += len(chunk)
                with self._removed_if_wrong():
                    self.limit.check_received(self.address, done)
                file.write(chunk)
                self.stage.advance(done, body.total)
                speed.received(len(chunk))
        if body.total is None or done == body.total:
            return
        if done > body.total:
            self.part.unlink()
        sizes = f"{format_size(done)} of the announced {format_size(body.total)}"
        raise RetryError(f"the server sent {sizes}", interrupted=True)


def _validator(headers: httpx.Headers) -> str | None:
    """Return the header that identifies the version of the file, or None (RFC 9110 13.1.5).

    This is the ETag if it is a strong one, else the date of the last modification.
    """
    tag: str | None = headers.get("ETag")
    date: str | None = headers.get("Last-Modified")
    return tag if tag and not tag.startswith("W/") else date

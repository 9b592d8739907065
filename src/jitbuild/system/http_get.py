"""Get a small document over HTTP into memory, with a conditional request."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jitbuild.errors import DownloadError, MissingError, TruncatedError
from jitbuild.system.formatting import format_duration, format_size
from jitbuild.system.http_client import NetworkEffects, create_client
from jitbuild.system.retries import wait_before
from jitbuild.system.transfer_errors import RetryError, is_temporary, retry_after, untrusted
from jitbuild.system.transfer_speed import deadline

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import httpx

    from jitbuild.system.urls import Address

# The most bytes of a document. The list of all releases has about 300 kB, an SPDX document 2 MB.
MOST_BYTES = 16_000_000
_MOST_REDIRECTS = 5
_RETRIES = 2
_LONGEST_WAIT = 24 * 3600.0
_EFFECTS = NetworkEffects()
# Maps each header that identifies the version of a document to the header of a condition on it.
_CONDITIONS = {"ETag": "If-None-Match", "Last-Modified": "If-Modified-Since"}
_CHECK_NETWORK = "Check the network and the proxy settings (HTTPS_PROXY, NO_PROXY)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """The answer to a request: the bytes of the document, and its validators.

    `body` is None if the document has not changed since the answer that the request named.
    `validators` are the headers that make a later request conditional (RFC 9110 13.1).
    """

    body: bytes | None
    validators: Mapping[str, str] = field(default_factory=dict)


def get_document(
    address: Address,
    *,
    validators: Mapping[str, str] | None = None,
    most_bytes: int = MOST_BYTES,
    effects: NetworkEffects = _EFFECTS,
) -> Document:
    """Return the document at `address`, which may have at most `most_bytes`.

    `validators` are those of an earlier answer. Redirects are followed only within the same origin
    (scheme, host and port). The whole answer must arrive within `effects.window` seconds. A failed
    attempt is repeated twice if another attempt may succeed.

    Raises MissingError if the document does not exist, TruncatedError if every answer ended early,
    and DownloadError for every other failure.
    """
    request = _Request(address, dict(validators or {}), most_bytes, effects)
    for failures in range(1, _RETRIES + 1):
        try:
            return request.attempt()
        except RetryError as error:
            effects.sleep(wait_before(failures, error.wait, effects))
    try:
        return request.attempt()
    except RetryError as error:
        kind = TruncatedError if error.interrupted else DownloadError
        raise kind(
            f"{address.public} could not be fetched: {error.reason}.",
            remedy=f"{_CHECK_NETWORK}, and run the command again later.",
        ) from error


def fetch(address: Address, *, most_bytes: int = MOST_BYTES) -> bytes:
    """Return the content of the document at `address`. Raises the errors of `get_document`."""
    body = get_document(address, most_bytes=most_bytes).body
    assert body is not None  # the request has no condition
    return body


@dataclass(slots=True)
class _Request:
    """A request for `address`.

    `expired` is True if the last attempt took too long, and `started` if its body began to arrive.
    """

    address: Address
    headers: dict[str, str]
    most_bytes: int
    effects: NetworkEffects
    expired: bool = False
    started: bool = False

    def attempt(self) -> Document:
        """Send the request once, and return the answer.

        Raises RetryError if another attempt may succeed.
        """
        self.expired = self.started = False
        with self._translated_errors(), create_client(self.effects) as client:

            def expire() -> None:
                self.expired = True
                client.close()

            with deadline(self.effects.window, expire):
                return self._answer(client)

    def _answer(self, client: httpx.Client) -> Document:
        request = client.build_request("GET", self.address.reveal(), headers=self.headers)
        origin = _origin(request.url)
        for _ in range(_MOST_REDIRECTS + 1):
            with contextlib.closing(client.send(request, stream=True)) as response:
                if response.next_request is None:
                    return self._document(response)
                request = response.next_request
            if _origin(request.url) != origin:
                raise self._failure(
                    f"it leads to another server ({request.url.scheme}://{request.url.host})"
                )
        raise self._failure("there are too many redirects")

    def _document(self, response: httpx.Response) -> Document:
        if response.status_code == 304 and self.headers:
            return Document(body=None, validators=self.headers)
        if response.status_code != 200:
            raise self._refused(response)
        self.started = True
        body = bytearray()
        for chunk in response.iter_raw():
            body += chunk
            if len(body) > self.most_bytes:
                raise self._failure(
                    f"it is larger than {format_size(self.most_bytes)}, the most that is accepted"
                )
        validators = {
            condition: response.headers[name]
            for name, condition in _CONDITIONS.items()
            # httpx can send no other header than one in ASCII.
            if response.headers.get(name, "").isascii() and name in response.headers
        }
        return Document(body=bytes(body), validators=validators)

    def _refused(self, response: httpx.Response) -> Exception:
        status = response.status_code
        code = f"HTTP {status} {response.reason_phrase}".rstrip()
        stated = retry_after(response.headers.get("Retry-After", ""), self.effects.clock())
        wait = min(stated, _LONGEST_WAIT)
        if status == 429:
            again = f"in {format_duration(wait)}" if wait else "later"
            return DownloadError(
                f"{self.address.public} was not answered: the server limits the number of requests "
                f"from this network ({code}).",
                remedy=f"Run the same command again {again}.",
            )
        if status in {404, 410}:
            return MissingError(
                f"{self.address.public} was not found ({code}).", remedy="Check the address."
            )
        if status in {401, 403, 407}:
            return DownloadError(
                f"Access to {self.address.public} was denied ({code}).",
                remedy=f"{_CHECK_NETWORK}, or use another network.",
            )
        if is_temporary(status):
            return RetryError(f"the server answered {code}", wait=wait)
        return self._failure(f"the server answered {code}")

    def _failure(self, reason: str) -> DownloadError:
        return DownloadError(
            f"{self.address.public} could not be fetched: {reason}.", remedy="Check the address."
        )

    @contextlib.contextmanager
    def _translated_errors(self) -> Iterator[None]:
        """Turn the errors of httpx into DownloadError and RetryError."""
        import httpx

        try:
            yield
        except httpx.InvalidURL:
            # The cause is suppressed, because its message may contain a password.
            raise self._failure("it is not a valid URL") from None
        except httpx.UnsupportedProtocol as error:
            raise self._failure("it is not an http or https URL") from error
        except (httpx.TransportError, httpx.StreamError, RuntimeError) as error:
            # httpx raises RuntimeError if `expire` closed the client before the request was sent.
            if self.expired:
                raise self._failure(
                    f"the answer was not complete after {self.effects.window:.0f} s"
                ) from error
            if isinstance(error, RuntimeError):
                raise
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise untrusted(self.address) from error
            reason = str(error) or type(error).__name__
            raise RetryError(reason, interrupted=self.started) from error


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port

"""Run requests so that none lasts too long, and so that all failures are errors of jitbuild."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jitbuild.system.deadline import deadline
from jitbuild.system.http import transfer_errors as errors
from jitbuild.system.http.transfer_errors import RetryError
from jitbuild.system.http.transfer_speed import TooSlowError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    import httpx

    from jitbuild.errors import DownloadError
    from jitbuild.system.http.client import HTTPClient
    from jitbuild.system.urls import Address


@dataclass(kw_only=True, slots=True)
class RequestGuard:
    """Guards the requests for `address` that `client` sends.

    A block of `in_time` may last `window` seconds. `started` is True if the body of the current
    response began to arrive. `too_slow` is set if another thread closed the client because headers
    or body arrived too slowly.
    """

    address: Address
    client: HTTPClient
    window: float
    started: bool = False
    too_slow: TooSlowError | None = None

    def in_time(self) -> AbstractContextManager[None]:
        """End the requests of the block if it lasts longer than `window` seconds."""
        return deadline(self.window, self.expire)

    def expire(self, error: TooSlowError | None = None) -> None:
        """Close the client, which ends a request with an error. Another thread calls this."""
        self.too_slow = error or TooSlowError(None, self.window)
        self.client.close()

    @contextlib.contextmanager
    def errors(self) -> Iterator[None]:
        """Turn the errors of httpx in the block, which sends a request, into ours.

        They become RetryError if another attempt may succeed, and else DownloadError.
        """
        import httpx

        self.started, self.too_slow = False, None
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
        except (RuntimeError, RetryError) as error:
            # httpx raises RuntimeError if `expire` closed the client before a request was sent. A
            # request within the block, such as one for a token, has a guard of its own, to which
            # the closed client is a broken connection.
            if self.too_slow is None:
                raise
            raise errors.too_slow(self.address, self.too_slow) from error
        except httpx.InvalidURL:
            # The cause is suppressed, because its message may contain a password.
            raise errors.failure(self.address, "it is not a valid URL") from None

    def follow(
        self, request: httpx.Request, most: int, *, same_origin: bool = False
    ) -> httpx.Response:
        """Send `request`, follow at most `most` redirects, and return the response to be read.

        The bodies of redirects are not read. httpx does not send the credentials of a URL to
        another host. With `same_origin`, a redirect to another scheme, host or port raises
        DownloadError.
        """
        origin = _origin(request.url)
        for _ in range(most + 1):
            response = self.client.send(request, stream=True)
            if response.next_request is None:
                return response
            response.close()
            request = response.next_request
            if same_origin and _origin(request.url) != origin:
                place = f"{request.url.scheme}://{request.url.host}"
                raise errors.failure(self.address, f"it leads to another server ({place})")
        raise errors.failure(self.address, "there are too many redirects")

    def refused(self, response: httpx.Response, now: float) -> DownloadError | RetryError:
        """Return the error for `response`, which has another status than 200.

        `now` is the current time in seconds since 1970.
        """
        wait = errors.retry_after(response.headers.get("Retry-After", ""), now)
        return errors.refused(self.address, response.status_code, response.reason_phrase, wait)

    def _broken(self, error: httpx.TransportError) -> Exception:
        """Return the error for a connection that failed or was closed."""
        if self.too_slow is not None:
            return errors.too_slow(self.address, self.too_slow)
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return errors.untrusted(self.address)
        return RetryError(str(error) or type(error).__name__, interrupted=self.started)


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port

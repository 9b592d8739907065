"""Run requests so that none lasts too long, and so that all failures are errors of jitbuild."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jitbuild.system import transfer_errors as errors
from jitbuild.system.transfer_errors import RetryError
from jitbuild.system.transfer_speed import TooSlowError, deadline

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from jitbuild.system.http_client import HTTPClient
    from jitbuild.system.urls import Address


@dataclass(kw_only=True, slots=True)
class RequestGuard:
    """Guards the requests for `address` that `client` sends.

    The headers of a response must arrive within `window` seconds. `started` is True if the body of
    the current response began to arrive. `too_slow` is set if another thread closed the client
    because headers or body arrived too slowly.
    """

    address: Address
    client: HTTPClient
    window: float
    started: bool = False
    too_slow: TooSlowError | None = None

    @contextlib.contextmanager
    def headers_in_time(self) -> Iterator[None]:
        """End the requests of the block if their headers do not arrive in time."""
        with deadline(self.window, self.expire):
            yield

    def expire(self, error: TooSlowError | None = None) -> None:
        """Close the client, which ends a request with an error. Another thread calls this."""
        self.too_slow = error or TooSlowError(0, self.window)
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

    def _broken(self, error: httpx.TransportError) -> Exception:
        """Return the error for a connection that failed or was closed."""
        if self.too_slow is not None:
            return errors.too_slow(self.address, self.too_slow)
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return errors.untrusted(self.address)
        return RetryError(str(error) or type(error).__name__, interrupted=self.started)

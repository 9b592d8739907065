"""The errors of a transfer over HTTP: each states the server's answer, and a remedy."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from jitbuild.errors import DownloadError, MissingError, TruncatedError
from jitbuild.system.formatting import format_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jitbuild.system.http.transfer_speed import TooSlowError
    from jitbuild.system.urls import Address

# 4xx statuses after which another attempt may succeed (RFC 9110 15.5.9, RFC 8470 5.2, RFC 6585 4).
_TEMPORARY = {408, 425, 429}
_MIRROR = "name another origin with --mirror"
_CHECK_PROXY = "the proxy settings (HTTPS_PROXY, NO_PROXY)"
_CHECK_SERVER = (
    f"Check the network, the name of the server and {_CHECK_PROXY}, and run the command again"
    " later."
)


class RetryError(Exception):
    """An attempt failed, but another attempt may succeed.

    `interrupted` is True if the transfer of the file had begun. `status` is the status of the
    server's answer, or 0 if there was none. `wait` is the time in seconds that the server asked to
    wait.
    """

    def __init__(
        self, reason: str, *, interrupted: bool = False, status: int = 0, wait: float = 0
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.interrupted = interrupted
        self.status = status
        self.wait = wait


def is_temporary(status: int) -> bool:
    """Return True if another attempt may succeed after an answer with the status `status`."""
    return status in _TEMPORARY or status >= 500


def refused(
    address: Address, status: int, phrase: str, wait: float = 0
) -> DownloadError | RetryError:
    """Return the error for a response that does not contain the file.

    `status` and `phrase` are the status code and the reason phrase of the response. The error is a
    RetryError if another attempt may succeed. `wait` is the time in seconds that the server asked
    to wait.
    """
    code = f"HTTP {status} {phrase}".rstrip()
    if is_temporary(status):
        return RetryError(f"the server answered {code}", status=status, wait=wait)
    if status in {404, 410}:
        return MissingError(
            f"{address} was not found ({code}).",
            remedy=f"Check the version and the URL, or {_MIRROR}.",
        )
    if status in {401, 403, 407}:
        return DownloadError(
            f"Access to {address} was denied ({code}).",
            remedy=f"Check the credentials and {_CHECK_PROXY}, or {_MIRROR}.",
        )
    return failure(address, f"the server answered {code}")


def final_error(address: Address, error: RetryError, size: int) -> DownloadError:
    """Return the error to raise when no attempts are left.

    `error` is the error of the last attempt, and `size` the number of bytes that have arrived.
    """
    if error.interrupted:
        return TruncatedError(
            f"The download of {address} kept ending early, most recently after "
            f"{format_size(size)}: {error.reason}.",
            remedy="Run the same command again to resume the download. If it always ends at "
            f"the same size, {_MIRROR}.",
        )
    return DownloadError(
        f"{address} could not be downloaded: {error.reason}.",
        remedy=f"Check the network and {_CHECK_PROXY}, run the command again later, or {_MIRROR}.",
    )


def request_failed(address: Address, error: RetryError) -> DownloadError:
    """Return the error for a small request or an upload whose last attempt failed with `error`."""
    kind = TruncatedError if error.interrupted else DownloadError
    return kind(f"The request to {address} failed: {error.reason}.", remedy=_CHECK_SERVER)


@contextlib.contextmanager
def without_mirror(missing: str) -> Iterator[None]:
    """Replace the remedies of the errors in the block that advise a mirror: there is none.

    `missing` is the remedy if the file does not exist.
    """
    try:
        yield
    except DownloadError as error:
        if _MIRROR not in error.remedy:
            raise
        remedy = missing if isinstance(error, MissingError) else _CHECK_SERVER
        raise type(error)(error.what, remedy=remedy) from error


def too_slow(address: Address, error: TooSlowError) -> TruncatedError:
    """Return the error for a transfer that was given up because it was too slow."""
    received = "no whole answer" if error.received is None else format_size(error.received)
    return TruncatedError(
        f"The transfer of {address} was given up, because it was too slow: "
        f"{received} in {error.seconds:.0f} s.",
        remedy="Run the same command again to resume the download. If your connection is slow, "
        "lower the setting min-speed (in bytes per second; 0 accepts every speed). Otherwise, "
        f"{_MIRROR}.",
    )


def failure(address: Address, reason: str) -> DownloadError:
    """Return the error for a URL that cannot be downloaded in any attempt."""
    return DownloadError(
        f"{address} could not be downloaded: {reason}.",
        remedy=f"Check the URL, or {_MIRROR}.",
    )


def untrusted(address: Address) -> DownloadError:
    """Return the error for a server whose certificate is not trusted."""
    return DownloadError(
        f"The certificate of {address} is not trusted on this machine.",
        remedy="If this machine is behind a proxy that inspects TLS, set SSL_CERT_FILE to the "
        "proxy's CA file. Otherwise, check this machine's clock.",
    )


def retry_after(value: str, now: float) -> float:
    """Return the number of seconds to wait that a `Retry-After` header states; 0 if it is invalid.

    `value` is a number of seconds or a date (RFC 9110 10.2.3). `now` is the current time in seconds
    since 1970.
    """
    from email.utils import parsedate_to_datetime

    if value.isdecimal():
        return float(value)
    try:
        return max(parsedate_to_datetime(value).timestamp() - now, 0.0)
    except (ValueError, TypeError, OverflowError):  # a date out of range, for example
        return 0.0

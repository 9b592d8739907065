"""Repeat requests that failed for the moment, after a wait that grows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeVar

from jitbuild.system.http import transfer_errors as errors
from jitbuild.system.http.transfer_errors import RetryError

if TYPE_CHECKING:
    from collections.abc import Callable

    from jitbuild.system.http.client import NetworkEffects
    from jitbuild.system.urls import Address

_Result = TypeVar("_Result")
# How often a request or a download is repeated, unless the caller states otherwise.
RETRIES = 4
_FIRST_WAIT_SECONDS = 0.5
_MAX_WAIT_SECONDS = 60.0


def with_retries(
    attempt: Callable[[], _Result],
    address: Address,
    *,
    effects: NetworkEffects,
    on_wait: Callable[[str], None] = lambda _: None,
    retries: int = RETRIES,
) -> _Result:
    """Return the result of `attempt`, which is repeated if it raises RetryError.

    Before each wait, `on_wait` is called with the reason. After `retries` repetitions, raises
    DownloadError for `address`, or TruncatedError if the last answer ended early.
    """
    for failures in range(1, retries + 1):
        try:
            return attempt()
        except RetryError as error:
            pause(error, failures, effects, on_wait)
    try:
        return attempt()
    except RetryError as error:
        raise errors.request_failed(address, error) from error


def pause(
    error: RetryError, failures: int, effects: NetworkEffects, on_wait: Callable[[str], None]
) -> None:
    """Wait before another attempt, after `failures` failed attempts in a row; `error` is the last.

    The wait doubles with each failure. It is at least the time that the server asked to wait, and
    at most a minute. Before it, `on_wait` is called with the reason.
    """
    # Up to half of the wait is random, so that the machines of a CI run do not all retry at the
    # same time.
    jitter = (1 + effects.jitter()) / 2
    backoff = _FIRST_WAIT_SECONDS * 2.0 ** (failures - 1) * jitter
    wait = min(max(backoff, error.wait), _MAX_WAIT_SECONDS)
    on_wait(f"{error.reason}; trying again in {math.ceil(wait)} s")
    effects.sleep(wait)

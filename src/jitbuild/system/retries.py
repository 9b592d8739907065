"""The wait before another attempt of a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jitbuild.system.http_client import NetworkEffects

_FIRST_WAIT_SECONDS = 0.5
_MAX_WAIT_SECONDS = 60.0


def wait_before(failures: int, asked: float, effects: NetworkEffects) -> float:
    """Return the seconds to wait after `failures` failed attempts in a row.

    The wait doubles with each failure. It is at least `asked`, the time that the server asked to
    wait, and at most a minute.
    """
    # Up to half of the wait is random, so that the machines of a CI run do not all retry at the
    # same time.
    jitter = (1 + effects.jitter()) / 2
    backoff = _FIRST_WAIT_SECONDS * 2.0 ** (failures - 1) * jitter
    return min(max(backoff, asked), _MAX_WAIT_SECONDS)

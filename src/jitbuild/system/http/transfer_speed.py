"""Give up transfers that are too slow to end in a reasonable time."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# The lowest speed that is accepted by default, in bytes per second. At this speed, the download of
# a CPython archive takes six hours.
LEAST_SPEED = 1000


class TooSlowError(Exception):
    """A transfer was slower than the lowest accepted speed for a whole window of time.

    `received` is the number of bytes that arrived in the last `seconds` seconds; None if they were
    not counted, and only the end of the answer was waited for.
    """

    def __init__(self, received: int | None, seconds: float) -> None:
        super().__init__(f"{received} bytes in {seconds:.0f} s")
        self.received = received
        self.seconds = seconds


@dataclass(kw_only=True, slots=True)
class SpeedCheck:
    """Checks that a transfer has a speed of at least `least` bytes per second.

    The speed is measured over windows of `window` seconds. `clock` returns seconds. Two threads
    share a check: one counts the bytes, and one looks at the time, because data that a server sends
    too slowly may never reach the first one (for example, an endless header of a chunk).
    """

    least: int
    window: float
    clock: Callable[[], float]
    _begun: float = field(init=False)
    _received: int = field(default=0, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def __post_init__(self) -> None:
        self._begun = self.clock()

    def received(self, count: int) -> None:
        """Add `count` to the number of bytes that have arrived.

        Raises TooSlowError if a window has ended in which too few bytes arrived.
        """
        with self._lock:
            self._received += count
        self.check()

    def check(self) -> None:
        """Raise TooSlowError if a window has ended in which too few bytes arrived."""
        with self._lock:
            elapsed = self.clock() - self._begun
            if elapsed < self.window:
                return
            if self._received < self.least * elapsed:
                raise TooSlowError(self._received, elapsed)
            self._begun, self._received = self.clock(), 0


@contextlib.contextmanager
def watched(
    check: SpeedCheck, tick: float, expire: Callable[[TooSlowError], None]
) -> Iterator[None]:
    """Look at `check` every `tick` seconds while the block runs, in another thread.

    If the transfer is too slow, call `expire` once.
    """
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(tick):
            try:
                check.check()
            except TooSlowError as error:
                expire(error)
                return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()

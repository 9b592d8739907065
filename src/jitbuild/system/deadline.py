"""Limit the time of a block."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextlib.contextmanager
def deadline(seconds: float, expire: Callable[[], None]) -> Iterator[None]:
    """Call `expire` in another thread if the block lasts longer than `seconds`."""
    timer = threading.Timer(seconds, expire)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()

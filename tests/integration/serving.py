"""Run servers for the tests in threads."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socketserver
    from collections.abc import Iterator


@contextlib.contextmanager
def serving(server: socketserver.BaseServer, closing: threading.Event) -> Iterator[None]:
    """Let `server` answer requests; at the end, set `closing`, on which its handlers may wait."""
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield
        finally:
            closing.set()
            server.shutdown()
            thread.join()

"""Run servers for the tests: in threads, or as programs."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
from typing import TYPE_CHECKING

from processes import wait_until

if TYPE_CHECKING:
    import socketserver
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

_ATTEMPTS = 5


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


def start_on_free_port(
    words: Callable[[int], Sequence[object]], log: Path, answers: Callable[[int], object]
) -> tuple[subprocess.Popen[bytes], int]:
    """Start the program `words(port)`, and wait until `answers(port)`; return it and its port.

    Another process may take a free port before the program does, and the program then ends at once.
    Another port is then tried. `answers` may raise OSError instead of returning False.
    """

    def ended_or_answers() -> object:
        answer: object = False
        with contextlib.suppress(OSError):
            answer = answers(port)
        return answer or server.poll() is not None

    for _ in range(_ATTEMPTS):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        with log.open("wb") as output:
            server = subprocess.Popen(
                words(port), stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        try:
            wait_until(ended_or_answers, "the server answers")
        except BaseException:
            server.kill()
            server.wait()
            raise
        if server.poll() is None:
            return server, port
    raise AssertionError(log.read_text())

"""Raise exceptions for signals that would end this process, so that its children are ended too."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


class SignalReceived(KeyboardInterrupt):
    """This process received the signal `number`, which would otherwise have ended it.

    Like the KeyboardInterrupt of a Ctrl-C, this exception lets blocks clean up before the process
    ends.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class SignalDeferral:
    """A context manager that defers signals while the main thread starts a child process.

    After a fork, Python runs hooks (`os.register_at_fork`), such as those of the logging module. An
    exception in a hook is printed and then ignored, so a Ctrl-C during a hook would be lost.
    """

    def __init__(self) -> None:
        self._active = False
        self._pending: int | None = None

    def __enter__(self) -> None:
        # Python runs signal handlers in the main thread only, so other threads need no deferral.
        if _in_main_thread():
            self._active = True

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        if _in_main_thread():
            self._active = False
            if failed is not None:
                self.raise_pending()

    def handle(self, number: int, _frame: FrameType | None = None) -> None:
        """Handle the signal `number`, as a signal handler.

        Raises KeyboardInterrupt for SIGINT and SignalReceived for other signals. While signals are
        deferred, raises nothing and keeps `number` for `raise_pending`.
        """
        if self._active:
            self._pending = number
            return
        self._pending = None
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        signal.signal(number, signal.SIG_IGN)
        raise SignalReceived(number)

    def raise_pending(self) -> None:
        """Raise the exception for a deferred signal, if there is one."""
        if self._pending is not None and _in_main_thread():
            number, self._pending = self._pending, None
            self.handle(number)


DEFERRAL = SignalDeferral()


@contextlib.contextmanager
def raise_on_signals() -> Iterator[None]:
    """Make SIGTERM (a cancelled CI job) and SIGHUP (a closed terminal) raise SignalReceived.

    Ctrl-C raises KeyboardInterrupt as usual, but is not lost if it arrives while a child is being
    started. The previous handlers are restored when the block ends. Signals that are ignored
    (nohup) or that have another handler are not changed. Outside the main thread, this function
    does nothing.
    """
    previous = {number: signal.getsignal(number) for number in _ending_signals()}
    ours = [
        number
        for number, handler in previous.items()
        if handler in {signal.SIG_DFL, signal.default_int_handler}
    ]
    if not _in_main_thread():
        ours = []
    for number in ours:
        signal.signal(number, DEFERRAL.handle)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, previous[number])


def _ending_signals() -> list[int]:
    names = ("SIGINT", "SIGTERM", "SIGHUP")
    return [getattr(signal, name) for name in names if hasattr(signal, name)]


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()

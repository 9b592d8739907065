"""Run functions concurrently in threads; if one function fails, end all others."""

from __future__ import annotations

import contextlib
import contextvars
import os
import threading
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, overload

from jitbuild.system import cancellation
from jitbuild.system.progress import CancellableReporter

if TYPE_CHECKING:
    from collections.abc import Callable

    from jitbuild.system.progress import Reporter

_TICK_SECONDS = 0.1

_A = TypeVar("_A")
_B = TypeVar("_B")
_C = TypeVar("_C")
_Work: TypeAlias = "Callable[[Reporter], _A]"


@overload
def run_concurrently(
    first: _Work[_A], second: _Work[_B], /, *, reporter: Reporter
) -> tuple[_A, _B]: ...
@overload
def run_concurrently(
    first: _Work[_A], second: _Work[_B], third: _Work[_C], /, *, reporter: Reporter
) -> tuple[_A, _B, _C]: ...
@overload
def run_concurrently(*functions: _Work[_A], reporter: Reporter) -> tuple[_A, ...]: ...
def run_concurrently(*functions: _Work[Any], reporter: Reporter) -> tuple[Any, ...]:
    """Call each function in a thread of its own, and return the results in the functions' order.

    Each function gets a reporter as its argument, and runs in a copy of the caller's context. The
    first exception that a function raises, or a Ctrl-C in this thread, cancels the other functions:
    their child processes are ended, and their reporters raise Cancelled when a stage next begins or
    reports progress. When all functions have ended, the first exception is raised.
    """
    results: SimpleQueue[tuple[int, Any, BaseException | None]] = SimpleQueue()

    def work(number: int, function: _Work[Any]) -> None:
        try:
            results.put(
                (
                    number,
                    function(CancellableReporter(reporter, cancellation.check_cancelled)),
                    None,
                )
            )
        except BaseException as error:  # noqa: BLE001 - raised in the thread that waits
            results.put((number, None, error))

    threads: list[threading.Thread] = []
    returned: dict[int, Any] = {}
    try:
        with cancellation.task_group():
            for number, function in enumerate(functions):
                context = contextvars.copy_context()
                threads.append(threading.Thread(target=context.run, args=(work, number, function)))
                threads[-1].start()
            while len(returned) < len(functions):
                number, result, error = _next(results)
                if error is not None:
                    raise error
                returned[number] = result
    finally:
        for thread in threads:
            if thread.ident is not None:
                thread.join()
    return tuple(returned[number] for number in range(len(functions)))


def _next(results: SimpleQueue[_A]) -> _A:
    """Wait for the next result and return it.

    On Windows the wait has a timeout, because Ctrl-C cannot interrupt a wait without one.
    """
    while True:
        with contextlib.suppress(Empty):
            return results.get(timeout=None if os.name == "posix" else _TICK_SECONDS)

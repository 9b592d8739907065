"""Let two processes measure in turns: each measures part of a value, then waits for the other.

This module runs in the interpreter under test, and does not import pyperf. A process measures only
while it has the turn; meanwhile, the other process waits. Other activity on the machine that lasts
longer than some milliseconds therefore affects both processes. Both processes run on the same
processor, because another processor may be slower (on a virtual machine, because of work outside
the virtual machine).

A process gets the turn when it reads a byte from its FIFO; no other process reads that FIFO. If a
script measures several things (tasks), each process has one FIFO for each task. The host creates
the FIFOs with bench/interleaving.py.
"""

from __future__ import annotations

import contextlib
import functools
import os
import select
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# The messages "it is your turn" and "I take no more turns". bench/interleaving.py must have the
# same values.
TURN, LAST = b".", b"!"
# The number of turns per value. A value takes a hundredth of a second or more. At the beginning of
# each turn, the processor's caches hold data of the other process, so there must not be too many
# turns.
SLICES = 4
# While waiting for the turn, check at this interval that the host still exists.
CHECK_SECONDS = 1.0


class Interleaving:
    """One of two interleaved processes, which reads the FIFO `own`.

    The constructor waits for the first turn. `other` is the FIFO that the other process reads, and
    `host` is the process id of jitbuild, which started both processes. If a process forks, only the
    parent takes turns.
    """

    def __init__(self, own: str, other: str, host: int) -> None:
        self._own, self._other = os.open(own, os.O_RDWR), os.open(other, os.O_RDWR)
        self._host, self._process = host, os.getpid()
        self._alone = self._passed = False
        self._wait()

    def pass_turn(self) -> None:
        """Let the other process run, and wait until it passes the turn back."""
        if not self._alone and os.getpid() == self._process:
            self._passed = True
            os.write(self._other, TURN)
            self._wait()

    def finish(self) -> None:
        """Tell the other process that this process takes no more turns; wait until it has finished.

        Because this process waits, its exit does not affect the values of the other process. If
        this process has never passed the turn, it does not wait, because the other process has not
        started to measure yet.
        """
        if os.getpid() == self._process:
            os.write(self._other, LAST)
            while self._passed and not self._alone:
                self._wait()

    def _wait(self) -> None:
        while not select.select([self._own], [], [], CHECK_SECONDS)[0]:
            # If the host was killed, it cannot send the message that there are no more turns.
            if not is_running(self._host):
                raise SystemExit("jitbuild has ended")
        self._alone = os.read(self._own, 1) == LAST


def is_running(process: int) -> bool:
    """Return True if a process with this number exists and belongs to this user."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # the number now belongs to a process of another user
        return False
    return True


def join(spec: Mapping[str, Any], task: int = 0) -> Interleaving | None:
    """Wait for the first turn of a worker.

    Return the worker's interleaving, or None if the worker runs alone according to `spec`.
    """
    place = spec.get("interleaving")
    if not place:
        return None
    if place["processor"] is not None:
        with contextlib.suppress(OSError):  # if this is not permitted, there is more noise
            os.sched_setaffinity(0, {place["processor"]})
    return Interleaving(f"{place['own']}.{task}", f"{place['other']}.{task}", place["host"])


def timed(function: Callable[[], Any]) -> Callable[[int], float]:
    """Return a function that takes a number n, calls `function` n times and returns the seconds."""

    def measure(loops: int) -> float:
        repeats, clock = range(loops), time.perf_counter
        start = clock()
        for _ in repeats:
            function()
        return clock() - start

    return measure


def interleaved(
    measure: Callable[..., float], interleaving: Interleaving | None, *, slices: int = SLICES
) -> Callable[..., float]:
    """Return a function that measures like `measure`, but passes the turn after each part.

    The first argument of `measure` is a number of loops, which are divided into at most `slices`
    calls of `measure`. Without `interleaving`, return `measure` itself.
    """
    if interleaving is None:
        return measure

    @functools.wraps(measure)
    def value(loops: int, *args: Any, **options: Any) -> float:
        count, seconds = min(loops, slices), 0.0
        for index in range(count):
            share = loops * (index + 1) // count - loops * index // count
            seconds += measure(share, *args, **options)
            interleaving.pass_turn()
        return seconds

    return value

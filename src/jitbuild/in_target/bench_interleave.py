"""Two processes measure interleaved: a value of the one, then a value of the other.

This runs in the interpreter under test, and does not import pyperf. The process that has the turn
runs, from its start on, while the other waits. So they never run at the same time, and what
happens to the machine within some milliseconds affects both. Both run on one processor, because
others may be slower (on a virtual machine, by work that cannot be seen from here).

A turn is a byte in a FIFO that only one of the processes reads. Each process has one FIFO for each
task of a script that measures several things. bench/interleaving.py has the host's end.
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

# "It is your turn", and "I take no more turns". bench/interleaving.py has the same.
TURN, LAST = b".", b"!"
# A value takes a hundredth of a second or more. Each slice begins with what the other process left
# in the processor's caches, so there must not be too many.
SLICES = 4
# After so many seconds without a turn, check that the host still exists.
CHECK_SECONDS = 1.0


class Interleaving:
    """One of two interleaved processes, which reads the FIFO `own`.

    Creating it waits for the first turn. `host` is the process id of jitbuild, which started both.
    In a process that forks, only the parent takes turns.
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
        """Tell the other process that there are no more values, and wait until it has finished.

        The wait keeps the time of this process's exit out of the other's values. There is no wait
        if nothing was measured interleaved, since the other is then only about to start.
        """
        if os.getpid() == self._process:
            os.write(self._other, LAST)
            while self._passed and not self._alone:
                self._wait()

    def _wait(self) -> None:
        while not select.select([self._own], [], [], CHECK_SECONDS)[0]:
            # A host that was killed cannot say that there will be no more turns.
            if not is_running(self._host):
                raise SystemExit("jitbuild has ended")
        self._alone = os.read(self._own, 1) == LAST


def is_running(process: int) -> bool:
    """Return whether a process of this user exists."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # the number belongs to another user's process now
        return False
    return True


def join(spec: Mapping[str, Any], task: int = 0) -> Interleaving | None:
    """Wait for the first turn of a worker and return its interleaving; None if it runs alone."""
    place = spec.get("interleaving")
    if not place:
        return None
    if place["processor"] is not None:
        with contextlib.suppress(OSError):  # without the permission, noise is larger
            os.sched_setaffinity(0, {place["processor"]})
    return Interleaving(f"{place['own']}.{task}", f"{place['other']}.{task}", place["host"])


def timed(function: Callable[[], Any]) -> Callable[[int], float]:
    """Return a function that calls `function` n times and returns the seconds, as pyperf does."""

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
    """Return `measure` in at most so many slices of its loops, passing the turn after each."""
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

"""Two processes measure in turns: a value of the one, a value of the other. Runs in the interpreter under test; imports no pyperf.

Whoever has the turn runs, from its start on, and the other waits: so they never run side by side, and what happens to the machine
in some thousandths of a second happens to both. Both run on one processor, since others may be busy otherwise
(on a virtual machine with what nobody here sees). A turn is a byte in a FIFO that only the one process reads; there is a FIFO for
each of the two, and for each task of a script that measures several things.
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

# `It is your turn`; and `so it is from now on, the other has measured all that it has to`.
TURN, LAST = b".", b"!"
# A value is a hundredth of a second or more. Each begins with what the other left in the processor's caches, so not too many.
SLICES = 4
# After so many seconds without a turn it looks whether there is anybody who could give one.
_PATIENCE = 1.0


class Turns:
    """The one of the two that reads the FIFO `mine`. Made when there is a turn to take: it waits for the first one.

    `host` is the process that started both. Of a process that forks only the parent takes turns.
    """

    def __init__(self, mine: str, theirs: str, host: int) -> None:
        self._mine, self._theirs = os.open(mine, os.O_RDWR), os.open(theirs, os.O_RDWR)
        self._host, self._own = host, os.getpid()
        self._alone = self._passed = False
        self._wait()

    def over(self) -> None:
        """Pass the turn on, and wait until it comes back."""
        if not self._alone and os.getpid() == self._own:
            self._passed = True
            os.write(self._theirs, TURN)
            self._wait()

    def finish(self) -> None:
        """Say that there will be no more values.

        And wait until the other says so, since what an exit costs is to be in no value of its; but not where nothing was measured
        in turns, and the other only begins.
        """
        if os.getpid() == self._own:
            os.write(self._theirs, LAST)
            while self._passed and not self._alone:
                self._wait()

    def _wait(self) -> None:
        while not select.select([self._mine], [], [], _PATIENCE)[0]:
            # Killed, it could not say that there will be no turn any more.
            if not _lives(self._host):
                raise SystemExit("jitbuild is gone")
        self._alone = os.read(self._mine, 1) == LAST


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is of somebody else now
        return False
    return True


def of(spec: Mapping[str, Any], task: int = 0) -> Turns | None:
    """Those of a worker's specification, once it is its turn; None where nothing is said of any."""
    found = spec.get("turns")
    if not found:
        return None
    if found["processor"] is not None:
        with contextlib.suppress(OSError):  # it may not choose; then noise is larger
            os.sched_setaffinity(0, {found["processor"]})
    return Turns(f"{found['mine']}.{task}", f"{found['theirs']}.{task}", found["host"])


def timed(function: Callable[[], Any]) -> Callable[[int], float]:
    """Calls it so often, and says how many seconds that took: what pyperf's bench_func does."""

    def measured(loops: int) -> float:
        times, clock = range(loops), time.perf_counter
        begun = clock()
        for _ in times:
            function()
        return clock() - begun

    return measured


def each(
    measured: Callable[..., float], turns: Turns | None, *, slices: int = SLICES
) -> Callable[..., float]:
    """`measured`, which takes the time of so many loops, in so many slices at most, with the turn passed on after each."""
    if turns is None:
        return measured

    @functools.wraps(measured)
    def value(loops: int, *args: Any, **options: Any) -> float:
        count, taken = min(loops, slices), 0.0
        for number in range(count):
            taken += measured(
                loops * (number + 1) // count - loops * number // count, *args, **options
            )
            turns.over()
        return taken

    return value

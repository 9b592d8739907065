"""Create the FIFOs through which two interleaved processes pass the turn to each other.

The host, which starts both processes, uses this module. The measuring processes use
in_target/bench_interleave.py.
"""

from __future__ import annotations

import contextlib
import os
import random
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

# The messages of the protocol: "it is your turn", and "the other process takes no more turns".
# in_target/bench_interleave.py must have the same values.
TURN, LAST = b".", b"!"


class InterleavedPeer(NamedTuple):
    """One of two interleaved processes.

    A process may measure several things (tasks), and has one FIFO for each. It reads its turns from
    the FIFOs `own`, and passes the turn on through the FIFOs `other`. The paths of the FIFOs are
    `own` and `other`, followed by a dot and the number of the task. `other_ends` are open file
    descriptors of the FIFOs `other`. Both processes run on `processor`, the number of a processor,
    or None on systems where it cannot be chosen (macOS). Both have the same hash `seed`, because
    different seeds change the layout of dicts, which can affect the times more than the mode does.
    """

    own: str
    other: str
    other_ends: list[int]
    processor: int | None = None
    seed: int = 0

    def spec(self) -> dict[str, str | int | None]:
        """Return the part of the worker's specification that bench_interleave.py reads."""
        return {
            "own": self.own,
            "other": self.other,
            "processor": self.processor,
            "host": os.getpid(),
        }

    def environment(self) -> dict[str, str]:
        """Return variables for the process; variables that the user has set take precedence."""
        return {"PYTHONHASHSEED": str(self.seed)}

    def leave(self) -> None:
        """Let the other process continue alone, because this process has ended or failed."""
        for end in self.other_ends:
            # If the FIFO is full, it already contains this message. If the FIFO is closed, nothing
            # reads it.
            with contextlib.suppress(OSError):
                os.write(end, LAST)


def processor_of_round(number: int) -> int | None:
    """Return the processor for the round `number`; None on systems other than Linux.

    The rounds use all processors one after another, because one processor may be slower than the
    others all the time.
    """
    if sys.platform != "linux":
        return None
    usable = sorted(os.sched_getaffinity(0))
    return usable[number % len(usable)]


@contextlib.contextmanager
def peers(
    folder: Path, tasks: int, processor: int | None = None
) -> Iterator[tuple[InterleavedPeer, InterleavedPeer] | None]:
    """Yield the peers for two processes that measure `tasks` things each.

    The first peer has the first turn. Yields None if FIFOs cannot be created in `folder`.
    """
    with contextlib.ExitStack() as stack:
        place = stack.enter_context(tempfile.TemporaryDirectory(dir=folder, prefix="turns-"))
        first, second = (str(Path(place, name)) for name in ("first", "second"))
        try:
            first_ends, second_ends = (
                [_open_fifo(Path(f"{name}.{task}"), stack) for task in range(tasks)]
                for name in (first, second)
            )
        except (OSError, AttributeError):  # a file system without FIFOs; Windows
            yield None
            return
        for end in first_ends:
            os.write(end, TURN)
        # The seed must only differ from round to round.
        seed = random.randrange(1, 1 << 32)  # noqa: S311  # nosec B311
        pair = (
            InterleavedPeer(first, second, second_ends, processor, seed),
            InterleavedPeer(second, first, first_ends, processor, seed),
        )
        try:
            yield pair
        finally:
            # A later call of `leave` must not write to another file that reuses the descriptor.
            for peer in pair:
                peer.other_ends.clear()


def _open_fifo(path: Path, stack: contextlib.ExitStack) -> int:
    """Create a FIFO and return a descriptor that stays open until `stack` closes it.

    While it is open, a writer never waits for a reader, and a reader that opens the FIFO later
    still receives everything written before.
    """
    os.mkfifo(path)
    end = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    stack.callback(os.close, end)
    return end

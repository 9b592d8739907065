"""The FIFOs by which two processes measure interleaved, as the process that starts both has them.

in_target/bench_interleave.py has the other end of the protocol.
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
# in_target/bench_interleave.py has the same.
TURN, LAST = b".", b"!"


class InterleavedPeer(NamedTuple):
    """One of two interleaved processes.

    It reads its turns from the FIFO `own`, and passes them on to the FIFO `other`; both paths lack
    the number of the task. `other_ends` are open file descriptors of the latter. Both processes
    run on `processor`; None where that cannot be chosen (macOS). Both have the same hash `seed`:
    different seeds make different dicts, which would differ more than the modes do.
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
        """Return variables for the process, unless the person has set them."""
        return {"PYTHONHASHSEED": str(self.seed)}

    def leave(self) -> None:
        """Let the other process continue alone, because this one has ended in any way."""
        for end in self.other_ends:
            # A full FIFO has the message already; a closed one has no reader.
            with contextlib.suppress(OSError):
                os.write(end, LAST)


def processor_of_round(number: int) -> int | None:
    """Return the processor for a round; None where it cannot be chosen.

    The rounds use all processors one after another, since one may be slower all the time.
    """
    if sys.platform != "linux":
        return None
    usable = sorted(os.sched_getaffinity(0))
    return usable[number % len(usable)]


@contextlib.contextmanager
def peers(
    folder: Path, tasks: int, processor: int | None = None
) -> Iterator[tuple[InterleavedPeer, InterleavedPeer] | None]:
    """Yield the peers for two processes that measure `tasks` things each; the first has the turn.

    Yields None where FIFOs cannot be created.
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
        seed = random.randrange(1, 1 << 32)  # noqa: S311 - it differs from round to round
        pair = (
            InterleavedPeer(first, second, second_ends, processor, seed),
            InterleavedPeer(second, first, first_ends, processor, seed),
        )
        try:
            yield pair
        finally:
            # A peer that leaves later must not write to a file that reuses the descriptor.
            for peer in pair:
                peer.other_ends.clear()


def _open_fifo(path: Path, stack: contextlib.ExitStack) -> int:
    """Create a FIFO that stays open, so that a writer never waits for a reader.

    A reader that opens it later still gets what was written.
    """
    os.mkfifo(path)
    end = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    stack.callback(os.close, end)
    return end

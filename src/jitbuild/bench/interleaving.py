"""The FIFOs by which two processes pass the turn to measure (bench_interleave.py), as the one who starts both holds them."""

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


# The protocol of in_target/bench_interleave.py: "it is your turn", and "the other will take no
# more turns".
TURN, LAST = b".", b"!"


class Seat(NamedTuple):
    """One of the two: where it reads its turns and where it passes them on, without the tasks' numbers; `ends` are the latter.

    `processor` is the one that both run on; None where that cannot be chosen (macOS). `seed` is of the hashes in both: others
    make other dicts, and would differ more than the modes do.
    """

    mine: str
    theirs: str
    ends: list[int]
    processor: int | None = None
    seed: int = 0

    def spec(self) -> dict[str, str | int | None]:
        """For the worker's specification."""
        return {
            "mine": self.mine,
            "theirs": self.theirs,
            "processor": self.processor,
            "host": os.getpid(),
        }

    def environment(self) -> dict[str, str]:
        """What the process gets besides, where the person has not set it."""
        return {"PYTHONHASHSEED": str(self.seed)}

    def leave(self) -> None:
        """Let the other go on alone: the process in this seat has ended, however it did."""
        for end in self.ends:
            # One that is full has had it before; one that is closed has no reader.
            with contextlib.suppress(OSError):
                os.write(end, LAST)


def processor_of(number: int) -> int | None:
    """The processor for a round: they take part one after the other, since one may be slower than the others all the time."""
    if sys.platform != "linux":
        return None
    free = sorted(os.sched_getaffinity(0))
    return free[number % len(free)]


@contextlib.contextmanager
def seats(
    folder: Path, tasks: int, processor: int | None = None
) -> Iterator[tuple[Seat, Seat] | None]:
    """The seats of two processes that measure `tasks` things each; the first has the turn. None where FIFOs cannot be made."""
    with contextlib.ExitStack() as stack:
        place = stack.enter_context(tempfile.TemporaryDirectory(dir=folder, prefix="turns-"))
        try:
            fifos = [
                [_fifo(Path(place, f"{name}.{task}"), stack) for task in range(tasks)]
                for name in ("first", "second")
            ]
        except (OSError, AttributeError):  # a file system that has none; Windows
            yield None
            return
        for end in fifos[0]:
            os.write(end, TURN)
        first, second = (str(Path(place, name)) for name in ("first", "second"))
        seed = random.randrange(1, 1 << 32)  # noqa: S311 - another one in each round
        found = (
            Seat(first, second, fifos[1], processor, seed),
            Seat(second, first, fifos[0], processor, seed),
        )
        try:
            yield found
        finally:
            for (
                seat
            ) in found:  # whoever still leaves must not write into a file that takes its number
                seat.ends.clear()


def _fifo(path: Path, stack: contextlib.ExitStack) -> int:
    """A FIFO that stays open: what is written is there for who opens it later, and nobody who writes waits for a reader."""
    os.mkfifo(path)
    end = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    stack.callback(os.close, end)
    return end

"""What runs side by side: threads that end together, under one job budget, a GNU make jobserver of our own.

A jobserver is a pipe with a byte, a token, for each job that may run (the GNU make manual, "POSIX Jobserver Interaction").
Whoever wants to run something reads one, and writes it back afterwards. make and its sub-makes do so of their own accord when
their environment names the pipe; everything else is counted by taking tokens for it here.
"""

from __future__ import annotations

import contextlib
import os
import select
import tempfile
import threading
from typing import TYPE_CHECKING, Protocol, Self

from jitbuild.errors import UsageError
from jitbuild.system import cancellation

if TYPE_CHECKING:
    from collections.abc import Iterator

_TICK_SECONDS = (
    0.1  # how soon someone who waits for a token notices that the task group was cancelled
)
_TOKEN = b"+"
# A token is a byte in a pipe, which a process that fills it would wait at for ever; some systems' pipes hold 4096 at worst.
MAX_JOBS = 1024


class JobShare:
    """Some of a budget's jobs, held for as long as the block of `JobBudget.share` lasts: `jobs` says how many."""

    def __init__(self, jobs: int, fds: tuple[int, ...]) -> None:
        self.jobs = jobs
        self._fds = fds
        self.lent = False

    @property
    def pass_fds(self) -> tuple[int, ...]:
        """What a make that runs in this share must inherit (process.stream); nothing on Windows."""
        return self._fds

    def make_environment(self) -> dict[str, str]:
        """What to add to the environment of a GNU make so that it shares the budget; nothing on Windows.

        It is to be run without -j, with `pass_fds`, and must have ended when the share does. One token of the share is for the job
        that a make may always run; those for more it takes from the budget when it has work for them, and gives back.
        """
        if not self._fds:
            return {}
        self.lent = True
        ends = ",".join(map(str, self._fds))
        # What a make that owns a jobserver says to its sub-makes; until 4.1 (macOS has 3.81) it was --jobserver-fds. An option that
        # a make does not know is passed over in silence when it stands in MAKEFLAGS (main.c of each, decode_switches).
        return {"MAKEFLAGS": f"-j --jobserver-fds={ends} --jobserver-auth={ends}"}


class JobBudget:
    """So many jobs at once, in sum, for all that takes its share here and all makes that run in one. A context manager.

    Threads may take shares at once. It is no thing to be shared with other processes than the makes. Raises UsageError for more
    than MAX_JOBS.
    """

    def __init__(self, jobs: int) -> None:
        if jobs < 1:
            raise ValueError(f"a budget of {jobs} jobs lets nothing run")
        if jobs > MAX_JOBS:
            raise UsageError(
                f"{jobs} jobs at once are more than can be counted.",
                remedy=f"Give at most {MAX_JOBS}: -j {MAX_JOBS}.",
            )
        self.jobs = jobs
        self._lock = threading.Lock()
        self._shares: set[JobShare] = set()

    def __enter__(self) -> Self:
        self._pool: _Pool = _Pipe() if os.name == "posix" else _Counter()
        self._pool.give(self.jobs)
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            # A thread that was not waited for (a second Ctrl-C) still gives its tokens back: not into a file that took the number.
            if not self._shares:
                self._pool.close()

    @contextlib.contextmanager
    def share(self, at_most: int = 1) -> Iterator[JobShare]:
        """Wait for one job to be free, and hold that and what else is free up to `at_most` until the block is left.

        Take one for a make, which takes further ones itself, and several for what cannot share: it may run `share.jobs` at once.
        Raises Cancelled when the current task group is cancelled before there was one. Whoever holds a share and waits for a
        second one in the same thread may wait for itself.
        """
        share = self._wait(at_most)
        try:
            yield share
        finally:
            with self._lock:
                self._shares.discard(share)
                self._pool.give(share.jobs)
                self._restock()

    def _wait(self, at_most: int) -> JobShare:
        while True:
            cancellation.check_cancelled()
            # Counted in the same moment as taken, so that a restock never takes it for lost.
            with self._lock:
                taken = self._pool.take(at_most)
                if taken:
                    share = JobShare(taken, self._pool.fds)
                    self._shares.add(share)
                    return share
            self._pool.wait(_TICK_SECONDS)

    def _restock(self) -> None:
        """Put back what a killed make never gave back.

        How much that is can be told only while no make runs that may hold tokens rightly. Until then there is less to share, but
        never nothing: what the shares hold themselves always comes back.
        """
        if any(share.lent for share in self._shares):
            return
        while self._pool.take(self.jobs):
            pass
        self._pool.give(self.jobs - sum(share.jobs for share in self._shares))


class _Pool(Protocol):
    """Where the free tokens are."""

    @property
    def fds(self) -> tuple[int, ...]:
        """What makes are told: the end to read from and the one to write to."""

    def take(self, at_most: int) -> int:
        """Take what is there, up to `at_most`, without waiting; how many that was."""

    def give(self, count: int) -> None:
        """Put so many there."""

    def wait(self, seconds: float) -> None:
        """Wait until there may be one, but no longer than this."""

    def close(self) -> None:
        """Nothing is taken or given any more."""


class _Pipe:
    """Tokens in a pipe, for makes to share."""

    def __init__(self) -> None:
        # Read without ever blocking here, as a token that poll saw may be gone by the time; but the makes must get an end that
        # blocks: those before 4.3 take EAGAIN for a fatal error, and later ones set what they want. That flag belongs to the open
        # file and not to the descriptor, so there must be two open files, which a pipe has only where it can be opened by a name.
        with tempfile.TemporaryDirectory(prefix="jitbuild-") as folder:
            path = os.path.join(folder, "jobs")  # noqa: PTH118
            os.mkfifo(path, 0o600)
            self._own = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            self._write = os.open(path, os.O_WRONLY)
            self._read = os.open(path, os.O_RDONLY)

    @property
    def fds(self) -> tuple[int, ...]:
        return self._read, self._write

    def take(self, at_most: int) -> int:
        try:
            return len(os.read(self._own, at_most))
        except BlockingIOError:
            return 0

    def give(self, count: int) -> None:
        os.write(self._write, _TOKEN * count)

    def wait(self, seconds: float) -> None:
        poll = select.poll()  # one for each who waits: threads cannot share it
        poll.register(self._own, select.POLLIN)
        poll.poll(seconds * 1000)

    def close(self) -> None:
        for fd in (self._own, self._write, self._read):
            os.close(fd)


class _Counter:
    """Tokens that are only counted: Windows, where nothing that we run shares a jobserver."""

    fds: tuple[int, ...] = ()

    def __init__(self) -> None:
        self._free = 0
        self._change = threading.Condition()

    def take(self, at_most: int) -> int:
        with self._change:
            taken = min(at_most, self._free)
            self._free -= taken
            return taken

    def give(self, count: int) -> None:
        with self._change:
            self._free += count
            self._change.notify_all()

    def wait(self, seconds: float) -> None:
        with self._change:
            self._change.wait_for(lambda: self._free, timeout=seconds)

    def close(self) -> None:
        pass

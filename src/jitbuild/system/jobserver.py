"""A job budget that threads and make processes share, as a GNU make jobserver.

A jobserver is a pipe that contains one byte, a token, for each job that may run (GNU make manual,
"POSIX Jobserver Interaction"). A process reads a token before it starts a job, and writes it back
afterwards. make and its sub-makes do this by themselves when their environment names the pipe. For
all other programs, this module takes the tokens and gives them back.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Self

from jitbuild.errors import UsageError
from jitbuild.system import cancellation
from jitbuild.system.token_pools import create_pool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jitbuild.system.token_pools import TokenPool

_TICK_SECONDS = 0.1  # between a waiting thread's checks for a cancellation
# A token is a byte in a pipe, and writing to a full pipe would block forever. On some systems, a
# pipe holds only 4096 bytes.
MAX_JOBS = 1024


class JobShare:
    """Jobs of a budget, held until the block of `JobBudget.share` ends.

    `jobs` is their number. `lent` is True once `make_environment` has been called: a make may then
    run in this share and hold further tokens of the budget.
    """

    def __init__(self, jobs: int, fds: tuple[int, ...]) -> None:
        self.jobs = jobs
        self._fds = fds
        self.lent = False

    @property
    def pass_fds(self) -> tuple[int, ...]:
        """The file descriptors that a make in this share must inherit; empty on Windows.

        Pass them to `process.stream`.
        """
        return self._fds

    def make_environment(self) -> dict[str, str]:
        """Return the environment variables that make GNU make use the budget; {} on Windows.

        Run make without -j and with `pass_fds`; it must end before the share is given back. make
        may always run one job, for which this share holds a token. For every further job, make
        takes a token from the budget and gives it back afterwards.
        """
        if not self._fds:
            return {}
        self.lent = True
        fds = ",".join(map(str, self._fds))
        # These are the options that a make with a jobserver passes to its sub-makes. Before 4.2
        # (macOS has 3.81), make called the option --jobserver-fds. Every version ignores options in
        # MAKEFLAGS that it does not know (decode_switches in main.c).
        return {"MAKEFLAGS": f"-j --jobserver-fds={fds} --jobserver-auth={fds}"}


class JobBudget:
    """A limit on the number of jobs that run at the same time, in all shares and their makes.

    Use it as a context manager. Several threads may hold shares at the same time. The only other
    processes that use the budget are makes that run in a share. Raises UsageError if `jobs` is
    greater than MAX_JOBS.
    """

    def __init__(self, jobs: int, *, create_pool: Callable[[], TokenPool] = create_pool) -> None:
        if jobs < 1:
            raise ValueError(f"a budget of {jobs} jobs allows nothing to run")
        if jobs > MAX_JOBS:
            raise UsageError(
                f"{jobs} jobs at once are too many.",
                remedy=f"Use at most {MAX_JOBS} jobs: -j {MAX_JOBS}.",
            )
        self.jobs = jobs
        self._create_pool = create_pool
        self._lock = threading.Lock()
        self._shares: set[JobShare] = set()

    def __enter__(self) -> Self:
        self._pool = self._create_pool()
        self._pool.give(self.jobs)
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            # After a second Ctrl-C, a thread that was not joined may still give its tokens back.
            # If the pipe were closed, its descriptor could already belong to another file, and the
            # thread would write the tokens there. So the pipe stays open while shares are held.
            if not self._shares:
                self._pool.close()

    @contextlib.contextmanager
    def share(self, at_most: int = 1) -> Iterator[JobShare]:
        """Hold at least one job until the block ends, and up to `at_most` jobs if they are free.

        Waits until one job is free. For a make, take one job: make takes further jobs by itself.
        For a tool that does not know the jobserver, take several jobs; the tool may run
        `share.jobs` jobs at once. A thread that holds a share must not take another one, because it
        might wait for itself. Raises Cancelled if the current task group is cancelled during the
        wait.
        """
        share = self._acquire(at_most)
        try:
            yield share
        finally:
            with self._lock:
                self._shares.discard(share)
                self._pool.give(share.jobs)
                self._restock()

    def _acquire(self, at_most: int) -> JobShare:
        while True:
            cancellation.check_cancelled()
            # Tokens are taken and recorded under one lock. Otherwise, `_restock` could find tokens
            # that are taken but not recorded, and consider them lost.
            with self._lock:
                taken = self._pool.take(at_most)
                if taken:
                    share = JobShare(taken, self._pool.fds)
                    self._shares.add(share)
                    return share
            self._pool.wait(_TICK_SECONDS)

    def _restock(self) -> None:
        """Replace the tokens of makes that were killed while they held tokens.

        The number of lost tokens is known only when no make can hold any. Until then, the budget
        has fewer tokens, but never none, because each share always gives back its own.
        """
        if any(share.lent for share in self._shares):
            return
        while self._pool.take(self.jobs):
            pass
        self._pool.give(self.jobs - sum(share.jobs for share in self._shares))

"""A job budget shared by threads and makes: a GNU make jobserver of our own.

A jobserver is a pipe with a byte, a token, for each job that may run (GNU make manual, "POSIX
Jobserver Interaction"). A process reads a token before it starts a job, and writes it back
afterwards. make and its sub-makes do so when their environment names the pipe; for everything else
tokens are taken here.
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

_TICK_SECONDS = 0.1  # the delay until a thread that waits for a token sees a cancellation
# A token is a byte in a pipe, and writing to a full pipe blocks for ever. Some systems' pipes hold
# only 4096 bytes in the worst case.
MAX_JOBS = 1024


class JobShare:
    """Some of a budget's jobs, held until the block of `JobBudget.share` ends.

    `jobs` is their number. `lent` is true once a make may hold tokens of its own.
    """

    def __init__(self, jobs: int, fds: tuple[int, ...]) -> None:
        self.jobs = jobs
        self._fds = fds
        self.lent = False

    @property
    def pass_fds(self) -> tuple[int, ...]:
        """The descriptors that a make in this share must inherit (process.stream).

        Empty on Windows.
        """
        return self._fds

    def make_environment(self) -> dict[str, str]:
        """Return variables with which a GNU make shares the budget; none on Windows.

        Run the make without -j and with `pass_fds`; it must end before the share does. One token of
        the share is for the job that a make may always run. The make takes tokens for more jobs
        from the budget when it needs them, and gives them back.
        """
        if not self._fds:
            return {}
        self.lent = True
        fds = ",".join(map(str, self._fds))
        # This is what a make that owns a jobserver passes to its sub-makes; until 4.1 (macOS has
        # 3.81) the option was --jobserver-fds. A make ignores unknown options in MAKEFLAGS
        # (decode_switches in main.c of each version).
        return {"MAKEFLAGS": f"-j --jobserver-fds={fds} --jobserver-auth={fds}"}


class JobBudget:
    """A limit on jobs at the same time, for all shares and all makes that run in one.

    A context manager. Threads may take shares at the same time; other processes share it only when
    they are makes in a share. Raises UsageError for more than MAX_JOBS.
    """

    def __init__(self, jobs: int, *, create_pool: Callable[[], TokenPool] = create_pool) -> None:
        if jobs < 1:
            raise ValueError(f"a budget of {jobs} jobs allows nothing to run")
        if jobs > MAX_JOBS:
            raise UsageError(
                f"{jobs} jobs at once are too many.",
                remedy=f"Give at most {MAX_JOBS}: -j {MAX_JOBS}.",
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
            # A thread that was not joined (a second Ctrl-C) will still give its tokens back. It
            # must not write them to another file that was opened under the same number.
            if not self._shares:
                self._pool.close()

    @contextlib.contextmanager
    def share(self, at_most: int = 1) -> Iterator[JobShare]:
        """Hold one job, and up to `at_most` if they are free, until the block ends.

        Waits until one job is free. Take one for a make, which takes more itself, and several for a
        tool that cannot share: it may run `share.jobs` at once. Raises Cancelled when the current
        task group is cancelled while waiting. A thread that already holds a share and waits for a
        second one may wait for itself.
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
            # Counted in the moment it is taken, so that `_restock` does not consider it lost.
            with self._lock:
                taken = self._pool.take(at_most)
                if taken:
                    share = JobShare(taken, self._pool.fds)
                    self._shares.add(share)
                    return share
            self._pool.wait(_TICK_SECONDS)

    def _restock(self) -> None:
        """Put back the tokens of makes that were killed and never gave them back.

        Their number is known only when no make runs that may hold tokens. Until then there are
        fewer to share, but never none: the tokens of the shares themselves always come back.
        """
        if any(share.lent for share in self._shares):
            return
        while self._pool.take(self.jobs):
            pass
        self._pool.give(self.jobs - sum(share.jobs for share in self._shares))

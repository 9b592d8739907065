"""Task groups: threads and child processes that are cancelled together.

Python raises Ctrl-C in the main thread only. Children that other threads wait for therefore belong
to a task group, and the code that waits for those threads cancels the group.
"""

from __future__ import annotations

import contextlib
import contextvars
import signal
import threading
import time
from typing import TYPE_CHECKING, Protocol

from jitbuild.system.signals import SignalReceived

if TYPE_CHECKING:
    from collections.abc import Iterator

GRACE_SECONDS = 5.0
_TICK_SECONDS = 0.1


class Cancelled(SignalReceived):
    """Raised in a task group that was cancelled: nothing new starts, and its children are ended."""

    def __init__(self) -> None:
        super().__init__(signal.SIGINT)


class CancellableChild(Protocol):
    """A child process, with everything it started, that a task group can end."""

    def terminate(self) -> None:
        """Request the end (SIGTERM)."""

    def wait_for_end(self, timeout: float) -> None:
        """Wait until the child has ended, at most `timeout` seconds."""

    def kill(self) -> None:
        """Kill whatever still runs, and wait for the child."""


class TaskGroup:
    """Children that end together, whichever threads wait for them. Created by `task_group()`."""

    def __init__(self, parent: TaskGroup | None) -> None:
        self._children: set[CancellableChild] = set()
        self._subgroups: set[TaskGroup] = set()
        self._parent = parent
        self._cancelled = False

    @property
    def cancelled(self) -> bool:
        """True once the group was cancelled: code that runs in it should stop."""
        return self._cancelled

    def cancel(self) -> None:
        """End all children at the same time, and let no new ones start, in subgroups too.

        Children get SIGTERM and, after a grace period, are killed. Threads that wait for a child
        raise Cancelled, and can be joined after this call.
        """
        try:
            children = self._close()
            for child in children:
                child.terminate()
            deadline = time.monotonic() + GRACE_SECONDS
            for child in children:
                child.wait_for_end(max(0.0, deadline - time.monotonic()))
        finally:
            # Also at a second Ctrl-C. A child may be gone while a process that it started still
            # runs and keeps the pipe open that a thread reads.
            for child in self._close():
                child.kill()

    def _close(self) -> list[CancellableChild]:
        """Mark this group and its subgroups as cancelled, and return their running children."""
        with _LOCK:
            groups = [self]
            for group in groups:
                group._cancelled = True  # noqa: SLF001
                groups += group._subgroups  # noqa: SLF001
            return [child for group in groups for child in group._children]  # noqa: SLF001

    @contextlib.contextmanager
    def _linked(self) -> Iterator[None]:
        """Be a subgroup of the parent group for the length of the block."""
        parent = self._parent
        if parent is not None:
            with _LOCK:
                parent._subgroups.add(self)  # noqa: SLF001
                self._cancelled = parent.cancelled
        try:
            self._check()
            yield
        finally:
            if parent is not None:
                with _LOCK:
                    parent._subgroups.discard(self)  # noqa: SLF001

    def _check(self) -> None:
        if self._cancelled:
            raise Cancelled

    @contextlib.contextmanager
    def _tracked(self, child: CancellableChild) -> Iterator[None]:
        with _LOCK:
            # Under the lock: either `cancel` sees this child, or the cancellation is seen here and
            # the caller ends the child.
            self._check()
            self._children.add(child)
        try:
            yield
            # How the child ended says nothing now: `cancel` may have ended it.
            self._check()
        finally:
            with _LOCK:
                self._children.discard(child)


_LOCK = threading.Lock()
_GROUP: contextvars.ContextVar[TaskGroup | None] = contextvars.ContextVar("group", default=None)


@contextlib.contextmanager
def task_group() -> Iterator[TaskGroup]:
    """Create a group for all children started in the block.

    Threads belong to it when they run in a copy of the block's context (contextvars). When an
    exception leaves the block, Ctrl-C included, the group is cancelled; join the threads after
    the block. When the block ends normally, children keep running. Raises Cancelled when a group
    around this one was cancelled.
    """
    group = TaskGroup(_GROUP.get())
    token = _GROUP.set(group)
    try:
        with group._linked():  # noqa: SLF001
            try:
                yield group
            except BaseException:
                group.cancel()
                raise
    finally:
        _GROUP.reset(token)


@contextlib.contextmanager
def tracked(child: CancellableChild) -> Iterator[None]:
    """Let the current task group, if any, end `child` while the block runs.

    Raises Cancelled at either end of the block when the group was cancelled.
    """
    group = _GROUP.get()
    with contextlib.nullcontext() if group is None else group._tracked(child):  # noqa: SLF001
        yield


def check_cancelled() -> None:
    """Raise Cancelled when the current task group, if any, was cancelled.

    Long work that starts no process calls this now and then.
    """
    group = _GROUP.get()
    if group is not None and group.cancelled:
        raise Cancelled


def sleep(seconds: float) -> None:
    """Sleep for `seconds`, but raise Cancelled soon after the current task group was cancelled."""
    deadline = time.monotonic() + seconds
    while (remaining := deadline - time.monotonic()) > 0:
        check_cancelled()
        time.sleep(min(remaining, _TICK_SECONDS))
    check_cancelled()

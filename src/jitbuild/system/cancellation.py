"""Task groups: threads and child processes that are cancelled together.

On Ctrl-C, Python raises KeyboardInterrupt in the main thread only, while other threads may be
waiting for child processes. These child processes therefore belong to a task group, and the main
thread, which waits for the other threads, cancels the group.
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
    """The task group was cancelled: its child processes are ended, and no new ones are started."""

    def __init__(self) -> None:
        super().__init__(signal.SIGINT)


class CancellableChild(Protocol):
    """A child process that a task group can end, with all processes that the child started."""

    def terminate(self) -> None:
        """Ask the child and the processes that it started to end (SIGTERM)."""

    def wait_for_end(self, timeout: float) -> None:
        """Wait until the child has ended, but at most `timeout` seconds."""

    def kill(self) -> None:
        """Kill those of the processes that are still running, and wait for the child."""


class TaskGroup:
    """Child processes that are ended together, no matter which threads wait for them.

    Use `task_group()` to create a group.
    """

    def __init__(self, parent: TaskGroup | None) -> None:
        self._children: set[CancellableChild] = set()
        self._subgroups: set[TaskGroup] = set()
        self._parent = parent
        self._cancelled = False

    @property
    def cancelled(self) -> bool:
        """True if the group has been cancelled: code that runs in the group should then stop."""
        return self._cancelled

    def cancel(self) -> None:
        """End all children of this group and its subgroups, and prevent new children from starting.

        All children get SIGTERM at the same time; those that still run after a grace period are
        killed. Threads that wait for a child raise Cancelled, so they can be joined after this
        call.
        """
        try:
            children = self._close()
            for child in children:
                child.terminate()
            deadline = time.monotonic() + GRACE_SECONDS
            for child in children:
                child.wait_for_end(max(0.0, deadline - time.monotonic()))
        finally:
            # This also runs after a second Ctrl-C. The process groups of all children are killed,
            # even if a child has ended: a process that it started may still run and keep open a
            # pipe that one of our threads is reading.
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
        """While the block runs, register this group as a subgroup of its parent, if it has one.

        Raises Cancelled if the parent has been cancelled.
        """
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
            # Because of the lock, there are only two cases: `cancel` runs later and finds this
            # child in the set, or it ran earlier, so the check raises Cancelled and the caller ends
            # the child.
            self._check()
            self._children.add(child)
        try:
            yield
            # Raise Cancelled if `cancel` ended the child: its exit code is then meaningless.
            self._check()
        finally:
            with _LOCK:
                self._children.discard(child)


_LOCK = threading.Lock()
_GROUP: contextvars.ContextVar[TaskGroup | None] = contextvars.ContextVar("group", default=None)


@contextlib.contextmanager
def task_group() -> Iterator[TaskGroup]:
    """Create a group for all child processes that are started in the block.

    A child that another thread starts belongs to the group if that thread runs in a copy of the
    block's context (contextvars). If an exception, including KeyboardInterrupt, leaves the block,
    the group is cancelled. If the block ends normally, children keep running. Join the threads
    after the block. Raises Cancelled if an enclosing group has been cancelled.
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
    """While the block runs, make `child` a member of the current task group, if there is one.

    Raises Cancelled at the start or the end of the block if the group has been cancelled.
    """
    group = _GROUP.get()
    with contextlib.nullcontext() if group is None else group._tracked(child):  # noqa: SLF001
        yield


def check_cancelled() -> None:
    """Raise Cancelled if there is a current task group and it has been cancelled.

    Long-running work that starts no processes should call this function regularly.
    """
    group = _GROUP.get()
    if group is not None and group.cancelled:
        raise Cancelled


def sleep(seconds: float) -> None:
    """Sleep for `seconds`. Raises Cancelled as soon as the current task group is cancelled."""
    deadline = time.monotonic() + seconds
    while (remaining := deadline - time.monotonic()) > 0:
        check_cancelled()
        time.sleep(min(remaining, _TICK_SECONDS))
    check_cancelled()

"""Child processes that lead a process group, so that all processes they start end with them.

When the wait for a child is interrupted (by its timeout, Ctrl-C or an exception in the parent), the
whole process group is ended, so that no compiler outlives the command that started it. A parent
that is killed cannot end the group; the guardian (guardian.py) then does, and on Linux, the kernel
ends the child.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from jitbuild.system import cancellation, signals
from jitbuild.system.guardian import Guardian

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_SIGKILL: int = getattr(signal, "SIGKILL", signal.SIGTERM)  # Windows has no SIGKILL

NO_GUARDIAN = Guardian()

Popen: TypeAlias = "subprocess.Popen[bytes]"


def signal_posix_group(child: Popen, number: int) -> None:
    """Send the signal `number` to the child's process group; do nothing if the group has ended."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)


def end_windows_tree(
    child: Popen, _number: int, *, run: Callable[..., object] = subprocess.run
) -> None:
    """End the child and all processes that it started; do nothing if the child has ended.

    On Windows, this replaces a signal to a process group: build tools react to no such signal.
    """
    if child.poll() is None:
        argv = ["taskkill", "/T", "/F", "/PID", str(child.pid)]
        run(argv, capture_output=True, check=False)


def launch_guardian(argv: Sequence[str], stdin: int, stdout: int) -> None:
    """Run the shell that starts the guardian. Raises OSError if it fails."""
    code = subprocess.run(
        argv,
        stdin=stdin,
        stdout=stdout,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
        env={},
        check=False,
    ).returncode
    if code:
        raise OSError(f"the shell of the guardian ended with {code}")


@dataclass(frozen=True, kw_only=True, slots=True)
class ProcessEffects:
    """The operating system's functions that start and end children; unit tests pass fakes.

    `guardian` ends the children's process groups if this process is killed.
    """

    popen: Callable[..., Popen] = subprocess.Popen
    signal_group: Callable[[Popen, int], None] = (
        signal_posix_group if os.name == "posix" else end_windows_tree
    )
    guardian: Guardian = NO_GUARDIAN


class ProcessGroup:
    """A running child and the process group that it leads."""

    def __init__(self, child: Popen, effects: ProcessEffects) -> None:
        self.child = child
        self._signal = functools.partial(effects.signal_group, child)

    def terminate(self) -> None:
        """Send SIGTERM to the group."""
        self._signal(signal.SIGTERM)

    def wait_for_end(self, timeout: float) -> None:
        """Wait until the child has ended, but at most `timeout` seconds."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.child.wait(timeout=timeout)

    def kill(self) -> None:
        """Kill the processes that are left in the group, and wait for the child."""
        self.kill_rest()
        self.child.wait()

    def kill_rest(self) -> None:
        """Kill the processes that are left in the group, without waiting for the child."""
        self._signal(_SIGKILL)

    def end(self) -> None:
        """Send SIGTERM to the group, and kill it after a grace period or at a second Ctrl-C."""
        try:
            self.terminate()
            self.wait_for_end(cancellation.GRACE_SECONDS)
        finally:
            # Kill the group even if the child has ended: a process that it started may still run.
            self.kill()


@contextlib.contextmanager
def start(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None,
    cwd: Path | None = None,
    effects: ProcessEffects,
    **files: Any,
) -> Iterator[ProcessGroup]:
    """Start `argv` as the leader of a process group and a member of the current task group.

    `files` are the arguments `stdin`, `stdout`, `stderr` and `pass_fds` of `subprocess.Popen`. The
    process group is ended if an exception leaves the block or the task group is cancelled. Raises
    OSError if the program cannot be started, and Cancelled if the task group has been cancelled.
    """
    cancellation.check_cancelled()
    with signals.DEFERRAL, effects.guardian.starting():
        effects.guardian.launch()
        child = effects.popen(
            list(argv),
            env=None if env is None else dict(env),
            cwd=cwd,
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            preexec_fn=_die_with_parent() if sys.platform == "linux" else None,
            **files,
        )
        effects.guardian.add(child.pid)
    group = ProcessGroup(child, effects)
    try:
        signals.DEFERRAL.raise_pending()
        with cancellation.tracked(group):
            yield group
    except BaseException:
        group.end()
        raise
    finally:
        effects.guardian.remove(child.pid)
        for pipe in (child.stdin, child.stdout, child.stderr):
            if pipe is not None:
                pipe.close()


def _die_with_parent() -> Callable[[], None] | None:
    """Return a preexec function that makes the kernel send SIGTERM when the parent dies (prctl(2)).

    Returns None if libc has no prctl. make passes SIGTERM on to its jobs, so a build stops even
    when jitbuild is killed with `kill -9`.

    More precisely, the kernel sends the signal when the thread that started the child ends. That
    thread waits for the child, so it does not end before the child.

    The subprocess documentation warns of preexec functions in a process with threads: the child has
    only the thread that forked, and a lock that another thread held at that time stays locked. The
    returned function takes none of our locks: everything that it needs is looked up before the
    fork. The interpreter re-creates its own locks in the child (PyOS_AfterFork_Child), libc holds
    the locks of malloc during the fork, and PyDLL does not release the GIL for the call.
    """
    prctl = _prctl()
    return None if prctl is None else functools.partial(request_death_signal, prctl, os.getpid())


def request_death_signal(prctl: Callable[..., int], parent: int) -> None:
    """Make the kernel send SIGTERM to this process when its parent, the process `parent`, dies."""
    prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    # If the parent was killed before this call, the kernel sends no signal.
    if os.getppid() != parent:
        os._exit(1)


@functools.cache
def _prctl() -> Callable[..., int] | None:
    try:
        import ctypes

        prctl = ctypes.PyDLL(None).prctl
    except (ImportError, OSError, AttributeError):
        return None
    prctl.argtypes = (ctypes.c_int, *[ctypes.c_ulong] * 4)
    return prctl

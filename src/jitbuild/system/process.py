"""The only module that starts processes.

Every child is the leader of a process group of its own. Whatever ends the wait for it (its timeout, Ctrl-C, an exception in
the parent) ends the whole group, so that no compiler outlives the command that started it. On Linux the kernel is asked to
end the child as well when this process is killed and cannot do it itself.

Python raises Ctrl-C in the main thread alone. So children that other threads wait for belong to a crew, which whoever waits for
those threads ends as one.
"""

from __future__ import annotations

import contextlib
import contextvars
import errno
import functools
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Protocol

from jitbuild.system.exec import become

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path
    from types import FrameType

_GRACE_SECONDS = 5.0
_TICK_SECONDS = 0.1
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


@dataclass(frozen=True, kw_only=True, slots=True)
class Completed:
    """How a process ended: `returncode` (negative: the signal), its output as text, and whether its time ran out."""

    argv: tuple[str, ...]
    returncode: int
    stdout: str = ""
    stderr: str = ""
    timed_out: bool = False

    @property
    def ok(self) -> bool:
        return self.returncode == 0 and not self.timed_out


class Runner(Protocol):
    """Runs a program to its end and hands back what it printed; a missing program raises OSError."""

    def __call__(
        self,
        argv: Sequence[str],
        /,
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        timeout: float | None = None,
        stdin: str | None = None,
    ) -> Completed: ...


class Streamer(Protocol):
    """Runs a program to its end while its merged output goes to `log`, line by line to `on_line`; returns its exit code.

    `pass_fds` stay open in it, under the same numbers.
    """

    def __call__(
        self,
        argv: Sequence[str],
        /,
        *,
        env: Mapping[str, str],
        cwd: Path,
        log: IO[bytes],
        on_line: Callable[[str], None],
        pass_fds: Sequence[int] = (),
    ) -> int: ...


class Recorder(Protocol):
    """Runs a program to its end while its merged output goes into the file `log`; a missing program raises OSError."""

    def __call__(
        self,
        argv: Sequence[str],
        /,
        *,
        env: Mapping[str, str],
        log: IO[bytes],
        timeout: float | None = None,
    ) -> Completed: ...


def run(
    argv: Sequence[str],
    /,
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float | None = None,
    stdin: str | None = None,
) -> Completed:
    """Run `argv` to its end, for at most `timeout` seconds, in `env` (None: this process's own).

    Output is decoded as UTF-8 with replacement characters, since what runs may be anything. Raises OSError when the program
    cannot be started; a timeout is reported in the result, not raised.
    """
    with _group(argv, env=env, cwd=cwd, stdin=stdin is not None, merge=False) as child:
        try:
            out, err = child.communicate(None if stdin is None else stdin.encode(), timeout=timeout)
        except subprocess.TimeoutExpired:
            _end_group(child)
            return Completed(argv=tuple(argv), returncode=-signal.SIGTERM, timed_out=True)
    return Completed(
        argv=tuple(argv),
        returncode=child.returncode,
        stdout=out.decode("utf-8", "replace"),
        stderr=err.decode("utf-8", "replace"),
    )


def stream(
    argv: Sequence[str],
    /,
    *,
    env: Mapping[str, str],
    cwd: Path,
    log: IO[bytes],
    on_line: Callable[[str], None],
    pass_fds: Sequence[int] = (),
) -> int:
    """Run a long step in `env` and `cwd`, copying its output to `log` as it comes; returns the exit code.

    `pass_fds` stay open in it, under the same numbers: a jobserver's pipe, for one.
    """
    with _group(argv, env=env, cwd=cwd, stdin=False, merge=True, pass_fds=pass_fds) as child:
        assert child.stdout is not None
        for line in child.stdout:
            log.write(line)
            on_line(line.decode("utf-8", "replace").rstrip())
        return child.wait()


def record(
    argv: Sequence[str], /, *, env: Mapping[str, str], log: IO[bytes], timeout: float | None = None
) -> Completed:
    """Run `argv` to its end, for at most `timeout` seconds, with its output, merged, in `log`, a real file.

    Whatever of its process group is left when it ends is ended too: the next run must not meet it. Nothing waits for a pipe, so
    neither a grandchild that keeps the output open nor the reading of it is in the time that this takes. Raises OSError when the
    program cannot be started; a timeout is reported in the result.
    """
    expired = threading.Event()
    with _group(argv, env=env, cwd=None, stdin=False, merge=True, output=log) as child:

        def expire() -> None:
            expired.set()
            _end_group(child)

        # A thread, because waiting with a timeout is done by looking every now and then, which the time taken would show.
        timer = threading.Timer(timeout or 0, expire)
        if timeout is not None:
            timer.start()
        try:
            returncode = child.wait()
        finally:
            timer.cancel()
        if expired.is_set():
            timer.join()
        _signal_group(child, getattr(signal, "SIGKILL", signal.SIGTERM))
    return Completed(argv=tuple(argv), returncode=returncode, timed_out=expired.is_set())


def replace(argv: Sequence[str], /, *, env: Mapping[str, str]) -> int:
    """Become `argv` (POSIX exec), or on Windows, which has no exec, run it as a child and return its exit code.

    The program is looked for on the PATH of `env`. Raises OSError when it cannot be started.
    """
    if os.name == "posix":
        become(argv, env)
    # Windows would look on this process's own PATH.
    import shutil

    program = shutil.which(argv[0], path=env.get("PATH"))
    if program is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), argv[0])
    with (
        contextlib.suppress(KeyboardInterrupt),
        subprocess.Popen([program, *argv[1:]], env=dict(env)) as child,
    ):
        return child.wait()
    return 130


class Ended(KeyboardInterrupt):
    """A signal that would have killed this process, raised so that it unwinds as after Ctrl-C. `number` is the signal's."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class _Starting:
    """That the main thread starts a child just now, and the signal that came meanwhile.

    After a fork Python runs hooks of its own (logging has some), and what is raised in one of them is printed and forgotten: a
    Ctrl-C would be lost.
    """

    def __init__(self) -> None:
        self._now = False
        self._came: int | None = None

    def __enter__(self) -> None:
        # Other threads' starts are no matter: Python runs the handlers of signals in this one alone.
        if threading.current_thread() is threading.main_thread():
            self._now = True

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        if threading.current_thread() is threading.main_thread():
            self._now = False
            if failed is not None:
                self.heed()

    def interrupt(self, number: int, _frame: FrameType | None = None) -> None:
        """A handler of signals: raises Ended, for Ctrl-C KeyboardInterrupt; while a child is started only remembers to."""
        if self._now:
            self._came = number
            return
        self._came = None
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        signal.signal(number, signal.SIG_IGN)
        raise Ended(number)

    def heed(self) -> None:
        """Raise what came while a child was started."""
        if self._came is not None and threading.current_thread() is threading.main_thread():
            number, self._came = self._came, None
            self.interrupt(number)


_STARTING = _Starting()


@contextlib.contextmanager
def unwinding() -> Iterator[None]:
    """Have SIGTERM (CI's cancel) and SIGHUP (a closed terminal) raise Ended in the block, so that children are ended too.

    And have Ctrl-C raise KeyboardInterrupt at every moment, also while a child is started.
    """
    numbers = [
        getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
    ]
    # One that is ignored (nohup) stays so.
    usual = {number: signal.getsignal(number) for number in numbers}
    taken = [
        number
        for number in numbers
        if usual[number] in {signal.SIG_DFL, signal.default_int_handler}
    ]
    if threading.current_thread() is not threading.main_thread():
        taken = []
    for number in taken:
        signal.signal(number, _STARTING.interrupt)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, usual[number])


class Stopped(Ended):
    """Raised in work of a crew that was ended: nothing more is to be started, and what was started is being ended."""

    def __init__(self) -> None:
        super().__init__(signal.SIGINT)


class Crew:
    """Children that end together, whichever threads wait for them. Made by `crew()`."""

    def __init__(self, outer: Crew | None) -> None:
        self._children: set[subprocess.Popen[bytes]] = set()
        self._inner: set[Crew] = set()
        self._outer = outer
        self._ended = False

    @property
    def ended(self) -> bool:
        """Whether it was ended: whatever works in it should stop."""
        return self._ended

    def end(self) -> None:
        """Let nothing more be started, and end the groups of all children side by side: ask, and after a moment's grace make them.

        The threads that wait for the children go on with Stopped, and can be joined then. A crew inside this one ends too.
        """
        try:
            children = self._close()
            for child in children:
                _signal_group(child, signal.SIGTERM)
            until = time.monotonic() + _GRACE_SECONDS
            for child in children:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(timeout=max(0.0, until - time.monotonic()))
        finally:
            # At a second Ctrl-C too. A leader may be gone while something it started still runs in its group, and keeps the pipe
            # open that a thread reads.
            for child in self._close():
                _kill_group(child)

    def _close(self) -> list[subprocess.Popen[bytes]]:
        """Let nothing more be started; what runs, also in crews inside this one."""
        with _CREWS:
            crews = [self]
            for one in crews:
                one._ended = True  # noqa: SLF001
                crews += one._inner  # noqa: SLF001
            return [child for one in crews for child in one._children]  # noqa: SLF001

    def _enter(self) -> None:
        with _CREWS:
            if self._outer is not None:
                self._outer._inner.add(self)  # noqa: SLF001
                self._ended = self._outer.ended
        self._heed()

    def _leave(self) -> None:
        with _CREWS:
            if self._outer is not None:
                self._outer._inner.discard(self)  # noqa: SLF001

    def _heed(self) -> None:
        if self._ended:
            raise Stopped

    @contextlib.contextmanager
    def _enlisted(self, child: subprocess.Popen[bytes]) -> Iterator[None]:
        with _CREWS:
            # Under the lock: an end has either seen this child, or is seen here, and whoever started the child ends it.
            self._heed()
            self._children.add(child)
        try:
            yield
            # How it ended says nothing now: it may have been made to.
            self._heed()
        finally:
            with _CREWS:
                self._children.discard(child)


_CREWS = threading.Lock()
_CREW: contextvars.ContextVar[Crew | None] = contextvars.ContextVar("crew", default=None)


@contextlib.contextmanager
def crew() -> Iterator[Crew]:
    """A crew for what is started in the block, also by threads that run in a copy of the block's context (contextvars).

    When an exception leaves the block, Ctrl-C included, the crew is ended; join the threads afterwards, outside of the block. Left
    otherwise, the children are let be. Raises Stopped when a crew around this one has ended.
    """
    made = Crew(_CREW.get())
    token = _CREW.set(made)
    try:
        made._enter()  # noqa: SLF001
        yield made
    except BaseException:
        made.end()
        raise
    finally:
        _CREW.reset(token)
        made._leave()  # noqa: SLF001


def sleep(seconds: float) -> None:
    """Do nothing for so long, but raise Stopped soon when the crew that this code works in ends."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        heed()
        time.sleep(min(left, _TICK_SECONDS))
    heed()


def heed() -> None:
    """Raise Stopped when the crew that this code works in, if any, has ended: for work that starts no process, but takes long."""
    current = _CREW.get()
    if current is not None and current.ended:
        raise Stopped


@contextlib.contextmanager
def _group(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None,
    cwd: Path | None,
    stdin: bool,
    merge: bool,
    output: IO[bytes] | None = None,
    pass_fds: Sequence[int] = (),
) -> Iterator[subprocess.Popen[bytes]]:
    """A child in a process group of its own and in this context's crew.

    It is ended with all its descendants when the block is left early, or when the crew is ended. It prints into `output`, or into
    a pipe.
    """
    heed()
    current = _CREW.get()
    with _STARTING:
        child = subprocess.Popen(
            list(argv),
            env=None if env is None else dict(env),
            cwd=cwd,
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE if output is None else output,
            stderr=subprocess.STDOUT if merge else subprocess.PIPE,
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            pass_fds=pass_fds,
            preexec_fn=_die_with_parent() if sys.platform == "linux" else None,  # noqa: PLW1509
        )
    try:
        _STARTING.heed()
        with contextlib.nullcontext() if current is None else current._enlisted(child):  # noqa: SLF001
            yield child
    except BaseException:
        _end_group(child)
        raise
    finally:
        for pipe in (child.stdin, child.stdout, child.stderr):
            if pipe is not None:
                pipe.close()


def _end_group(child: subprocess.Popen[bytes]) -> None:
    """Ask the child's whole group to end, and after a moment's grace, or at a second Ctrl-C, make it."""
    try:
        _signal_group(child, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=_GRACE_SECONDS)
    finally:
        # The leader may be gone while something it started still runs in its group.
        _kill_group(child)


def _kill_group(child: subprocess.Popen[bytes]) -> None:
    _signal_group(child, getattr(signal, "SIGKILL", signal.SIGTERM))
    child.wait()


def _signal_group(child: subprocess.Popen[bytes], number: int) -> None:
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, number)
    elif child.poll() is None:
        # taskkill ends the tree; there is no group signal on Windows that build tools heed.
        subprocess.run(
            ["taskkill", "/T", "/F", "/PID", str(child.pid)], capture_output=True, check=False
        )


def _die_with_parent() -> Callable[[], None] | None:
    """A preexec function by which the kernel sends SIGTERM to the child when its parent is killed (prctl(2)).

    make passes SIGTERM on to its jobs, so even `kill -9` of jitbuild stops the build. None where libc has no prctl.

    The signal comes when the thread ends that started the child, which is no sooner than the child does: that thread waits for it.

    The documentation of subprocess warns of a preexec function in a process with threads: the child has only the thread that
    forked, and a lock that another one held stays held. This one takes none. All that it needs was looked up before the fork;
    the interpreter's own locks are made anew in the child (PyOS_AfterFork_Child), libc's are held over the fork by libc itself
    (malloc), and PyDLL does not give up the GIL for the call.
    """
    prctl, parent = _prctl(), os.getpid()
    if prctl is None:
        return None

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        # The parent may have been killed just before.
        if os.getppid() != parent:
            os._exit(1)

    return ask


@functools.cache
def _prctl() -> Callable[..., int] | None:
    try:
        import ctypes

        prctl = ctypes.PyDLL(None).prctl
    except (ImportError, OSError, AttributeError):
        return None
    prctl.argtypes = (ctypes.c_int, *[ctypes.c_ulong] * 4)
    return prctl

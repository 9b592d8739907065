"""Run programs: to their end, streaming their output, recording it in a file, or in our place.

This module and process_group.py, which it uses, are the only ones that start processes.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, NoReturn, Protocol

from jitbuild.system import process_group
from jitbuild.system.process_group import ProcessEffects, ProcessGroup

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

_EFFECTS = ProcessEffects()


@dataclass(frozen=True, kw_only=True, slots=True)
class Completed:
    """The result of a process: its exit code (negative: the signal that ended it) and its output.

    `timed_out` is true when its time ran out and it was ended.
    """

    argv: tuple[str, ...]
    returncode: int
    stdout: str = ""
    stderr: str = ""
    timed_out: bool = False

    @property
    def ok(self) -> bool:
        return self.returncode == 0 and not self.timed_out


class Runner(Protocol):
    """Runs a program to its end and returns its output; a missing program raises OSError."""

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
    """Runs a program to its end and returns its exit code.

    Its merged output goes to `log` and, line by line, to `on_line`. `pass_fds` stay open in it,
    under the same numbers.
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
    """Runs a program to its end with its merged output in `log`; a missing one raises OSError."""

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
    effects: ProcessEffects = _EFFECTS,
) -> Completed:
    """Run `argv` to its end, at most `timeout` seconds, in `env` (None: this process's own).

    `stdin` is the text to write to its input. Output is decoded as UTF-8 with replacement
    characters, since any program may run. Raises OSError when the program cannot be started; a
    timeout is reported in the result, not raised.
    """
    with process_group.start(
        argv,
        env=env,
        cwd=cwd,
        effects=effects,
        stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as group:
        try:
            data = None if stdin is None else stdin.encode()
            out, err = group.child.communicate(data, timeout=timeout)
        except subprocess.TimeoutExpired:
            group.end()
            return Completed(argv=tuple(argv), returncode=-signal.SIGTERM, timed_out=True)
    return Completed(
        argv=tuple(argv),
        returncode=group.child.returncode,
        stdout=out.decode("utf-8", "replace"),
        stderr=err.decode("utf-8", "replace"),
    )


def run_if_available(
    argv: Sequence[str],
    /,
    *,
    env: Mapping[str, str] | None = None,
    timeout: float | None = None,
    runner: Runner = run,
) -> Completed | None:
    """Run `argv` to its end, or return None when the program cannot be started.

    For tools that a machine may lack.
    """
    with contextlib.suppress(OSError):
        return runner(argv, env=env, timeout=timeout)
    return None


def stream(  # noqa: PLR0913
    argv: Sequence[str],
    /,
    *,
    env: Mapping[str, str],
    cwd: Path,
    log: IO[bytes],
    on_line: Callable[[str], None],
    pass_fds: Sequence[int] = (),
    effects: ProcessEffects = _EFFECTS,
) -> int:
    """Run `argv` to its end, copying its merged output to `log` as it comes; return its exit code.

    `on_line` gets each line of output. `pass_fds`, such as a jobserver's pipe, stay open in the
    program under the same numbers. Raises OSError when the program cannot be started.
    """
    with process_group.start(
        argv,
        env=env,
        cwd=cwd,
        effects=effects,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=pass_fds,
    ) as group:
        assert group.child.stdout is not None
        for line in group.child.stdout:
            log.write(line)
            on_line(line.decode("utf-8", "replace").rstrip())
        return group.child.wait()


def record(
    argv: Sequence[str],
    /,
    *,
    env: Mapping[str, str],
    log: IO[bytes],
    timeout: float | None = None,
    effects: ProcessEffects = _EFFECTS,
) -> Completed:
    """Run `argv` to its end, at most `timeout` seconds, with its merged output in the file `log`.

    Whatever is left of its process group is then ended, so that it does not disturb the next run.
    Nothing waits for a pipe: the time that this takes includes neither reading the output nor a
    grandchild that keeps it open. Raises OSError when the program cannot be started; a timeout is
    reported in the result.
    """
    with process_group.start(
        argv,
        env=env,
        effects=effects,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
    ) as group:
        returncode, timed_out = _wait(group, timeout)
        group.kill_rest()
    return Completed(argv=tuple(argv), returncode=returncode, timed_out=timed_out)


def _wait(group: ProcessGroup, timeout: float | None) -> tuple[int, bool]:
    """Wait for the child; return its exit code, and true if it was ended after `timeout` seconds.

    A thread ends it, because a wait with a timeout polls, which would show in the time measured.
    """
    if timeout is None:
        return group.child.wait(), False
    expired = threading.Event()

    def expire() -> None:
        expired.set()
        group.end()

    timer = threading.Timer(timeout, expire)
    timer.start()
    try:
        returncode = group.child.wait()
    finally:
        timer.cancel()
    if expired.is_set():
        timer.join()
    return returncode, expired.is_set()


def replace_process(
    argv: Sequence[str],
    /,
    *,
    env: Mapping[str, str],
    windows: bool = os.name == "nt",
    effects: ProcessEffects = _EFFECTS,
) -> int:
    """Become `argv` (POSIX exec), or on Windows run it as a child and return its exit code.

    Windows has no exec. The program is looked up on the PATH of `env`. Raises OSError when it
    cannot be started.
    """
    if not windows:
        _exec(argv, env)
    # Windows would look on this process's own PATH.
    program = shutil.which(argv[0], path=env.get("PATH"))
    if program is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), argv[0])
    # Ctrl-C reaches the child too, which decides what to do.
    with (
        contextlib.suppress(KeyboardInterrupt),
        effects.popen([program, *argv[1:]], env=dict(env)) as child,
    ):
        return child.wait()
    return 130


def _exec(argv: Sequence[str], env: Mapping[str, str]) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    # Python ignores SIGPIPE, and exec keeps ignored signals ignored: `... | head` would complain.
    ignored = signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        os.execvpe(argv[0], list(argv), dict(env))  # noqa: S606
    finally:
        signal.signal(signal.SIGPIPE, ignored)

"""Run programs, and return, stream or record their output.

Only this module, process_group.py and replacement.py start processes.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol

from jitbuild.system import process_group
from jitbuild.system.child_output import TooMuchOutputError, communicate
from jitbuild.system.deadline import deadline
from jitbuild.system.formatting import format_size
from jitbuild.system.guardian import Guardian
from jitbuild.system.process_group import ProcessEffects, ProcessGroup

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

# One for this process, because a pipe and a shell are enough for all commands.
_GUARDIAN = Guardian(process_group.launch_guardian if os.name == "posix" else None)
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_GUARDIAN.after_fork)
_EFFECTS = ProcessEffects(guardian=_GUARDIAN)
# The most bytes of stdout, and of stderr, that `run` reads. The names of the files of a checkout of
# CPython have 300 kB.
MOST_OUTPUT = 64_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Completed:
    """The result of a process: its exit code and its output.

    If a signal ended the process, the exit code is minus the number of the signal. `timed_out` is
    True if the process was ended because its time had run out.
    """

    argv: tuple[str, ...]
    returncode: int
    stdout: str = ""
    stderr: str = ""
    timed_out: bool = False

    @property
    def ok(self) -> bool:
        return self.returncode == 0 and not self.timed_out


class ByteWriter(Protocol):
    """A file or another object that accepts bytes. `stream` writes whole lines to it."""

    def write(self, data: bytes, /) -> int: ...


class Runner(Protocol):
    """A function that runs a program to its end and returns the result, as `run` does.

    Raises OSError if the program cannot be started.
    """

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
    """A function that runs a program to its end and returns its exit code, as `stream` does.

    The program's stdout and stderr are written to `log` and passed, line by line, to `on_line`. The
    file descriptors `pass_fds` stay open in the program under the same numbers.
    """

    def __call__(
        self,
        argv: Sequence[str],
        /,
        *,
        env: Mapping[str, str],
        cwd: Path,
        log: ByteWriter,
        on_line: Callable[[str], None],
        pass_fds: Sequence[int] = (),
    ) -> int: ...


class Recorder(Protocol):
    """A function that runs a program to its end and writes its output to `log`, as `record` does.

    Raises OSError if the program cannot be started.
    """

    def __call__(
        self,
        argv: Sequence[str],
        /,
        *,
        env: Mapping[str, str],
        log: IO[bytes],
        timeout: float | None = None,
        stdin: Path | None = None,
    ) -> Completed: ...


def run(  # noqa: PLR0913
    argv: Sequence[str],
    /,
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float | None = None,
    stdin: str | None = None,
    most_output: int = MOST_OUTPUT,
    effects: ProcessEffects = _EFFECTS,
) -> Completed:
    """Run `argv` to its end and return the result; end the program after `timeout` seconds.

    A program that prints more than `most_output` bytes is ended, too, and the result's `stderr`
    states that. `env` is the program's environment; None means that of this process. `stdin` is
    text for the program's standard input. The output is decoded as UTF-8; invalid bytes are
    replaced, because programs may print anything. Raises OSError if the program cannot be started.
    A timeout raises nothing: the result then has `timed_out` set.
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
            out, err = communicate(group.child, data, timeout=timeout, most_bytes=most_output)
        except (TimeoutError, subprocess.TimeoutExpired):
            group.end()
            return Completed(argv=tuple(argv), returncode=-signal.SIGTERM, timed_out=True)
        except TooMuchOutputError:
            group.end()
            reason = f"it printed more than {format_size(most_output)}, the most that is read"
            return Completed(argv=tuple(argv), returncode=-signal.SIGTERM, stderr=reason)
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
    """Run `argv` to its end and return the result, or None if the program cannot be started.

    Use this function for tools that may be missing on a machine.
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
    log: ByteWriter,
    on_line: Callable[[str], None],
    pass_fds: Sequence[int] = (),
    timeout: float | None = None,
    effects: ProcessEffects = _EFFECTS,
) -> int:
    """Run `argv` to its end and return its exit code; copy its output to `log` as it arrives.

    The output consists of stdout and stderr. `on_line` is called with each line of the output. The
    file descriptors `pass_fds`, such as those of a jobserver's pipe, stay open in the program under
    the same numbers. The program is ended after `timeout` seconds, and the exit code is then minus
    the number of a signal. Raises OSError if the program cannot be started.
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
        with contextlib.nullcontext() if timeout is None else deadline(timeout, group.end):
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
    stdin: Path | None = None,
    effects: ProcessEffects = _EFFECTS,
) -> Completed:
    """Run `argv` to its end, with stdout and stderr in the file `log`.

    The program's standard input is the file `stdin`; None stands for an empty one. The program is
    ended after `timeout` seconds. When it has ended, all processes that are left in its process
    group are killed, so that they do not disturb the next run. The output goes directly into the
    file, not through a pipe. The duration of this call therefore includes neither reading the
    output nor waiting for a grandchild that keeps a pipe open. Raises OSError if the program cannot
    be started. A timeout raises nothing: the result then has `timed_out` set.
    """
    with (
        (stdin or Path(os.devnull)).open("rb") as given,
        process_group.start(
            argv,
            env=env,
            effects=effects,
            stdin=given,
            stdout=log,
            stderr=subprocess.STDOUT,
        ) as group,
    ):
        returncode, timed_out = _wait(group, timeout)
        group.kill_rest()
    return Completed(argv=tuple(argv), returncode=returncode, timed_out=timed_out)


def _wait(group: ProcessGroup, timeout: float | None) -> tuple[int, bool]:
    """Wait for the child; return its exit code, and True if it was ended after `timeout` seconds.

    Another thread ends the child: a wait with a timeout would poll, and polling would distort
    measured times.
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

"""Run commands in the background, follow them, and end them with the test that started them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest

Value = TypeVar("Value")

LONGEST = 600.0  # seconds; an upper limit for waits that end soon unless the code is broken
_STARTED: list[Started] = []


def wait_until(condition: Callable[[], Value], what: str) -> Value:
    """Return the first true value of `condition`; fail the test if there is none for LONGEST.

    `what` says in the message of the failure what was waited for.
    """
    deadline = time.monotonic() + LONGEST
    while not (value := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"after {LONGEST} s, still waiting until {what}")
        time.sleep(0.02)
    return value


class Started:
    """A command that runs in the background until it ends or the test does.

    Its output goes to files: unlike pipes, these never fill up while nobody reads.
    """

    def __init__(self, argv: Sequence[str], **options: Any) -> None:
        self._out, self._err = (tempfile.TemporaryFile() for _ in range(2))  # noqa: SIM115
        self._process = subprocess.Popen(
            argv,
            **{"stdin": subprocess.DEVNULL, "stdout": self._out, "stderr": self._err, **options},
            # Under nohup or in the background of a shell, the tests ignore these signals, and the
            # command would inherit that.
            preexec_fn=lambda: [  # noqa: PLW1509
                signal.signal(number, signal.SIG_DFL) for number in (signal.SIGHUP, signal.SIGINT)
            ],
        )
        self.pid = self._process.pid
        self.poll, self.kill = self._process.poll, self._process.kill
        self.send_signal = self._process.send_signal
        _STARTED.append(self)

    @property
    def returncode(self) -> int | None:
        return self._process.returncode

    @property
    def err(self) -> str:
        """Everything that the command has printed to stderr so far."""
        return _content(self._err)

    def wait(self, timeout: float = LONGEST) -> int:
        """Wait until the command has ended, and return its exit code."""
        return self._process.wait(timeout)

    def communicate(self, timeout: float = LONGEST) -> tuple[str, str]:
        """Wait until the command has ended, and return everything that it printed."""
        self.wait(timeout)
        return _content(self._out), self.err

    def wait_for_line(self, text: str = "", count: int = 1) -> str:
        """Wait until `count` lines of stderr contain `text`, and return the last of these."""

        def found() -> list[str]:
            ended = self.poll() is not None
            *lines, _ = self.err.split("\n")
            matching = [line for line in lines if text in line]
            if ended and len(matching) < count:
                pytest.fail(f"ended with {self.returncode} without {text!r}:\n{self.err}")
            return matching[count - 1 : count]

        return wait_until(found, f"{count} lines contain {text!r}")[0]

    def end(self) -> None:
        """End the command if it still runs: with SIGTERM, so that it cleans up, or SIGKILL."""
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(60)
        self.kill()
        self.wait()
        self._out.close()
        self._err.close()


def end_started() -> None:
    """End the commands that were started."""
    while _STARTED:
        _STARTED.pop().end()


def is_alive(pid: int) -> bool:
    """Return True if the process has not ended."""
    try:
        os.kill(pid, 0)
        # Orphans stay as zombies where no process reaps them.
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except ProcessLookupError:
        return False
    except FileNotFoundError:
        return not Path("/proc/self").exists()  # it has ended, or this system has no /proc
    return stat.rpartition(")")[2].split()[0] != "Z"


def wait_until_ended(*pids: int) -> None:
    """Wait until none of the processes is alive."""
    wait_until(lambda: not any(map(is_alive, pids)), f"{pids} have ended")


def read_pid(path: Path) -> int:
    """Wait until a process has written its pid to `path`, and return it."""

    def written() -> int:
        with contextlib.suppress(FileNotFoundError, ValueError):
            return int(path.read_text())
        return 0

    return wait_until(written, f"a pid is written to {path}")


def running_below(folder: Path) -> list[str]:
    """Return the commands that run with a working folder below `folder` (Linux)."""
    commands = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "cwd").readlink().is_relative_to(folder):
                command = (process / "cmdline").read_bytes()
                commands.append(command.replace(b"\0", b" ").decode(errors="replace"))
    return commands


def wait_until_something_runs_below(folder: Path) -> None:
    """Wait until a process has a working folder below `folder`."""
    wait_until(lambda: running_below(folder), f"a process runs below {folder}")


def wait_until_nothing_runs_below(folder: Path) -> None:
    """Wait until no process has a working folder below `folder`."""
    wait_until(lambda: not running_below(folder), f"nothing runs below {folder}")


def _content(file: Any) -> str:
    """Return the content of a file without moving the position at which the command writes."""
    return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0).decode(errors="replace")

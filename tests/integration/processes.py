"""Follow commands that run in the background, and the processes they start."""

from __future__ import annotations

import contextlib
import subprocess
import time
from pathlib import Path

import pytest


def wait_for_line(process: subprocess.Popen[str], text: str) -> None:
    """Read the stderr of `process` until a line contains `text`."""
    for line in process.stderr:
        if text in line:
            return
    pytest.fail(f"{process.args} ended without printing {text!r}")


def running_below(folder: Path) -> list[str]:
    """Return the commands that run with a working folder below `folder` (Linux)."""
    commands = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if str((process / "cwd").readlink()).startswith(str(folder)):
                command = (process / "cmdline").read_bytes()
                commands.append(command.replace(b"\0", b" ").decode())
    return commands


def wait_until_nothing_runs_below(folder: Path) -> None:
    """Wait up to 10 s until no process has a working folder below `folder`."""
    for _ in range(100):
        if not running_below(folder):
            return
        time.sleep(0.1)
    pytest.fail(f"still running: {running_below(folder)}")

"""The command line as a person starts it: a process of its own, in a home of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Result:
    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Cli:
    """Runs `jitbuild` with JITBUILD_HOME at `home` and nothing else of the caller's settings."""

    home: Path
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def env(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("JITBUILD_", "PYTHON_JIT"))
        }
        return {**kept, "JITBUILD_HOME": str(self.home), "NO_COLOR": "1", **self.extra}

    def __call__(
        self, *args: object, code: int | None = 0, timeout: float = 1200, **options: Any
    ) -> Result:
        """Run a command; unless `code` is None its exit code must be that."""
        done = subprocess.run(
            [sys.executable, "-m", "jitbuild", *map(str, args)],
            env=self.env,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            stdin=subprocess.DEVNULL,
            **options,
        )
        assert code is None or done.returncode == code, (
            f"{args} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Result(done.returncode, done.stdout, done.stderr)

    def start(self, *args: object) -> subprocess.Popen[str]:
        """Start a command and leave it running; its progress can be read from stderr."""
        return subprocess.Popen(
            [sys.executable, "-m", "jitbuild", *map(str, args)],
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A test run that a shell put into the background ignores SIGINT, and its children would too.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )

    def interrupt(self, *args: object, step: str) -> Result:
        """Start a measurement and send it Ctrl-C when a file of its steps is there that `step` (a glob) matches.

        What was measured before is put away first: an earlier test's steps, or those of this one when it is tried again, would
        have the signal come before there is anything to interrupt.
        """
        shutil.rmtree(self.home / "measurements", ignore_errors=True)
        started = self.start(*args)
        until = time.monotonic() + 300
        while (
            time.monotonic() < until
            and started.poll() is None
            and not [*self.home.glob(f"measurements/*/steps/{step}")]
        ):
            time.sleep(0.05)
        started.send_signal(signal.SIGINT)
        out, err = started.communicate(timeout=60)
        return Result(started.returncode, out, err)

    def leftovers(self) -> list[str]:
        """Everything in the home that an interrupted or failed command must not leave: visible interpreters and scratch."""
        return [
            str(path.relative_to(self.home))
            for name in ("interpreters", "scratch")
            for path in (self.home / name).glob("*")
            if (self.home / name).is_dir()
        ]

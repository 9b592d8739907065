"""The command line as a user starts it: in a process and a home of its own."""

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
    """Runs `jitbuild` with JITBUILD_HOME at `home` and without the caller's other settings."""

    home: Path
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def env(self) -> dict[str, str]:
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("JITBUILD_", "PYTHON_JIT"))
        }
        return {**inherited, "JITBUILD_HOME": str(self.home), "NO_COLOR": "1", **self.extra}

    def __call__(
        self, *args: object, code: int | None = 0, timeout: float = 1200, **options: Any
    ) -> Result:
        """Run a command, and assert its exit code unless `code` is None."""
        completed = subprocess.run(
            [sys.executable, "-m", "jitbuild", *map(str, args)],
            env=self.env,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            **{"stdin": subprocess.DEVNULL, **options},
        )
        assert code is None or completed.returncode == code, (
            f"{args} ended with {completed.returncode}:\n{completed.stdout}\n{completed.stderr}"
        )
        assert "Traceback" not in completed.stderr, completed.stderr
        return Result(completed.returncode, completed.stdout, completed.stderr)

    def start(self, *args: object) -> subprocess.Popen[str]:
        """Start a command and return it running; its progress can be read from stderr."""
        return subprocess.Popen(
            [sys.executable, "-m", "jitbuild", *map(str, args)],
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A test run in the background of a shell ignores SIGINT, and its children inherit it.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )

    def interrupt(self, *args: object, step: str) -> Result:
        """Start a measurement and send it Ctrl-C when it has written a file of a step.

        `step` is a glob for that file. Earlier measurements are removed first: their files would
        trigger the signal before there is anything to interrupt.
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
        """Return the interpreters and scratch, which an interrupted command must not leave."""
        return [
            str(path.relative_to(self.home))
            for name in ("interpreters", "scratch")
            for path in (self.home / name).glob("*")
            if (self.home / name).is_dir()
        ]

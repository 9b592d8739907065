"""The command line as a user starts it: in a process and a home of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from processes import Started, wait_until


@dataclass
class Result:
    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Cli:
    """Runs `jitbuild` with JITBUILD_HOME at `home` and without the caller's other settings.

    `prefix` is a command that starts it, such as one that becomes another user.
    """

    home: Path
    extra: dict[str, str] = field(default_factory=dict)
    prefix: tuple[str, ...] = ()

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
            self._command(*args),
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

    def start(self, *args: object) -> Started:
        """Start a command and return it running; it is ended when the test ends."""
        return Started(self._command(*args), env=self.env)

    def interrupt(self, *args: object, step: str) -> Result:
        """Start a measurement and send it Ctrl-C when it has written a file of a step.

        `step` is a glob for that file. Earlier measurements are removed first: their files would
        trigger the signal before there is anything to interrupt.
        """
        shutil.rmtree(self.home / "measurements", ignore_errors=True)
        started = self.start(*args)
        wait_until(
            lambda: started.poll() is not None or [*self.home.glob(f"measurements/*/steps/{step}")],
            f"{step} is written",
        )
        started.send_signal(signal.SIGINT)
        out, err = started.communicate()
        return Result(started.wait(), out, err)

    def _command(self, *args: object) -> list[str]:
        return [*self.prefix, sys.executable, "-m", "jitbuild", *map(str, args)]

    def interpreters(self) -> list[str]:
        """Return the folders of the interpreters."""
        return self._entries("interpreters")

    def leftovers(self) -> list[str]:
        """Return the interpreters and scratch, which an interrupted command must not leave."""
        return self._entries("interpreters") + self._entries("scratch")

    def _entries(self, name: str) -> list[str]:
        folder = self.home / name
        return sorted(f"{name}/{path.name}" for path in folder.iterdir()) if folder.is_dir() else []

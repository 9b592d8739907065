"""A command whose descendants ignore signals, and a way to wait for their end."""

from __future__ import annotations

import os
import select
from pathlib import Path
from typing import Self

# The command and its descendants ignore SIGTERM and SIGHUP, and hold the first FIFO open. They end
# when nobody can write to the second FIFO. One leaves the process group: timeout(1) does that.
_SCRIPT = """\
trap '' HUP TERM
exec 9> "$1" 8< "$1.end"
cat <&8 &
(cat <&8; :) &
timeout 1000 cat <&8 &
echo ready >&9
wait
"""
_SECONDS = 600  # an upper limit for waits that end soon unless the code is broken


class Family:
    """A command in `folder` that starts descendants; `words` are its words."""

    def __init__(self, folder: Path) -> None:
        script, started, end = (folder / name for name in ("family.sh", "family", "family.end"))
        script.write_text(_SCRIPT, encoding="utf-8")
        os.mkfifo(started)
        os.mkfifo(end)
        self._started = os.open(started, os.O_RDONLY | os.O_NONBLOCK)
        self._end = os.open(end, os.O_RDWR)
        self.end = str(end)
        self.words = ["sh", str(script), str(started)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
        os.close(self._started)

    def release(self) -> None:
        """Let the command and its descendants end."""
        if self._end >= 0:
            os.close(self._end)
        self._end = -1

    def wait_until_started(self) -> None:
        """Wait until all descendants run."""
        assert self._read() == b"ready\n"

    def wait_until_ended(self) -> None:
        """Wait until neither the command nor a descendant is left."""
        assert self._read() == b""

    @property
    def runs(self) -> bool:
        """True if the command or a descendant is left."""
        return not select.select([self._started], [], [], 0)[0]

    def _read(self) -> bytes:
        assert select.select([self._started], [], [], _SECONDS)[0], "nothing ended or started"
        return os.read(self._started, 100)

"""One run of a command: what it was, and how it ended."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from jitbuild.diff.junit import Test
    from jitbuild.modes import Mode

# By which a kernel or libc ends a process that did wrong; SIGKILL and SIGTERM come from somebody else.
_FAULTS = frozenset({"SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGABRT", "SIGTRAP", "SIGSYS"})
_NTSTATUS_ERROR = 0xC0000000


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """A run in `mode`, the `round`-th of it (from 1).

    `tests` is None where the command is not pytest, or pytest left no whole report. `trace` is faulthandler's, `tail` the last
    lines of the output, `log` the file in which all of it was kept, if it was.
    """

    mode: Mode
    round: int
    returncode: int
    seconds: float
    timed_out: bool = False
    tests: Mapping[str, Test] | None = None
    trace: tuple[str, ...] = ()
    tail: tuple[str, ...] = ()
    log: Path | None = None

    @property
    def ending(self) -> str:
        """`exit 0`, `SIGSEGV`, `timed out`: what two runs are compared by."""
        if self.timed_out:
            return "timed out"
        if self.returncode < 0:
            return _signal_name(-self.returncode)
        return (
            f"{self.returncode:#x}"
            if self.returncode >= _NTSTATUS_ERROR
            else f"exit {self.returncode}"
        )

    @property
    def ended_itself(self) -> bool:
        """Whether it came to an end of its own: no crash, no other signal, no timeout."""
        return self.ending.startswith("exit ")

    @property
    def crashed(self) -> bool:
        """Whether it ended by a fault."""
        return self.ending in _FAULTS or self.ending.startswith("0x")

    @property
    def ok(self) -> bool:
        return self.ending == "exit 0"

    def counts(self) -> dict[str, int] | None:
        """How many tests ended in which way."""
        if self.tests is None:
            return None
        outcomes = [test.outcome for test in self.tests.values()]
        return {outcome: outcomes.count(outcome) for outcome in sorted(set(outcomes))}

    def to_json(self) -> dict[str, Any]:
        return {
            "mode": self.mode,
            "round": self.round,
            "ending": self.ending,
            "exit_code": self.returncode,
            "timed_out": self.timed_out,
            "seconds": round(self.seconds, 4),
            "tests": self.counts(),
            "log": None if self.log is None else str(self.log),
        }


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"

"""One run of the compared command: its mode, ending, test outcomes and output."""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from jitbuild.diff.test_record import CodeUsage, TestResult
    from jitbuild.modes import Mode
    from jitbuild.running.testimony import Testimony

# Signals that the kernel or libc sends to a process because of a fault in it. SIGKILL and SIGTERM
# are not in this set, because other processes send them.
_FAULTS = frozenset({"SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGABRT", "SIGTRAP", "SIGSYS"})
# The first exit code of Windows that is an NTSTATUS with severity "error".
_NTSTATUS_ERROR = 0xC0000000


# The message of a test whose worker crashed (pytest-xdist, dsession.py).
_LOST_WORKER = re.compile(r"worker '.*' crashed while running ")


class Interruption(NamedTuple):
    """The end of a process of pytest in the middle of the test `test`.

    `ending` is the ending of the process, and `trace` the traceback of faulthandler.
    """

    test: str
    ending: str
    trace: tuple[str, ...]
    log: Path | None


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandRun:
    """A run of the command in `mode`. `round` is the number of its round, beginning with 1.

    `tests` maps the id of each test to its result; it is None if the command does not run pytest,
    or if pytest recorded nothing. `trace` is the traceback of faulthandler, and `tail` the last
    lines of the output. `log` is the file with the whole output; None if it was not kept.
    `testimonies` has what the Python processes of the run wrote about themselves, and `usage` how
    much code of the packages under test they compiled.

    If the process did not exit by itself, `interruptions` has the tests that were running when it
    or, when the other tests ran again, a further process ended. `not_run` are the tests that were
    to run, but never did. `rest` is the last of the further processes if no test was running, or
    several, when it ended; its tests are also in `tests`.
    """

    mode: Mode
    round: int
    returncode: int
    seconds: float
    timed_out: bool = False
    tests: Mapping[str, TestResult] | None = None
    trace: tuple[str, ...] = ()
    tail: tuple[str, ...] = ()
    log: Path | None = None
    testimonies: tuple[Testimony, ...] = ()
    usage: tuple[CodeUsage, ...] = ()
    interruptions: tuple[Interruption, ...] = ()
    not_run: tuple[str, ...] = ()
    rest: CommandRun | None = None

    @property
    def last(self) -> CommandRun | None:
        """The run of the process that ended outside a test; None if a test ended every process."""
        return self.rest if self.interruptions else self

    @property
    def ending(self) -> str:
        """The ending as text, for example `exit 0`, `SIGSEGV` or `timed out`.

        Runs are compared by this text.
        """
        return ending_of(self.returncode, timed_out=self.timed_out)

    @property
    def exited(self) -> bool:
        """True if the process exited by itself: no crash, no other signal, no timeout."""
        return self.ending.startswith("exit ")

    @property
    def crashed(self) -> bool:
        """True if a fault ended the process."""
        return is_crash(self.ending)

    @property
    def lost_worker(self) -> bool:
        """True if a worker of pytest-xdist crashed."""
        return any(_LOST_WORKER.match(test.message) for test in (self.tests or {}).values())

    @property
    def ok(self) -> bool:
        """True if the process exited with 0."""
        return self.ending == "exit 0"

    @property
    def observed_share(self) -> float:
        """The share of its time that the observation of its processes took while they ran."""
        ends = [testimony.end for testimony in self.testimonies if testimony.end is not None]
        return sum(end.audit_seconds for end in ends) / self.seconds if self.seconds else 0.0

    @property
    def ran_every_test(self) -> bool:
        """True if pytest ran all tests: it succeeded, or failed without stopping early.

        pytest exits with 1 in both cases of failure, and says if it stopped (--exitfirst,
        --maxfail): `stopping after 1 failures` (in its main.py, and xdist's dsession.py).
        """
        if self.tests is None:
            return False
        stopped = any("stopping after" in line for line in self.tail)
        return self.ok or (self.ending == "exit 1" and not stopped)

    def outcome_counts(self) -> dict[str, int] | None:
        """Return the number of tests with each outcome; None if the outcomes are unknown."""
        if self.tests is None:
            return None
        outcomes = [test.outcome for test in self.tests.values()]
        return {outcome: outcomes.count(outcome) for outcome in sorted(set(outcomes))}

    def to_json(self) -> dict[str, Any]:
        """Return the run as an element of `runs` in the JSON report."""
        return {
            "mode": self.mode,
            "round": self.round,
            "ending": self.ending,
            "exit_code": self.returncode,
            "timed_out": self.timed_out,
            "seconds": round(self.seconds, 4),
            "tests": self.outcome_counts(),
            "interrupted": [interruption.test for interruption in self.interruptions],
            "not_run": list(self.not_run),
            "log": None if self.log is None else str(self.log),
        }


def ending_of(returncode: int, *, timed_out: bool = False) -> str:
    """Return the ending of a process as text."""
    if timed_out:
        return "timed out"
    if returncode < 0:
        return _signal_name(-returncode)
    if returncode >= _NTSTATUS_ERROR:
        return f"{returncode:#x}"
    return f"exit {returncode}"


def is_crash(ending: str) -> bool:
    """Return True if a process with this ending was ended by a fault."""
    return ending in _FAULTS or ending.startswith("0x")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"

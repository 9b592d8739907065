"""Detect suites that did not run, and find the line of their output that says why. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jitbuild.diff.test_record import EXECUTED
from jitbuild.running.command import split_program

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jitbuild.diff.command_run import CommandRun

# pytest's exit codes of a run that did not run all tests (ExitCode in its config/__init__.py):
# interrupted (also by errors during collection), internal error, usage error, no tests.
_STOPPED = frozenset({"exit 2", "exit 3", "exit 4", "exit 5"})
_UNITTEST = re.compile(r"Ran (?P<number>\d+) tests? in ")
_FAILED_IMPORT = re.compile(r"ERROR: .*\(unittest\.loader\._FailedTest\b")
# Lines that state a reason, the most informative kind first. If `last` is True, the last line of
# the kind counts, else the first.
_TELLING = tuple(
    (re.compile(regex), last)
    for regex, last in (
        (r"INTERNALERROR> \w[\w.]*(?:Error|Exception|Exit|Interrupt)\b.*", True),
        (r"(?:\S+: )?error: .+", False),
        (r"E +[\w.]*(?:Error|Exception|Warning|Exit)\b.*", False),
        (r"(?:ModuleNotFoundError|ImportError|SyntaxError): (?!Failed to import test).+", False),
        (r"!+ (?!Interrupted: \d+ error)\S.* !+", False),
        (r"ERROR: (?!usage: ).+", False),
        (r"(?:ERROR|E) .+", False),
        (r".*No module named .+", False),
        (r"SKIPPED .+", False),
        (r"=* ?(?:no tests (?:ran|collected)|\d+ (?:deselected|skipped)).*", True),
    )
)


def ran_no_test(run: CommandRun) -> bool:
    """Return True if pytest exited by itself, and did not execute a test to its end.

    This is the case if it could not import a test module and therefore stopped before the first
    test, if there was no test, if its options were wrong, or if every test was skipped.
    """
    if not run.exited:
        return False
    outcomes = {test.outcome for test in (run.tests or {}).values()}
    return not outcomes & EXECUTED and (run.ending in {*_STOPPED, "exit 0"} or not outcomes)


def stopped_early(run: CommandRun) -> bool:
    """Return True if pytest ended with an exit code that says that it did not run all tests."""
    return run.ending in _STOPPED


def runs_unittest(command: Sequence[str]) -> bool:
    """Return True if `command` runs unittest with `-m unittest`."""
    program = split_program(command)
    return program is not None and program[1][:2] == ["-m", "unittest"]


def unittest_ran_nothing(lines: Sequence[str]) -> bool:
    """Return True if unittest's output says that no test ran, or that no module was imported."""
    counts = [int(match["number"]) for line in lines if (match := _UNITTEST.match(line))]
    failed_imports = sum(bool(_FAILED_IMPORT.match(line)) for line in lines)
    return len(counts) == 1 and counts[0] == failed_imports


def telling_line(lines: Sequence[str]) -> str:
    """Return the most informative line of the output; "" if there is no output."""
    texts = [line.strip() for line in lines if line.strip()]
    for pattern, last in _TELLING:
        matching = [text for text in texts if pattern.fullmatch(text)]
        if matching:
            return _undecorated(matching[-1 if last else 0])
    return _undecorated(texts[-1]) if texts else ""


def _undecorated(line: str) -> str:
    """Return a line without the signs with which pytest fills it up to the width of the screen."""
    return line.strip("=!").strip() if line.startswith(("==", "!!")) else line


def skip_reason(run: CommandRun) -> str:
    """Return a line with the number of skipped tests and a reason; "" if none was skipped."""
    skipped = [test for test in (run.tests or {}).values() if test.outcome == "skipped"]
    if not skipped:
        return ""
    every = "The only test was" if len(skipped) == 1 else f"All {len(skipped)} tests were"
    reason = next((test.message for test in skipped if test.message), "")
    return f"{every} skipped: {reason}" if reason else f"{every} skipped."

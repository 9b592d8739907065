"""Runs of a compared command, as samples for the tests of the diff room."""

import json
from pathlib import Path

from jitbuild.diff.command_run import CommandRun
from jitbuild.diff.crash_trace import find_trace
from jitbuild.diff.test_record import TestResult

CRASH_OUTPUT = """\
collected 2 items

t/test_y.py Fatal Python error: Segmentation fault

Current thread 0x00007fcc53c16780 [pytest] (most recent call first):
  File "/usr/lib/python3.15/ctypes/__init__.py", line 613 in string_at
  File "/w/t/test_y.py", line 4 in test_crash
  File "/e/_pytest/python.py", line 187 in pytest_pyfunc_call
  File "/e/pluggy/_execution.py", line 147 in _multicall

Current thread's C stack trace (most recent call first):
  Binary file "/e/bin/python", at _Py_DumpStack+0x4a [0x4a12b9]
""".splitlines()

RECORDS = """\
{"collected": ["t/test_x.py::TestA::test_p[a.b]", "t/test_x.py::test_f", "t/test_x.py::test_t"]}
{"result": "t/test_broken.py", "outcome": "error", "message": "ImportError: no"}
{"start": "t/test_x.py::TestA::test_p[a.b]"}
{"result": "t/test_x.py::TestA::test_p[a.b]", "outcome": "passed", "message": ""}
{"finish": "t/test_x.py::TestA::test_p[a.b]"}
{"start": "t/test_x.py::test_f"}
{"result": "t/test_x.py::test_f", "outcome": "failed", "message": "assert 1"}
{"result": "t/test_x.py::test_f", "outcome": "error", "message": "in teardown"}
{"finish": "t/test_x.py::test_f"}
{"start": "t/test_x.py::test_t"}
{"result": "t/test_x.py::test_t", "outc"""


def record_line(**fields):
    """Return a record as a line of a file of records."""
    return json.dumps(fields) + "\n"


def records_of(*collected, running="", **outcomes):
    """Return the records of tests with these outcomes, the last of which may be running."""
    lines = [record_line(collected=list(collected or outcomes))]
    for test, outcome in outcomes.items():
        message = "why" if outcome in {"failed", "error", "skipped"} else ""
        lines.append(record_line(start=test))
        lines.append(record_line(result=test, outcome=outcome, message=message))
        lines.append(record_line(finish=test))
    if running:
        lines.append(record_line(start=running))
    return "".join(lines)


def usage_line(*packages, compiled=(), plain=(), built="yes-off", tracers=()):
    """Return a record of the code of packages; functions are written `package.function`."""
    code = [
        [name.partition(".")[0], name.partition(".")[0], name, "f.py", 1, int(hot), 4096 * hot]
        for names, hot in ((compiled, True), (plain, False))
        for name in names
    ]
    usage = {
        "packages": packages,
        "python": {"built": built},
        "tracers": tracers,
        "code": code,
    }
    return record_line(usage=usage)


def runs_of(**by_mode: list[int | str]) -> list[CommandRun]:
    """Return runs by mode, each described as `run_of` takes it."""
    return [
        run_of(mode, number, description)
        for mode, descriptions in by_mode.items()
        for number, description in enumerate(descriptions, 1)
    ]


def run_of(mode: str, number: int, description: int | str) -> CommandRun:
    """Return a run that ended as described.

    The description is an exit code, `crash`, `hang`, or outcomes of tests (`a=passed b=failed`).
    """
    common = {"mode": mode, "round": number, "seconds": 1.0}
    if description == "crash":
        log = Path(f"logs/{mode}-{number}.log")
        trace = find_trace(CRASH_OUTPUT)
        return CommandRun(**common, returncode=-11, trace=trace, tail=("last",), log=log)
    if description == "hang":
        return CommandRun(**common, returncode=-15, timed_out=True, tail=("waiting",))
    if isinstance(description, int):
        return CommandRun(**common, returncode=description, tail=(f"output {description}",))
    pairs = [word.split("=") for word in description.split() if "=" in word]
    tests = {
        name: TestResult(outcome=outcome, message="assert not True" if outcome == "failed" else "")
        for name, outcome in pairs
    }
    tail = ("stopping after 1 failures",) if "-x" in description.split() else ()
    return CommandRun(**common, returncode=int("failed" in description), tests=tests, tail=tail)


def repeat(mode: str, test: str | None) -> str:
    """Stand for the function that writes the command line which repeats a run."""
    return f"jitbuild run 3.15 --mode {mode} -- {test or 'all'}"

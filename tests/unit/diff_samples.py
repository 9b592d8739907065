"""Runs of a compared command, as samples for the tests of the diff room."""

from pathlib import Path

from jitbuild.diff.command_run import CommandRun
from jitbuild.diff.crash_trace import find_trace
from jitbuild.diff.junit_xml import TestResult

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

JUNIT_XML = b"""<?xml version="1.0" encoding="utf-8"?><testsuites><testsuite name="pytest">
<testcase classname="t.test_x.TestA" name="test_p[a.b]" time="0.0" />
<testcase classname="t.test_x" name="test_f">
<failure message="assert 1\nand more">trace</failure></testcase>
<testcase classname="t.test_x" name="test_s"><skipped type="pytest.skip" message="no" /></testcase>
<testcase classname="t.test_x" name="test_xf"><skipped type="pytest.xfail" message="" /></testcase>
<testcase classname="t.test_x" name="test_t"><failure message="first" /></testcase>
<testcase classname="t.test_x" name="test_t"><error message="in teardown" /></testcase>
<testcase classname="" name="t.test_broken"><error message="collection failure" /></testcase>
<testcase classname="elsewhere.test_z" name="test_z" />
</testsuite></testsuites>"""


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

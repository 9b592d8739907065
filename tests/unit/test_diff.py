"""What the JIT changes: reading a command and what its runs left, comparing them, and saying what differs."""

import json
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from jitbuild.cli import diff as cli
from jitbuild.diff import crash_trace as trace
from jitbuild.diff import junit, runner, timing
from jitbuild.diff import render as text
from jitbuild.diff.compare import baseline_of, compare
from jitbuild.diff.junit import Test as Told
from jitbuild.diff.report import Report, notes
from jitbuild.diff.runs import Run
from jitbuild.errors import ComparisonError, UsageError
from jitbuild.running import command as words
from jitbuild.system.process import Completed
from jitbuild.system.progress import SilentReporter

FATAL = """\
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

XML = b"""<?xml version="1.0" encoding="utf-8"?><testsuites><testsuite name="pytest">
<testcase classname="t.test_x.TestA" name="test_p[a.b]" time="0.0" />
<testcase classname="t.test_x" name="test_f"><failure message="assert 1\nand more">trace</failure></testcase>
<testcase classname="t.test_x" name="test_s"><skipped type="pytest.skip" message="no" /></testcase>
<testcase classname="t.test_x" name="test_xf"><skipped type="pytest.xfail" message="" /></testcase>
<testcase classname="t.test_x" name="test_t"><failure message="first" /></testcase>
<testcase classname="t.test_x" name="test_t"><error message="in teardown" /></testcase>
<testcase classname="" name="t.test_broken"><error message="collection failure" /></testcase>
<testcase classname="elsewhere.test_z" name="test_z" />
</testsuite></testsuites>"""


# ---- the words of a command ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "begin"),
    [
        ("pytest -x", 1),
        ("/e/bin/pytest", 1),
        ("python -m pytest t", 3),
        ("python3 -m pytest", 3),
        ("-m pytest t", 2),
        ("-X dev -W Ignore -m pytest t", 6),
        ("-Bm pytest", 2),
        ("-mpytest t", 1),
        ("-m pytester", None),
        ("-m", None),
        ("-c pytest", None),
        ("test.py -m pytest", None),
        ("python test.py -m pytest", None),
        ("make -m pytest", None),
        ("", None),
    ],
)
def test_a_command_is_pytest_or_not(command, begin):
    assert words.pytest_arguments_index(tuple(command.split())) == begin


@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("-I x.py", "-I"),
        ("-bE -m pytest", "-bE"),
        ("python -Im pytest", "-I"),
        ("-X perf x.py", "-X perf"),
        ("-Xperf_jit x.py", "-X perf"),
        ("-X dev -W Ignore -m pytest -I", None),
        ("--check-hash-based-pycs Ever x.py", None),
        ("x.py -I", None),
        ("pytest -E", None),
        ("-c I", None),
    ],
)
def test_what_would_make_every_mode_the_same_is_seen(command, option):
    assert words.option_without_jit(command.split()) == option


def test_pytest_writes_its_outcomes_before_what_only_names_tests():
    command = ["pytest", "-x", "--", "-odd.py"]
    assert words.with_junit_report(command, 1, Path("o.xml")) == [
        *("pytest", "-x", "--junit-xml=o.xml", "-o", "junit_family=xunit2", "--", "-odd.py")
    ]
    assert words.with_junit_report(["pytest"], 1, Path("o.xml"))[1] == "--junit-xml=o.xml"


def test_one_test_takes_the_place_of_all_that_are_named():
    command = ["-m", "pytest", "-q", "-c", "setup.cfg", "t", "u/test_u.py::test_u", "-n", "2"]
    found = words.with_only_test(
        command, 2, "t/test_x.py::test_f", exists={"t", "u/test_u.py", "setup.cfg"}.__contains__
    )
    assert found == ["-m", "pytest", "-q", "-c", "setup.cfg", "-n", "2", "t/test_x.py::test_f"]


# ---- what a run left -----------------------------------------------------------------------------------------------------


def test_outcomes_are_read_by_the_ids_that_people_type():
    files = {"t/test_x.py", "t/test_broken.py"}
    assert junit.parse(XML, is_file=files.__contains__) == {
        "t/test_x.py::TestA::test_p[a.b]": Told(outcome="passed"),
        "t/test_x.py::test_f": Told(outcome="failed", message="assert 1 and more"),
        "t/test_x.py::test_s": Told(outcome="skipped", message="no"),
        "t/test_x.py::test_xf": Told(outcome="xfailed"),
        "t/test_x.py::test_t": Told(outcome="error", message="in teardown"),
        "t/test_broken.py": Told(outcome="error", message="collection failure"),
        "elsewhere.test_z::test_z": Told(outcome="passed"),
    }


@pytest.mark.parametrize("data", [b"", XML[:200], b"not xml"])
def test_outcomes_that_a_crash_cut_short_are_none(data):
    assert junit.parse(data, is_file=lambda _: False) is None


def test_a_trace_is_found_and_says_which_test_it_was():
    found = trace.find(FATAL)
    assert found[0] == "Fatal Python error: Segmentation fault"
    assert len(found) == 5
    assert trace.shortened(found)[-1].endswith("in test_crash")
    tests = [
        "t/test_y.py::test_crash[1]",
        "t/test_y.py::test_crash[2]",
        "t/test_y.py::test_ok",
        "u/test_y.py::test_crash",
    ]
    assert trace.test_in(found, tests) == "t/test_y.py::test_crash"
    assert trace.test_in(found, [*tests, "t/test_y.py::TestA::test_crash"]) is None
    assert trace.test_in(found[:2], tests) is None


@pytest.mark.parametrize(
    ("lines", "expected"),
    [([], ()), (["fine"], ()), (FATAL[:3], ("Fatal Python error: Segmentation fault",))],
)
def test_without_a_whole_trace_there_is_as_much_as_there_is(lines, expected):
    assert trace.find(lines) == expected


def test_a_long_trace_is_shortened():
    assert trace.shortened(["x"] * 20)[-1] == "  ... 8 more"


@pytest.mark.parametrize(
    ("code", "ending", "crashed", "itself"),
    [
        (0, "exit 0", False, True),
        (3, "exit 3", False, True),
        (-11, "SIGSEGV", True, False),
        (-6, "SIGABRT", True, False),
        (-9, "SIGKILL", False, False),
        (-200, "signal 200", False, False),
        (0xC0000005, "0xc0000005", True, False),
    ],
)
def test_how_a_run_ended(code, ending, crashed, itself):
    run = Run(mode="on", round=1, returncode=code, seconds=1.0)
    assert (run.ending, run.crashed, run.ended_itself, run.ok) == (
        ending,
        crashed,
        itself,
        code == 0,
    )
    assert (
        Run(mode="on", round=1, returncode=code, seconds=1.0, timed_out=True).ending == "timed out"
    )


# ---- comparing -----------------------------------------------------------------------------------------------------------


def runs_of(**by_mode):
    """Runs by mode: exit codes, or the outcomes of tests as `a=passed b=failed`, `crash`, `hang`."""
    return [
        one(mode, number, how)
        for mode, each in by_mode.items()
        for number, how in enumerate(each, 1)
    ]


def one(mode, number, how):
    common = {"mode": mode, "round": number, "seconds": 1.0}
    if how == "crash":
        log = Path(f"logs/{mode}-{number}.log")
        return Run(**common, returncode=-11, trace=trace.find(FATAL), tail=("last",), log=log)
    if how == "hang":
        return Run(**common, returncode=-15, timed_out=True, tail=("waiting",))
    if isinstance(how, int):
        return Run(**common, returncode=how, tail=(f"said {how}",))
    pairs = [word.split("=") for word in how.split()]
    tests = {
        name: Told(outcome=outcome, message="assert not True" if outcome == "failed" else "")
        for name, outcome in pairs
    }
    return Run(**common, returncode=int("failed" in how), tests=tests)


def repeat(mode, test):
    return f"jitbuild run 3.15 --mode {mode} -- {test or 'all'}"


def found_in(**by_mode):
    """Subjects that differ, with kind and modes, and those that are flaky."""
    findings = compare(runs_of(**by_mode), tuple(by_mode), repeat)
    return [(each.subject, each.kind, each.modes) for each in findings.differences], [
        each.subject for each in findings.flaky
    ]


@pytest.mark.parametrize(
    ("by_mode", "different", "flaky"),
    [
        ({"off": [0, 0], "on": [0, 0]}, [], []),
        ({"off": [1, 1], "on": [1, 1]}, [], []),
        ({"off": [0, 0], "on": [1, 1]}, [("the command", "ending", ("on",))], []),
        ({"off": [1, 1], "on": [0, 0]}, [("the command", "ending", ("on",))], []),
        ({"off": [0, 0], "on": [1, 0]}, [], ["the command"]),
        ({"off": [0, 1], "on": [1, 1]}, [], ["the command"]),
        ({"off": [0, 0], "on": ["hang", "hang"]}, [("the command", "ending", ("on",))], []),
        ({"off": [0, 0], "on": ["hang", 0]}, [], ["the command"]),
        ({"off": [0], "on": [0], "stress": [2]}, [("the command", "ending", ("stress",))], []),
        # A fault that the baseline never has is no accident.
        ({"off": [0, 0], "on": ["crash", 0]}, [("the command", "crash", ("on",))], []),
        (
            {"off": [0, 0], "on": ["crash", "crash"], "stress": [0, "crash"]},
            [("the command", "crash", ("on", "stress"))],
            [],
        ),
        ({"off": ["crash", "crash"], "on": ["crash", "crash"]}, [], []),
        ({"off": ["crash", 0], "on": ["crash", 0]}, [], ["the command"]),
        ({"off": ["crash", "crash"], "on": [0, 0]}, [("the command", "ending", ("on",))], []),
        # Tests: pytest's exit code says no more than they do.
        ({"off": ["a=passed"] * 2, "on": ["a=failed"] * 2}, [("a", "test", ("on",))], []),
        ({"off": ["a=skipped"] * 2, "on": ["a=passed"] * 2}, [("a", "test", ("on",))], []),
        ({"off": ["a=passed", "a=failed"], "on": ["a=failed", "a=passed"]}, [], ["a"]),
        ({"off": ["a=passed", "a=passed"], "on": ["a=failed", "a=passed"]}, [], ["a"]),
        (
            {"off": ["a=passed b=passed", "a=passed b=failed"], "on": ["a=failed b=passed"] * 2},
            [("a", "test", ("on",))],
            ["b"],
        ),
        # One that did not have its turn, since the run failed before, is not compared; one that a good run lacks is.
        ({"off": ["a=passed b=passed"] * 2, "on": ["a=failed"] * 2}, [("a", "test", ("on",))], []),
        ({"off": ["a=passed b=passed"] * 2, "on": ["a=passed"] * 2}, [("b", "test", ("on",))], []),
        # Both a crash, whose tests are unknown, and a difference.
        (
            {"off": ["a=passed"] * 2, "on": ["a=failed", "crash"]},
            [("a", "test", ("on",)), ("the command", "crash", ("on",))],
            [],
        ),
    ],
)
def test_each_thing_is_put_under_the_right_heading(by_mode, different, flaky):
    assert found_in(**by_mode) == (different, flaky)


def test_an_exit_code_that_the_tests_do_not_explain_is_a_difference():
    runs = runs_of(off=["a=passed"] * 2, on=["a=passed"] * 2)
    odd = [run if run.mode == "off" else one("on", run.round, 3) for run in runs]
    assert [each.kind for each in compare(odd, ("off", "on"), repeat).differences] == ["ending"]


def test_a_crash_names_its_test_its_log_and_the_line_that_repeats_it():
    tests = "t/test_y.py::test_ok=passed t/test_y.py::test_crash=passed"
    (found,) = compare(
        runs_of(off=[tests] * 2, on=["crash"] * 2), ("off", "on"), repeat
    ).differences
    assert (found.subject, found.log) == ("t/test_y.py::test_crash", str(Path("logs/on-1.log")))
    assert found.repeat == "jitbuild run 3.15 --mode on -- t/test_y.py::test_crash"
    assert found.outcomes == {"off": ("exit 0", "exit 0"), "on": ("SIGSEGV", "SIGSEGV")}
    assert found.detail[-1].endswith("in test_crash")


def test_off_is_what_others_are_compared_with():
    assert baseline_of(("on", "stress", "off")) == "off"
    assert baseline_of(("default", "on")) == "default"


@pytest.mark.parametrize(
    ("baseline", "other", "speed"),
    [
        ([1.0, 1.01, 1.0], [0.6, 0.61, 0.6], "faster"),
        ([1.0, 1.01, 1.0], [1.5, 1.51, 1.52], "slower"),
        ([1.0, 1.01, 1.0], [1.01, 1.0, 1.01], "within noise"),
        ([1.0, 1.4, 1.2], [0.9, 1.3, 1.1], "within noise"),
        ([1.0, 1.0, 1.0], [1.015, 1.015, 1.015], "within noise"),
        ([1.0, 1.0], [0.5, 0.5], "not compared"),
        ([1.0], [0.5], "not compared"),
        # One round that something else disturbed hides nothing of five.
        ([1.0, 1.01, 1.0, 9.0, 1.0], [0.6, 0.61, 0.6, 0.6, 0.59], "faster"),
        # Two of five do not agree with the medians.
        ([1.0, 1.0, 1.0, 0.5, 0.5], [0.8, 0.8, 0.8, 0.8, 0.8], "within noise"),
    ],
)
def test_a_time_is_only_called_another_when_it_is_more_than_noise(baseline, other, speed):
    assert timing.compare("on", baseline, other).speed == speed


def test_what_ended_in_another_way_took_another_road():
    runs = [
        *runs_of(off=[0] * 3),
        *(Run(mode="on", round=n, returncode=1, seconds=0.1) for n in (1, 2, 3)),
    ]
    assert [each.speed for each in compare(runs, ("off", "on"), repeat).timings] == ["not compared"]
    assert timing.compare("on", [1.0] * 3, [0.5] * 3, comparable=False).speed == "not compared"


# ---- saying it -----------------------------------------------------------------------------------------------------------


def report_of(**by_mode):
    runs = tuple(runs_of(**by_mode))
    modes = tuple(by_mode)
    return Report(
        interpreter="cpython-3.15.2-jit-fast-1a2b3c4d",
        version="3.15.2",
        executable="/store/bin/python3.15",
        command=("-m", "pytest", "a b"),
        modes=modes,
        baseline=baseline_of(modes),
        repeats=len(by_mode["off"]),
        proven=True,
        jit="With PYTHON_JIT=1 a hot loop has machine code (4096 bytes, in whole pages).",
        runs=runs,
        findings=compare(runs, modes, repeat),
        notes=notes(runs, len(by_mode["off"])),
    )


@pytest.fixture
def report():
    return report_of(
        off=["a=passed b=passed", "a=passed b=failed"],
        on=["a=failed b=passed", "a=failed b=passed"],
    )


TEXT = """\
cpython-3.15.2-jit-fast-1a2b3c4d: -m pytest 'a b'
  off, on; 2 interleaved repeats. With PYTHON_JIT=1 a hot loop has machine code (4096 bytes, in whole pages).

  off  exit 0 1 of 2, exit 1 1 of 2  2 passed            1.0 s
  on   exit 1                        1 failed, 1 passed  1.0 s

Differs with the JIT (1)
  a
      off: passed; on: failed
      | assert not True
      repeat: jitbuild run 3.15 --mode on -- a

Flaky: differs between repeats of one mode (1)
  b: off: passed 1 of 2, failed 1 of 2; on: passed

Time
  on and off are not compared: 1.0 s -> 1.0 s

Note: Times are compared from 3 repeats on.
1 thing differs with the JIT. 1 is flaky, which is no difference."""

MARKDOWN = """\
### ❌ 1 thing differs with the JIT. 1 is flaky, which is no difference.

`-m pytest 'a b'` on `cpython-3.15.2-jit-fast-1a2b3c4d`: off, on; 2 interleaved repeats. \
With PYTHON_JIT=1 a hot loop has machine code (4096 bytes, in whole pages).

| mode | how it ended | tests | median time |
|---|---|---|---|
| off | exit 0 1 of 2, exit 1 1 of 2 | 2 passed | 1.0 s |
| on | exit 1 | 1 failed, 1 passed | 1.0 s |

#### Differs with the JIT

- **`a`**: off: passed; on: failed

  ```
  assert not True
  $ jitbuild run 3.15 --mode on -- a
  ```

#### Flaky

Differs between repeats of one mode.

- `b`: off: passed 1 of 2, failed 1 of 2; on: passed

#### Time

- on and off are not compared: 1.0 s -> 1.0 s

> Times are compared from 3 repeats on.
"""


def test_the_text(report):
    assert text.as_text(report) == TEXT


def test_the_markdown(report):
    assert text.as_markdown(report) == MARKDOWN


def test_the_json(report):
    data = json.loads(json.dumps(report.to_json()))
    assert list(data) == [
        *(
            "interpreter",
            "version",
            "executable",
            "command",
            "modes",
            "baseline",
            "repeats",
            "jit",
            "different",
        ),
        *("differences", "flaky", "timings", "runs", "notes"),
    ]
    assert data["different"] is True
    assert data["jit"]["proven"] is True
    assert data["differences"] == [
        {
            "subject": "a",
            "kind": "test",
            "modes": ["on"],
            "outcomes": {"off": ["passed", "passed"], "on": ["failed", "failed"]},
            "detail": ["assert not True"],
            "log": None,
            "repeat": "jitbuild run 3.15 --mode on -- a",
        }
    ]
    assert data["flaky"] == [
        {"subject": "b", "outcomes": {"off": ["passed", "failed"], "on": ["passed", "passed"]}}
    ]
    assert data["timings"] == [
        {
            "mode": "on",
            "seconds": 1.0,
            "baseline_seconds": 1.0,
            "ratio": 1.0,
            "noise": 0.0,
            "speed": "not compared",
        }
    ]
    assert data["runs"][0] == {
        "mode": "off",
        "round": 1,
        "ending": "exit 0",
        "exit_code": 0,
        "timed_out": False,
        "seconds": 1.0,
        "tests": {"passed": 2},
        "log": None,
    }


def test_nothing_that_differs_is_said_too():
    report = report_of(off=["a=passed"] * 3, on=["a=passed"] * 3)
    assert not report.different
    assert text.as_text(report).endswith("\nNothing differs with the JIT.")
    assert text.as_markdown(report).startswith("### ✅ Nothing differs")


def test_a_command_that_never_ends_well_is_pointed_out():
    assert notes(tuple(runs_of(off=[2] * 3, on=[2] * 3)), 3) == (
        "The command ended alike in every run, and not well: exit 2. It last said: said 2",
    )
    assert "--repeat 3" in notes(tuple(runs_of(off=[0], on=[0])), 1)[0]


def test_faster_and_slower_are_said_with_their_noise():
    by_mode = {"on": 0.05, "stress": 2.0}
    runs = [Run(mode="off", round=n, returncode=0, seconds=0.1) for n in (1, 2, 3)]
    runs += [
        Run(mode=mode, round=n, returncode=0, seconds=taken)
        for mode, taken in by_mode.items()
        for n in (1, 2, 3)
    ]
    said = [
        text._timing(each, "off") for each in compare(runs, ("off", "on", "stress"), repeat).timings
    ]
    assert said == [
        "on is faster than off: 100 ms -> 50 ms, 2.00 times as fast (noise 0.0%)",
        "stress is slower than off: 100 ms -> 2.0 s, 20.00 times as long (noise 0.0%)",
    ]


# ---- running -------------------------------------------------------------------------------------------------------------


def job_of(tmp_path, *command, **options):
    plain = {
        "command": command,
        "argv": list,
        "env": lambda mode: {"MODE": mode},
        "modes": ("off", "on"),
        "repeats": 3,
        "timeout": 5.0,
        "scratch": tmp_path,
        "logs": tmp_path / "logs",
        "prefix": "diff-",
    }
    return runner.Job(**plain | options)


class Recorder:
    """Writes what a process would have, and says how it ended."""

    def __init__(self, *, code=0, xml=None, output=b"hello\n", timed_out=False):
        self.code, self.xml, self.output, self.timed_out = code, xml, output, timed_out
        self.modes = []

    def __call__(self, argv, /, *, env, log, timeout=None):
        self.modes.append(env["MODE"])
        log.write(self.output)
        log.flush()
        if self.xml is not None:
            (path,) = [word.partition("=")[2] for word in argv if word.startswith("--junit-xml=")]
            Path(path).write_bytes(self.xml)
        return Completed(argv=tuple(argv), returncode=self.code, timed_out=self.timed_out)


def test_rounds_are_interleaved_and_every_second_one_turned_round(tmp_path):
    recorder = Recorder()
    runs = runner.run_all(
        job_of(tmp_path, "tool"),
        reporter=SilentReporter(),
        recorder=recorder,
        clock=iter(range(100)).__next__,
    )
    assert recorder.modes == ["off", "on", "on", "off", "off", "on"]
    assert [(run.mode, run.round, run.seconds, run.tail, run.log) for run in runs][:2] == [
        ("off", 1, 1, ("hello",), None),
        ("on", 1, 1, ("hello",), None),
    ]


def test_what_failed_keeps_its_log_and_everything_does_where_that_is_asked(tmp_path):
    runs = runner.run_all(
        job_of(tmp_path, "tool"), reporter=SilentReporter(), recorder=Recorder(code=1)
    )
    assert runs[0].log == tmp_path / "logs" / "diff-off-1.log"
    assert runs[0].log.read_bytes() == b"hello\n"
    kept = runner.run_all(
        job_of(tmp_path, "tool", keep_all=True, prefix="", logs=tmp_path / "all"),
        reporter=SilentReporter(),
        recorder=Recorder(),
    )
    assert [run.log.name for run in kept][:2] == ["off-1.log", "on-1.log"]


def test_pytest_is_asked_for_its_outcomes(tmp_path):
    runs = runner.run_all(
        job_of(tmp_path, "pytest", "t"),
        reporter=SilentReporter(),
        recorder=Recorder(code=1, xml=XML),
    )
    assert runs[0].counts() == {"error": 2, "failed": 1, "passed": 2, "skipped": 1, "xfailed": 1}


@pytest.mark.parametrize("xml", [None, b"<testsuites/>", b"cut"])
def test_where_pytest_ran_no_test_nothing_was_compared(tmp_path, xml):
    recorder = Recorder(code=1, xml=xml, output=b"No module named pytest\n")
    with pytest.raises(ComparisonError, match="No module named pytest") as caught:
        runner.run_all(
            job_of(tmp_path, "-m", "pytest"), reporter=SilentReporter(), recorder=recorder
        )
    assert "--with pytest" in caught.value.remedy
    assert len(recorder.modes) == 2


def test_where_everything_hangs_nothing_was_compared(tmp_path):
    recorder = Recorder(code=-15, timed_out=True, output=b"")
    with pytest.raises(ComparisonError, match="within 5 seconds in any mode") as caught:
        runner.run_all(job_of(tmp_path, "tool"), reporter=SilentReporter(), recorder=recorder)
    assert "--timeout" in caught.value.remedy
    assert len(recorder.modes) == 2


def test_a_program_that_is_not_there_is_a_mistake_of_usage(tmp_path):
    def missing(*_, **__):
        raise FileNotFoundError(2, "No such file or directory")

    with pytest.raises(UsageError, match="tool cannot be run: No such file"):
        runner.run_all(job_of(tmp_path, "tool"), reporter=SilentReporter(), recorder=missing)


def test_the_output_is_copied_live_where_that_is_asked(tmp_path, capsys):
    runner.run_all(
        job_of(tmp_path, "tool", live=True, repeats=1),
        reporter=SilentReporter(),
        recorder=Recorder(),
    )
    assert capsys.readouterr().err == "hello\nhello\n"


# ---- the command line ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("named", "what", "remedy"),
    [
        ("off,stres", "'stres' is not a mode.", "Did you mean stress? "),
        ("on", "does not name two modes", "--modes off,on,stress"),
        ("on,on", "does not name two modes", "--modes off,on,stress"),
        (",", "does not name two modes", "--modes off,on,stress"),
    ],
)
def test_modes_that_cannot_be_compared_are_refused(named, what, remedy):
    with pytest.raises(UsageError, match=what) as caught:
        cli._modes(named)
    assert remedy in caught.value.remedy


def test_modes_are_taken_in_their_order():
    assert cli._modes("on, off,stress") == ("on", "off", "stress")


@pytest.mark.parametrize("command", [(), ("-I", "x.py"), ("-X", "perf", "x.py")])
def test_a_command_that_shows_nothing_is_refused(command):
    with pytest.raises(UsageError):
        cli._check_command(command)


def test_a_script_of_another_python_is_refused(tmp_path):
    ours = SimpleNamespace(name="ours", executable=tmp_path / "ours" / "bin" / "python3.15")
    scripts = tmp_path / "scripts"
    for folder in (ours.executable.parent, scripts):
        folder.mkdir(parents=True)
    shebangs = {
        "pytest": "/usr/bin/python3.11",
        "own": str(ours.executable),
        "sh": "/bin/sh",
        "env": "/usr/bin/env python3",
    }
    for name, shebang in shebangs.items():
        (scripts / name).write_text(f"#!{shebang}\n")
        (scripts / name).chmod(0o755)
    env = {"PATH": str(scripts)}
    with pytest.raises(UsageError, match=r"another Python, /usr/bin/python3\.11") as caught:
        cli._check_program("pytest", ours, env)
    assert "--with pytest" in caught.value.remedy
    for name in ("own", "sh", "env"):
        cli._check_program(name, ours, env)
    with pytest.raises(UsageError, match="there is no such program"):
        cli._check_program("nosuch", ours, env)


def test_the_summary_of_a_step_is_appended_to(tmp_path, report):
    place = tmp_path / "summary.md"
    place.write_text("before\n")
    cli._summarize(report, SilentReporter(), {"GITHUB_STEP_SUMMARY": str(place)})
    assert place.read_text(encoding="utf-8") == f"before\n{MARKDOWN}\n"
    cli._summarize(report, SilentReporter(), {})
    warned = []
    say = SimpleNamespace(warn=warned.append, stage=lambda _: nullcontext())
    cli._summarize(report, say, {"GITHUB_STEP_SUMMARY": str(tmp_path / "no" / "summary.md")})
    assert "cannot be written" in warned[0]

"""What differs, what is flaky, and which times are compared, given the runs of several modes."""

from dataclasses import replace
from pathlib import Path

import pytest
from diff_samples import CRASH_OUTPUT, repeat, run_of, runs_of
from witness_samples import end_facts, start_facts

from jitbuild.diff.command_run import CommandRun, Interruption
from jitbuild.diff.compare_runs import baseline_of, compare_runs
from jitbuild.diff.crash_trace import find_trace
from jitbuild.diff.diff_report import caveats
from jitbuild.diff.findings import COMMAND
from jitbuild.diff.test_record import TestResult
from jitbuild.running.testimony import Testimony


def subjects_in(**by_mode):
    """Return the differences as (subject, kind, modes), and the subjects that are flaky."""
    findings = compare_runs(runs_of(**by_mode), tuple(by_mode), repeat)
    return [
        (difference.subject, difference.kind, difference.modes)
        for difference in findings.differences
    ], [difference.subject for difference in findings.flaky]


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
        # A fault that the baseline never has is a difference.
        ({"off": [0, 0], "on": ["crash", 0]}, [("the command", "crash", ("on",))], []),
        (
            {"off": [0, 0], "on": ["crash", "crash"], "stress": [0, "crash"]},
            [("the command", "crash", ("on", "stress"))],
            [],
        ),
        ({"off": ["crash", "crash"], "on": ["crash", "crash"]}, [], []),
        ({"off": ["crash", 0], "on": ["crash", 0]}, [], ["the command"]),
        ({"off": ["crash", "crash"], "on": [0, 0]}, [("the command", "ending", ("on",))], []),
        # The outcomes of tests explain pytest's exit code.
        ({"off": ["a=passed"] * 2, "on": ["a=failed"] * 2}, [("a", "test", ("on",))], []),
        ({"off": ["a=skipped"] * 2, "on": ["a=passed"] * 2}, [("a", "test", ("on",))], []),
        ({"off": ["a=passed", "a=failed"], "on": ["a=failed", "a=passed"]}, [], ["a"]),
        ({"off": ["a=passed", "a=passed"], "on": ["a=failed", "a=passed"]}, [], ["a"]),
        (
            {"off": ["a=passed b=passed", "a=passed b=failed"], "on": ["a=failed b=passed"] * 2},
            [("a", "test", ("on",))],
            ["b"],
        ),
        # A test that is missing in a run is compared, unless the run stopped after a failure.
        (
            {"off": ["a=passed b=passed"] * 2, "on": ["a=failed -x"] * 2},
            [("a", "test", ("on",))],
            [],
        ),
        (
            {"off": ["a=failed b=passed"] * 2, "on": ["a=failed"] * 2},
            [("b", "test", ("on",))],
            [],
        ),
        ({"off": ["a=passed b=passed"] * 2, "on": ["a=passed"] * 2}, [("b", "test", ("on",))], []),
        # A crash, whose tests are unknown, and a difference.
        (
            {"off": ["a=passed"] * 2, "on": ["a=failed", "crash"]},
            [("a", "test", ("on",)), ("the command", "crash", ("on",))],
            [],
        ),
    ],
)
def test_subjects_are_classified_as_different_or_flaky(by_mode, different, flaky):
    assert subjects_in(**by_mode) == (different, flaky)


def test_an_exit_code_that_the_tests_do_not_explain_is_a_difference():
    runs = runs_of(off=["a=passed"] * 2, on=["a=passed"] * 2)
    odd = [run if run.mode == "off" else run_of("on", run.round, 3) for run in runs]
    assert [
        difference.kind for difference in compare_runs(odd, ("off", "on"), repeat).differences
    ] == ["ending"]


def interrupted(mode, ending="SIGSEGV", **tests):
    """Return a run in which `test_crash` ended the process, and other tests ran."""
    code = -11 if ending == "SIGSEGV" else -15
    results = {name: TestResult(outcome=outcome) for name, outcome in tests.items()}
    log = Path(f"logs/{mode}-1.log")
    return CommandRun(
        mode=mode,
        round=1,
        returncode=code,
        timed_out=ending == "timed out",
        seconds=1.0,
        tests=results | {"test_crash": TestResult(outcome=ending)},
        interruptions=(Interruption("test_crash", ending, find_trace(CRASH_OUTPUT), log),),
    )


def test_a_crash_in_a_test_has_its_log_and_the_command_that_repeats_it():
    runs = [run_of("off", 1, "test_crash=passed a=passed"), interrupted("on", a="passed")]
    (crash,) = compare_runs(runs, ("off", "on"), repeat).differences
    assert (crash.subject, crash.kind, crash.log) == (
        "test_crash",
        "crash",
        str(Path("logs/on-1.log")),
    )
    assert crash.repeat == "jitbuild run 3.15 --mode on -- test_crash"
    assert crash.outcomes == {"off": ("passed",), "on": ("SIGSEGV",)}
    assert crash.detail[-1].endswith("in test_crash")


def test_a_crash_does_not_hide_the_differences_of_other_tests():
    log = Path("logs/on-1-process-2.log")
    on = interrupted("on", a="passed")
    on = replace(on, tests={**on.tests, "b": TestResult(outcome="failed", log=log)})
    runs = [run_of("off", 1, "test_crash=passed a=passed b=passed"), on]
    findings = compare_runs(runs, ("off", "on"), repeat)
    assert [(each.subject, each.kind) for each in findings.differences] == [
        ("test_crash", "crash"),
        ("b", "test"),
    ]
    assert findings.differences[1].log == str(log)


def test_a_test_that_crashes_in_every_mode_is_no_difference_but_others_are():
    runs = [interrupted("off", a="passed"), interrupted("on", a="failed")]
    (difference,) = compare_runs(runs, ("off", "on"), repeat).differences
    assert (difference.subject, difference.kind) == ("a", "test")


def test_a_crash_of_another_test_than_in_the_baseline_is_a_difference():
    off = interrupted("off", b="passed")
    on = interrupted("on")
    crash = Interruption("b", "SIGABRT", (), None)
    on = replace(
        on,
        tests={**on.tests, "b": TestResult(outcome="SIGABRT")},
        interruptions=(*on.interruptions, crash),
    )
    (difference,) = compare_runs([off, on], ("off", "on"), repeat).differences
    assert (difference.subject, difference.kind, difference.modes) == ("b", "crash", ("on",))


def rest_of(mode, code, **changes):
    fields = {"mode": mode, "round": 1, "returncode": code, "seconds": 1.0, **changes}
    return CommandRun(log=Path("2.log"), tail=("end",), **fields)


def test_a_crash_outside_a_test_after_a_test_that_crashes_in_every_mode_is_a_difference():
    off = replace(interrupted("off", a="passed"), rest=rest_of("off", 0))
    on = replace(interrupted("on", a="passed"), rest=rest_of("on", -6))
    (difference,) = compare_runs([off, on], ("off", "on"), repeat).differences
    assert (difference.subject, difference.kind, difference.modes) == (COMMAND, "crash", ("on",))
    assert difference.outcomes == {"off": ("exit 0",), "on": ("SIGABRT",)}
    assert (difference.detail, difference.log) == (("end",), "2.log")
    both = [replace(off, rest=rest_of("off", -6)), on]
    assert compare_runs(both, ("off", "on"), repeat).differences == ()


def test_a_timeout_outside_a_test_after_a_crash_is_a_difference():
    off = replace(interrupted("off"), rest=rest_of("off", 0))
    on = replace(interrupted("on"), rest=rest_of("on", -15, timed_out=True))
    (difference,) = compare_runs([off, on], ("off", "on"), repeat).differences
    assert (difference.subject, difference.kind, difference.log) == (COMMAND, "ending", "2.log")
    assert difference.outcomes == {"off": ("exit 0",), "on": ("timed out",)}


def test_a_test_that_runs_forever_in_one_mode_is_a_difference():
    runs = [
        run_of("off", 1, "test_crash=passed a=passed"),
        interrupted("on", "timed out", a="passed"),
    ]
    (difference,) = compare_runs(runs, ("off", "on"), repeat).differences
    assert (difference.subject, difference.kind) == ("test_crash", "test")
    assert difference.outcomes == {"off": ("passed",), "on": ("timed out",)}


def test_the_baseline_is_off_else_the_first_mode():
    assert baseline_of(("on", "stress", "off")) == "off"
    assert baseline_of(("default", "on")) == "default"


LOST = TestResult(outcome="failed", message="worker 'gw0' crashed while running 't.py::a'")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"returncode": -11}, "not every run exited by itself (SIGSEGV)"),
        ({"returncode": 1, "timed_out": True}, "not every run exited by itself (timed out)"),
        ({"returncode": 3}, "the runs ended differently (exit 0, exit 3)"),
        ({"tests": {"t.py::a": LOST}}, "a worker of pytest-xdist crashed"),
    ],
)
def test_the_reason_why_times_are_not_compared_is_given(changes, reason):
    *others, last = runs_of(off=[0] * 3, on=[0] * 3)
    (timing,) = compare_runs([*others, replace(last, **changes)], ("off", "on"), repeat).timings
    assert (timing.result, timing.reason) == ("not compared", reason)


def test_times_are_compared_only_between_equal_outcomes():
    runs = [
        *runs_of(off=[0] * 3),
        *(CommandRun(mode="on", round=n, returncode=1, seconds=0.1) for n in (1, 2, 3)),
    ]
    assert [each.result for each in compare_runs(runs, ("off", "on"), repeat).timings] == [
        "not compared"
    ]


@pytest.mark.parametrize(("seconds", "result"), [(0.01, "no difference"), (0.1, "undecided")])
def test_a_long_observation_hides_that_there_is_no_difference(seconds, result):
    testimony = Testimony(start=start_facts(), end=end_facts(audit_seconds=seconds))
    runs = [replace(run, testimonies=(testimony,)) for run in runs_of(off=[0] * 3, on=[0] * 3)]
    (timing,) = compare_runs(runs, ("off", "on"), repeat).timings
    assert timing.result == result
    assert any("observation" in note for note in caveats(runs, 3)) is (result == "undecided")

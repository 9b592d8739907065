"""Tests that did not run because of a crash run again, without the tests that crash."""

from pathlib import Path

from diff_samples import records_of

from jitbuild.diff.command_run import CommandRun
from jitbuild.diff.rest_of_tests import MAX_PROCESSES, with_rest
from jitbuild.diff.run_once import RecordedRun
from jitbuild.diff.test_record import parse_records


def recorded(code, text, **fields):
    run = CommandRun(mode="on", round=1, returncode=code, seconds=1.0, log=Path("log"), **fields)
    record = None if text is None else parse_records(text)
    return RecordedRun(run, record)


class Again:
    """Stand for further processes that end as described, in this order."""

    def __init__(self, *parts):
        self.parts, self.left_out = list(parts), []

    def __call__(self, process, leave_out):
        assert process == len(self.left_out) + 2
        self.left_out.append(sorted(leave_out))
        return self.parts.pop(0)


def outcomes(run):
    return {name: test.outcome for name, test in run.tests.items()}


def test_the_tests_after_a_crash_run_in_a_new_process():
    first = recorded(-11, records_of("a", "b", "c", a="passed", running="b"))
    again = Again(recorded(1, records_of(c="failed")))
    run = with_rest(first, again)
    assert again.left_out == [["a", "b"]]
    assert outcomes(run) == {"a": "passed", "b": "SIGSEGV", "c": "failed"}
    assert (run.ending, run.not_run) == ("SIGSEGV", ())
    assert [(each.test, each.ending) for each in run.interruptions] == [("b", "SIGSEGV")]


def test_each_crash_is_named_and_the_processes_are_limited():
    tests = [f"t{number}" for number in range(MAX_PROCESSES + 3)]
    parts = [recorded(-6, records_of(*tests, running=test)) for test in tests]
    run = with_rest(parts[0], Again(*parts[1:]))
    assert [each.test for each in run.interruptions] == tests[: MAX_PROCESSES + 1]
    assert run.not_run == tuple(tests[MAX_PROCESSES + 1 :])


def test_a_crash_in_the_last_test_needs_no_further_process():
    run = with_rest(recorded(-11, records_of("a", "b", a="passed", running="b")), Again())
    assert outcomes(run) == {"a": "passed", "b": "SIGSEGV"}


def test_a_test_that_ran_into_the_timeout_is_left_out():
    first = recorded(-15, records_of("a", "b", running="a"), timed_out=True)
    run = with_rest(first, Again(recorded(0, records_of(b="passed"))))
    assert outcomes(run) == {"a": "timed out", "b": "passed"}


def test_a_second_process_that_ends_outside_a_test_leaves_tests_that_did_not_run():
    first = recorded(-11, records_of("a", "b", "c", running="a"))
    run = with_rest(first, Again(recorded(-11, records_of("b", "c", b="passed"))))
    assert outcomes(run) == {"a": "SIGSEGV", "b": "passed"}
    assert run.not_run == ("c",)


def test_a_further_process_that_ends_outside_a_test_is_kept():
    first = recorded(-11, records_of("a", "b", running="a"))
    run = with_rest(first, Again(recorded(-6, records_of("b", b="passed"))))
    assert (run.ending, run.rest.ending, run.last) == ("SIGSEGV", "SIGABRT", run.rest)
    run = with_rest(first, Again(recorded(-6, records_of("b", running="b"))))
    assert (run.rest, run.last) == (None, None)


def test_a_crash_outside_a_test_or_with_several_running_tests_is_left_as_it_is():
    for text in (
        None,
        records_of("a", "b"),
        records_of("a", "b", a="passed", running="b") + '{"start": "c"}',
    ):
        run = with_rest(recorded(-11, text), Again())
        assert run.interruptions == ()
    assert with_rest(recorded(1, records_of(a="failed")), Again()).not_run == ()

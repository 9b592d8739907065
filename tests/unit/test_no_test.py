"""Runs of pytest that ran no test are detected and explained."""

from __future__ import annotations

import pytest

from jitbuild.diff.command_run import CommandRun
from jitbuild.diff.junit_xml import TestResult
from jitbuild.diff.no_test import explain_no_test, ran_no_test


def run(code: int, *outcomes: str) -> CommandRun:
    tests = {f"test_{n}": TestResult(outcome=outcome) for n, outcome in enumerate(outcomes)}
    return CommandRun(mode="off", round=1, returncode=code, seconds=1.0, tests=tests)


@pytest.mark.parametrize(
    ("code", "outcomes", "none"),
    [
        (4, (), True),
        (5, (), True),
        (2, ("error", "error"), True),
        (2, ("passed", "error"), False),  # interrupted by Ctrl-C, or --maxfail
        (1, ("error",), False),  # a fixture failed, or --continue-on-collection-errors
        (0, ("passed",), False),
        (-11, (), False),
    ],
)
def test_a_run_without_tests_is_detected(code, outcomes, none):
    assert ran_no_test(run(code, *outcomes)) is none


@pytest.mark.parametrize(
    ("tail", "line", "remedy"),
    [
        ([], "", "Correct the command."),
        (["no tests ran in 0.01s"], "no tests ran in 0.01s", "Correct the command."),
        (
            [
                "ERROR: usage: pytest [options]",
                "pytest: error: unrecognized arguments: -n 2",
                "  rootdir: /x",
            ],
            "pytest: error: unrecognized arguments: -n 2",
            "--with pytest-xdist",
        ),
        (["__main__.py: error: unrecognized arguments: --cov=x", "x"], None, "--with pytest-cov"),
        (["pytest: error: unrecognized arguments: --foo", "  rootdir: /x"], None, "--with PLUGIN"),
        (
            [
                "E   ModuleNotFoundError: No module named 'wordy'",
                "=== short test summary info ===",
                "ERROR tests/test_wordy.py",
                "!!!! Interrupted: 1 error during collection !!!!",
                "=== 1 error in 0.09s ===",
            ],
            "E   ModuleNotFoundError: No module named 'wordy'",
            "`--with .`",
        ),
        (["/x/python: No module named pytest"], None, "--with pytest`"),
        (
            ["ERROR tests/test_a.py - SyntaxError: invalid syntax", "=== 1 error in 0.1s ==="],
            "ERROR tests/test_a.py - SyntaxError: invalid syntax",
            "Correct the command.",
        ),
    ],
)
def test_the_most_informative_line_and_a_remedy_are_named(tail, line, remedy):
    shown, advice = explain_no_test(tail)
    assert line is None or shown == line
    assert remedy in advice

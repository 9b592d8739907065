"""Runs of pytest that ran no test are detected and explained."""

from __future__ import annotations

import pytest

from jitbuild.diff.advice import Given, explain
from jitbuild.diff.command_run import CommandRun
from jitbuild.diff.no_test import ran_no_test, telling_line
from jitbuild.diff.test_record import TestResult
from jitbuild.running.dependency_groups import DependencyGroup
from jitbuild.running.venvs import Requirements


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
        (2, ("error", "skipped"), True),
        (3, ("error",), True),
        (0, ("skipped", "skipped"), True),
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
        (["ERROR: file or directory not found: nowhere"], None, "Correct the command."),
        (["=== 3 deselected in 0.1s ==="], "3 deselected in 0.1s", "-k, -m"),
        (["pytest: error: unrecognized arguments: --jit-report"], None, "Omit --jit-report"),
        (["!!!! Exit: no database !!!!"], "Exit: no database", "Correct the command."),
        (
            ["ERROR tests/test_a.py - SyntaxError: invalid syntax", "=== 1 error in 0.1s ==="],
            "ERROR tests/test_a.py - SyntaxError: invalid syntax",
            "Correct the command.",
        ),
    ],
)
def test_the_most_informative_line_and_a_remedy_are_named(tail, line, remedy):
    shown, advice = explain(run(2), tail, Given(in_project=True))
    assert shown == (tail[0] if line is None else line)
    assert remedy in advice


NO_MODULE = "E   ModuleNotFoundError: No module named 'wordy'"


@pytest.mark.parametrize(
    ("line", "requirements", "remedy"),
    [
        ("x: No module named pytest", ["pytest>=8"], "The environment has pytest, but another"),
        ("x: No module named pytest", ["."], "Add `--with pytest`"),
        ("x: error: unrecognized arguments: -n", ["pytest-xdist"], "is installed, but not loaded"),
        ("x: error: unrecognized arguments: -n4", ["pytest"], "Add `--with pytest-xdist`"),
        (
            NO_MODULE,
            ["pytest"],
            "`--with wordy` or --group (testing) or `--with '.[EXTRA]'` (docs)",
        ),
        (NO_MODULE, [".[docs]"], "`--with wordy` or --group (testing)."),
        (NO_MODULE, ["wordy"], "with --with PKG or"),
        (NO_MODULE.replace("wordy", "mine"), ["pytest"], "Add `--with .` to install the package"),
        (NO_MODULE.replace("wordy", "mine"), ["-e ."], "Install what is missing"),
        ("E   ImportError: cannot import name 'x'", ["-e."], "Install what is missing"),
    ],
)
def test_a_remedy_depends_on_what_was_given(line, requirements, remedy):
    given = Given(Requirements(requirements), ("testing",), ("docs",), frozenset({"mine"}), True)
    _, advice = explain(run(2), [line], given)
    assert remedy in advice
    assert "`--with .`." not in advice or "-e ." not in requirements


def test_a_requested_group_is_not_advised():
    group = DependencyGroup("testing", ("pytest",))
    given = Given(Requirements((), (), (group,)), ("testing", "docs"))
    assert given.has("pytest")
    _, advice = explain(run(2), [NO_MODULE], given)
    assert "--group (docs)" in advice


@pytest.mark.parametrize(
    ("lines", "telling"),
    [
        ([], ""),
        (
            ["INTERNALERROR> a", "INTERNALERROR> KeyError: 1", "3 passed"],
            "INTERNALERROR> KeyError: 1",
        ),
        (["ERROR: usage: pytest", "ERROR: not found: x", "no tests ran"], "ERROR: not found: x"),
        (["a", "b"], "b"),
        (["collected 0 items", "== no tests ran in 0.1s =="], "no tests ran in 0.1s"),
    ],
)
def test_the_line_that_states_the_reason_is_shown(lines, telling):
    assert telling_line(lines) == telling

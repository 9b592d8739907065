"""Refuse a comparison if the first round shows that there is nothing to compare."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jitbuild.diff.advice import explain
from jitbuild.diff.no_test import (
    ran_no_test,
    runs_unittest,
    stopped_early,
    unittest_ran_nothing,
)
from jitbuild.diff.run_once import read_log
from jitbuild.errors import ComparisonError
from jitbuild.system.formatting import count_noun

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jitbuild.diff.command_run import CommandRun
    from jitbuild.diff.run_once import DiffJob

# The messages of Modules/main.c and Lib/runpy.py.
_NOT_FOUND = re.compile(
    r"python[\w.]*: (can't open file |can't find '__main__' module |No module named |"
    r"Error while finding module specification )"
)
# The last line of a program that ended before it could do its work.
_NOT_STARTED = re.compile(
    r"(?:ModuleNotFoundError|ImportError|SyntaxError|IndentationError|TabError): "
)


def check_first_round(job: DiffJob, runs: Sequence[CommandRun]) -> None:
    """Raise ComparisonError if the first round shows that there is nothing to compare.

    This is the case if all runs timed out, if the suite of tests never ran, if Python did not find
    its program, or if the witness did not observe the interpreter in every mode. Without this
    check, the result would be "no difference", although nothing was compared.
    """
    if all(run.timed_out for run in runs):
        raise _timed_out(job, runs)
    if len({run.ending for run in runs}) == 1 and runs[0].exited:
        _check_suite(job, runs)
        _check_program(job, runs)
    job.witness.check(runs)


def _timed_out(job: DiffJob, runs: Sequence[CommandRun]) -> ComparisonError:
    output = next((run.tail[-1] for run in runs if run.tail), "")
    last_output = f" Its last output:\n  {output}" if output else ""
    return ComparisonError(
        f"The command did not end within {count_noun(job.timeout or 0, 'second')} in any mode, "
        f"so nothing was compared.{last_output}",
        remedy=f"Use a longer --timeout.{_log(runs)}",
    )


def _check_suite(job: DiffJob, runs: Sequence[CommandRun]) -> None:
    """Raise ComparisonError if pytest or unittest ran no test, or stopped early, in every mode."""
    ending = runs[0].ending
    if job.runs_pytest and all(map(ran_no_test, runs)):
        what = f"pytest ran no test in any mode ({ending}), so nothing was compared."
    elif job.runs_pytest and all(map(stopped_early, runs)) and _same_outcomes(runs):
        number = len(runs[0].tests or {})
        what = (
            f"pytest stopped early in every mode ({ending}), after {count_noun(number, 'test')}, "
            "so the suite was not compared."
        )
    elif runs_unittest(job.command) and all(unittest_ran_nothing(_lines(run)) for run in runs):
        what = f"unittest ran no test in any mode ({ending}), so nothing was compared."
    else:
        return
    line, remedy = explain(runs[0], _lines(runs[0]), job.given())
    shown = f"\n  {line}" if line else ""
    raise ComparisonError(f"{what}{shown}", remedy=f"{remedy}{_log(runs)}")


def _check_program(job: DiffJob, runs: Sequence[CommandRun]) -> None:
    """Raise ComparisonError if the program was not found, or could not be imported."""
    lasts = [run.tail[-1] for run in runs if run.tail]
    if runs[0].ok or not lasts:
        return
    if all(map(_NOT_FOUND.search, lasts)):
        what = "Python did not find the program in any mode, so nothing was compared."
    elif not job.runs_pytest and all(map(_NOT_STARTED.match, lasts)):
        what = "The program ended with the same error in every mode, so nothing was compared."
    else:
        return
    _, remedy = explain(runs[0], lasts[:1], job.given())
    raise ComparisonError(f"{what}\n  {lasts[0]}", remedy=f"{remedy}{_log(runs)}")


def _same_outcomes(runs: Sequence[CommandRun]) -> bool:
    outcomes = [{name: test.outcome for name, test in (run.tests or {}).items()} for run in runs]
    return all(each == outcomes[0] for each in outcomes)


def _lines(run: CommandRun) -> list[str]:
    return list(run.tail) if run.log is None else read_log(run.log)


def _log(runs: Sequence[CommandRun]) -> str:
    return f" The log: {runs[0].log}" if runs[0].log else ""

"""Refuse requests whose options contradict each other, before anything is measured."""

from __future__ import annotations

import ast
import re
import warnings
from typing import TYPE_CHECKING

from jitbuild.errors import UsageError
from jitbuild.running.command import check_options, pytest_arguments_index
from jitbuild.running.intervals import MINIMUM_ROUNDS
from jitbuild.system.formatting import count_noun

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jitbuild.bench.bench_request import BenchRequest

_OF_A_SERIES = re.compile(r"python\d+\.\d+")


def check_request(request: BenchRequest) -> None:
    """Raise UsageError if options cannot be combined, or if a required option is missing."""
    command = request.command or ()
    if command and request.stmt:
        raise UsageError(
            "--stmt and a command after `--` cannot be combined.", remedy="Measure one at a time."
        )
    if request.stmt is None and request.setup is not None:
        raise UsageError("--setup needs --stmt.", remedy="Add the statement: --stmt CODE.")
    if request.stmt is not None and is_empty(request.stmt):
        raise UsageError(
            "The statement of --stmt does nothing, so only the loop around it would be measured.",
            remedy="Use a statement that does something: --stmt 'sum(range(1000))'",
        )
    _check_amount(request)
    _check_suite(request)
    if request.pytest_benchmark:
        _check_pytest(request)
    if request.command is not None and not command:
        raise UsageError(
            "There is no command after `--`.", remedy="Add one: jitbuild bench 3.15 -- script.py"
        )
    check_options(command, "all modes would be the same")


def is_empty(code: str) -> bool:
    """Return True if CPython compiles no instruction for `code`.

    Such code has nothing but comments, `pass` and constants. Code that this Python cannot parse is
    not empty: the interpreter under test may be newer.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            statements = ast.parse(code).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return all(
        isinstance(statement, ast.Pass)
        or (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))
        for statement in statements
    )


def _check_amount(request: BenchRequest) -> None:
    if request.rounds is None:
        return
    if request.rounds < MINIMUM_ROUNDS:
        raise UsageError(
            f"No interval can be computed from {count_noun(request.rounds, 'round')}, so there "
            "would be no verdict.",
            remedy=f"Use --rounds {MINIMUM_ROUNDS} or more, or omit it.",
        )
    if request.max_time is not None:
        raise UsageError(
            "--rounds measures an exact number of rounds; --max-time limits a measurement that "
            "continues until it decides.",
            remedy="Use one of them.",
        )


def _check_suite(request: BenchRequest) -> None:
    for option, value in (("--suite", request.suite), ("--benchmarks", request.benchmarks)):
        if value and (request.command or request.stmt):
            raise UsageError(
                f"{option} cannot be combined with a command after `--` or with --stmt.",
                remedy=f"Omit {option}, or the command or statement.",
            )


def _check_pytest(request: BenchRequest) -> None:
    command = request.command or ()
    # Only the interpreter decides if it is meant by `python3.15`.
    if not _OF_A_SERIES.fullmatch("".join(command[:1])):
        check_pytest_command(command)
    if request.values:
        raise UsageError(
            "With --pytest-benchmark, each process has exactly one value per test.",
            remedy="Omit --values; set --benchmark-min-rounds and --benchmark-max-time after `--`.",
        )
    if request.stmt or request.suite or request.benchmarks:
        raise UsageError(
            "--pytest-benchmark cannot be combined with another thing to measure.",
            remedy="Measure one at a time.",
        )


def check_pytest_command(command: Sequence[str]) -> None:
    """Raise UsageError unless `command`, with `python` for the interpreter, runs pytest."""
    if pytest_arguments_index(command) is None:
        raise UsageError(
            "--pytest-benchmark needs a pytest command after `--`.",
            remedy="Add it: jitbuild bench 3.15 --pytest-benchmark --with pytest-benchmark "
            "-- pytest benchmarks/",
        )

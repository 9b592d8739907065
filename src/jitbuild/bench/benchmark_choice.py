"""Determine the benchmarks that a request names, and their numbers of rounds and values."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from jitbuild.bench import plan, pyperformance, quick_suite
from jitbuild.bench.plan import Benchmark
from jitbuild.bench.request_check import check_pytest_command
from jitbuild.errors import UsageError
from jitbuild.running.command import plain_command
from jitbuild.system.suggestions import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jitbuild.bench.bench_request import BenchRequest
    from jitbuild.bench.plan import SampleCounts
    from jitbuild.store.interpreter import Interpreter


def requested_benchmarks(request: BenchRequest) -> tuple[Benchmark, ...]:
    """Return the benchmarks of a request that has been checked.

    If pyperformance is requested, it is returned as one benchmark whose `words` are the selection,
    because pyperformance must be installed before its benchmarks are known. Raises UsageError for a
    name that is not a program of the quick suite.
    """
    if request.pytest_benchmark:
        return (Benchmark(kind="pytest", name="pytest", words=request.command or ()),)
    if request.command:
        return (Benchmark(kind="command", name="command", words=request.command),)
    if request.stmt is not None:
        setup = request.setup or "pass"
        return (Benchmark(kind="stmt", name="stmt", stmt=request.stmt, setup=setup),)
    if request.suite == pyperformance.NAME:
        words = pyperformance.selection_words(request.benchmarks)
        return (Benchmark(kind="suite", name=pyperformance.NAME, words=words),)
    return tuple(
        Benchmark(kind="quick", name=name, expects_gain=name not in quick_suite.WITHOUT_GAIN)
        for name in _quick_programs(request.benchmarks)
    )


def with_plain_command(benchmark: Benchmark, interpreter: Interpreter) -> Benchmark:
    """Return `benchmark` with `python` in its command where that names `interpreter` by its series.

    Raises UsageError if pytest should be measured, but the command does not run it.
    """
    if benchmark.kind not in {"command", "pytest"}:
        return benchmark
    words = plain_command(interpreter, benchmark.words)
    if benchmark.kind == "pytest":
        check_pytest_command(words)
    return replace(benchmark, words=tuple(words))


def requested_counts(request: BenchRequest, benchmark: Benchmark) -> SampleCounts:
    """Return the requested numbers of rounds and values, or the defaults of the kind."""
    defaults = plan.DEFAULT_COUNTS[benchmark.kind]
    return replace(
        defaults,
        rounds=request.rounds or defaults.rounds,
        values=request.values or defaults.values,
    )


def _quick_programs(names: Sequence[str]) -> tuple[str, ...]:
    """Return the programs of the quick suite in `names`, without duplicates; all if it is empty.

    Raises UsageError for an unknown name.
    """
    for name in names:
        if name not in quick_suite.PROGRAMS:
            raise UsageError(
                f"{name!r} is not a program of the quick suite.",
                remedy=f"{did_you_mean(name, quick_suite.PROGRAMS)}"
                f"Choose from {', '.join(quick_suite.PROGRAMS)}.",
            )
    return tuple(dict.fromkeys(names)) or quick_suite.PROGRAMS

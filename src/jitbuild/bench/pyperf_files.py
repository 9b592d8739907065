"""Read, combine and write pyperf files with pyperf's own functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyperf

from jitbuild.bench.stats import Sample
from jitbuild.errors import MeasurementError
from jitbuild.safe_text import hide_secrets
from jitbuild.system.files import store_errors

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime
    from pathlib import Path

# pyperf requires that these facts are equal in all runs of a benchmark (pyperf/_bench.py).
_FACTS_ABOUT_MACHINE = (
    *("aslr", "cpu_count", "cpu_model_name", "hostname", "platform"),
    *("python_executable", "python_implementation", "python_unicode", "python_version"),
)

# The limits allow squares of values. Values in bytes can be large.
_SMALLEST_VALUE, _LARGEST_VALUE = 1e-100, 1e100

PYPERF_VERSION: str = pyperf.__version__


def load(path: Path) -> Any:
    """Return the benchmark suite in a pyperf file.

    Raises MeasurementError if the file cannot be read or is not a pyperf file.
    """
    try:
        return _checked(pyperf.BenchmarkSuite.load(str(path)))
    except OSError as error:
        raise MeasurementError(
            f"{path} cannot be read: {error.strerror or error}.", remedy="Check the path."
        ) from error
    # For a malformed file, pyperf can raise any exception.
    except Exception as error:
        raise MeasurementError(
            f"{path} is not a pyperf file: {type(error).__name__}: {error}.",
            remedy="Name files that `jitbuild bench --output`, pyperf or pyperformance wrote.",
        ) from error


def _checked(suite: Any) -> Any:
    """Return `suite`. Raises an error for a name or a value that pyperf reads, but never writes."""
    for benchmark in suite.get_benchmarks():
        if not isinstance(benchmark.get_name(), str):
            raise TypeError(f"the name {benchmark.get_name()!r} is not a text")
        for value in benchmark.get_values():
            if not _SMALLEST_VALUE < value < _LARGEST_VALUE:
                raise ValueError(f"{benchmark.get_name()} has a value of {value!r:.20}")
    return suite


def join(
    paths: Iterable[Path],
    metadata: Mapping[str, Any],
    metadata_by_path: Mapping[Path, Mapping[str, Any]] | None = None,
) -> Any:
    """Join the benchmarks of many files into one suite; return None if there are no files.

    `metadata` is added to all benchmarks, and `metadata_by_path` to the benchmarks of the given
    files. In the result, the processes of each benchmark are in the order of the files.
    """
    benchmarks: dict[str, Any] = {}
    for path in paths:
        for benchmark in load(path).get_benchmarks():
            name = benchmark.get_name()
            benchmark.update_metadata({**(metadata_by_path or {}).get(path, {}), **metadata})
            if name in benchmarks:
                _adapt(benchmarks[name], benchmark)
                benchmarks[name].add_runs(benchmark)
            else:
                benchmarks[name] = benchmark
    return pyperf.BenchmarkSuite(list(benchmarks.values())) if benchmarks else None


def _adapt(benchmark: Any, other: Any) -> None:
    """Make the metadata of two benchmarks equal that pyperf requires to be equal in all runs.

    They differ if a measurement was resumed after a change of the machine, such as another host
    name or kernel. The metadata then have both values.
    """
    ours, theirs = benchmark.get_metadata(), other.get_metadata()
    for name in _FACTS_ABOUT_MACHINE:
        values = [facts[name] for facts in (ours, theirs) if name in facts]
        if ours.get(name) != theirs.get(name):
            known = dict.fromkeys(part for value in values for part in str(value).split("; "))
            joined = {name: "; ".join(known)}
            benchmark.update_metadata(joined)
            other.update_metadata(joined)


def without_rounds(suite: Any, rounds: Mapping[str, Collection[int]]) -> Any:
    """Return a suite without the processes of some rounds.

    `rounds` has the numbers of the rounds to remove, counted from 0, by the name of the benchmark.
    The metadata of each benchmark records how many rounds were left out.
    """
    benchmarks = []
    for benchmark in suite.get_benchmarks():
        left_out = rounds.get(benchmark.get_name(), ())
        if left_out:
            runs = [run for run in benchmark.get_runs() if run.values]
            benchmark = pyperf.Benchmark(  # noqa: PLW2901 - the same benchmark, shorter
                [run for index, run in enumerate(runs) if index not in left_out]
            )
            benchmark.update_metadata({"jitbuild_rounds_left_out": len(left_out)})
        benchmarks.append(benchmark)
    return pyperf.BenchmarkSuite(benchmarks)


def suite_of_values(values: Mapping[str, tuple[float, Mapping[str, Any]]]) -> Any:
    """Return a suite in which each benchmark has one value.

    `values` has the value in seconds and the metadata of each benchmark, by its name.
    """
    runs = {
        name: pyperf.Run([value], metadata={"name": name, **metadata}, collect_metadata=False)
        for name, (value, metadata) in values.items()
    }
    return pyperf.BenchmarkSuite([pyperf.Benchmark([run]) for run in runs.values()])


def dump(suite: Any, path: Path) -> None:
    """Write a suite to `path`, replacing an existing file."""
    with store_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        suite.dump(str(path), replace=True)


def hide_secrets_of_command(path: Path) -> None:
    """Hide secrets in the command that pyperf has written into the metadata of a file."""
    suite = load(path)
    for benchmark in suite.get_benchmarks():
        command = benchmark.get_metadata().get("command")
        if command is not None:
            benchmark.update_metadata({"command": hide_secrets(command)})
    dump(suite, path)


def samples(suite: Any) -> dict[str, Sample]:
    """Return the values of each benchmark that measures time, in seconds."""
    return {
        benchmark.get_name(): Sample(
            processes=tuple(tuple(run.values) for run in benchmark.get_runs() if run.values)
        )
        for benchmark in suite.get_benchmarks()
        if benchmark.get_unit() == "second" and benchmark.get_nvalue()
    }


def names(suite: Any) -> list[str]:
    """Return the names of all benchmarks of a suite, also of those without times."""
    return [*suite.get_benchmark_names()]


def metadata(suite: Any) -> dict[str, Any]:
    """Return the metadata that all benchmarks of a suite share."""
    return dict(suite.get_metadata())


def dates(suite: Any) -> tuple[datetime, datetime] | None:
    """Return the times at which a suite's first run began and its last run ended.

    Returns None if the runs have no dates that pyperf can read.
    """
    try:
        found = suite.get_dates()
    except (ValueError, TypeError, OverflowError):  # not in ISO format, or with and without a zone
        return None
    return None if found is None else (found[0], found[1])


def is_significant(base: Sample, other: Sample) -> bool | None:
    """Return the result of pyperf's own test of significance; None if it cannot be computed.

    pyperf's test is Student's t-test on all values, with alpha 0.05.
    """
    if min(len(base.values), len(other.values)) < 2:
        return None
    try:
        # Not part of pyperf's public interface; nothing else here depends on it.
        from pyperf._utils import is_significant as pyperf_is_significant

        return bool(pyperf_is_significant(base.values, other.values)[0])
    except (ImportError, ValueError, ZeroDivisionError):
        # pyperf has no such function, the numbers of values differ, or the values have no spread.
        return None


def benchmark_names(path: Path) -> list[str]:
    """Return the names of the benchmarks in a file, in the order in which they were measured."""
    return [benchmark.get_name() for benchmark in load(path).get_benchmarks()]


def calibrated_loops(path: Path) -> dict[str, int]:
    """Return the number of loops per value that a calibration determined, by benchmark."""
    return {
        benchmark.get_name(): int(benchmark.get_loops())
        for benchmark in load(path).get_benchmarks()
    }

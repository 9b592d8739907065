"""pyperf's files: read, put together, written. pyperf itself does it, so what it refuses is refused here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyperf

from jitbuild.bench.stats import Sample
from jitbuild.errors import MeasurementError
from jitbuild.system.files import store_errors

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

VERSION: str = pyperf.__version__


def load(path: Path) -> Any:
    """The suite in a pyperf file. Raises MeasurementError for what is none."""
    try:
        return pyperf.BenchmarkSuite.load(str(path))
    except OSError as error:
        raise MeasurementError(
            f"{path} cannot be read: {error.strerror or error}.", remedy="Check the path."
        ) from error
    # pyperf says what is wrong with a file by whatever it stumbles over in it.
    except Exception as error:
        what = f"{path} is no file of pyperf's: {type(error).__name__}: {error}."
        raise MeasurementError(
            what, remedy="Name files that `jitbuild bench --output`, pyperf or pyperformance wrote."
        ) from error


def joined(
    runs: Iterable[Path],
    metadata: Mapping[str, Any],
    own: Mapping[Path, Mapping[str, Any]] | None = None,
) -> Any:
    """One suite of many files, all with `metadata`, and some with their `own`; None without any.

    The processes of each benchmark are in the order given.
    """
    benchmarks: dict[str, Any] = {}
    for path in runs:
        for benchmark in load(path).get_benchmarks():
            name = benchmark.get_name()
            benchmark.update_metadata({**(own or {}).get(path, {}), **metadata})
            if name in benchmarks:
                benchmarks[name].add_runs(benchmark)
            else:
                benchmarks[name] = benchmark
    return pyperf.BenchmarkSuite(list(benchmarks.values())) if benchmarks else None


def without(suite: Any, rounds: Mapping[str, Collection[int]]) -> Any:
    """A suite without some processes of its benchmarks, which are counted from 0, by the benchmarks' names."""
    kept = []
    for benchmark in suite.get_benchmarks():
        out = rounds.get(benchmark.get_name(), ())
        runs = [
            run
            for number, run in enumerate(run for run in benchmark.get_runs() if run.values)
            if number not in out
        ]
        kept.append(pyperf.Benchmark(runs) if out else benchmark)
        if out:
            kept[-1].update_metadata({"jitbuild_rounds_left_out": len(out)})
    return pyperf.BenchmarkSuite(kept)


def made(values: Mapping[str, tuple[float, Mapping[str, Any]]]) -> Any:
    """A suite of one value of each benchmark, in seconds, with its metadata."""
    runs = {
        name: pyperf.Run([value], metadata={"name": name, **metadata}, collect_metadata=False)
        for name, (value, metadata) in values.items()
    }
    return pyperf.BenchmarkSuite([pyperf.Benchmark([run]) for run in runs.values()])


def dump(suite: Any, path: Path) -> None:
    """Write a suite, in place of what is there."""
    with store_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        suite.dump(str(path), replace=True)


def samples(suite: Any) -> dict[str, Sample]:
    """Every benchmark's values, in seconds. Benchmarks of memory are left out."""
    return {
        benchmark.get_name(): Sample(
            processes=tuple(tuple(run.values) for run in benchmark.get_runs() if run.values)
        )
        for benchmark in suite.get_benchmarks()
        if benchmark.get_unit() == "second" and benchmark.get_nvalue()
    }


def facts(suite: Any) -> dict[str, Any]:
    """The metadata that all of a suite's benchmarks share."""
    return dict(suite.get_metadata())


def significant(one: Sample, other: Sample) -> bool | None:
    """pyperf's own test (Student's t over all values, alpha 0.05); None where it cannot be made."""
    if min(len(one.values), len(other.values)) < 2:
        return None
    try:
        # It is no part of pyperf's public interface, and nothing here depends on it.
        from pyperf._utils import is_significant

        return bool(is_significant(one.values, other.values)[0])
    except (ImportError, ZeroDivisionError):  # none at all, or no spread at all
        return None


def names(path: Path) -> list[str]:
    """What a file holds, in the order in which it was measured."""
    return [benchmark.get_name() for benchmark in load(path).get_benchmarks()]


def loops_of(path: Path) -> dict[str, int]:
    """The number of loops that a calibration came to, by what was measured."""
    return {
        benchmark.get_name(): int(benchmark.get_loops())
        for benchmark in load(path).get_benchmarks()
    }

"""Read the results of the rounds while a measurement goes on, and compute its ratios so far."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from jitbuild.bench import noise_floors, plan, pyperf_files, stats
from jitbuild.bench.arm_files import outlier_rounds
from jitbuild.bench.stats import Sample

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from jitbuild.bench.plan import Benchmark
    from jitbuild.bench.session import MeasurementSession
    from jitbuild.bench.stats import Ratio

Values = tuple[float, ...]


class RoundResults:
    """The ratios of benchmarks after the rounds that are complete.

    Each result file is read only once. The ratios are those that the report would have if the
    measurement ended now.
    """

    def __init__(self, session: MeasurementSession, benchmarks: Sequence[Benchmark]) -> None:
        self.session = replace(session, benchmarks=tuple(benchmarks))
        self._rule = session.stopping.comparison
        self._floors = noise_floors.read_floors(session.folder.parent, self.session)
        self._values: dict[Path, dict[str, Values]] = {}
        self._rounds = {benchmark.name: 0 for benchmark in benchmarks}
        self._ratios: dict[str, dict[str, Ratio]] = {}
        for benchmark in benchmarks:
            self.update(benchmark)

    def update(self, benchmark: Benchmark) -> None:
        """Read the results of a benchmark that have been written since the last call."""
        complete = self._rounds[benchmark.name]
        while self.session.is_complete(*self._steps(benchmark, complete + 1)):
            complete += 1
        if complete > self._rounds[benchmark.name]:
            self._rounds[benchmark.name] = complete
            base, other = self._samples(benchmark)
            self._ratios[benchmark.name] = {
                name: stats.compare(
                    base[name], other[name], self._rule, floor=self._floors.get(name, 0.0)
                )
                for name in base
                if name in other
            }

    def rounds(self, benchmark: Benchmark) -> int:
        """Return the number of complete rounds of a benchmark before its first incomplete round."""
        return self._rounds[benchmark.name]

    def ratios(self, benchmark: Benchmark) -> list[Ratio]:
        """Return the ratios of everything that a benchmark measures."""
        return [*self._ratios.get(benchmark.name, {}).values()]

    def is_decided(self, benchmark: Benchmark) -> bool:
        """Return True if every ratio of a benchmark is decided."""
        return all(ratio.is_decided for ratio in self.ratios(benchmark))

    def mean(self) -> Ratio | None:
        """Return the geometric mean of all ratios; None if nothing has been measured."""
        pairs = []
        for benchmark in self.session.benchmarks:
            base, other = self._samples(benchmark)
            pairs += [(base[name], other[name]) for name in base if name in other]
        floor = self._floors.get(noise_floors.MEAN, 0.0)
        return stats.geometric_mean(pairs, self._rule, floor=floor) if pairs else None

    def _steps(self, benchmark: Benchmark, number: int) -> list[plan.BenchStep]:
        return [*plan.steps_of_round(benchmark, self.session.arms, number)]

    def _samples(self, benchmark: Benchmark) -> tuple[dict[str, Sample], dict[str, Sample]]:
        """Return the samples of both arms, without the rounds that are outliers."""
        arms: list[dict[str, Sample]] = []
        for arm in self.session.arms:
            processes: dict[str, list[Values]] = {}
            for number in range(1, self._rounds[benchmark.name] + 1):
                step = plan.BenchStep(benchmark=benchmark, arm=arm, round=number)
                for name, values in self._read(self.session.result_file(step)).items():
                    processes.setdefault(name, []).append(values)
            arms.append({name: Sample(processes=tuple(each)) for name, each in processes.items()})
        base, other = arms
        out = outlier_rounds(base, other, benchmark.kind)
        return (
            {name: sample.without(out.get(name, ())) for name, sample in base.items()},
            {name: sample.without(out.get(name, ())) for name, sample in other.items()},
        )

    def _read(self, path: Path) -> dict[str, Values]:
        if path not in self._values:
            samples = pyperf_files.samples(pyperf_files.load(path))
            self._values[path] = {name: tuple(each.values) for name, each in samples.items()}
        return self._values[path]

"""Choose what to measure next, until every interval decides or the time ends."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from jitbuild.bench import plan, session_results
from jitbuild.bench.round_results import RoundResults
from jitbuild.system.formatting import format_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from jitbuild.bench.plan import Benchmark, BenchStep
    from jitbuild.bench.session import MeasurementSession
    from jitbuild.system.progress import Stage


class AdaptiveRounds:
    """The steps of a measurement that continues until its results are decided.

    First, each benchmark gets the number of rounds in SampleCounts. Then only the undecided
    benchmarks get further rounds. If all benchmarks are decided but their geometric mean is not,
    all of them get further rounds. The time of earlier sessions counts towards the limit, so that
    --resume continues the same measurement.
    """

    def __init__(
        self,
        session: MeasurementSession,
        benchmarks: Sequence[Benchmark],
        clock: Callable[[], float],
    ) -> None:
        self._session = session
        self._benchmarks = benchmarks
        self._clock = clock
        self._results = RoundResults(session, benchmarks)
        self._seconds = session_results.read_seconds(session)

    @property
    def _elapsed(self) -> float:
        """The seconds that complete rounds have taken."""
        return sum(self._seconds.values())

    def groups(self) -> Iterator[tuple[BenchStep, ...]]:
        """Yield the groups of steps to run; the caller must run each group before the next."""
        while wanted := self._wanted():
            for benchmark in wanted:
                if self._time_is_up(benchmark):
                    return
                yield from self._round(benchmark)

    def show(self, stage: Stage, group: tuple[BenchStep, ...]) -> None:
        """Show the time used, the time left and, if there is only one, the ratio so far."""
        limit, benchmark = self._session.stopping.seconds, group[0].benchmark
        left = max(0.0, limit - self._elapsed)
        ratios = self._results.ratios(benchmark)
        so_far = f" {ratios[0].text}" if len(ratios) == 1 else ""
        if math.isfinite(limit):
            stage.advance(round(min(self._elapsed, limit)), round(limit))
        stage.detail(f"at most {format_duration(left)} left, {benchmark.name}{so_far}")

    def _wanted(self) -> list[Benchmark]:
        """Return the benchmarks that get another round."""
        results, least = self._results, self._session.counts.rounds
        short = [bench for bench in self._benchmarks if results.rounds(bench) < least]
        if short:
            return short
        undecided = [bench for bench in self._benchmarks if not results.is_decided(bench)]
        if undecided:
            return undecided
        mean = results.mean()
        return [] if mean is None or mean.is_decided else [*self._benchmarks]

    def _time_is_up(self, benchmark: Benchmark) -> bool:
        stopping = self._session.stopping
        owed = self._results.rounds(benchmark) < self._session.counts.rounds
        return self._elapsed >= stopping.seconds and (stopping.strict or not owed)

    def _round(self, benchmark: Benchmark) -> Iterator[tuple[BenchStep, ...]]:
        """Yield the missing groups of a benchmark's next round; then read the round's results."""
        number = self._results.rounds(benchmark) + 1
        steps = plan.steps_of_round(benchmark, self._session.arms, number)
        started = self._clock()
        for group in plan.group_interleaved(steps):
            if not self._session.is_complete(*group):
                yield group
        name = benchmark.name
        self._seconds[name] = self._seconds.get(name, 0.0) + self._clock() - started
        session_results.write_seconds(self._session, self._seconds)
        self._results.update(benchmark)

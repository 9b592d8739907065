"""Show the progress of a measurement: the steps that are done, and the time left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from jitbuild.system.formatting import format_duration

if TYPE_CHECKING:
    from collections.abc import Callable

    from jitbuild.bench.plan import BenchStep
    from jitbuild.system.progress import Stage


class RoundProgress(Protocol):
    """Shows the progress before a group of steps runs."""

    def show(self, stage: Stage, group: tuple[BenchStep, ...]) -> None:
        """Show the time left, and the group that runs now."""


class FixedRounds:
    """The progress of a measurement with `count` groups of steps; `clock` returns seconds."""

    def __init__(self, count: int, clock: Callable[[], float]) -> None:
        self._count = count
        self._done = 0
        self._clock = clock
        self._started = clock()

    def show(self, stage: Stage, group: tuple[BenchStep, ...]) -> None:
        """Show the number of groups that are done, and estimate the time left."""
        elapsed, done = self._clock() - self._started, self._done
        left = ""
        if done:
            left = f"about {format_duration(elapsed / done * (self._count - done))} left, "
        stage.advance(done, self._count)
        arms = " ".join(step.arm.name for step in group)
        stage.detail(f"{left}{group[0].benchmark.name} {arms}")
        self._done += 1

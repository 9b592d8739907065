"""Ratios between the times of builds, as text and as JSON."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from watch import Run


class Measure(NamedTuple):
    """A ratio of the run `ours` to the sum of the runs `theirs`.

    `limit` is the ratio that must not be exceeded (None: there is no target).
    """

    name: str
    ours: str
    theirs: Sequence[str]
    limit: float | None


class Result(NamedTuple):
    """The seconds of both sides of a measure."""

    measure: Measure
    seconds: float
    against: float

    @property
    def ratio(self) -> float:
        """The seconds of ours, divided by those of theirs."""
        return self.seconds / self.against

    def __str__(self) -> str:
        """Return the ratio, its target and both times, as a line of text."""
        limit = self.measure.limit
        target = "" if limit is None else f" (target: at most {limit:.2f})"
        times = f"{self.seconds:.1f} s against {self.against:.1f} s"
        return f"ratio {self.ratio:.3f}{target}  {self.measure.name}: {times}"


def measures(version: str, other: str) -> list[Measure]:
    """Return the measures of docs/performance.md that are build times, for two versions."""
    rival = [f"python-build {version} yes-off"]
    four = [f"python-build {each} {jit}" for each in (version, other) for jit in ("yes-off", "no")]
    by_hand = [f"by hand {version} yes-off"]
    release = [f"python-build {version} yes-off release"]
    second = "second variant, "
    return [
        Measure("cold install", "cold", rival, 0.65),
        Measure("cold install that fills a ccache, too", "cold, with ccache", rival, None),
        Measure("cold install, against configure, make and make altinstall", "cold", by_hand, None),
        Measure("reinstall after uninstall", "reinstall", rival, 0.09),
        Measure(f"{second}every cache warm", "second, every cache warm", rival, 0.10),
        Measure(
            f"{second}caches as `no` left them and stencils of an earlier build",
            "second, stencils kept",
            rival,
            0.10,
        ),
        Measure(
            f"{second}caches as `no` left them, stencils never built",
            "second, after no alone",
            rival,
            None,
        ),
        Measure("four interpreters in one command, cold", "four", four, 0.50),
        Measure("release profile", "release", release, 0.50),
    ]


def results(runs: Mapping[str, Sequence[Run]], wanted: Iterable[Measure]) -> list[Result]:
    """Return the results of the `wanted` measures whose runs all took place, by their medians."""

    def median(name: str) -> float:
        return statistics.median(run.seconds for run in runs[name])

    return [
        Result(measure, median(measure.ours), sum(map(median, measure.theirs)))
        for measure in wanted
        if all(name in runs for name in (measure.ours, *measure.theirs))
    ]

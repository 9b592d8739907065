"""What the builds' times come to: ratios of one run to others, as text and as JSON."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from watch import Run


class Measure(NamedTuple):
    """A ratio: the run called `ours` to the sum of the runs called `theirs`, and the most that it is to be (None: only shown)."""

    name: str
    ours: str
    theirs: Sequence[str]
    reach: float | None


class Result(NamedTuple):
    """A measure, taken."""

    measure: Measure
    seconds: float
    against: float

    @property
    def ratio(self) -> float:
        return self.seconds / self.against

    def __str__(self) -> str:
        reach = (
            "" if self.measure.reach is None else f" (to reach: at most {self.measure.reach:.2f})"
        )
        return f"ratio {self.ratio:.3f}{reach}  {self.measure.name}: {self.seconds:.1f} s against {self.against:.1f} s"


def measures(version: str, other: str) -> list[Measure]:
    """Every measure of the table in docs/performance.md that is a time of building."""
    rival = f"python-build {version} yes-off"
    four = [f"python-build {each} {jit}" for each in (version, other) for jit in ("yes-off", "no")]
    return [
        Measure("cold install", "cold", [rival], 0.65),
        Measure("cold install that fills a ccache, too", "cold, with ccache", [rival], None),
        Measure(
            "cold install, against configure, make and make altinstall",
            "cold",
            [f"by hand {version} yes-off"],
            None,
        ),
        Measure("reinstall after uninstall", "reinstall", [rival], 0.09),
        Measure("second variant, every cache warm", "second, every cache warm", [rival], 0.10),
        Measure(
            "second variant, caches as `no` left them and stencils of an earlier build",
            "second, stencils kept",
            [rival],
            0.10,
        ),
        Measure(
            "second variant, caches as `no` left them, stencils never built",
            "second, after no alone",
            [rival],
            None,
        ),
        Measure("four interpreters in one command, cold", "four", four, 0.50),
        Measure("release profile", "release", [f"python-build {version} yes-off release"], 0.50),
    ]


def results(runs: Mapping[str, Sequence[Run]], wanted: Iterable[Measure]) -> list[Result]:
    """The measures whose runs are all there, by the medians of their seconds."""

    def median(name: str) -> float:
        return statistics.median(run.seconds for run in runs[name])

    return [
        Result(each, median(each.ours), sum(map(median, each.theirs)))
        for each in wanted
        if all(name in runs for name in (each.ours, *each.theirs))
    ]

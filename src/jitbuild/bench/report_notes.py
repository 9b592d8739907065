"""Write notes on results that were left out or resumed, and on interruptions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitbuild.bench import noise_floors, session_results
from jitbuild.system.formatting import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from jitbuild.bench.arm_files import ArmFiles
    from jitbuild.bench.report import BenchRow
    from jitbuild.bench.rounds import MeasurementOutcome
    from jitbuild.bench.session import MeasurementSession
    from jitbuild.bench.stats import Ratio


def left_out_notes(reasons: Mapping[str, str]) -> Iterator[str]:
    """Yield a note for each benchmark that was left out, with the reason."""
    for name, reason in reasons.items():
        yield f"{name} was left out: {reason}."


def sample_notes(arms: ArmFiles) -> Iterator[str]:
    """Yield notes on benchmarks that were measured in one mode only, and on outliers."""
    single = sorted(arms.base.keys() ^ arms.other.keys())
    if single:
        yield f"Measured in one mode only, and left out: {', '.join(single)}."
    if arms.outliers:
        counts = ", ".join(f"{count} of {name}" for name, count in arms.outliers.items())
        yield (
            f"Rounds left out as outliers: {counts}. Their ratios were far from all others, as "
            "when something slows down one of the two processes for as long as it lives."
        )


def outcome_notes(
    session: MeasurementSession, outcome: MeasurementOutcome, to_continue: str
) -> Iterator[str]:
    """Yield notes on results that were resumed, and on an interruption.

    `to_continue` is the command line that continues an interrupted measurement.
    """
    if outcome.resumed:
        yield f"{outcome.resumed} processes had been measured before and were not repeated."
    if outcome.interrupted:
        files = session_results.measured_files(session, session.arms[0])
        fewest = min(map(len, files.values()))
        of = "" if session.stopping.until_decided else f" of {session.counts.rounds}"
        yield (
            f"The measurement was interrupted: {len(files)} of {len(session.benchmarks)} programs, "
            f"at least {fewest}{of} rounds."
        )
        yield f"To continue: {to_continue}"


def floor_notes(floors: Mapping[str, float]) -> Iterator[str]:
    """Yield a note if there are noise floors, which the results take into account."""
    if floors:
        floor = floors.get(noise_floors.MEAN, 0.0)
        yield f"The noise floor that --aa measured here, {100 * floor:.1f}%, is taken into account."


def undecided_notes(
    rows: Sequence[BenchRow], mean: Ratio, seconds: float | None, more: str
) -> Iterator[str]:
    """Yield a note on undecided benchmarks, unless the verdict itself is undecided.

    `seconds` is about how much longer the measurement would take to decide, and `more` the command
    line that continues it, or "" if it is not to be named.
    """
    names = [row.name for row in rows if row.ratio.result == "undecided"]
    if not names or not mean.is_decided:
        return
    how = ""
    if seconds:
        command = f": {more}" if more else "."
        how = f" About {format_duration(seconds)} more would decide{command}"
    yield f"Undecided: {', '.join(names)}.{how}"

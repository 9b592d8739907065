"""Estimate how much longer an undecided measurement would take, and how to continue it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from jitbuild.bench import session_results
from jitbuild.running.intervals import MINIMUM_ALWAYS_VALID_ROUNDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jitbuild.bench.bench_request import BenchRequest
    from jitbuild.bench.report import BenchRow
    from jitbuild.bench.rounds import MeasurementOutcome
    from jitbuild.bench.session import MeasurementSession
    from jitbuild.bench.stats import Ratio

# The estimate is not exact, so the recommended --max-time allows this many times the estimate.
_RESERVE = 1.5


def more_seconds(
    session: MeasurementSession, rows: Iterable[BenchRow], mean: Ratio
) -> float | None:
    """Return about how many more seconds would decide all rows and the mean; 0 if none are needed.

    Returns None if the estimate is not known: nothing was timed, or the noise is too large.
    """
    ratios = {row.name: row.ratio for row in rows}
    seconds = session_results.read_seconds(session)
    files = session_results.measured_files(session, session.arms[0])
    total = per_round = 0.0
    for benchmark in session.benchmarks:
        rounds = len(files.get(benchmark.name, ()))
        if not rounds or benchmark.name not in seconds:
            return None
        cost = seconds[benchmark.name] / rounds
        names = [part.name for part in session_results.parts_of(session, benchmark)]
        needed = [_more_rounds(ratios[name], rounds) for name in names if name in ratios]
        total += cost * max(needed, default=0)
        per_round += cost
    fewest = min(len(paths) for paths in files.values())
    longest = max(total, per_round * _more_rounds(mean, fewest))
    return longest if math.isfinite(longest) else None


def command_to_decide(
    request: BenchRequest,
    session: MeasurementSession,
    mean: Ratio,
    seconds: float | None,
    outcome: MeasurementOutcome,
) -> str:
    """Return a command line that would decide an undecided measurement; "" if none is known.

    `seconds` is the result of `more_seconds`. A measurement that continues until its results are
    decided is resumed, with a longer limit if necessary. A measurement with an exact number of
    rounds is repeated with more rounds; if it was interrupted, none is known, because its other
    rounds come first.
    """
    if request.rounds is not None:
        if outcome.interrupted:
            return ""
        more = replace(request, rounds=request.rounds + (mean.more_rounds or 0))
        return more.repeat_command() if mean.more_rounds else ""
    if not seconds:
        return ""
    used = sum(session_results.read_seconds(session).values())
    # Round up to the next ten seconds.
    limit = 10 * math.ceil((used + _RESERVE * seconds) / 10)
    longer = limit > session.stopping.seconds
    return request.repeat_command(resume=True, max_time=limit if longer else None)


def _more_rounds(ratio: Ratio, rounds: int) -> float:
    """Return about how many more rounds than the `rounds` measured so far would decide a ratio."""
    if ratio.is_decided:
        return 0
    if ratio.result == "not enough data":
        return max(1, MINIMUM_ALWAYS_VALID_ROUNDS - rounds)
    return math.inf if ratio.more_rounds is None else ratio.more_rounds

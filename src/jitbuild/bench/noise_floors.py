"""Keep in the store the noise floors that `--aa` measures, for later measurements."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from jitbuild.bench import plan, session_results, stats

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from jitbuild.bench.report import BenchRow
    from jitbuild.bench.session import MeasurementSession
    from jitbuild.bench.stats import Ratio

# The key of the noise floor of the geometric mean; the other keys are names of benchmarks.
MEAN = ""


def read_floors(folder: Path, session: MeasurementSession) -> dict[str, float]:
    """Return the noise floors as shares by benchmark; {} if `--aa` has not measured them.

    For a session of `--aa` itself, which measures the noise floors anew, return {}.
    """
    if session.arms == plan.OFF_AND_OFF:
        return {}
    return session_results.read_numbers(_path(folder, session))


def write_floors(
    folder: Path, session: MeasurementSession, rows: Iterable[BenchRow], mean: Ratio
) -> None:
    """Compute and write the noise floors of a comparison of off with off."""
    ratios = {MEAN: mean, **{row.name: row.ratio for row in rows}}
    floors = {
        name: stats.noise_floor(ratio)
        for name, ratio in ratios.items()
        if ratio.result != "not enough data"
    }
    session_results.write_numbers(_path(folder, session), floors)


def _path(folder: Path, session: MeasurementSession) -> Path:
    """Return the path for the session's benchmarks, counts, interpreter and stopping rule.

    With a larger margin, `--aa` ends earlier, with a wider interval and so a larger noise floor.
    """
    key = json.dumps(
        [
            repr(session.benchmarks),
            repr(session.counts),
            str(session.python),
            session.stopping.until_decided,
            session.stopping.margin,
        ]
    )
    return folder / f"noise-{hashlib.sha256(key.encode()).hexdigest()[:16]}.json"

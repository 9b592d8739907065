"""Check the verdicts of `jitbuild bench`: no difference between equals, and seeded slowdowns found.

    python benchmarks/honesty.py 3.15 [--repeats 20] [--rounds 10] [--slowdown 0.05]

A loop of floats is measured on an interpreter of the store with the JIT off, as `jitbuild bench
--stmt` does: against itself, then against a loop with more iterations. The two sides differ only in
PYTHON_JIT, `0` and `00`, both of which mean off (only the first character counts); it tells the
statement which side it is on. Exits with 1 when fewer than 19 of 20 repeats say "no difference", or
fewer than 18 of 20 say "slower". On a machine that is busy otherwise the result means nothing.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from dataclasses import replace
from pathlib import Path

from jitbuild import api
from jitbuild.bench import plan, pyperf_files, stats
from jitbuild.bench.rounds import measure_rounds
from jitbuild.bench.session import MeasurementSession
from jitbuild.bench.session_results import measured_files
from jitbuild.request import Axes
from jitbuild.running import venvs
from jitbuild.running.environment import command_environment
from jitbuild.running.lookup import find_interpreter
from jitbuild.system.progress import SilentReporter

ARMS = (plan.Arm(name="off", mode="off"), plan.Arm(name="off-again", mode="off"))
LOOP = 100_000
# The shares of repeats that must have the right verdict.
HONEST, SEEN = 19 / 20, 18 / 20


def benchmark(slowdown: float) -> plan.Benchmark:
    """Return a loop with more iterations, by the share `slowdown`, in the second arm."""
    counts = f"{{'0': {LOOP}, '00': {round(LOOP * (1 + slowdown))}}}"
    setup = f"import os; count = {counts}[os.environ['PYTHON_JIT']]; x = 1.0"
    return plan.Benchmark(
        kind="stmt", name="loop", stmt="for _ in range(count): x = x * 1.0000001", setup=setup
    )


def once(python: Path, base: dict[str, str], slowdown: float, rounds: int) -> stats.Ratio:
    """Measure both arms once and compare them."""
    with tempfile.TemporaryDirectory() as folder:
        session = MeasurementSession(
            benchmarks=(benchmark(slowdown),),
            arms=ARMS,
            counts=replace(plan.DEFAULT_COUNTS["stmt"], rounds=rounds),
            python=python,
            env=lambda arm, _: {**base, "PYTHON_JIT": "0" if arm is ARMS[0] else "00"},
            folder=Path(folder),
        )
        outcome = measure_rounds(session, reporter=SilentReporter())
        if outcome.interrupted_by is not None:
            raise KeyboardInterrupt
        first, second = (
            pyperf_files.samples(
                pyperf_files.join(measured_files(session, arm)["loop"], {"arm": arm.name})
            )
            for arm in ARMS
        )
        outliers = stats.outliers(first["loop"], second["loop"])
        return stats.compare(
            first["loop"].without(outliers), second["loop"].without(outliers), paired=True
        )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("spec")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=plan.DEFAULT_COUNTS["stmt"].rounds)
    parser.add_argument("--slowdown", type=float, default=0.05)
    options = parser.parse_args()
    found = find_interpreter(options.spec, Axes())
    enough = True
    with venvs.prepare(
        api.store(),
        found,
        venvs.Requirements([f"pyperf=={pyperf_files.PYPERF_VERSION}"]),
        reporter=SilentReporter(),
    ) as python:
        base = command_environment(found.with_executable(python), "off", os.environ)
        for slowdown, wanted, share in (
            (0.0, "no difference", HONEST),
            (options.slowdown, "slower", SEEN),
        ):
            hits = 0
            for number in range(options.repeats):
                ratio = once(python, base, slowdown, options.rounds)
                hits += ratio.result == wanted
                percent = f"{100 * slowdown:.0f}% slower"
                print(f"{percent}, repeat {number + 1}: {ratio.text} {ratio.result}", flush=True)
            print(f"{percent}: {hits} of {options.repeats} say {wanted}", flush=True)
            enough &= hits >= share * options.repeats
    return 0 if enough else 1


if __name__ == "__main__":
    raise SystemExit(main())

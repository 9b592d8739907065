"""Count the wrong and the undecided verdicts of `jitbuild bench` where the right one is known.

    python benchmarks/honesty.py 3.15 [--repeats 20] [--load] [--cases gain,same,slower,...]

Each case is measured as often as --repeats says, with the production code of `jitbuild bench`:

    gain            a loop of floats with the JIT off and on         faster
    same            the loop with the JIT off, against itself        no difference
    c               a sort, which runs in C, with the JIT off and on     no difference
    slower          the loop with the JIT off, 5 percent more work   slower
    command-gain, command-same, command-slower                       the same as commands

In `same` and `slower`, the two sides differ only in PYTHON_JIT, `0` and `00`, both of which mean
off (only the first character counts); it tells the loop which side it is on. With --load, another
program keeps one processor busy all the time. --short measures each case twice.

Exits with 1 if a verdict is wrong, or if more are undecided than allowed: of twenty repeats of a
case, one, or four with --load. Without --load, on a machine that is busy otherwise, the number of
undecided verdicts means nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild import api
from jitbuild.bench import plan, pyperf_files, stats
from jitbuild.bench.round_results import RoundResults
from jitbuild.bench.rounds import measure_rounds
from jitbuild.bench.session import MeasurementSession
from jitbuild.bench.stopping import StoppingRule
from jitbuild.request import Axes
from jitbuild.running import venvs
from jitbuild.running.environment import command_environment
from jitbuild.running.lookup import find_interpreter
from jitbuild.system.progress import SilentReporter

if TYPE_CHECKING:
    from collections.abc import Iterator

LOOP, COMMAND_LOOP = 100_000, 10_000_000
SLOWDOWN = 0.05
# The undecided verdicts of twenty that are allowed.
UNDECIDED, UNDECIDED_WITH_LOAD = 1, 4
SORT = "sorted(numbers)"
NUMBERS = "import random; random.seed(1); numbers = [random.random() for _ in range(20_000)]"
# The program ends by itself when this script is killed.
BUSY = """
import os
parent = os.getppid()
while os.getppid() == parent:
    for _ in range(1_000_000):
        pass
"""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A benchmark, and its right verdict; `jit` is true if the second side has the JIT on."""

    benchmark: plan.Benchmark
    right: stats.Result
    jit: bool = False


def setup(slowdown: float, loop: int) -> str:
    """Return code that sets `count`, which is larger on the second side by the share `slowdown`."""
    more = round(loop * (1 + slowdown))
    return f"import os; count = {more} if os.environ['PYTHON_JIT'] == '00' else {loop}"


def statement(slowdown: float = 0.0) -> plan.Benchmark:
    """Return the loop as a statement."""
    return plan.Benchmark(
        kind="stmt",
        name="loop",
        stmt="for _ in range(count): x = x * 1.0001",
        setup=f"{setup(slowdown, LOOP)}; x = 1.0",
    )


def command(python: Path, slowdown: float = 0.0) -> plan.Benchmark:
    """Return the loop as a command."""
    lines = (
        setup(slowdown, COMMAND_LOOP),
        "def work():",
        "    x = 1.0",
        "    for _ in range(count): x = x * 1.0001",
        "work()",
    )
    words = (str(python), "-c", "\n".join(lines))
    return plan.Benchmark(kind="command", name="command", words=words)


def all_cases(python: Path) -> dict[str, Case]:
    """Return the cases by name."""
    sort = plan.Benchmark(kind="stmt", name="sort", stmt=SORT, setup=NUMBERS)
    return {
        "gain": Case(benchmark=statement(), right="faster", jit=True),
        "same": Case(benchmark=statement(), right="no difference"),
        "c": Case(benchmark=sort, right="no difference", jit=True),
        "slower": Case(benchmark=statement(SLOWDOWN), right="slower"),
        "command-gain": Case(benchmark=command(python), right="faster", jit=True),
        "command-same": Case(benchmark=command(python), right="no difference"),
        "command-slower": Case(benchmark=command(python, SLOWDOWN), right="slower"),
    }


def measure(case: Case, python: Path, env: dict[str, str], seconds: float | None) -> stats.Ratio:
    """Measure a case once, until it is decided or its time ends, and return its ratio."""
    kind = case.benchmark.kind
    arms = plan.OFF_AND_ON if case.jit else plan.OFF_AND_OFF
    switches = {arms[0]: "0", arms[1]: "1" if case.jit else "00"}
    with tempfile.TemporaryDirectory() as folder:
        session = MeasurementSession(
            benchmarks=(case.benchmark,),
            arms=arms,
            counts=plan.DEFAULT_COUNTS[kind],
            python=python,
            env=lambda arm, _: {**env, "PYTHON_JIT": switches[arm]},
            folder=Path(folder, "results"),
            stopping=StoppingRule(
                until_decided=True, seconds=seconds or plan.DEFAULT_MAX_SECONDS[kind]
            ),
        )
        outcome = measure_rounds(session, reporter=SilentReporter())
        if outcome.interrupted_by is not None:
            raise KeyboardInterrupt
        results = RoundResults(session, session.benchmarks)
        print(f"{results.rounds(case.benchmark):4} rounds", end="  ")
        (ratio,) = results.ratios(case.benchmark)
        return ratio


@contextlib.contextmanager
def busy_processor(wanted: bool) -> Iterator[None]:
    """Keep one processor busy while the block runs, if `wanted`."""
    if not wanted:
        yield
        return
    program = subprocess.Popen([sys.executable, "-c", BUSY])
    try:
        yield
    finally:
        program.kill()
        program.wait()


def count_failures(verdicts: Counter[str], right: str) -> tuple[int, int]:
    """Return the number of undecided and of wrong verdicts.

    A verdict without enough data is undecided.
    """
    undecided = verdicts["undecided"] + verdicts["not enough data"]
    return undecided, verdicts.total() - verdicts[right] - undecided


def repeat(name: str, case: Case, options: argparse.Namespace, python: Path) -> bool:
    """Measure a case repeatedly and print the verdicts; return true if they are good enough."""
    interpreter = find_interpreter(options.spec, Axes()).with_executable(python)
    env = command_environment(interpreter, "off", os.environ)
    verdicts: Counter[str] = Counter()
    for number in range(1, options.repeats + 1):
        started = time.monotonic()
        print(f"{name} {number:2}: ", end="", flush=True)
        ratio = measure(case, python, env, options.max_time)
        verdicts[ratio.result] += 1
        print(f"{time.monotonic() - started:4.0f} s  {ratio.text} {ratio.result}", flush=True)
    undecided, wrong = count_failures(verdicts, case.right)
    print(f"{name}: {verdicts[case.right]} {case.right}, {undecided} undecided, {wrong} wrong")
    allowed = UNDECIDED_WITH_LOAD if options.load else UNDECIDED
    return not wrong and 20 * undecided <= allowed * options.repeats


def parse() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("spec")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--short", action="store_true", help="two repeats")
    parser.add_argument("--load", action="store_true", help="keep one processor busy")
    parser.add_argument("--cases", help="names of cases, separated by commas (default: all)")
    parser.add_argument("--max-time", type=float, metavar="S", help="as for jitbuild bench")
    options = parser.parse_args()
    if options.short:
        options.repeats = 2
    return options


def main() -> int:
    options = parse()
    requirements = venvs.Requirements([f"pyperf=={pyperf_files.PYPERF_VERSION}"])
    found = find_interpreter(options.spec, Axes())
    with (
        venvs.prepare(api.store(), found, requirements, reporter=SilentReporter()) as python,
        busy_processor(options.load),
    ):
        cases = all_cases(python)
        names = options.cases.split(",") if options.cases else [*cases]
        good = [repeat(name, cases[name], options, python) for name in names]
    return 0 if all(good) else 1


if __name__ == "__main__":
    raise SystemExit(main())

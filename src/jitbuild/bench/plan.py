"""Define the benchmarks, arms and ordered steps of a measurement. Pure functions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from jitbuild.modes import Mode

Kind = Literal["quick", "stmt", "command", "suite", "pytest"]

# This environment variable holds the path of the specification for a suite's worker. An option
# cannot hold it, because pyperf restarts the script without the script's options.
# in_target/bench_suite.py must have the same name.
SPEC_VARIABLE = "JITBUILD_BENCH_SPEC"
# The kinds of benchmarks whose two processes in a round can alternate within or after each value.
INTERLEAVED_KINDS = frozenset({"quick", "stmt", "suite"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Arm:
    """One side of a comparison. Its pyperf file is called `NAME.json`."""

    name: str
    mode: Mode


OFF_AND_ON = (Arm(name="off", mode="off"), Arm(name="on", mode="on"))
OFF_AND_OFF = (Arm(name="off", mode="off"), Arm(name="off-again", mode="off"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Benchmark:
    """One thing to measure.

    `words` is the command to run. For a suite, `words` is a script and its options; one script may
    measure several things. `stmt` and `setup` are code as for timeit. `python` is the interpreter
    of a separate environment, for a benchmark that needs other packages; for other benchmarks, it
    is empty. `tags` and `version` are written to the pyperf files as metadata. `expects_gain` is
    False if the JIT has nothing to compile.
    """

    kind: Kind
    name: str
    words: tuple[str, ...] = ()
    stmt: str = ""
    setup: str = "pass"
    expects_gain: bool = True
    python: str = ""
    tags: tuple[str, ...] = ()
    version: str = ""

    def spec(self, facts: str, loops: Mapping[str, int] | None = None) -> dict[str, Any]:
        """Return the specification for the worker.

        `facts` is the file to which the worker writes its facts about the JIT. `loops` are the
        known numbers of loops per value, by the names of the things that a suite's script measures.
        """
        spec: dict[str, Any] = {"kind": self.kind, "name": self.name, "facts": facts}
        if self.kind == "command":
            return {**spec, "command": list(self.words)}
        if self.kind == "stmt":
            return {**spec, "stmt": self.stmt, "setup": self.setup}
        if self.kind == "suite":
            script, *options = self.words
            return {**spec, "script": script, "options": options, "loops": dict(loops or {})}
        return spec

    def task(self, name: str, index: int, loops: int) -> Benchmark:
        """Return a benchmark for one thing that a suite's script measures, as a pyperf worker."""
        options = (
            *("--worker", f"--worker-task={index}"),
            *("--loops", str(loops), "--values", "3", "--warmups", "0"),
        )
        return replace(self, name=name, words=(*self.words, *options))


@dataclass(frozen=True, kw_only=True, slots=True)
class SampleCounts:
    """Numbers of rounds, values and warm-ups, which are the same in every mode.

    `rounds` is the exact number of rounds or, if the measurement continues until its results are
    decided, the number of rounds before the first decision. Each round has one process per mode.
    Each process measures `warmups` values that do not count, and then `values` that do. All loops
    of one value together take at least `seconds`.
    """

    rounds: int
    values: int
    warmups: int
    seconds: float


DEFAULT_COUNTS: Mapping[Kind, SampleCounts] = {
    # The modes alternate within each value. The shorter the values are, the more equally other
    # activity on the machine affects both modes, so they are short. Warm-ups are values, too. All
    # warm-ups together take about a tenth of a second, in which the interpreter executes some
    # million instructions. That is far beyond the JIT's thresholds (4000 iterations of a loop in
    # 3.15, and another 4000 for each side exit).
    "quick": SampleCounts(rounds=5, values=12, warmups=9, seconds=0.01),
    "stmt": SampleCounts(rounds=5, values=20, warmups=16, seconds=0.0125),
    # Each value is a new process, so the time until code is compiled is part of the result.
    "command": SampleCounts(rounds=5, values=1, warmups=0, seconds=0.0),
    # The defaults of pyperf and pyperformance, so that the numbers are comparable to theirs.
    "suite": SampleCounts(rounds=5, values=3, warmups=1, seconds=0.1),
    # A value is the mean of pytest-benchmark's own rounds. pytest-benchmark also decides on
    # warm-ups.
    "pytest": SampleCounts(rounds=5, values=1, warmups=0, seconds=0.0),
}
# The seconds after which an undecided measurement ends.
DEFAULT_MAX_SECONDS: Mapping[Kind, float] = {
    "quick": 600.0,
    "stmt": 300.0,
    "command": 600.0,
    "suite": 3600.0,
    "pytest": 600.0,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchStep:
    """One process, which runs a benchmark in one arm and one round; the trial is round 0."""

    benchmark: Benchmark
    arm: Arm
    round: int

    @property
    def name(self) -> str:
        """The name of the step's files, without their extensions."""
        return f"{self.round:03d}-{self.benchmark.name}-{self.arm.name}"


def trial_steps(benchmarks: Sequence[Benchmark], arms: Sequence[Arm]) -> Iterator[BenchStep]:
    """Yield the trial: one step per benchmark and arm, to find failures before the first round.

    The step in the first arm also determines the number of loops per value, which all arms then
    use.
    """
    for benchmark in benchmarks:
        for arm in arms:
            yield BenchStep(benchmark=benchmark, arm=arm, round=0)


def measuring_steps(
    benchmarks: Sequence[Benchmark], arms: Sequence[Arm], rounds: int
) -> Iterator[BenchStep]:
    """Yield the steps of all rounds; the arms of a benchmark follow one another.

    Every second round reverses the order of the arms (ABBA). If the machine slowly becomes slower,
    both arms are thus affected equally, except for half a step if the number of rounds is odd.
    `group_interleaved` determines which steps run interleaved instead of one after another.
    """
    for number in range(1, rounds + 1):
        for benchmark in benchmarks:
            yield from steps_of_round(benchmark, arms, number)


def steps_of_round(benchmark: Benchmark, arms: Sequence[Arm], number: int) -> Iterator[BenchStep]:
    """Yield the steps of one benchmark in one round, in the order of their arms."""
    for arm in arms if number % 2 else arms[::-1]:
        yield BenchStep(benchmark=benchmark, arm=arm, round=number)


def group_interleaved(steps: Iterable[BenchStep]) -> list[tuple[BenchStep, ...]]:
    """Group the steps that run interleaved, which are those of one benchmark and round.

    Steps of commands and of pytest are returned in groups of one: each of their processes measures
    only one value, so the arms alternate from value to value anyway.
    """
    groups: dict[tuple[object, ...], list[BenchStep]] = {}
    for step in steps:
        alone = () if step.benchmark.kind in INTERLEAVED_KINDS else (step.arm,)
        groups.setdefault((step.benchmark, step.round, *alone), []).append(step)
    return [tuple(group) for group in groups.values()]


def pyperf_options(
    counts: SampleCounts, loops: Mapping[str, int] | None, *, kind: Kind
) -> list[str]:
    """Return pyperf's options for one step.

    `loops` has the number of loops per value, by benchmark. If it is None, the options make pyperf
    calibrate the number and measure as few values as possible.
    """
    if loops is None and kind != "command":
        amount = ["--values", "1", "--warmups", "1", "--min-time", repr(counts.seconds)]
    else:
        values, warmups = str(counts.values), str(counts.warmups)
        amount = ["--values", values, "--warmups", warmups, *_loops_option(loops, kind)]
    return ["--quiet", "--processes", "1", *amount, *_environment_options(kind)]


def _loops_option(loops: Mapping[str, int] | None, kind: Kind) -> list[str]:
    if kind == "suite":
        return []  # the loops of each thing that the script measures are in the specification
    (count,) = (loops or {}).values() or (1,)
    return ["--loops", str(1 if kind == "command" else count)]


def _environment_options(kind: Kind) -> list[str]:
    """Return the options that pass environment variables to pyperf's workers.

    A worker gets only the mode, the hash seed and, for a suite, the path of its specification, so
    that no other variable can change the result. A command gets the whole environment, because it
    may need it.
    """
    if kind == "command":
        return ["--inherit-environ", "PYTHON_JIT", "--copy-env"]
    names = ["PYTHON_JIT", "PYTHONHASHSEED", *[SPEC_VARIABLE] * (kind == "suite")]
    return ["--inherit-environ", ",".join(names)]

"""What a measurement consists of, and the order of its steps: values in, steps out. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from jitbuild.modes import Mode

Kind = Literal["quick", "stmt", "command", "suite", "pytest"]

# Names the specification for a suite's worker: pyperf restarts the script without its options
# (in_target/bench_suite.py reads the variable under the same name).
SPEC_VARIABLE = "JITBUILD_BENCH_SPEC"
# The two processes of a round can alternate between, or within, the values of these kinds.
INTERLEAVED_KINDS = frozenset({"quick", "stmt", "suite"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Arm:
    """One side of a comparison. Its name is also that of its file."""

    name: str
    mode: Mode


OFF_AND_ON = (Arm(name="off", mode="off"), Arm(name="on", mode="on"))
OFF_AND_OFF = (Arm(name="off", mode="off"), Arm(name="off-again", mode="off"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Benchmark:
    """One thing to measure.

    `words` are the command to run, and `stmt` and `setup` are those of timeit. For a suite, `words`
    are the script and its options; one script may measure several things. `python` is set where
    the benchmark needs an interpreter of its own, for packages that others do not need. `tags` and
    `version` go into the files. `expects_gain` is false where the JIT has nothing to compile.
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
        """Return the worker's specification; the worker writes its facts to the file `facts`."""
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
        """Return one of the things that a suite's script measures, as a pyperf worker runs it."""
        options = (
            *("--worker", f"--worker-task={index}"),
            *("--loops", str(loops), "--values", "3", "--warmups", "0"),
        )
        return replace(self, name=name, words=(*self.words, *options))


@dataclass(frozen=True, kw_only=True, slots=True)
class SampleCounts:
    """How much is measured, the same in every mode.

    `rounds` is the number of rounds, with one process per mode in each. `values` is the number of
    values per process, after `warmups` values that do not count. `seconds` is the shortest time of
    one value.
    """

    rounds: int
    values: int
    warmups: int
    seconds: float


DEFAULT_COUNTS: Mapping[Kind, SampleCounts] = {
    # Values are short, since the modes alternate after each: the shorter they are, the more
    # equally a disturbance of the machine affects both. Warm-ups are values too: a tenth of a
    # second is some million steps of the interpreter, far beyond the JIT's thresholds (4000
    # iterations of a loop in 3.15, and as many again for each side exit).
    "quick": SampleCounts(rounds=5, values=12, warmups=9, seconds=0.01),
    "stmt": SampleCounts(rounds=10, values=20, warmups=16, seconds=0.0125),
    # Each value is a new process: warming up is part of what the command does.
    "command": SampleCounts(rounds=10, values=1, warmups=0, seconds=0.0),
    # The defaults of pyperf and pyperformance, so that the numbers are comparable to theirs.
    "suite": SampleCounts(rounds=5, values=3, warmups=1, seconds=0.1),
    # A value is the mean of a test's rounds; pytest-benchmark decides on those and on warm-ups.
    "pytest": SampleCounts(rounds=5, values=1, warmups=0, seconds=0.0),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchStep:
    """One process: a benchmark in one arm and round. Rounds count from 1; round 0 is a trial."""

    benchmark: Benchmark
    arm: Arm
    round: int

    @property
    def name(self) -> str:
        """The name of the step's files."""
        return f"{self.round:03d}-{self.benchmark.name}-{self.arm.name}"


def trial_steps(benchmarks: Sequence[Benchmark], arms: Sequence[Arm]) -> Iterator[BenchStep]:
    """Yield one step per benchmark and arm, so that a failure shows before anything is measured.

    The trial also calibrates the number of loops, in the first arm and for all of them.
    """
    for benchmark in benchmarks:
        for arm in arms:
            yield BenchStep(benchmark=benchmark, arm=arm, round=0)


def measuring_steps(
    benchmarks: Sequence[Benchmark], arms: Sequence[Arm], rounds: int
) -> Iterator[BenchStep]:
    """Yield the steps of all rounds. The arms of a benchmark are neighbours, in ABBA order.

    A machine that becomes slower thus affects both arms equally, except for half a step in an odd
    number of rounds. Interleaved arms (`group_interleaved`) even alternate value by value.
    """
    for number in range(1, rounds + 1):
        ordered = arms if number % 2 else arms[::-1]
        for benchmark in benchmarks:
            for arm in ordered:
                yield BenchStep(benchmark=benchmark, arm=arm, round=number)


def group_interleaved(steps: Iterable[BenchStep]) -> list[tuple[BenchStep, ...]]:
    """Group the steps that run interleaved: those of one benchmark and round. Others stay alone.

    A value of a command, or of pytest, is a whole process, so those alternate anyway.
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

    Without `loops` (by benchmark) pyperf calibrates them, with as few values as possible.
    """
    if loops is None and kind != "command":
        amount = ["--values", "1", "--warmups", "1", "--min-time", repr(counts.seconds)]
    else:
        values, warmups = str(counts.values), str(counts.warmups)
        amount = ["--values", values, "--warmups", warmups, *_loops_option(loops, kind)]
    return ["--quiet", "--processes", "1", *amount, *_environment_options(kind)]


def _loops_option(loops: Mapping[str, int] | None, kind: Kind) -> list[str]:
    if kind == "suite":
        return []  # its script may measure several things: their loops are in the specification
    (count,) = (loops or {}).values() or (1,)
    return ["--loops", str(1 if kind == "command" else count)]


def _environment_options(kind: Kind) -> list[str]:
    """Return the options that let environment variables through to pyperf's workers.

    Only the mode and the hash seed reach a worker, so that nothing else can change the result. A
    person's command may need the whole environment.
    """
    if kind == "command":
        return ["--inherit-environ", "PYTHON_JIT", "--copy-env"]
    names = ["PYTHON_JIT", "PYTHONHASHSEED", *[SPEC_VARIABLE] * (kind == "suite")]
    return ["--inherit-environ", ",".join(names)]

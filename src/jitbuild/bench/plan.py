"""What is measured, in which modes, and in which order: values in, steps out. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from jitbuild.modes import Mode

Kind = Literal["quick", "stmt", "command", "suite", "pytest"]

# What a suite's worker finds its specification by: pyperf starts it again without the option that names it.
VARIABLE = "JITBUILD_BENCH_SPEC"
# Between the values of these, or within them, the turn can change.
IN_TURN = frozenset({"quick", "stmt", "suite"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Arm:
    """One side of a comparison: a name, which is also its file's, and the mode that it runs in."""

    name: str
    mode: Mode


AB = (Arm(name="off", mode="off"), Arm(name="on", mode="on"))
AA = (Arm(name="off", mode="off"), Arm(name="off-again", mode="off"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Benchmark:
    """One thing that is measured: `words` are the command as it is run, `stmt` and `setup` those of timeit.

    Of a suite they are the script and its options; one script may measure several things, and has an interpreter of its own,
    `python`, where it needs packages that others do not. `tags` and `version` go into the files.
    """

    kind: Kind
    name: str
    words: tuple[str, ...] = ()
    stmt: str = ""
    setup: str = "pass"
    gains: bool = True
    python: str = ""
    tags: tuple[str, ...] = ()
    version: str = ""

    def spec(self, facts: str, loops: Mapping[str, int] | None = None) -> dict[str, Any]:
        """What the worker reads; it writes what it saw of the JIT to the file `facts`."""
        found: dict[str, Any] = {"kind": self.kind, "name": self.name, "facts": facts}
        if self.kind == "command":
            found["command"] = list(self.words)
        elif self.kind == "stmt":
            found |= {"stmt": self.stmt, "setup": self.setup}
        elif self.kind == "suite":
            found |= {
                "script": self.words[0],
                "options": list(self.words[1:]),
                "loops": dict(loops or {}),
            }
        return found

    def alone(self, name: str, task: int, loops: int) -> Benchmark:
        """The `task`-th of the things that a suite's script measures, as one worker of pyperf's measures it."""
        amount = (
            "--worker",
            f"--worker-task={task}",
            "--loops",
            str(loops),
            "--values",
            "3",
            "--warmups",
            "0",
        )
        return replace(self, name=name, words=(*self.words, *amount))


@dataclass(frozen=True, kw_only=True, slots=True)
class SampleCounts:
    """How much is measured, the same in every mode: so many rounds (one process each for every mode), values of a process,
    values before them that do not count, and the seconds that one value takes at least."""

    rounds: int
    values: int
    warmups: int
    seconds: float


# Values are short, since both modes take turns after each: the shorter they are, the more alike is what the machine does to both.
# Warm-ups are values too: a tenth of a second are some million of the JIT's steps, far past its thresholds (4000 rounds of a loop
# in 3.15, and again for every side exit).
QUICK = SampleCounts(rounds=5, values=12, warmups=9, seconds=0.01)
STMT = SampleCounts(rounds=10, values=20, warmups=16, seconds=0.0125)
# Every value is a process of its own: warming up is part of what the person's command does.
COMMAND = SampleCounts(rounds=10, values=1, warmups=0, seconds=0.0)
# Values, warm-ups and seconds are what pyperf and pyperformance take by themselves, so that the numbers are comparable to theirs.
SUITE = SampleCounts(rounds=5, values=3, warmups=1, seconds=0.1)
# A value is the mean of a test's rounds, of which pytest-benchmark decides, as it does of warming up.
PYTEST = SampleCounts(rounds=5, values=1, warmups=0, seconds=0.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchStep:
    """One process of pyperf's: a benchmark in an arm in a round, counted from 1; round 0 finds out the number of loops."""

    benchmark: Benchmark
    arm: Arm
    round: int

    @property
    def name(self) -> str:
        return f"{self.round:03d}-{self.benchmark.name}-{self.arm.name}"


def calibrations(benchmarks: Sequence[Benchmark], arms: Sequence[Arm]) -> Iterator[BenchStep]:
    """One step of each benchmark in each arm: what fails in one of them is found before anything is measured.

    The number of loops is that of the first arm, for all of them.
    """
    yield from (
        BenchStep(benchmark=benchmark, arm=arm, round=0) for benchmark in benchmarks for arm in arms
    )


def steps(benchmarks: Sequence[Benchmark], arms: Sequence[Arm], rounds: int) -> Iterator[BenchStep]:
    """All rounds. The arms of a benchmark stand side by side, and change their order from round to round (ABBA).

    So a machine that grows slower meets both alike, whatever the number of rounds, but for half a step in an odd one. Where they
    measure in turns (`beside`) it does so value by value.
    """
    for number in range(1, rounds + 1):
        ordered = arms if number % 2 else arms[::-1]
        yield from (
            BenchStep(benchmark=benchmark, arm=arm, round=number)
            for benchmark in benchmarks
            for arm in ordered
        )


def beside(wanted: Iterable[BenchStep]) -> list[tuple[BenchStep, ...]]:
    """The steps in groups: those of a benchmark in a round that measure in turns, value by value, belong together; others alone.

    A command's value is a process of its own, and so is a run of pytest's: between them the turn changes anyway.
    """
    groups: dict[tuple[object, ...], list[BenchStep]] = {}
    for step in wanted:
        alone = () if step.benchmark.kind in IN_TURN else (step.arm,)
        groups.setdefault((step.benchmark, step.round, *alone), []).append(step)
    return [tuple(group) for group in groups.values()]


def options(counts: SampleCounts, loops: Mapping[str, int] | None, *, kind: Kind) -> list[str]:
    """pyperf's options for one step; without `loops` (by the names of what is measured) it finds them out, with as few values as
    it can."""
    if loops is None and kind != "command":
        amount = ["--values", "1", "--warmups", "1", "--min-time", repr(counts.seconds)]
    else:
        amount = [
            "--values",
            str(counts.values),
            "--warmups",
            str(counts.warmups),
            *_loops(loops, kind),
        ]
    return ["--quiet", "--processes", "1", *amount, *_environment(kind)]


def _loops(loops: Mapping[str, int] | None, kind: Kind) -> list[str]:
    if (
        kind == "suite"
    ):  # it may measure several things, each with loops of its own: they stand in the specification
        return []
    (count,) = (loops or {}).values() or (1,)
    return ["--loops", str(1 if kind == "command" else count)]


def _environment(kind: Kind) -> list[str]:
    """Nothing of the environment but the mode and the seed of hashes reaches a worker, so that it does not change the result; a
    command of the person's may need all of it."""
    if kind == "command":
        return ["--inherit-environ", "PYTHON_JIT", "--copy-env"]
    return [
        "--inherit-environ",
        ",".join(["PYTHON_JIT", "PYTHONHASHSEED", *[VARIABLE] * (kind == "suite")]),
    ]

"""What is measured, in which modes, and in which order: values in, steps out. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jitbuild.modes import Mode

Kind = Literal["quick", "stmt", "command"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Arm:
    """One side of a comparison: a name, which is also its file's, and the mode that it runs in."""

    name: str
    mode: Mode


AB = (Arm(name="off", mode="off"), Arm(name="on", mode="on"))
AA = (Arm(name="off", mode="off"), Arm(name="off-again", mode="off"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Benchmark:
    """One thing that is measured: `words` are the command as it is run, `stmt` and `setup` those of timeit."""

    kind: Kind
    name: str
    words: tuple[str, ...] = ()
    stmt: str = ""
    setup: str = "pass"
    gains: bool = True

    def spec(self, facts: str) -> dict[str, Any]:
        """What _worker.py reads; it writes what it saw of the JIT to the file `facts`."""
        found: dict[str, Any] = {"kind": self.kind, "name": self.name, "facts": facts}
        if self.kind == "command":
            found["command"] = list(self.words)
        elif self.kind == "stmt":
            found |= {"stmt": self.stmt, "setup": self.setup}
        return found


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """How much is measured, the same in every mode: so many rounds (one process each for every mode), values of a process,
    values before them that do not count, and the seconds that one value takes at least."""

    rounds: int
    values: int
    warmups: int
    seconds: float


# Warm-ups are values too: 3 of a twentieth of a second are some million of the JIT's steps, far past its thresholds (4000 rounds
# of a loop in 3.15, and again for every side exit).
QUICK = Counts(rounds=5, values=4, warmups=3, seconds=0.03)
STMT = Counts(rounds=10, values=5, warmups=4, seconds=0.05)
# Every value is a process of its own: warming up is part of what the person's command does.
COMMAND = Counts(rounds=10, values=1, warmups=0, seconds=0.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One process of pyperf's: a benchmark in an arm in a round, counted from 1; round 0 finds out the number of loops."""

    benchmark: Benchmark
    arm: Arm
    round: int

    @property
    def name(self) -> str:
        return f"{self.round:03d}-{self.benchmark.name}-{self.arm.name}"


def calibrations(benchmarks: Sequence[Benchmark], arms: Sequence[Arm]) -> Iterator[Step]:
    """One step of each benchmark in each arm: what fails in one of them is found before anything is measured.

    The number of loops is that of the first arm, for all of them.
    """
    yield from (Step(benchmark=benchmark, arm=arm, round=0) for benchmark in benchmarks for arm in arms)


def steps(benchmarks: Sequence[Benchmark], arms: Sequence[Arm], rounds: int) -> Iterator[Step]:
    """All rounds. The arms of a benchmark stand side by side, and change their order from round to round (ABBA).

    So a machine that grows slower meets both alike, whatever the number of rounds, but for half a step in an odd one.
    """
    for number in range(1, rounds + 1):
        ordered = arms if number % 2 else arms[::-1]
        yield from (Step(benchmark=benchmark, arm=arm, round=number) for benchmark in benchmarks for arm in ordered)


def options(counts: Counts, loops: int | None, *, kind: Kind) -> list[str]:
    """pyperf's options for one step; without `loops` it finds them out, with as few values as it can."""
    # Nothing of the environment but PYTHON_JIT reaches a worker, so that it does not change the result; a command of the person's
    # may need all of it.
    environment = ["--inherit-environ", "PYTHON_JIT", *["--copy-env"] * (kind == "command")]
    if kind == "command":
        loops = 1
    if loops is None:
        amount = ["--values", "1", "--warmups", "1", "--min-time", repr(counts.seconds)]
    else:
        amount = ["--values", str(counts.values), "--warmups", str(counts.warmups), "--loops", str(loops)]
    return ["--quiet", "--processes", "1", *amount, *environment]

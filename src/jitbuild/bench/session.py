"""Describe a measurement, and the paths in the folder that holds its results.

The folder holds `steps/` and one pyperf file per arm. For each step, `steps/` has the pyperf file,
the worker's facts about the JIT, and the log. A step is complete as soon as its pyperf file exists,
so an interruption loses only the steps in progress.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild.bench.stopping import StoppingRule

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jitbuild.bench.plan import Arm, Benchmark, BenchStep, SampleCounts
    from jitbuild.running.tally import InterpreterIdentity


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasurementSession:
    """The benchmarks of a measurement, the interpreter, and the folder of the results.

    `python` is the interpreter of an environment with all packages that the measurement needs.
    `env` returns the environment variables for an arm and an interpreter. After `timeout` seconds,
    a process and its children are ended. `diff_command` is a command line that shows how the modes
    differ. `stopping` says when the measurement ends. `identity` has the facts by which processes
    of the interpreter are recognised; if it is None, they are not checked.
    """

    benchmarks: tuple[Benchmark, ...]
    arms: tuple[Arm, ...]
    counts: SampleCounts
    python: Path
    env: Callable[[Arm, Path], Mapping[str, str]]
    folder: Path
    timeout: float | None = None
    diff_command: str = "jitbuild diff SPEC -- COMMAND"
    stopping: StoppingRule = StoppingRule()  # noqa: RUF009 # it is immutable
    identity: InterpreterIdentity | None = None

    @property
    def steps_folder(self) -> Path:
        """The folder for the files of all steps."""
        return self.folder / "steps"

    def result_file(self, step: BenchStep) -> Path:
        """Return the path of a step's pyperf file."""
        return self.steps_folder / f"{step.name}.json"

    def facts_file(self, step: BenchStep, task: int = 0) -> Path:
        """Return the path of the facts about the JIT that a worker of a step writes.

        A suite's script that measures several things has one worker for each of them. `task` is the
        number of the worker, counted from 0 (in_target/bench_suite.py).
        """
        return self.steps_folder / f"{step.name}{f'.{task}' if task else ''}.facts"

    def witness_file(self, step: BenchStep) -> Path:
        """Return the path of the file with the counts of the processes in a command's trial."""
        return self.steps_folder / f"{step.name}.witness"

    def output_file(self, step: BenchStep) -> Path:
        """Return the path of the output of a command that failed in the trial."""
        return self.steps_folder / f"{step.name}.output"

    def exclusion_file(self, benchmark: Benchmark) -> Path:
        """Return the path of the file with the reason why a benchmark was left out."""
        return self.steps_folder / f"000-{benchmark.name}.left-out"

    def python_of(self, benchmark: Benchmark) -> Path:
        """Return the interpreter that measures a benchmark."""
        return Path(benchmark.python) if benchmark.python else self.python

    def is_complete(self, *steps: BenchStep) -> bool:
        """Return True if all these steps have been measured."""
        return all(self.result_file(step).exists() for step in steps)

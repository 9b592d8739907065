"""Prepare the environments in which the requested benchmarks can run."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from jitbuild import modes
from jitbuild.bench import pyperf_files, pyperformance
from jitbuild.errors import MeasurementError, UsageError
from jitbuild.running import venvs
from jitbuild.running.command import command_line
from jitbuild.running.environment import command_environment
from jitbuild.running.programs import check_program
from jitbuild.system import process
from jitbuild.system.python_command import code_command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from jitbuild.bench.plan import Benchmark
    from jitbuild.running.venvs import Requirements
    from jitbuild.store.interpreter import Interpreter
    from jitbuild.store.store import Store
    from jitbuild.system.progress import Reporter

_PYTEST_MODULES = ("pytest", "pytest_benchmark")
_MISSING_MODULES = (
    "import importlib.util as util; "
    f"print(*(name for name in {_PYTEST_MODULES!r} if util.find_spec(name) is None))"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class PreparedBenchmarks:
    """The benchmarks of a request, after their environments have been created.

    `requested` are all benchmarks of the request. `benchmarks` are the benchmarks that can run,
    with the paths of their programs. `python` is the interpreter of an environment that has
    `packages`. `left_out` maps each benchmark of a suite that this interpreter cannot run to the
    reason.
    """

    requested: tuple[Benchmark, ...]
    benchmarks: tuple[Benchmark, ...]
    python: Path
    packages: tuple[str, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Preparation:
    """Creates environments of an interpreter, with `requirements`, in a store."""

    interpreter: Interpreter
    requirements: Requirements
    store: Store
    reporter: Reporter
    runner: process.Runner = process.run
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)

    @contextlib.contextmanager
    def prepare(self, benchmarks: tuple[Benchmark, ...]) -> Iterator[PreparedBenchmarks]:
        """Yield the benchmarks that can run; their environments are locked while the block runs.

        Raises UsageError if a program or pytest-benchmark is missing, BuildError if an environment
        cannot be created, and MeasurementError if no benchmark of a suite can run.
        """
        kind = benchmarks[0].kind
        # pytest-benchmark measures without pyperf.
        pyperf = [] if kind == "pytest" else [f"pyperf=={pyperf_files.PYPERF_VERSION}"]
        requirements = self.requirements._replace(packages=(*pyperf, *self.requirements.packages))
        with contextlib.ExitStack() as stack:

            def enter(requirements: Requirements) -> Path:
                environment = venvs.prepare(
                    self.store,
                    self.interpreter,
                    requirements,
                    reporter=self.reporter,
                    runner=self.runner,
                )
                return stack.enter_context(environment)

            if kind == "suite":
                yield self._prepare_suite(benchmarks[0].words, requirements, enter)
            else:
                yield self._prepare_one(benchmarks, requirements, enter)

    def _prepare_one(
        self,
        benchmarks: tuple[Benchmark, ...],
        requirements: Requirements,
        enter: Callable[[Requirements], Path],
    ) -> PreparedBenchmarks:
        """Prepare benchmarks that share one environment."""
        if not requirements:  # only with pytest-benchmark: nothing would install pytest
            raise _missing_packages(_PYTEST_MODULES)
        python = enter(requirements)
        if benchmarks[0].kind == "pytest":
            check_pytest_benchmark(python, self.runner)
        return PreparedBenchmarks(
            requested=benchmarks,
            benchmarks=tuple(self._with_program(benchmark, python) for benchmark in benchmarks),
            python=python,
            packages=tuple(requirements.all_packages),
        )

    def _prepare_suite(
        self,
        selection: Sequence[str],
        requirements: Requirements,
        enter: Callable[[Requirements], Path],
    ) -> PreparedBenchmarks:
        """Prepare the selected benchmarks of pyperformance.

        A benchmark that needs other packages gets a separate environment with these packages and
        `requirements`.
        """
        packages = (*requirements.packages, pyperformance.REQUIREMENT)
        python = enter(requirements._replace(packages=packages))
        env = modes.environment("off", self._environment(python))
        listing = python.parents[1] / "pyperformance.json"
        manifest = pyperformance.read_manifest(python, listing, env=env, runner=self.runner)
        entries = pyperformance.select(manifest, selection)
        benchmarks, left_out = pyperformance.place(
            entries,
            self.interpreter.version,
            manifest.version,
            lambda file: enter(requirements._replace(files=[*requirements.files, file])),
        )
        if not benchmarks:
            reasons = "\n".join(f"  {name}: {reason}" for name, reason in left_out.items())
            raise MeasurementError(
                f"{self.interpreter.name} cannot run any of the selected benchmarks:\n{reasons}",
                remedy="Select other benchmarks.",
            )
        return PreparedBenchmarks(
            requested=tuple(entry.benchmark(manifest.version) for entry in entries),
            benchmarks=benchmarks,
            python=python,
            packages=packages,
            left_out=left_out,
        )

    def _with_program(self, benchmark: Benchmark, python: Path) -> Benchmark:
        """Replace the first word of a command with the absolute path of its program.

        Raises UsageError if there is no such program, if it cannot be started, or if it is a script
        of another Python.
        """
        if benchmark.kind != "command":
            return benchmark
        interpreter = self.interpreter.with_executable(python)
        argv = command_line(interpreter, benchmark.words)
        path = check_program(argv[0], interpreter, self._environment(python))
        return replace(benchmark, words=(str(path.absolute()), *argv[1:]))

    def _environment(self, python: Path) -> dict[str, str]:
        interpreter = self.interpreter.with_executable(python)
        return command_environment(interpreter, None, self.environ)


def check_pytest_benchmark(python: Path, runner: process.Runner) -> None:
    """Raise UsageError if an environment lacks pytest or pytest-benchmark."""
    missing = runner(code_command(python, _MISSING_MODULES)).stdout.split()
    if missing:
        raise _missing_packages(missing)


def _missing_packages(modules: Sequence[str]) -> UsageError:
    names = " and ".join(name.replace("_", "-") for name in modules)
    return UsageError(
        f"The environment has no {names}.",
        remedy="Add `--with pytest-benchmark`, or --requirements with a file that lists it.",
    )

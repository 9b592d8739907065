"""Find the functions of a program that have machine code, and the hot functions that do not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jitbuild.bench import scripts, session_results
from jitbuild.bench.plan import Arm
from jitbuild.bench.report import CompiledFunction, HotFunction, JITInspection
from jitbuild.bench.worker_facts import read_facts
from jitbuild.running.command import split_program
from jitbuild.system import process

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jitbuild.bench.plan import Benchmark
    from jitbuild.bench.session import MeasurementSession
    from jitbuild.modes import Mode

# A function with a smaller share of the total time is not hot.
_HOT_SHARE = 0.05
_PROFILED_REPEATS = 50
# These packages measure the suite's scripts, so their functions appear in the profiles of the
# scripts.
_MEASURING_PACKAGES = frozenset({"pyperf", "psutil"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Inspector:
    """Inspects the benchmarks of a session; additional runs take place after the measurement."""

    session: MeasurementSession
    recorder: process.Recorder = process.record

    def command_facts(self) -> dict[str, Mapping[str, Any]]:
        """Run each command again, and return its facts about the JIT by name.

        The facts of a command that is not a Python program are empty.
        """
        return {
            benchmark.name: self._watch(benchmark)
            for benchmark in self.session.benchmarks
            if benchmark.kind == "command"
        }

    def inspections(
        self, facts: Mapping[str, Mapping[str, Any]], *, profile: bool
    ) -> dict[str, JITInspection]:
        """Return an inspection of each benchmark whose `facts` list its compiled functions.

        With `profile`, the inspections include hot functions without machine code.
        """
        inspections = {}
        for benchmark in self.session.benchmarks:
            for part in session_results.parts_of(self.session, benchmark):
                inspection = compiled_functions(facts.get(part.name, {}))
                if inspection is not None:
                    inspections[part.name] = (
                        self._with_hot(part, inspection) if profile else inspection
                    )
        return inspections

    def _watch(self, benchmark: Benchmark) -> dict[str, Any]:
        """Run a command with the JIT on, and return its facts; {} if it is not a Python program."""
        python = self.session.python
        if benchmark.words[:1] != (str(python),):
            return {}
        split = split_program(["python", *benchmark.words[1:]])
        if split is None:
            return {}
        options, program = split
        return self._run(benchmark, [*options, str(scripts.INSPECT)], program, mode="on")

    def _with_hot(self, benchmark: Benchmark, inspection: JITInspection) -> JITInspection:
        """Add the hot functions without machine code, which cProfile finds with the JIT off.

        Tests of pytest are not profiled, because most of the profile would consist of pytest
        itself, and of pytest-benchmark's search for the number of rounds.
        """
        split = _profiled_program(benchmark)
        if split is None:
            return inspection
        options, program = split
        arguments = [*options, str(scripts.INSPECT)]
        facts = self._run(benchmark, arguments, ["--profile", *program], mode="off")
        compiled = {(function.file, function.line) for function in inspection.compiled}
        uncompiled = [
            HotFunction(
                name=row["name"],
                file=row["file"],
                line=row["line"],
                share=row["share"],
                library=row.get("library", ""),
            )
            for row in facts.get("hot", ())
            if row["share"] >= _HOT_SHARE
            and (row["file"], row["line"]) not in compiled
            and not _MEASURING_PACKAGES & {*Path(row["file"]).parts}
        ]
        # The code of the program itself comes first; the order is otherwise that of the shares.
        uncompiled.sort(key=lambda function: bool(function.library))
        return replace(inspection, uncompiled=tuple(uncompiled))

    def _run(
        self, benchmark: Benchmark, arguments: Sequence[str], program: Sequence[str], mode: Mode
    ) -> dict[str, Any]:
        """Run in_target/bench_inspect.py on a program, and return the facts that it wrote."""
        session, python = self.session, self.session.python_of(benchmark)
        target = session.steps_folder / f"inspect-{mode}-{benchmark.name}"
        target.unlink(missing_ok=True)
        argv = [str(python), *arguments, str(target), *program]
        env = session.env(Arm(name=mode, mode=mode), python)
        with target.with_suffix(".log").open("wb") as log:
            self.recorder(argv, env=env, log=log, timeout=session.timeout)
        return read_facts(target)


def compiled_functions(facts: Mapping[str, Any]) -> JITInspection | None:
    """Return the functions with machine code in a worker's facts.

    The functions of the program itself come first, then those of libraries, and among each of these
    the functions with the most executors. Returns None if the worker could not see the program's
    functions.
    """
    if "functions" not in facts:
        return None
    functions = [
        CompiledFunction(
            name=row["name"],
            file=row["file"],
            line=row["line"],
            executors=row["executors"],
            bytes=row["bytes"],
            library=row.get("library", ""),
        )
        for row in facts["functions"]
    ]
    return JITInspection(
        compiled=tuple(
            sorted(functions, key=lambda function: (bool(function.library), -function.executors))
        )
    )


def _profiled_program(benchmark: Benchmark) -> tuple[list[str], list[str]] | None:
    """Return the interpreter's options and the program to profile, or None."""
    if benchmark.kind == "pytest":
        return None
    if benchmark.kind == "command":
        return split_program(["python", *benchmark.words[1:]])
    if benchmark.kind == "suite":
        return [], list(benchmark.words)
    if benchmark.kind == "stmt":
        timer = f"timeit.Timer({benchmark.stmt!r}, {benchmark.setup!r})"
        return [], ["-c", f"import timeit; {timer}.autorange()"]
    code = (
        f"import runpy; program = runpy.run_path({str(scripts.PROGRAMS)!r})"
        f"['PROGRAMS'][{benchmark.name!r}]\n"
        f"for _ in range({_PROFILED_REPEATS}): program()"
    )
    return [], ["-c", code]

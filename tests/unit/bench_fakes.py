"""Fake workers, sessions and reports for the tests of `jitbuild bench`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyperf
import witness_samples

from jitbuild.bench import plan
from jitbuild.bench.report import (
    BenchReport,
    CompiledFunction,
    HotFunction,
    JITInspection,
    compare_samples,
    mean_of,
)
from jitbuild.bench.rounds import RoundEffects
from jitbuild.bench.session import MeasurementSession
from jitbuild.bench.stats import ComparisonRule, Sample
from jitbuild.system.process import Completed

if TYPE_CHECKING:
    from collections.abc import Callable

    from jitbuild.running.testimony import Testimony

IMPORT_ERROR = "Traceback (most recent call last):\n  File x\nImportError: No module named 'x'\n"
_ARM_NAMES = {"modes": ("off", "on"), "again": ("off", "off-again"), "files": ("a", "b")}


def sample(*means: float, values: int = 3) -> Sample:
    """Return a sample with a process for each mean."""
    return Sample(processes=tuple((mean,) * values for mean in means))


def report(
    *ratios: float, comparison: Any = "modes", kind: str = "quick", rounds: int = 5, **fields: Any
) -> BenchReport:
    """Return a report with a benchmark for each ratio."""
    names = ("float_loop", "lists", "calls", "<b>&")
    base = {name: sample(*[1.0] * rounds) for name, _ in zip(names, ratios, strict=False)}
    other = {
        name: sample(*[1 / ratio] * rounds) for name, ratio in zip(names, ratios, strict=False)
    }
    function = CompiledFunction(name="work", file="x.py", line=2, executors=2, bytes=4096)
    hot = HotFunction(name="slow", file="x.py", line=9, share=0.4)
    inspections = {"float_loop": JITInspection(compiled=(function,), uncompiled=(hot,))}
    rows = compare_samples(base, other, ComparisonRule(paired=True), inspections=inspections)
    given = {
        "about": {"kind": kind, "version": "3.15.2"},
        "warnings": ("A <script>.",),
        "again": "jitbuild bench 3.15",
    }
    return BenchReport(
        comparison=comparison,
        base=_ARM_NAMES[comparison][0],
        other=_ARM_NAMES[comparison][1],
        rows=rows,
        mean=mean_of(rows, ComparisonRule(paired=True)),
        rule=ComparisonRule(paired=True),
        **{**given, **fields},
    )


def write_pyperf_file(
    path: Path, name: str, values: tuple[float, ...], loops: int = 4, **metadata: str
) -> None:
    """Write a pyperf file, or add a benchmark to it."""
    facts = {"name": name, "loops": loops, **metadata}
    run = pyperf.Run(values, metadata=facts, collect_metadata=False)
    benchmark = pyperf.Benchmark([run])
    if path.exists():
        pyperf.add_runs(str(path), benchmark)
    else:
        benchmark.dump(str(path))


def session(folder: Path, **fields: Any) -> MeasurementSession:
    """Return a session of two quick programs whose results go to `folder`."""
    given = {
        "benchmarks": tuple(
            plan.Benchmark(kind="quick", name=name) for name in ("float_loop", "lists")
        ),
        "arms": plan.OFF_AND_ON,
        "counts": plan.SampleCounts(rounds=4, values=2, warmups=1, seconds=0.01),
        "python": Path("/python"),
        "env": lambda arm, _: {"PYTHON_JIT": "1" if arm.mode == "on" else "0"},
        "folder": folder,
    }
    return MeasurementSession(**{**given, **fields})


def one_by_one(*functions, reporter):
    """Call the functions in their order, in place of run_concurrently."""
    return tuple(function(reporter) for function in functions)


def effects(recorder, clock=lambda: 0.0) -> RoundEffects:
    """Return effects that run `recorder` in place of processes."""
    return RoundEffects(recorder=recorder, run_concurrently=one_by_one, clock=clock)


class FakeWorkers:
    """A recorder that writes what pyperf and the workers would write.

    It remembers the processes in their order: `calls` (benchmark, PYTHON_JIT, argv) and `specs`.
    `answers` replaces the result of the n-th process, counted from 1. `parts` are the things that a
    suite's script measures, by its name; `slow_calls` are processes that take three times as long.
    `broken` are benchmarks that fail in some modes, as a
    string of values of PYTHON_JIT. `wrong_mode` are the tasks that the mode does not reach.
    In the benchmarks `uncompiled`, no function gets machine code.
    `tracers` are set when a command is inspected. A command that failed in its trial prints
    `output` when it runs again, and fails if that is not empty.
    `processes` returns the testimonies of a command, and `version` is that of the workers' Python.
    """

    def __init__(self, ratio: float = 2.0) -> None:
        self.calls: list[tuple[str, str, list[str]]] = []
        self.specs: list[dict] = []
        self.ratio = ratio
        self.wrong_mode: set[int] = set()
        self.answers: dict[int, object] = {}
        self.parts: dict[str, list[str]] = {}
        self.broken: dict[str, str] = {}
        self.uncompiled: set[str] = set()
        self.tracers: list[str] = []
        self.output = b""
        self.slow_calls: set[int] = set()
        self.environments: list[dict] = []
        self.version = "3.15.2"
        self.processes: Callable[[bool], list[Testimony]] = lambda on: [
            witness_samples.witness(on=on, executors=int(on))
        ]

    def __call__(self, argv, /, *, env, log, timeout=None):
        if "--spec" not in argv:
            return self._without_spec(argv, log)
        spec = json.loads(Path(argv[argv.index("--spec") + 1]).read_text())
        name, mode = spec["name"], env["PYTHON_JIT"]
        self.calls.append((name, mode, list(argv)))
        self.specs.append(spec)
        self.environments.append(dict(env))
        if "PYTHONPATH" in env:
            witness_samples.write(env, *self.processes(mode == "1"))
        answer = self.answers.get(len(self.calls))
        if mode in self.broken.get(name, ""):
            answer = (1, IMPORT_ERROR, False)
        if isinstance(answer, BaseException):
            raise answer
        if isinstance(answer, tuple):
            code, output, timed_out = answer
            log.write(output.encode())
            return Completed(argv=tuple(argv), returncode=code, timed_out=timed_out)
        for task, part in enumerate(self.parts.get(name, [name])):
            value = (1.0 if mode == "0" else 1 / self.ratio) * (task + 1)
            if len(self.calls) in self.slow_calls:
                value *= 3
            output = Path(argv[argv.index("--output") + 1])
            words = {"command": " ".join(spec["command"])} if "command" in spec else {}
            write_pyperf_file(output, part, (value,) * 2, loops=4 * 2**task, **words)
            self._write_facts(spec, task, mode)
        return Completed(argv=tuple(argv), returncode=0)

    def _write_facts(self, spec: dict, task: int, mode: str) -> None:
        enabled = mode == "1" and task not in self.wrong_mode
        function = {
            "name": f"work{task}",
            "file": "x.py",
            "line": task,
            "executors": 1,
            "bytes": 4096,
        }
        facts = {"switch": mode, "enabled": enabled, "tracers": [], "version": self.version}
        if spec["kind"] != "command":
            compiled = enabled and spec["name"] not in self.uncompiled
            facts["functions"] = [function] if compiled else []
        path = Path(spec["facts"])
        path.with_suffix(f".{task}.facts" if task else ".facts").write_text(json.dumps(facts))

    def _without_spec(self, argv, log):
        if any(word.endswith("bench_inspect.py") for word in argv):
            return self._inspect(argv)
        log.write(self.output)  # a command that failed in the trial
        return Completed(argv=tuple(argv), returncode=1 if self.output else 0)

    def _inspect(self, argv):
        script = next(index for index, word in enumerate(argv) if word.endswith("bench_inspect.py"))
        target, first = Path(argv[script + 1]), argv[script + 2]
        rows = [("x.py", 0, "work0", 0.5), ("x.py", 9, "slow", 0.4), ("x.py", 20, "rare", 0.01)]
        hot = [dict(zip(("file", "line", "name", "share"), row, strict=True)) for row in rows]
        facts = {"hot": hot} if first == "--profile" else {"functions": [], "tracers": self.tracers}
        target.write_text(json.dumps(facts))
        return Completed(argv=tuple(argv), returncode=0)

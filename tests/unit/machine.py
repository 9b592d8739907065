"""What stands for interpreter, pyperf and worker in the tests of `jitbuild bench`."""

from __future__ import annotations

import json
from pathlib import Path

import pyperf

from jitbuild.system.process import Completed


def write(path: Path, name: str, values: tuple[float, ...], loops: int = 4) -> None:
    """A file of pyperf's, or one more benchmark in it."""
    run = pyperf.Run(values, metadata={"name": name, "loops": loops}, collect_metadata=False)
    benchmark = pyperf.Benchmark([run])
    if path.exists():
        pyperf.add_runs(str(path), benchmark)
    else:
        benchmark.dump(str(path))


class Machine:
    """Stands for the interpreter: writes what pyperf and the worker would, and remembers in which order it was asked.

    `parts` are what a suite's script measures, by its name; `broken` the benchmarks that do not run in some modes (PYTHON_JIT).
    """

    def __init__(self, ratio: float = 2.0) -> None:
        self.asked: list[tuple[str, str, list[str]]] = []
        self.specs: list[dict] = []
        self.ratio = ratio
        self.reaches = True
        self.answers: dict[int, object] = {}
        self.parts: dict[str, list[str]] = {}
        self.broken: dict[str, str] = {}

    def __call__(self, argv, /, *, env, log, timeout=None):
        spec = json.loads(Path(argv[argv.index("--spec") + 1]).read_text())
        mode = env["PYTHON_JIT"]
        self.asked.append((spec["name"], mode, list(argv)))
        self.specs.append(spec)
        answer = self.answers.get(len(self.asked))
        if mode in self.broken.get(spec["name"], ""):
            answer = (
                1,
                "Traceback (most recent call last):\n  File x\nImportError: No module named 'x'\n",
                False,
            )
        if isinstance(answer, BaseException):
            raise answer
        if isinstance(answer, tuple):
            code, said, timed_out = answer
            log.write(said.encode())
            return Completed(argv=tuple(argv), returncode=code, timed_out=timed_out)
        for task, name in enumerate(self.parts.get(spec["name"], [spec["name"]])):
            value = (1.0 if mode == "0" else 1 / self.ratio) * (task + 1)
            write(Path(argv[argv.index("--output") + 1]), name, (value,) * 2, loops=4 * 2**task)
            self.say(Path(spec["facts"]), task, mode)
        return Completed(argv=tuple(argv), returncode=0)

    def say(self, facts: Path, task: int, mode: str) -> None:
        enabled = mode == "1" and (
            self.reaches is True or (self.reaches is not False and task not in self.reaches)
        )
        function = {
            "name": f"work{task}",
            "file": "x.py",
            "line": task,
            "executors": 1,
            "bytes": 4096,
        }
        seen = {
            "switch": mode,
            "enabled": enabled,
            "tracers": [],
            "functions": [function] if enabled else [],
        }
        facts.with_suffix(f".{task}.facts" if task else ".facts").write_text(json.dumps(seen))


def one_by_one(*functions, reporter):
    """Stands for concurrency.run_concurrently: in their order, so that a test knows it."""
    return tuple(function(reporter) for function in functions)

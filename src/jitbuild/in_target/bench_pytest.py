"""Run pytest and record the functions that the JIT compiles: `python bench_pytest.py SPEC`.

This script runs in the interpreter under test, where pytest is installed. SPEC is a file with a
JSON object. `arguments` are those of pytest. `module` is true if pytest is started by `-m pytest`,
which makes modules in the current folder importable. `facts` is the file to which the results are
written. If `inspect` is true, the functions that were compiled during each test are recorded; this
takes time after each test.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
from types import SimpleNamespace
from typing import Any

import pytest

_FOLDER = os.path.dirname(os.path.abspath(__file__))
# These packages run the tests, but the tests do not measure them.
_TEST_RUNNERS = frozenset({"pytest", "_pytest", "pluggy", "pytest_benchmark", "cpuinfo"})
_LONGEST_MESSAGE = 300


class Plugin:
    """Record failed tests, options that prevent measuring, and the functions compiled in each test.

    `executors` is the module bench_executors. Compiled functions are recorded only with `inspect`.
    """

    def __init__(self, executors: Any, *, inspect: bool) -> None:
        self._executors = executors
        self._inspect = inspect
        self._counts: dict[tuple[str, str, int], int] = {}
        self.failed: list[dict[str, str]] = []
        self.tests: dict[str, list[dict[str, Any]]] = {}
        self.without = ""

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: Any) -> None:
        """Record the options that keep pytest-benchmark from measuring."""
        flags = {"benchmark_skip": "--benchmark-skip", "benchmark_disable": "--benchmark-disable"}
        obstacles = [flag for name, flag in flags.items() if config.getoption(name, None)]
        if config.getoption("dist", "no") != "no":
            obstacles.append("pytest-xdist (-n)")
        self.without = " and ".join(obstacles)

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Record a failure, or the functions that were compiled during a test."""
        if report.failed:
            self.failed.append({"test": report.nodeid, "message": _message(report)})
        elif report.when == "call" and self._inspect:
            self.tests[report.nodeid] = self._newly_compiled()

    def pytest_collectreport(self, report: Any) -> None:
        """Record a failure to collect tests."""
        if report.failed:
            self.failed.append({"test": report.nodeid, "message": _message(report)})

    def facts(self) -> dict[str, Any]:
        """Return everything recorded, with the mode of this process."""
        facts: dict[str, Any] = self._executors.facts()
        return {
            **facts,
            "functions": _measured_functions(facts),
            "failed": self.failed,
            "without": self.without,
            **({"tests": self.tests} if self._inspect else {}),
        }

    def _newly_compiled(self) -> list[dict[str, Any]]:
        """Return the functions that have more executors than after the previous test."""
        functions = []
        for row in _measured_functions(self._executors.facts()):
            key = (row["file"], row["name"], row["line"])
            if row["executors"] > self._counts.get(key, 0):
                functions.append(row)
            self._counts[key] = row["executors"]
        return functions


def main(spec_file: str) -> int:
    """Run pytest as the specification says, write the facts, and return pytest's exit code."""
    with open(spec_file, encoding="utf-8") as file:
        spec = json.load(file)
    executors = SimpleNamespace(**runpy.run_path(os.path.join(_FOLDER, "bench_executors.py")))
    plugin = Plugin(executors, inspect=spec["inspect"])
    if not sys.flags.safe_path:
        # Replace this file's folder by the entry that `python -m pytest`, or the program pytest,
        # would have in its place.
        sys.path[0] = os.getcwd() if spec["module"] else os.path.dirname(sys.executable)
    sys.argv = ["pytest", *spec["arguments"]]
    try:
        return int(pytest.main(spec["arguments"], plugins=[plugin]))
    finally:
        with open(spec["facts"], "w", encoding="utf-8") as file:
            json.dump(plugin.facts(), file)


def _measured_functions(facts: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        row for row in facts["functions"] if row["module"].partition(".")[0] not in _TEST_RUNNERS
    ]


def _message(report: Any) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    lines = str(getattr(crash, "message", "") or report.longrepr or "").strip().splitlines()
    if not lines:
        return ""
    # For a module that cannot be imported, the error is on the last line, after a mark (E).
    return (lines[0] if crash else lines[-1].removeprefix("E").strip())[:_LONGEST_MESSAGE]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

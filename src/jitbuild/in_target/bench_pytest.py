"""Runs pytest, and says what the JIT made of it: `python bench_pytest.py SPEC`. Runs in the interpreter under test, where pytest is.

The specification is a JSON object: `arguments` of pytest, `module` (whether it was `-m pytest`: then the current folder is
importable), `facts` (the file for what is said) and `look` (whether to say it of each test: that takes time between the tests).
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from typing import Any

import pytest

# What runs the tests is not what is measured.
_OURS = frozenset({"pytest", "_pytest", "pluggy", "pytest_benchmark", "cpuinfo"})
_LONGEST = 300


class Plugin:
    """Remembers what failed, why nothing may have been measured, and what had machine code after which test."""

    def __init__(self, seen: Any, *, look: bool) -> None:
        self._seen = seen
        self._look = look
        self._executors: dict[tuple[str, str, int], int] = {}
        self.failed: list[dict[str, str]] = []
        self.tests: dict[str, list[dict[str, Any]]] = {}
        self.without = ""

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: Any) -> None:
        """Of what keeps pytest-benchmark from measuring, what is there."""
        flags = {"benchmark_skip": "--benchmark-skip", "benchmark_disable": "--benchmark-disable"}
        found = [flag for name, flag in flags.items() if config.getoption(name, None)]
        if config.getoption("dist", "no") != "no":
            found.append("pytest-xdist (-n)")
        self.without = " and ".join(found)

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed:
            self.failed.append({"test": report.nodeid, "message": _message(report)})
        elif report.when == "call" and self._look:
            self.tests[report.nodeid] = self._grown()

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self.failed.append({"test": report.nodeid, "message": _message(report)})

    def facts(self) -> dict[str, Any]:
        """All of it, with the mode of this process."""
        found: dict[str, Any] = self._seen.facts()
        found["functions"] = _theirs(found["functions"])
        return {
            **found,
            "failed": self.failed,
            "without": self.without,
            **({"tests": self.tests} if self._look else {}),
        }

    def _grown(self) -> list[dict[str, Any]]:
        """The functions that have more executors than after the test before."""
        found = []
        for each in _theirs(self._seen.facts()["functions"]):
            key = (each["file"], each["name"], each["line"])
            if each["executors"] > self._executors.get(key, 0):
                found.append(each)
            self._executors[key] = each["executors"]
        return found


def main(place: str) -> int:
    with open(place, encoding="utf-8") as file:
        spec = json.load(file)
    plugin = Plugin(_seen(), look=spec["look"])
    if not sys.flags.safe_path:
        # As `python -m pytest` or the program has it; not this file's folder.
        sys.path[0] = os.getcwd() if spec["module"] else os.path.dirname(sys.executable)
    sys.argv = ["pytest", *spec["arguments"]]
    try:
        return int(pytest.main(spec["arguments"], plugins=[plugin]))
    finally:
        with open(spec["facts"], "w", encoding="utf-8") as file:
            json.dump(plugin.facts(), file)


def _seen() -> Any:
    """The module beside this file; no bytecode is written there. Under -P its folder is not on sys.path."""
    folder = os.path.dirname(os.path.abspath(__file__))
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    sys.path.insert(0, folder)
    try:
        return importlib.import_module("bench_executors")
    finally:
        sys.path.remove(folder)
        sys.dont_write_bytecode = before


def _theirs(functions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for each in functions if each["module"].partition(".")[0] not in _OURS]


def _message(report: Any) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    lines = str(getattr(crash, "message", "") or report.longrepr or "").strip().splitlines()
    # Of a module that cannot be imported the error stands last, as pytest marks it.
    return (lines[0] if crash else lines[-1].removeprefix("E").strip())[:_LONGEST] if lines else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

"""A pytest plugin that records the outcome of every test for `jitbuild diff`. PYTEST_DONT_REWRITE

The host copies this module, and the modules that it imports, into a folder on PYTHONPATH
(diff/recorder_folder.py), and names it with -p. Unlike a report that pytest writes at the end, the
records of a process that crashes tell which tests ran and which test crashed.

Each process appends records, one JSON object in a line, to a file of its own in that folder:

- `collected`: the ids of all tests that will run
- `start`, `finish`: the id of a test that begins or ends
- `result`: the id of a test, or of a module that cannot be imported; `outcome`, `message`
- `usage`: the code of the packages under test whose counts have changed (jit_usage.py)
- `seconds`: the time that the measurement of the compiled code took, at the end

With xdist, the controller records the tests, and the workers record the compiled code. This module
works in every Python that pytest supports; compiled code is measured from 3.13 on.
"""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path
from time import perf_counter

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from jitbuild.in_target.jit_sampler import JitSampler
    from jitbuild.in_target.jit_usage import Measurement

_FOLDER = Path(__file__).absolute().parent
_SETTINGS = "recorder-settings.json"
_MESSAGE_LENGTH = 300


def pytest_configure(config: pytest.Config) -> None:
    settings = json.loads((_FOLDER / _SETTINGS).read_text(encoding="utf-8"))
    recorder = OutcomeRecorder(config, settings, _FOLDER)
    config.pluginmanager.register(recorder, "jitbuild-outcome-recorder")


class OutcomeRecorder:
    """Records the tests of this process, or the compiled code, or both.

    `settings` are those of the host: `leave_out` has the ids of tests that must not run, and
    `packages` the names of the packages under test (empty: those that are found at rootdir). The
    records are written into `folder`.
    """

    measures = sys.version_info >= (3, 13)

    def __init__(self, config: pytest.Config, settings: dict[str, Any], folder: Path) -> None:
        self.config = config
        self.leave_out = frozenset(settings["leave_out"])
        self.packages: list[str] = settings["packages"]
        # A test may patch these functions: pytest reports a test before it undoes the patches.
        self.open, self.getpid, self.encode = io.open, os.getpid, json.JSONEncoder().encode
        self.process = os.getpid()
        self.path = folder / f"records-{self.process}.jsonl"
        self.worker = hasattr(config, "workerinput")
        self.distributed = not self.worker and config.getoption("dist", "no") != "no"
        self.sampler: JitSampler | None = None

    def record(self, **fields: Any) -> None:
        """Append a record, unless this process was forked from the process that runs the tests."""
        if self.getpid() == self.process:
            # The file is opened each time, because a test may close every file descriptor.
            with self.open(str(self.path), "a", encoding="utf-8") as file:
                file.write(self.encode(fields) + "\n")

    def name(self, nodeid: str) -> str:
        """Return the id that pytest accepts in the folder in which it was started."""
        root, started_in = self.config.rootpath, self.config.invocation_params.dir
        if not nodeid or root == started_in:
            return nodeid
        path, separator, rest = nodeid.partition("::")
        relative = os.path.relpath(root / path, started_in)
        return f"{relative.replace(os.sep, '/')}{separator}{rest}"

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        left_out = [item for item in items if self.name(item.nodeid) in self.leave_out]
        if left_out:
            items[:] = [item for item in items if self.name(item.nodeid) not in self.leave_out]
            self.config.hook.pytest_deselected(items=left_out)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        if self.distributed:
            return
        if not self.worker:
            self.record(collected=[self.name(item.nodeid) for item in session.items])
        if self.measures and not self.config.option.collectonly:
            self.sampler = self._sampler()
            self.sampler.begin(session.items)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        if not self.worker:
            self.record(start=self.name(nodeid))

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        if not self.worker:
            self.record(finish=self.name(nodeid))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if self.worker:
            return
        outcome = _outcome(report)
        if outcome:
            self.record(
                result=self.name(report.nodeid), outcome=outcome, message=_message(report, outcome)
            )

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if not self.worker and not report.passed:
            outcome = "skipped" if report.skipped else "error"
            self.record(
                result=self.name(report.nodeid), outcome=outcome, message=_message(report, outcome)
            )

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item, nextitem: pytest.Item | None) -> None:
        """Measure before the fixtures are torn down, because the teardown may remove code."""
        if self.sampler is not None:
            self.sampler.after_test(item, nextitem)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        if self.sampler is not None:
            self.sampler.end()
            self.record(seconds=self.sampler.seconds)

    def _sampler(self) -> JitSampler:
        began = perf_counter()
        from jitbuild.in_target import executors, jit_facts, jit_sampler, tested_packages

        stated = getattr(self.config.option, "jit_packages", None) or self.packages
        packages = stated or tested_packages.packages_under_test(self.config.rootpath)
        lookup = executors.executor_lookup()
        facts = jit_facts.jit_facts(lookup)

        def on_change(changes: Measurement) -> None:
            self.record(usage={**changes.to_plain(), "packages": list(packages)})

        sampler = jit_sampler.JitSampler(packages, facts=facts, lookup=lookup, on_change=on_change)
        sampler.seconds = perf_counter() - began
        return sampler


def _outcome(report: pytest.TestReport) -> str:
    """Return the outcome that a phase of a test adds to the test; "" if it adds none.

    If a worker of pytest-xdist crashes, its test fails in the phase `???`, as in pytest's summary.
    """
    if report.skipped:
        return "xfailed" if hasattr(report, "wasxfail") else "skipped"
    if report.failed:
        return "error" if report.when in ("setup", "teardown") else "failed"
    return "passed" if report.passed and report.when == "call" else ""


def _message(report: pytest.TestReport | pytest.CollectReport, outcome: str) -> str:
    """Return the most informative line about a test that did not pass."""
    if outcome in ("passed", "xfailed"):
        return ""
    text: Any = report.longrepr
    crash = getattr(text, "reprcrash", None)
    if crash is not None:
        return _first_line(crash.message)
    if isinstance(text, tuple):  # of a skipped test: file, line and reason
        return _first_line(text[2])
    lines = [line[1:].strip() for line in str(text).splitlines() if line.startswith("E ")]
    return _first_line(lines[-1] if lines else str(text))


def _first_line(text: str) -> str:
    return next(iter(str(text).strip().splitlines()), "")[:_MESSAGE_LENGTH]

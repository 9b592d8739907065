"""The pytest plugin, which measures how much code the JIT compiled. PYTEST_DONT_REWRITE

Every pytest run in an environment with jitbuild imports this module. It therefore imports only
pytest, and does nothing unless an option requests it. It runs in the interpreter under test, and
needs none of jitbuild's dependencies there. docs/pytest.md documents the plugin. The word
PYTEST_DONT_REWRITE keeps pytest from rewriting the assert statements of this module.
"""

from __future__ import annotations

import pytest

TYPE_CHECKING = False  # instead of typing.TYPE_CHECKING, because importing typing takes time
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from jitbuild.in_target.jit_usage import Measurement

_OPTIONS = ("jit_report", "jit_require", "jit_report_json")
_KEY = "jitbuild"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("jitbuild", "CPython's JIT (jitbuild)")
    group.addoption(
        "--jit-report",
        action="store_true",
        help="report how much of the packages under test got machine code",
    )
    group.addoption(
        "--jit-require",
        choices=("on", "off"),
        help="on: fail unless some code got machine code; off: fail if the JIT ran at all",
    )
    group.addoption("--jit-report-json", metavar="FILE", help="write the measurements to FILE")
    group.addoption(
        "--jit-packages",
        metavar="NAME",
        action="append",
        help="a package under test, repeatable (default: those of rootdir and editable installs)",
    )


def pytest_configure(config: pytest.Config) -> None:
    if any(config.getoption(option) for option in _OPTIONS) and not config.option.collectonly:
        config.pluginmanager.register(JitReport(config), "jitbuild-report")


class JitReport:
    """Measures in each process that runs tests, and reports in the process that the user started.

    Without xdist, one process does both. With xdist, the workers measure, and the controller
    reports.
    """

    def __init__(self, config: pytest.Config) -> None:
        from jitbuild.in_target import executors, jit_facts, jit_sampler, tested_packages

        self.config = config
        self.worker = hasattr(config, "workerinput")
        self.packages: Sequence[str] = (
            config.option.jit_packages or tested_packages.packages_under_test(config.rootpath)
        )
        lookup = executors.executor_lookup()
        self.facts = jit_facts.jit_facts(lookup)
        self.sampler = jit_sampler.JitSampler(self.packages, facts=self.facts, lookup=lookup)
        self.measurements: list[Measurement] = []
        self.lost: list[str] = []
        self.failure = ""

    @property
    def distributed(self) -> bool:
        """True if other processes run the tests."""
        return not self.worker and self.config.getoption("dist", "no") != "no"

    def pytest_report_header(self) -> list[str]:
        from jitbuild.in_target import jit_report, probe

        return [f"jit: {line}" for line in jit_report.header(self.facts, probe.tracers())]

    def pytest_sessionstart(self) -> None:
        """End the run at once if this interpreter cannot meet the requirement of --jit-require.

        With xdist this is known only at the end, because the workers may run another interpreter.
        """
        from jitbuild.in_target import jit_report

        reason = jit_report.impossible(self.config.option.jit_require, self.facts)
        if reason and not self.worker and not self.distributed:
            raise pytest.UsageError(reason)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        if not self.distributed:
            self.sampler.begin(session.items)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item, nextitem: pytest.Item | None) -> None:
        """Measure before the fixtures are torn down, because the teardown may remove code."""
        self.sampler.after_test(item, nextitem)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if (measurement := self.sampler.end()) is not None:
            self.measurements.append(measurement)
        if self.worker:
            plain = [measurement.to_plain() for measurement in self.measurements]
            session.config.workeroutput[_KEY] = plain  # type: ignore[attr-defined]
            return
        self._judge(session)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Add the measurements of an xdist worker that ended, or record the worker as lost."""
        from jitbuild.in_target.jit_usage import Measurement

        sent = getattr(node, "workeroutput", {}).get(_KEY)
        if sent is None:
            self.lost.append(node.gateway.id)
        else:
            self.measurements += [Measurement.from_plain(plain) for plain in sent]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.write_sep("=", "JIT")
        for line in self._summary():
            terminalreporter.write_line(line, yellow=line.startswith("warning:"))
        if self.failure:
            terminalreporter.write_line(self.failure, red=True)
            self.failure = ""

    def pytest_unconfigure(self) -> None:
        """Print the failure if no terminal summary has printed it (--no-summary)."""
        if self.failure:
            import sys

            sys.stderr.write(f"{self.failure}\n")

    def _judge(self, session: pytest.Session) -> None:
        from jitbuild.in_target import jit_report

        merged = self._merged()
        require = self.config.option.jit_require
        self.failure = jit_report.failure(require, merged, self.packages, self.lost)
        target = self.config.option.jit_report_json
        if target:
            report = jit_report.to_json(merged, self.packages, require, self.failure, self.lost)
            path = self.config.invocation_params.dir / target
            self.failure = jit_report.write_json(path, report) or self.failure
        if self.failure and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _merged(self) -> Measurement:
        """Return the merged measurements of all processes; empty if there are none."""
        from jitbuild.in_target.jit_usage import Measurement, merge

        return merge(self.measurements or [Measurement(self.facts, (), {})])

    def _summary(self) -> Iterator[str]:
        from jitbuild.in_target import jit_report

        verbose = self.config.option.verbose > 0
        return jit_report.summary(self._merged(), self.packages, self.lost, verbose=verbose)

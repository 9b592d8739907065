"""The pytest plugin: says, as something measured, whether a suite ran with the JIT. PYTEST_DONT_REWRITE

Every pytest run of whoever has jitbuild installed imports this, so it imports nothing but pytest, which is there already, and
does nothing unless an option asks for it. It runs in the interpreter under test, where nothing else that jitbuild depends on
need be installed. docs/pytest.md says what people can rely on.
"""

from __future__ import annotations

import pytest

TYPE_CHECKING = False  # typing's own, without the cost of importing typing
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from jitbuild.in_target.jit_usage import Measurement, Meter

_OPTIONS = ("jit_report", "jit_require", "jit_report_json")
_KEY = "jitbuild"
# Sampling after a test is left out when sampling has taken longer than so many seconds and such a share of the run.
_ALLOWED, _SHARE = 1.0, 0.02


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("jitbuild", "CPython's JIT (jitbuild)")
    group.addoption(
        "--jit-report",
        action="store_true",
        help="say how much of the packages under test got machine code",
    )
    group.addoption(
        "--jit-require",
        choices=("on", "off"),
        help="on: fail unless some did; off: fail if the JIT ran at all",
    )
    group.addoption("--jit-report-json", metavar="FILE", help="write what was measured to FILE")
    group.addoption(
        "--jit-packages",
        metavar="NAME",
        action="append",
        help="a package under test; may be given several times (default: those of rootdir and of editable installs)",
    )


def pytest_configure(config: pytest.Config) -> None:
    if any(config.getoption(option) for option in _OPTIONS) and not config.option.collectonly:
        config.pluginmanager.register(JitReport(config), "jitbuild-report")


class JitReport:
    """Measures in the process that runs tests, and reports in the one that the person started; with xdist two kinds of process."""

    def __init__(self, config: pytest.Config) -> None:
        from jitbuild.in_target import jit_usage as measured
        from jitbuild.in_target import tested_packages as under_test

        self.config = config
        self.worker = hasattr(config, "workerinput")
        self.packages: Sequence[str] = config.option.jit_packages or under_test.names(
            config.rootpath
        )
        self.tier2 = measured.tier2()
        self.facts = measured.facts(self.tier2)
        self.meter: Meter | None = None
        self.measurements: list[Measurement] = []
        self.lost: list[str] = []
        self.failure = ""
        self.spent = 0.0
        self.started = _now()

    @property
    def distributed(self) -> bool:
        """Whether others run the tests."""
        return not self.worker and self.config.getoption("dist", "no") != "no"

    def pytest_report_header(self) -> list[str]:
        from jitbuild.in_target import jit_report as jit_summary
        from jitbuild.in_target import probe as _probe_target

        return [f"jit: {line}" for line in jit_summary.header(self.facts, _probe_target.tracers())]

    def pytest_sessionstart(self) -> None:
        """Refuse at once what cannot come true, where the tests will run in this very interpreter."""
        from jitbuild.in_target import jit_report as jit_summary

        require = self.config.option.jit_require
        hopeless = jit_summary.hopeless(require, self.facts)
        if hopeless and not self.worker and not self.distributed:
            raise pytest.UsageError(hopeless)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        if not self.distributed:
            from jitbuild.in_target.jit_usage import Meter

            tests = {
                module.__name__
                for item in session.items
                if (module := getattr(item, "module", None)) is not None
            }
            self.meter = Meter(self.packages, tests, found=self.tier2)
            self._measure(walk=True)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item, nextitem: pytest.Item | None) -> None:
        """Before the fixtures are torn down, which may take code with them.

        After the last test always: pytest-cov stops its tracer before the session ends, and that throws away all executors.
        """
        if nextitem is None or self.spent <= _ALLOWED + _SHARE * (_now() - self.started):
            self._measure(
                walk=nextitem is None
                or getattr(item, "module", None) is not getattr(nextitem, "module", None)
            )

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.meter is not None:
            self._measure(walk=True)
            self.measurements.append(self.meter.measurement())
        if self.worker:
            session.config.workeroutput[_KEY] = [one.to_plain() for one in self.measurements]  # type: ignore[attr-defined]
            return
        self._judge(session)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """xdist: a worker is done, or is gone and has said nothing."""
        from jitbuild.in_target.jit_usage import Measurement

        sent = getattr(node, "workeroutput", {}).get(_KEY)
        if sent is None:
            self.lost.append(node.gateway.id)
        else:
            self.measurements += [Measurement.from_plain(plain) for plain in sent]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.write_sep("=", "JIT")
        for line in self._lines():
            terminalreporter.write_line(line, yellow=line.startswith("warning:"))
        if self.failure:
            terminalreporter.write_line(self.failure, red=True)
            self.failure = ""

    def pytest_unconfigure(self) -> None:
        """Without a terminal reporter, or with --no-summary, the reason for the exit status must still be read somewhere."""
        if self.failure:
            import sys

            sys.stderr.write(f"{self.failure}\n")

    def _measure(self, *, walk: bool) -> None:
        if self.meter is None:
            return
        begun = _now()
        if walk:
            self.meter.walk()
        self.meter.sample()
        self.spent += _now() - begun

    def _judge(self, session: pytest.Session) -> None:
        from jitbuild.in_target import jit_report as jit_summary

        whole = self._whole()
        require = self.config.option.jit_require
        self.failure = jit_summary.failure(require, whole, self.packages, self.lost)
        target = self.config.option.jit_report_json
        if target:
            found = jit_summary.to_json(whole, self.packages, require, self.failure, self.lost)
            self.failure = (
                jit_summary.write(self.config.invocation_params.dir / target, found) or self.failure
            )
        if self.failure and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _whole(self) -> Measurement:
        """What all processes have seen; nothing, where none has said anything."""
        from jitbuild.in_target.jit_usage import Measurement, unite

        return unite(self.measurements or [Measurement(self.facts, (), {})])

    def _lines(self) -> Iterator[str]:
        from jitbuild.in_target import jit_report as jit_summary

        verbose = self.config.option.verbose > 0
        return jit_summary.lines(self._whole(), self.packages, self.lost, verbose=verbose)


def _now() -> float:
    from time import perf_counter

    return perf_counter()

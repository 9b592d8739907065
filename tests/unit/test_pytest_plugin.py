"""The pytest plugin in this very process, with fake executors."""

from __future__ import annotations

import functools
import gc
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from jit_fakes import NO_JIT, OFF, ON, SETTRACE, Executor, compiled, measurement

from jitbuild import pytest_plugin
from jitbuild.in_target import executors, jit_facts, probe, tested_packages
from jitbuild.in_target.executors import ExecutorLookup
from jitbuild.in_target.jit_facts import JitFacts
from jitbuild.in_target.jit_sampler import JitSampler
from jitbuild.in_target.jit_usage import Measurement, UsageMeter

pytest_plugins = ["pytester"]


@pytest.fixture(autouse=True)
def no_tracer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the tracer of a run that measures the coverage of this suite."""
    monkeypatch.setattr(probe, "tracers", list)


def forget_earlier_runs() -> None:
    """Delete the code of earlier runs, so that it is not counted."""
    for module in gc.get_objects():
        if type(module) is ModuleType and vars(module).get("__name__") in {"pkg", "test_it"}:
            vars(module).clear()
    gc.collect()


Suite = Callable[..., pytest.RunResult]


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Suite:
    """Run a suite that uses `pkg`, in an interpreter with these facts and executors."""
    pytester.makepyfile(**{"src/pkg": "def hot(): return 1\ndef cold(): return 1\n"})
    pytester.makepyfile(test_it="import pkg\ndef test_it(): assert pkg.hot()\n")
    pytester.makeini("[pytest]\npythonpath = src\n")
    monkeypatch.setattr(
        tested_packages,
        "packages_under_test",
        functools.partial(tested_packages.packages_under_test, distributions=()),
    )

    def run(
        *args: str,
        facts: JitFacts = ON,
        lookup: ExecutorLookup | None = None,
        tracers: tuple[str, ...] = (),
    ) -> pytest.RunResult:
        forget_earlier_runs()
        monkeypatch.setattr(probe, "tracers", lambda: list(tracers))
        monkeypatch.setattr(
            executors,
            "executor_lookup",
            lambda: compiled(hot=Executor()) if lookup is None else lookup,
        )
        monkeypatch.setattr(jit_facts, "jit_facts", lambda _: facts)
        return pytester.runpytest_inprocess(
            "-p", "jitbuild.pytest_plugin", "-p", "no:cacheprovider", *args
        )

    return run


def test_without_an_option_nothing_is_reported(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pytest_plugin, "JitReport", None)
    for args in ((), ("--jit-packages", "pkg"), ("--jit-report", "--collect-only")):
        result = suite(*args)
        assert result.ret == 0
        result.stdout.no_fnmatch_line("*jit:*")
        result.stdout.no_fnmatch_line("*JIT*")


def test_the_report_stands_above_and_below_the_tests(suite: Suite) -> None:
    result = suite("--jit-report", "-v")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "jit: CPython 3.15.2, JIT yes-off, PYTHON_JIT=1: on",
            "*= JIT =*",
            "CPython 3.15.2, JIT yes-off, PYTHON_JIT=1: on",
            (
                "pkg: 1 of 2 code objects got machine code "
                "(1 executor, 4096 bytes in whole pages), 1 did not"
            ),
            "  *pkg.py:1 hot",
            "test modules: 0 of 1 code objects got machine code, 1 did not",
        ]
    )


def test_a_met_requirement_passes(suite: Suite) -> None:
    assert suite("--jit-require=on").ret == 0
    assert suite("--jit-require=off", facts=OFF, lookup=compiled()).ret == 0


@pytest.mark.parametrize("quiet", [(), ("-q",), ("-qq",), ("--no-summary",)])
def test_an_unmet_requirement_fails_the_run(suite: Suite, quiet: tuple[str, ...]) -> None:
    result = suite("--jit-require=on", *quiet, lookup=compiled())
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["--jit-require=on: no code of pkg got machine code: *"])
    assert suite("--jit-require=off", *quiet, facts=OFF).ret == pytest.ExitCode.TESTS_FAILED


def test_without_a_terminal_reporter_the_reason_is_on_stderr(suite: Suite) -> None:
    result = suite("--jit-require=on", "-p", "no:terminal", lookup=compiled())
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stderr.fnmatch_lines(["--jit-require=on: no code of pkg got machine code: *"])


@pytest.mark.parametrize(("require", "facts"), [("on", OFF), ("on", NO_JIT), ("off", ON)])
def test_an_impossible_requirement_ends_the_run_before_the_tests(
    suite: Suite, require: str, facts: JitFacts
) -> None:
    result = suite(f"--jit-require={require}", facts=facts)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: --jit-require={require}: *"])
    result.stdout.no_fnmatch_line("*passed*")


def test_the_exit_status_of_failed_tests_is_kept(suite: Suite, pytester: pytest.Pytester) -> None:
    assert (
        suite("--jit-require=on", "-k", "nothing", lookup=compiled()).ret
        == pytest.ExitCode.NO_TESTS_COLLECTED
    )
    pytester.makepyfile(
        test_it="import pkg, pytest\ndef test_it(): pytest.exit('enough', returncode=7)\n"
    )
    assert suite("--jit-require=on", lookup=compiled()).ret == 7


def test_a_tracer_gets_a_warning_above_and_below_the_tests(suite: Suite) -> None:
    result = suite("--jit-report", lookup=compiled(), tracers=SETTRACE)
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "jit: warning: sys.settrace *COVERAGE_CORE=sysmon*",
            "warning: sys.settrace *",
            "pkg: 0 of 2 *",
        ]
    )


def test_named_packages_replace_those_of_the_project(suite: Suite) -> None:
    result = suite("--jit-report", "--jit-packages", "pkg", "--jit-packages", "other.one")
    result.stdout.fnmatch_lines(["pkg: 1 of 2 *", "other.one: none of it was imported"])


def test_the_json_report_has_the_documented_shape(suite: Suite, pytester: pytest.Pytester) -> None:
    assert suite("--jit-report-json=new/out.json", "--jit-require=on").ret == 0
    found: dict[str, Any] = json.loads((pytester.path / "new/out.json").read_text())
    (compiled_code,) = found.pop("compiled")
    assert Path(compiled_code.pop("file")).name == "pkg.py"
    assert compiled_code == {
        "group": "pkg", "module": "pkg", "qualname": "hot", "line": 1,
        "executors": 1, "machine_code_bytes": 4096,
    }  # fmt: skip
    assert found == {
        "schema": 1,
        "python": ON._asdict(),
        "tracers": [],
        "packages": {
            "pkg": {"code_objects": 2, "compiled": 1, "executors": 1, "machine_code_bytes": 4096}
        },
        "tests": {"code_objects": 1, "compiled": 0, "executors": 0, "machine_code_bytes": 0},
        "lost": [],
        "require": "on",
        "ok": True,
        "reason": "",
    }


def test_a_json_report_that_cannot_be_written_fails_the_run(
    suite: Suite, pytester: pytest.Pytester
) -> None:
    (pytester.path / "file").touch()
    result = suite("--jit-report-json=file/out.json")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        ["--jit-report-json: *out.json cannot be written (*); name another file."]
    )


def test_code_that_is_deleted_after_its_test_counts(
    suite: Suite, pytester: pytest.Pytester
) -> None:
    """Nothing of the package is left when the session ends."""
    pytester.makepyfile(
        test_it="""
        import pytest, sys

        @pytest.fixture
        def pkg():
            import pkg
            yield pkg
            del sys.modules["pkg"]
            vars(pkg).clear()

        def test_it(pkg): assert pkg.hot()
        """
    )
    suite("--jit-report").stdout.fnmatch_lines(["pkg: 1 of 2 *"])


def test_sampling_after_tests_has_a_time_limit(
    suite: Suite, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = []
    monkeypatch.setattr(UsageMeter, "sample", lambda _: samples.append(True))
    pytester.makepyfile(
        test_it="import pytest\n@pytest.mark.parametrize('n', range(9))\ndef test_it(n): pass\n"
    )
    suite("--jit-report")
    assert len(samples) == 1 + 9 + 1
    samples.clear()
    monkeypatch.setattr(JitSampler, "allowed_seconds", -9e9)
    suite("--jit-report")
    # When the tests are collected, after the last one, and at the end.
    assert len(samples) == 3


def test_the_measurements_of_workers_are_merged(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As xdist does it: one worker answers, and another one is gone."""
    sent = {"jitbuild": [measurement(hot=4096).to_plain()]}

    class Controller:
        def pytest_runtestloop(self, session: pytest.Session) -> bool:
            (plugin,) = (
                one
                for one in session.config.pluginmanager.get_plugins()
                if isinstance(one, pytest_plugin.JitReport)
            )
            plugin.sampler.meter = None
            plugin.pytest_testnodedown(
                SimpleNamespace(workeroutput=sent, gateway=SimpleNamespace(id="gw0"))
            )
            plugin.pytest_testnodedown(SimpleNamespace(gateway=SimpleNamespace(id="gw1")))
            return True

    controller = Controller()
    monkeypatch.setattr(pytest_plugin.JitReport, "distributed", True)
    configured = pytest_plugin.pytest_configure

    def configure(config: pytest.Config) -> None:
        configured(config)
        config.pluginmanager.register(controller)

    monkeypatch.setattr(pytest_plugin, "pytest_configure", configure)
    result = suite("--jit-require=on", facts=OFF, lookup=compiled())
    result.stdout.fnmatch_lines(
        ["*: on", "warning: gw1 ended *", "pkg: 1 of 1 code objects got machine code *"]
    )
    assert result.ret == 0


def test_a_worker_sends_its_measurement_and_does_not_judge(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    output: dict[str, Any] = {}
    monkeypatch.setattr(pytest.Config, "workerinput", {}, raising=False)
    monkeypatch.setattr(pytest.Config, "workeroutput", output, raising=False)
    assert suite("--jit-require=on", "-p", "no:xdist", facts=OFF, lookup=compiled()).ret == 0
    (plain,) = output["jitbuild"]
    assert {place.qualname for place in Measurement.from_plain(plain).code} == {
        "hot",
        "cold",
        "test_it",
    }

"""The pytest plugin without a JIT: executors are fakes, and pytest runs in this very process."""

from __future__ import annotations

import functools
import gc
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType, ModuleType, SimpleNamespace
from typing import Any, NoReturn

import pytest

from jitbuild import pytest_plugin
from jitbuild.in_target import jit_report as jit_summary
from jitbuild.in_target import jit_usage as measured
from jitbuild.in_target import probe as _probe_target
from jitbuild.in_target import tested_packages as under_test
from jitbuild.in_target.jit_usage import TESTS, JitFacts, Made, Measurement, Meter, Place, Tier2

pytest_plugins = ["pytester"]

ON = JitFacts(
    "3.15.2",
    "cpython",
    "/python",
    free_threaded=False,
    debug=False,
    built="yes-off",
    enabled=True,
    switch="1",
    switch_ignored=False,
)
OFF = ON._replace(enabled=False, switch="0")
NO_JIT = ON._replace(enabled=False, built="no")
SETTRACE = ("sys.settrace",)


class Executor:
    def __init__(self, size: int | None = 4096, valid: bool = True) -> None:
        self.size, self.valid = size, valid

    def is_valid(self) -> bool:
        return self.valid

    def get_jit_code(self) -> bytes | None:
        if self.size is None:
            raise RuntimeError("JIT support not enabled")
        return bytes(self.size) or None


def compiled(**names: Executor) -> Tier2:
    """A tier 2 that has these executors, by the name of the function that each stands in."""

    def get_executor(code: CodeType, offset: int) -> Executor:
        if offset != 4 or code.co_name not in names:
            raise ValueError("no executor at given byte offset")
        return names[code.co_name]

    return Tier2(get_executor)


def measurement(facts: JitFacts = ON, tracers: tuple[str, ...] = (), **sizes: int) -> Measurement:
    """A measurement of `pkg`, whose functions have so many bytes of machine code."""
    places = {
        Place("pkg", "pkg", name, "/pkg.py", 1): Made(size > 0, size)
        for name, size in sizes.items()
    }
    return Measurement(facts, tracers, places)


@pytest.fixture(autouse=True)
def no_tracer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever measures this suite's coverage traces it."""
    monkeypatch.setattr(_probe_target, "tracers", list)


@pytest.fixture
def module() -> ModuleType:
    made = ModuleType("pkg.inner")
    source = """
import contextlib, dataclasses
def plain(): return [x for x in ()]
def outer():
    def nested(): pass
    return nested
class Thing:
    def method(self): yield 1
    @property
    def value(self): return 1
@contextlib.contextmanager
def managed(): yield
"""
    exec(compile(source, "/somewhere/pkg/inner.py", "exec"), made.__dict__)
    return made


def names(found: Measurement) -> set[str]:
    return {place.qualname for place in found.code}


def test_all_functions_of_a_package_are_found_whatever_holds_them(module: ModuleType) -> None:
    meter = Meter(["pkg"], found=compiled(nested=Executor()))
    meter.walk()
    meter.sample()
    found = meter.measurement()
    assert names(found) >= {
        "plain",
        "outer",
        "outer.<locals>.nested",
        "Thing.method",
        "Thing.value",
        "managed",
    }
    assert {place.file for place in found.code} == {"/somewhere/pkg/inner.py"}
    assert {place.qualname: made for place, made in found.code.items() if made.executors} == {
        "outer.<locals>.nested": Made(1, 4096)
    }


def test_code_that_no_file_holds_is_left_out() -> None:
    made = ModuleType("by_exec")
    exec("def generated(): pass", made.__dict__)
    meter = Meter(["by_exec"], found=compiled())
    meter.walk()
    assert not names(meter.measurement())


@pytest.mark.parametrize(
    ("packages", "tests", "group"),
    [
        (["pkg"], [], "pkg"),
        (["pkg.inner"], [], "pkg.inner"),
        (["pkg", "pkg.inner"], [], "pkg.inner"),
        (["pkg"], ["pkg.inner"], TESTS),
        (["pk"], [], None),
        (["inner"], [], None),
    ],
)
def test_what_counts_as_what(
    module: ModuleType, packages: list[str], tests: list[str], group: str | None
) -> None:
    meter = Meter(packages, tests, found=compiled())
    meter.walk()
    assert {place.group for place in meter.measurement().code} == ({group} if group else set())


def test_what_has_vanished_was_still_seen(module: ModuleType) -> None:
    """An executor that is thrown away, and then its function."""
    executor = Executor()
    meter = Meter(["pkg"], found=compiled(plain=executor))
    meter.walk()
    meter.sample()
    executor.valid = False
    meter.sample()
    vars(module).clear()
    meter.walk()
    meter.sample()
    (made,) = (
        made for place, made in meter.measurement().code.items() if place.qualname == "plain"
    )
    assert made == Made(1, 4096)


def test_under_a_tracer_nothing_counts(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    meter = Meter(["pkg"], found=compiled(plain=Executor()))
    meter.walk()
    monkeypatch.setattr(_probe_target, "tracers", lambda: list(SETTRACE))
    meter.sample()
    found = meter.measurement()
    assert found.tracers == SETTRACE
    assert not any(made.executors for made in found.code.values())
    monkeypatch.setattr(_probe_target, "tracers", lambda: ["sys.monitoring (coverage.py)"])
    meter.sample()
    assert any(made.executors for made in meter.measurement().code.values())


def test_executors_of_one_code_object() -> None:
    def plain() -> None: ...

    code = plain.__code__
    assert measured.executors(code, compiled(plain=Executor())) == Made(1, 4096)
    assert measured.executors(code, compiled(plain=Executor(valid=False))) == Made(0, 0)
    assert measured.executors(code, compiled(plain=Executor(0))) == Made(1, 0)
    assert measured.executors(code, compiled(plain=Executor(None))) == Made(1, 0)
    assert measured.executors(code, compiled(other=Executor())) == Made(0, 0)


def test_only_where_the_opcode_stands_is_asked() -> None:
    def plain() -> int:
        return len([])

    code, asked = plain.__code__, []

    def get_executor(code: CodeType, offset: int) -> NoReturn:
        asked.append(offset)
        raise ValueError

    raw = code._co_code_adaptive
    measured.executors(code, Tier2(get_executor, opcode=raw[4]))
    assert asked == [offset for offset in range(0, len(raw), 2) if raw[offset] == raw[4]]
    asked.clear()
    measured.executors(code, Tier2(get_executor, opcode=255))
    assert asked == []


@pytest.mark.parametrize("error", [RuntimeError, ValueError])
def test_whether_there_is_a_tier_2(monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
    def get_executor(code: CodeType, offset: int) -> NoReturn:
        raise error

    monkeypatch.setattr(_probe_target, "executor_getter", lambda: get_executor)
    assert (measured.tier2().get_executor is None) == (error is RuntimeError)


@pytest.mark.parametrize(
    ("flags", "switch", "built", "enabled"),
    [
        (["-D_Py_JIT", "-D_Py_TIER2=1"], None, "yes", True),
        (["-D_Py_JIT", "-D_Py_TIER2=1"], "0", "yes", False),
        (["-D_Py_JIT", "-D_Py_TIER2=3"], None, "yes-off", False),
        (["-D_Py_JIT", "-D_Py_TIER2=3"], "", "yes-off", False),
        (["-D_Py_JIT", "-D_Py_TIER2=3"], "1", "yes-off", True),
        (["-D_Py_JIT", "-D_Py_TIER2=3"], "01", "yes-off", False),
        (["-D_Py_JIT", "-D_Py_TIER2=3"], "off", "yes-off", True),
        (["-D_Py_TIER2=4"], "1", "interpreter", True),
        (None, "1", "available", True),
    ],
)
def test_the_build_and_its_switch(
    monkeypatch: pytest.MonkeyPatch,
    flags: list[str] | None,
    switch: str | None,
    built: str,
    enabled: bool,
) -> None:
    """As on 3.13, which has no sys._jit."""
    monkeypatch.delattr(sys, "_jit", raising=False)
    monkeypatch.setattr(_probe_target, "build_flags", lambda: flags)
    if switch is None:
        monkeypatch.delenv("PYTHON_JIT", raising=False)
    else:
        monkeypatch.setenv("PYTHON_JIT", switch)
    found = measured.facts(compiled())
    assert (found.built, found.enabled) == (built, enabled)


def test_sys_jit_knows_better_except_without_the_gil(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "_jit", SimpleNamespace(is_enabled=lambda: True), raising=False)
    monkeypatch.setenv("PYTHON_JIT", "0")
    assert measured.facts(compiled()).enabled
    assert not measured.facts(Tier2(None)).enabled
    about = _probe_target.identity() | {"free_threaded": True}
    monkeypatch.setattr(_probe_target, "identity", lambda: about)
    found = measured.facts(compiled())
    assert not found.enabled
    assert "free-threaded" in found.sentence()
    assert "GIL" in found.why_off()


def test_several_processes_are_united_and_travel_as_plain_values() -> None:
    one, two = measurement(OFF, hot=0, cold=0), measurement(ON, SETTRACE, hot=4096, warm=8192)
    carried = Measurement.from_plain(json.loads(json.dumps(two.to_plain())))
    assert carried == two
    whole = measured.unite([one, carried])
    assert whole == measurement(ON, SETTRACE, hot=4096, cold=0, warm=8192)


# -- which packages are under test --------------------------------------------------------------------------------------------


def files(folder: Path, *paths: str) -> Path:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).touch()
    return folder


@pytest.mark.parametrize(
    ("paths", "found"),
    [
        (["src/pkg/__init__.py", "src/mod.py", "other/__init__.py", "noxfile.py"], {"pkg", "mod"}),
        (
            [
                "src/space/name/mod.py",
                "src/pkg.egg-info/x.py",
                "src/__pycache__/x.py",
                "src/data/x.txt",
            ],
            {"space"},
        ),
        (["src/tests/__init__.py"], {"tests"}),
        (
            [
                "pkg/__init__.py",
                "mod.py",
                "test_mod.py",
                "conftest.py",
                "setup.py",
                "tests/__init__.py",
                "docs/conf.py",
            ],
            {"pkg", "mod"},
        ),
        (["folder/mod.py", ".venv/pkg/__init__.py", "two-words.py", "_build.py"], set()),
        (["src/notes.txt", "pkg/__init__.py"], {"pkg"}),
        ([], set()),
    ],
)
def test_the_packages_of_a_project(tmp_path: Path, paths: list[str], found: set[str]) -> None:
    assert under_test.of_project(files(tmp_path, *paths)) == found


class FakeDistribution:
    def __init__(self, direct_url: str | None) -> None:
        self.direct_url = direct_url

    def read_text(self, filename: str) -> str | None:
        assert filename == "direct_url.json"
        return self.direct_url


def test_what_is_installed_in_editable_mode_is_under_test(tmp_path: Path) -> None:
    root, other = (
        files(tmp_path / "root", "src/one/__init__.py"),
        files(tmp_path / "the other", "src/two/__init__.py"),
    )
    plain = files(tmp_path / "plain", "three/__init__.py")
    distributions = [
        FakeDistribution(None),
        FakeDistribution("not json, though editable"),
        FakeDistribution('{"url": 1, "dir_info": {"editable": true}}'),
        FakeDistribution('{"url": "https://host/x.whl", "dir_info": {"editable": true}}'),
        FakeDistribution(json.dumps({"url": plain.as_uri(), "dir_info": {"editable": False}})),
        FakeDistribution(json.dumps({"url": other.as_uri(), "dir_info": {"editable": True}})),
    ]
    assert under_test.names(root, distributions) == ("one", "two")  # type: ignore[arg-type]


# -- what is said ---------------------------------------------------------------------------------------------------------------


def said(
    whole: Measurement,
    packages: tuple[str, ...] = ("pkg",),
    lost: tuple[str, ...] = (),
    verbose: bool = False,
) -> str:
    return "\n".join(jit_summary.lines(whole, packages, lost, verbose=verbose))


def test_the_summary() -> None:
    text = said(measurement(ON, hot=4096, warm=8192, cold=0), verbose=True)
    assert text.split("\n") == [
        "CPython 3.15.2, JIT yes-off, PYTHON_JIT=1: on",
        "pkg: 2 of 3 code objects got machine code (2 executors, 12288 bytes in whole pages), 1 did not",
        "  /pkg.py:1 hot",
        "  /pkg.py:1 warm",
    ]
    assert "pkg: nothing of it was imported" in said(measurement())
    assert "--jit-packages" in said(measurement(), ())
    assert "gw0" in said(measurement(), lost=("gw0",))
    micro_ops = Measurement(ON, (), {Place("pkg", "pkg", "f", "/f.py", 1): Made(2, 0)})
    assert (
        "pkg: 0 of 1 code objects got machine code (2 executors of micro-ops, which are interpreted), 1 did not"
        in said(micro_ops)
    )


def test_a_tracer_is_warned_of_where_it_matters() -> None:
    assert "warning: sys.settrace turns the JIT off" in said(measurement(ON, SETTRACE))
    assert "COVERAGE_CORE=sysmon" in said(measurement(ON, SETTRACE))
    assert "warning" not in said(measurement(OFF, SETTRACE))
    assert "warning" not in said(measurement(ON, ("sys.monitoring (coverage.py)",)))


@pytest.mark.parametrize(
    ("require", "whole", "packages", "lost", "expected"),
    [
        (None, measurement(OFF), ("pkg",), (), ""),
        ("on", measurement(hot=4096), ("pkg",), (), ""),
        ("on", measurement(OFF, hot=0), ("pkg",), (), "set PYTHON_JIT=1"),
        ("on", measurement(OFF._replace(switch_ignored=True)), ("pkg",), (), "-E or -I"),
        ("on", measurement(NO_JIT), ("pkg",), (), "`jitbuild install`"),
        ("on", measurement(ON._replace(built="interpreter"), hot=0), ("pkg",), (), "micro-ops"),
        ("on", measurement(ON, SETTRACE, hot=0), ("pkg",), (), "COVERAGE_CORE=sysmon"),
        ("on", measurement(hot=0), ("pkg",), (), "no loop in it ran long enough"),
        ("on", measurement(), ("pkg",), (), "imported none of it"),
        ("on", measurement(), (), (), "no package under test was found"),
        ("on", measurement(), ("pkg",), ("gw1",), "gw1 ended without saying"),
        ("off", measurement(OFF, hot=0), ("pkg",), (), ""),
        ("off", measurement(NO_JIT), (), (), ""),
        ("off", measurement(ON, hot=0), ("pkg",), (), "set PYTHON_JIT=0"),
        ("off", measurement(OFF, hot=4096), ("pkg",), (), "1 code objects have executors"),
    ],
)
def test_what_is_required(
    require: str | None, whole: Measurement, packages: tuple, lost: tuple, expected: str
) -> None:
    failure = jit_summary.failure(require, whole, packages, lost)
    assert expected in failure
    assert bool(expected) == bool(failure)
    assert "\n" not in failure


def test_tests_that_are_compiled_do_not_stand_for_the_package() -> None:
    whole = measurement(hot=0)
    whole.code[Place(TESTS, "test_pkg", "test_hot", "/test_pkg.py", 1)] = Made(1, 4096)
    assert "nothing of pkg got machine code" in jit_summary.failure("on", whole, ("pkg",), ())


# -- inside pytest --------------------------------------------------------------------------------------------------------------

Suite = Callable[..., pytest.RunResult]


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Suite:
    """Runs a suite that uses `pkg`, in an interpreter of these facts where these functions get compiled."""
    pytester.makepyfile(**{"src/pkg": "def hot(): return 1\ndef cold(): return 1\n"})
    pytester.makepyfile(test_it="import pkg\ndef test_it(): assert pkg.hot()\n")
    pytester.makeini("[pytest]\npythonpath = src\n")
    monkeypatch.setattr(under_test, "names", functools.partial(under_test.names, distributions=()))

    def run(
        *args: str, facts: JitFacts = ON, tier2: Tier2 | None = None, tracers: tuple[str, ...] = ()
    ) -> pytest.RunResult:
        gc.collect()  # the packages of the tests before
        monkeypatch.setattr(_probe_target, "tracers", lambda: list(tracers))
        monkeypatch.setattr(
            measured, "tier2", lambda: compiled(hot=Executor()) if tier2 is None else tier2
        )
        monkeypatch.setattr(measured, "facts", lambda _: facts)
        return pytester.runpytest_inprocess(
            "-p", "jitbuild.pytest_plugin", "-p", "no:cacheprovider", *args
        )

    return run


def test_it_does_nothing_unless_asked(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pytest_plugin, "JitReport", None)
    for args in ((), ("--jit-packages", "pkg"), ("--jit-report", "--collect-only")):
        result = suite(*args)
        assert result.ret == 0
        result.stdout.no_fnmatch_line("*jit:*")
        result.stdout.no_fnmatch_line("*JIT*")


def test_the_report(suite: Suite) -> None:
    result = suite("--jit-report", "-v")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "jit: CPython 3.15.2, JIT yes-off, PYTHON_JIT=1: on",
            "*= JIT =*",
            "CPython 3.15.2, JIT yes-off, PYTHON_JIT=1: on",
            "pkg: 1 of 2 code objects got machine code (1 executor, 4096 bytes in whole pages), 1 did not",
            "  *pkg.py:1 hot",
            "test modules: 0 of 1 code objects got machine code, 1 did not",
        ]
    )


def test_required_and_so(suite: Suite) -> None:
    assert suite("--jit-require=on").ret == 0
    assert suite("--jit-require=off", facts=OFF, tier2=compiled()).ret == 0


@pytest.mark.parametrize("quiet", [(), ("-q",), ("-qq",), ("--no-summary",)])
def test_required_and_not_so(suite: Suite, quiet: tuple[str, ...]) -> None:
    result = suite("--jit-require=on", *quiet, tier2=compiled())
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["--jit-require=on: nothing of pkg got machine code: *"])
    assert suite("--jit-require=off", *quiet, facts=OFF).ret == pytest.ExitCode.TESTS_FAILED


def test_without_a_terminal_the_reason_is_said_too(suite: Suite) -> None:
    result = suite("--jit-require=on", "-p", "no:terminal", tier2=compiled())
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stderr.fnmatch_lines(["--jit-require=on: nothing of pkg got machine code: *"])


@pytest.mark.parametrize(("require", "facts"), [("on", OFF), ("on", NO_JIT), ("off", ON)])
def test_what_cannot_come_true_ends_the_run_before_it_begins(
    suite: Suite, require: str, facts: JitFacts
) -> None:
    result = suite(f"--jit-require={require}", facts=facts)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: --jit-require={require}: *"])
    result.stdout.no_fnmatch_line("*passed*")


def test_the_exit_status_of_tests_that_fail_stays(suite: Suite, pytester: pytest.Pytester) -> None:
    assert (
        suite("--jit-require=on", "-k", "nothing", tier2=compiled()).ret
        == pytest.ExitCode.NO_TESTS_COLLECTED
    )
    pytester.makepyfile(
        test_it="import pkg, pytest\ndef test_it(): pytest.exit('enough', returncode=7)\n"
    )
    assert suite("--jit-require=on", tier2=compiled()).ret == 7


def test_under_a_tracer(suite: Suite) -> None:
    result = suite("--jit-report", tier2=compiled(), tracers=SETTRACE)
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "jit: warning: sys.settrace *COVERAGE_CORE=sysmon*",
            "warning: sys.settrace *",
            "pkg: 0 of 2 *",
        ]
    )


def test_named_packages(suite: Suite) -> None:
    result = suite("--jit-report", "--jit-packages", "pkg", "--jit-packages", "other.one")
    result.stdout.fnmatch_lines(["pkg: 1 of 2 *", "other.one: nothing of it was imported"])


def test_json(suite: Suite, pytester: pytest.Pytester) -> None:
    assert suite("--jit-report-json=new/out.json", "--jit-require=on").ret == 0
    found: dict[str, Any] = json.loads((pytester.path / "new/out.json").read_text())
    (compiled_code,) = found.pop("compiled")
    assert Path(compiled_code.pop("file")).name == "pkg.py"
    assert compiled_code == {
        "group": "pkg", "module": "pkg", "qualname": "hot", "line": 1, "executors": 1, "machine_code_bytes": 4096
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


def test_json_that_cannot_be_written_fails_the_run(suite: Suite, pytester: pytest.Pytester) -> None:
    (pytester.path / "file").touch()
    result = suite("--jit-report-json=file/out.json")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        ["--jit-report-json: *out.json cannot be written (*); name another file."]
    )


def test_code_that_dies_with_its_test_is_counted(suite: Suite, pytester: pytest.Pytester) -> None:
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


def test_sampling_has_a_budget(
    suite: Suite, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = []
    monkeypatch.setattr(Meter, "sample", lambda _: samples.append(True))
    pytester.makepyfile(
        test_it="import pytest\n@pytest.mark.parametrize('n', range(9))\ndef test_it(n): pass\n"
    )
    suite("--jit-report")
    assert len(samples) == 1 + 9 + 1
    samples.clear()
    monkeypatch.setattr(pytest_plugin, "_ALLOWED", -9e9)
    suite("--jit-report")
    # When the tests are collected, after the last one, and at the end.
    assert len(samples) == 3


def test_workers_report_to_the_one_who_started_them(
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
            plugin.meter = None
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
    result = suite("--jit-require=on", facts=OFF, tier2=compiled())
    result.stdout.fnmatch_lines(
        ["*: on", "warning: gw1 ended *", "pkg: 1 of 1 code objects got machine code *"]
    )
    assert result.ret == 0


def test_a_worker_sends_what_it_measured_and_judges_nothing(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    output: dict[str, Any] = {}
    monkeypatch.setattr(pytest.Config, "workerinput", {}, raising=False)
    monkeypatch.setattr(pytest.Config, "workeroutput", output, raising=False)
    assert suite("--jit-require=on", "-p", "no:xdist", facts=OFF, tier2=compiled()).ret == 0
    (plain,) = output["jitbuild"]
    assert {place.qualname for place in Measurement.from_plain(plain).code} == {
        "hot",
        "cold",
        "test_it",
    }

"""The file that the interpreter under test runs, run here with fake executors."""

from __future__ import annotations

import dataclasses
import itertools
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fake_interpreter import PYTHON

from jitbuild.in_target import probe
from jitbuild.probing import reply
from jitbuild.probing.facts import ProbeFacts


class FakeExecutor:
    def __init__(self, code: bytes | Exception | None, *, valid: bool = True) -> None:
        self.code = code
        self.valid = valid

    def is_valid(self) -> bool:
        return self.valid

    def get_jit_code(self) -> bytes | None:
        if isinstance(self.code, Exception):
            raise self.code
        return self.code


def getter(
    found: FakeExecutor | Exception, calls: list[int] | None = None
) -> Callable[..., FakeExecutor]:
    """Return the `get_executor` of a build whose loops have this executor at offset 4."""

    def get_executor(*, code: Any, offset: int) -> FakeExecutor:
        if calls is not None:
            calls.append(offset)
        if isinstance(found, Exception):
            raise found
        if offset != 4:
            raise ValueError("no executor at given byte offset")
        return found

    return get_executor


@pytest.mark.parametrize(
    ("found", "seen"),
    [
        (FakeExecutor(b"x" * 4096), (True, 3, 12288, False)),
        (FakeExecutor(None), (True, 3, 0, False)),
        (FakeExecutor(b""), (True, 3, 0, False)),
        (FakeExecutor(b"x" * 4096, valid=False), (True, 0, 0, False)),
        (FakeExecutor(RuntimeError("JIT support not enabled.")), (True, 3, 0, True)),
        (ValueError("no executor at given byte offset"), (True, 0, 0, False)),
        (RuntimeError("Executors are not available in this build"), (False, 0, 0, False)),
    ],
)
def test_executors_are_counted_over_all_loops(
    found: FakeExecutor | Exception, seen: tuple[bool, int, int, bool]
) -> None:
    result = probe.tier2(getter(found))
    assert (
        result["tier2"],
        result["executors"],
        result["machine_code_bytes"],
        result["interpreted"],
    ) == seen


def test_loops_without_machine_code_are_run_for_all_rounds() -> None:
    calls: list[int] = []
    probe.tier2(getter(FakeExecutor(b"x"), calls))
    once = calls.count(0)
    calls.clear()
    probe.tier2(getter(ValueError(), calls))
    assert (once, calls.count(0)) == (len(probe.LOOPS), len(probe.LOOPS) * probe.ROUNDS)


def test_without_get_executor_there_is_no_tier_2() -> None:
    assert probe.tier2(None) == {
        "tier2": False,
        "executors": 0,
        "machine_code_bytes": 0,
        "interpreted": False,
    }


def test_the_hot_loops_compute_a_result() -> None:
    assert probe.integers(5) == 10
    assert probe.countdown(5) == 5
    assert probe.floats(0) == 1.0


def test_the_state_of_sys_jit_is_reported() -> None:
    assert probe.switches(None) == {
        "jit_available": None,
        "jit_enabled": None,
        "active_iterations": None,
    }
    ticks = itertools.count()
    jit = SimpleNamespace(
        is_available=lambda: True, is_enabled=lambda: True, is_active=lambda: next(ticks) >= 4000
    )
    seen = probe.switches(jit)
    assert seen == {
        "jit_available": True,
        "jit_enabled": True,
        "active_iterations": probe.ROUNDS * probe.WARM - 4000,
    }


def test_all_tracers_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monitoring = SimpleNamespace(get_tool={1: "coverage"}.get)
    monkeypatch.setattr(sys, "monitoring", monitoring, raising=False)
    monkeypatch.setattr(sys, "gettrace", lambda: print)
    monkeypatch.setattr(sys, "getprofile", lambda: print)
    assert probe.tracers() == ["sys.settrace", "sys.setprofile", "sys.monitoring (coverage)"]
    monkeypatch.delattr(sys, "monitoring")
    monkeypatch.setattr(sys, "gettrace", lambda: None)
    monkeypatch.setattr(sys, "getprofile", lambda: None)
    assert probe.tracers() == []


@pytest.mark.parametrize(
    ("info", "name"),
    [
        ((3, 15, 0, "beta", 2), "3.15.0b2"),
        ((3, 16, 0, "alpha", 0), "3.16.0a0"),
        ((3, 14, 0, "candidate", 3), "3.14.0rc3"),
        ((3, 13, 15, "final", 0), "3.13.15"),
    ],
)
def test_the_version_is_spelled_as_releases_are_named(
    monkeypatch: pytest.MonkeyPatch, info: tuple[Any, ...], name: str
) -> None:
    monkeypatch.setattr(sys, "version_info", info)
    assert probe.version() == name


def test_the_expected_modules_depend_on_platform_and_version() -> None:
    assert "readline" not in probe.expected_modules((3, 13), "win32")
    assert "compression.zstd" not in probe.expected_modules((3, 13), "linux")
    assert "compression.zstd" in probe.expected_modules((3, 14), "linux")


def test_missing_modules_are_sorted_by_name() -> None:
    expected = {"json": "json", "uuid": "_jitbuild_has_no_such_module"}
    assert probe.missing_modules(expected, has_pip=lambda: False) == ["pip", "uuid"]
    assert probe.missing_modules({}, has_pip=lambda: True) == []


def test_a_venv_is_recognized_by_its_configuration_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    assert probe.identity()["prefix"] == sys.prefix
    (tmp_path / "pyvenv.cfg").touch()
    assert probe.identity()["prefix"] == str(tmp_path)


def test_facts_are_reported_despite_a_broken_sysconfig(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sysconfig", None)
    assert probe.config("Py_DEBUG") is None
    assert probe.build_flags() is None
    assert probe.identity()["platform"] == sys.platform


def test_only_the_flags_of_the_jit_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    flags = "-fno-strict-overflow -D_Py_TIER2=3 -D_Py_JIT -I../Include -DPy_BUILD_CORE"
    monkeypatch.setattr(sysconfig, "get_config_var", lambda name: flags)
    assert probe.build_flags() == ["-D_Py_TIER2=3", "-D_Py_JIT"]


def test_host_and_target_use_the_same_frame() -> None:
    assert (reply.BEGIN, reply.END) == (probe.BEGIN, probe.END)


def test_the_host_reads_the_printed_facts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [probe.__file__, "modules"])
    monkeypatch.setattr(sys, "path", [str(Path(probe.__file__).parent), "elsewhere"])
    probe.main()
    assert sys.path == ["elsewhere"]
    answer = reply.unframe("rubbish" + capsys.readouterr().out)
    assert answer is not None
    assert answer.keys() == {field.name for field in dataclasses.fields(ProbeFacts)}
    assert reply.convert(PYTHON, answer).version == probe.version()

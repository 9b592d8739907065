"""Measurements of a package's code, with fake executors."""

from __future__ import annotations

import json
from types import ModuleType

import pytest
from jit_fakes import OFF, ON, SETTRACE, Executor, compiled, measurement

from jitbuild.in_target import probe
from jitbuild.in_target.executors import ExecutorCount
from jitbuild.in_target.jit_usage import TESTS, Measurement, UsageMeter, merge


@pytest.fixture(autouse=True)
def no_tracer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the tracer of a run that measures the coverage of this suite."""
    monkeypatch.setattr(probe, "tracers", list)


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


def test_all_functions_of_a_package_are_found_in_any_wrapper(module: ModuleType) -> None:
    meter = UsageMeter(["pkg"], facts=ON, lookup=compiled(nested=Executor()))
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
        "outer.<locals>.nested": ExecutorCount(1, 4096)
    }


def test_code_without_a_file_is_left_out() -> None:
    made = ModuleType("by_exec")
    exec("def generated(): pass", made.__dict__)
    meter = UsageMeter(["by_exec"], facts=ON, lookup=compiled())
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
def test_a_module_belongs_to_the_longest_matching_package(
    module: ModuleType, packages: list[str], tests: list[str], group: str | None
) -> None:
    meter = UsageMeter(packages, tests, facts=ON, lookup=compiled())
    meter.walk()
    assert {place.group for place in meter.measurement().code} == ({group} if group else set())


def test_executors_that_vanish_still_count(module: ModuleType) -> None:
    """First the executor is invalidated, then its function is deleted."""
    executor = Executor()
    meter = UsageMeter(["pkg"], facts=ON, lookup=compiled(plain=executor))
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
    assert made == ExecutorCount(1, 4096)


def test_executors_do_not_count_under_a_tracer(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    meter = UsageMeter(["pkg"], facts=ON, lookup=compiled(plain=Executor()))
    meter.walk()
    monkeypatch.setattr(probe, "tracers", lambda: list(SETTRACE))
    meter.sample()
    found = meter.measurement()
    assert found.tracers == SETTRACE
    assert not any(made.executors for made in found.code.values())
    monkeypatch.setattr(probe, "tracers", lambda: ["sys.monitoring (coverage.py)"])
    meter.sample()
    assert any(made.executors for made in meter.measurement().code.values())


def test_measurements_of_processes_are_merged_after_a_round_trip() -> None:
    one, two = measurement(OFF, hot=0, cold=0), measurement(ON, SETTRACE, hot=4096, warm=8192)
    carried = Measurement.from_plain(json.loads(json.dumps(two.to_plain())))
    assert carried == two
    whole = merge([one, carried])
    assert whole == measurement(ON, SETTRACE, hot=4096, cold=0, warm=8192)

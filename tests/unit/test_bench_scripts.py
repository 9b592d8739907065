"""Tests of how the scripts in the interpreter under test load their siblings and leave no trace."""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from jitbuild.bench import scripts
from jitbuild.in_target import bench_inspect, bench_worker


def load_executors() -> SimpleNamespace:
    path = scripts.WORKER.with_name("bench_executors.py")
    return SimpleNamespace(**runpy.run_path(str(path)))


def test_the_folder_of_the_scripts_does_not_stay_on_the_import_path(monkeypatch, tmp_path):
    folder = str(scripts.WORKER.parent)
    monkeypatch.setattr(sys, "path", [folder, str(tmp_path), f"{folder}{os.sep}."])
    bench_worker.leave_import_path()
    assert sys.path == [str(tmp_path)]


@pytest.mark.parametrize("imported", [True, False])
def test_the_stand_in_for_the_package_leaves_the_real_one_alone(monkeypatch, imported):
    real = {name: sys.modules[name] for name in sys.modules if name.partition(".")[0] == "jitbuild"}
    if not imported:
        for name in real:
            monkeypatch.delitem(sys.modules, name)
    expected = {**sys.modules}
    facts = load_executors().facts()
    assert {"switch", "enabled", "tracers", "functions"} <= facts.keys()
    after = {
        name: sys.modules[name] for name in sys.modules if name.partition(".")[0] == "jitbuild"
    }
    assert after == {name: expected[name] for name in after}
    assert bool(after) is imported


def test_a_module_of_the_program_named_like_a_sibling_is_not_used(monkeypatch):
    for name in ("probe", "executors", "jit_facts", "bench_executors"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    assert "enabled" in load_executors().facts()


def test_samples_of_a_program_are_united_by_their_largest_numbers():
    def sample(executors: int, name: str, *tracers: str) -> dict:
        row = {"file": "x.py", "name": name, "line": 1, "executors": executors, "bytes": 0}
        return {"enabled": True, "tracers": [*tracers], "functions": [row]}

    united = bench_inspect.unite([sample(2, "a", "t"), sample(1, "a"), sample(1, "b")])
    assert united["tracers"] == ["t"]
    assert [(row["name"], row["executors"]) for row in united["functions"]] == [("a", 2), ("b", 1)]


def test_every_script_exists():
    paths = [value for value in vars(scripts).values() if isinstance(value, Path)]
    assert all(path.exists() for path in paths)

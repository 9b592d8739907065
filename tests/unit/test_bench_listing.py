"""The script that lists pyperformance's benchmarks, with a pyperformance that is not installed."""

from __future__ import annotations

import json
import runpy
import sys
from types import ModuleType, SimpleNamespace

import pytest

from jitbuild.in_target import bench_listing


def benchmark(name: str, lockfile: str | None, *, tags: tuple[str, ...] = ()) -> SimpleNamespace:
    """Return a benchmark as the manifest of pyperformance describes it."""
    return SimpleNamespace(
        name=name,
        runscript=f"/suite/{name}/run_benchmark.py",
        extra_opts=("--fast",) if tags else (),
        requirements_lockfile=lockfile,
        tags=tags,
        python=">=3.9",
    )


@pytest.fixture
def suite(monkeypatch, tmp_path):
    """Install a pyperformance of two benchmarks, of which one has requirements."""
    lockfile = tmp_path / "requirements.txt"
    lockfile.write_text("attrs==25.1.0\n")
    members = {
        "default": [
            benchmark("nbody", str(tmp_path / "missing.txt")),
            benchmark("chaos", str(lockfile), tags=("math",)),
        ],
        "math": [benchmark("chaos", None, tags=("math",))],
    }
    manifest = SimpleNamespace(
        benchmarks=members["default"],
        groups={"default"},
        tags={"math"},
        resolve_group=lambda name: members[name],
    )
    package, module = ModuleType("pyperformance"), ModuleType("pyperformance._manifest")
    package.__version__ = "1.11.0"
    module.load_manifest = lambda path: manifest
    monkeypatch.setitem(sys.modules, "pyperformance", package)
    monkeypatch.setitem(sys.modules, "pyperformance._manifest", module)
    return lockfile


def test_the_script_writes_the_manifest_with_the_sorted_members_of_groups_and_tags(
    suite, tmp_path, monkeypatch
):
    monkeypatch.setattr(sys, "argv", ["bench_listing.py", str(tmp_path / "listing.json")])
    runpy.run_path(bench_listing.__file__, run_name="__main__")
    listing = json.loads((tmp_path / "listing.json").read_text())
    assert listing["version"] == "1.11.0"
    assert listing["groups"] == {"default": ["chaos", "nbody"], "math": ["chaos"]}
    nbody, chaos = listing["benchmarks"]
    assert chaos == {
        "name": "chaos",
        "script": "/suite/chaos/run_benchmark.py",
        "options": ["--fast"],
        "requirements": str(suite),
        "tags": ["math"],
        "python": ">=3.9",
    }
    assert nbody["options"] == []


def test_a_lockfile_that_does_not_exist_means_no_requirements(suite, tmp_path):
    bench_listing.main(str(tmp_path / "listing.json"))
    nbody = json.loads((tmp_path / "listing.json").read_text())["benchmarks"][0]
    assert nbody["requirements"] == ""

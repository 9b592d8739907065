"""The pytest plugin in real interpreters with the JIT.

The suite is the one of docs/pytest.md. test_snippets_real.py runs the commands of that page.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from processes import LONGEST

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/pytest.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"`([\w/.]+)`:\n\n```\w+\n(.*?)```", re.DOTALL)
# The path of a 3.13 with the JIT, which Debian does not have.
PYTHON_3_13 = os.environ.get("JITBUILD_TEST_PYTHON_3_13")


@dataclass
class Result:
    code: int
    out: str
    report: dict[str, Any]


@dataclass
class Suite:
    """A venv, and the project of the documentation."""

    venv: Path
    project: Path

    def shell(self, command: str, **env: str) -> subprocess.CompletedProcess[str]:
        dropped = ("PYTHON", "COVERAGE", "COV_", "PYTEST", "JITBUILD_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
        path = f"{self.venv / 'bin'}{os.pathsep}{os.environ['PATH']}"
        return subprocess.run(
            ["bash", "-c", command],
            cwd=self.project,
            env={
                **kept,
                "PATH": path,
                "NO_COLOR": "1",
                "COLUMNS": "200",
                "COVERAGE_FILE": str(self.venv / ".coverage"),
                **env,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=LONGEST,
        )

    def __call__(
        self, *args: str, jit: str = "1", runner: str = "python -m pytest", **env: str
    ) -> Result:
        """Run the suite, and read its JSON report if it wrote one."""
        report = self.venv / "report.json"
        report.unlink(missing_ok=True)
        done = self.shell(
            f"{runner} --jit-report-json={report} {' '.join(args)}", PYTHON_JIT=jit, **env
        )
        assert "Traceback" not in done.stdout, done.stdout
        return Result(
            done.returncode, done.stdout, json.loads(report.read_text()) if report.exists() else {}
        )


@pytest.fixture(scope="session")
def make_suite(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Suite]:
    wheels = tmp_path_factory.mktemp("wheels")
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", wheels, ROOT)
    (wheel,) = wheels.glob("*.whl")

    def make(python: Path) -> Suite:
        folder = tmp_path_factory.mktemp("suite")
        run(sys.executable, "-m", "virtualenv", "--quiet", "--python", python, folder / "venv")
        pip = (folder / "venv/bin/python", "-m", "pip", "install", "--quiet")
        run(*pip, "pytest", "pytest-xdist", "coverage")
        # Without its dependencies: the plugin must work with pytest alone.
        run(*pip, "--no-deps", wheel)
        for name, text in BLOCK.findall(PAGE):
            (folder / "project" / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / "project" / name).write_text(text)
        return Suite(folder / "venv", folder / "project")

    return make


def run(*argv: object) -> None:
    done = subprocess.run(
        [*map(str, argv)], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{argv}:\n{done.stdout}\n{done.stderr}"


@pytest.fixture(scope="session")
def suites(
    debian_pythons: dict[str, Path], make_suite: Callable[[Path], Suite]
) -> dict[str, Suite]:
    return {series: make_suite(python) for series, python in debian_pythons.items()}


@pytest.fixture(params=["3.15", "3.14"])
def suite(suites: dict[str, Suite], request: pytest.FixtureRequest) -> Suite:
    return suites[request.param]


def compiled(result: Result) -> set[str]:
    return {code["qualname"] for code in result.report["compiled"] if code["group"] == "hotpkg"}


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["one process", "xdist"])
def test_the_package_is_compiled_with_the_jit_on_and_not_with_it_off(
    suite: Suite, workers: tuple[str, ...]
) -> None:
    on = suite("--jit-require=on", *workers)
    assert (on.code, compiled(on)) == (0, {"total"}), on.out
    assert on.report["packages"]["hotpkg"]["executors"] > 0
    assert on.report["packages"]["hotpkg"]["machine_code_bytes"] > 0
    assert on.report["python"]["built"] == "yes-off"
    off = suite("--jit-require=off", *workers, jit="0")
    assert (off.code, compiled(off)) == (0, set()), off.out
    assert off.report["packages"]["hotpkg"] == {
        "code_objects": 2,
        "compiled": 0,
        "executors": 0,
        "machine_code_bytes": 0,
    }
    for requirement, jit in (("on", "0"), ("off", "1")):
        wrong = suite(f"--jit-require={requirement}", *workers, jit=jit)
        assert wrong.code == (1 if workers else 4), wrong.out
        assert wrong.out.count(f"--jit-require={requirement}: ") == 1


@pytest.mark.parametrize("workers", [(), ("-n2", "--dist=loadfile")], ids=["one process", "xdist"])
def test_a_suite_without_hot_loops_fails_the_requirement(
    suite: Suite, workers: tuple[str, ...]
) -> None:
    result = suite("--jit-require=on", "-k", "double", *workers)
    assert (result.code, compiled(result)) == (1, set()), result.out
    assert "no loop in it ran long enough" in result.out


@pytest.mark.parametrize("branch", ["", "--branch"])
def test_the_c_tracer_of_coverage_turns_the_jit_off_and_sysmon_does_not(
    suite: Suite, branch: str
) -> None:
    runner = f"coverage run {branch} --source=src -m pytest"
    traced = suite("--jit-report", runner=runner, COVERAGE_CORE="ctrace")
    assert (traced.code, compiled(traced), traced.report["tracers"]) == (0, set(), ["sys.settrace"])
    assert "warning: sys.settrace turns the JIT off" in traced.out
    assert "COVERAGE_CORE=sysmon" in traced.out
    required = suite("--jit-require=on", runner=runner, COVERAGE_CORE="ctrace")
    assert required.code == 1
    monitored = suite("--jit-require=on", runner=runner, COVERAGE_CORE="sysmon")
    assert (monitored.code, compiled(monitored)) == (0, {"total"}), monitored.out
    assert monitored.report["tracers"] == ["sys.monitoring (coverage.py)"]
    assert "warning" not in monitored.out


def test_executors_that_a_later_tracer_discards_count(suite: Suite) -> None:
    (suite.project / "tests/test_later.py").write_text(
        "import sys\ndef test_trace():\n    sys.settrace(lambda *_: None)\n    sys.settrace(None)\n"
    )
    try:
        result = suite("--jit-require=on")
    finally:
        (suite.project / "tests/test_later.py").unlink()
    assert (result.code, compiled(result)) == (0, {"total"}), result.out


def test_without_an_option_the_plugin_is_inert_and_imports_nothing(suite: Suite) -> None:
    code = (
        "import sys, pytest; before = set(sys.modules); import jitbuild.pytest_plugin; "
        "print(sorted(set(sys.modules) - before))"
    )
    assert suite.shell(f'python -c "{code}"').stdout == "['jitbuild', 'jitbuild.pytest_plugin']\n"
    plain = suite.shell("python -m pytest", PYTHON_JIT="1")
    assert plain.returncode == 0
    assert "JIT" not in plain.stdout
    assert "jit:" not in plain.stdout
    # Naming it in addition to its entry point, or instead of it, loads one plugin.
    for env in ({}, {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}):
        assert suite("-p jitbuild.pytest_plugin", "--jit-require=on", **env).code == 0


def test_a_debug_build_is_measured(debian_debug: Path, make_suite: Callable[[Path], Suite]) -> None:
    result = make_suite(debian_debug)("--jit-require=on")
    assert (result.code, compiled(result)) == (0, {"total"}), result.out
    assert "debug build" in result.out


@pytest.mark.skipif(
    not PYTHON_3_13, reason="JITBUILD_TEST_PYTHON_3_13 names no Python 3.13 with the JIT"
)
def test_3_13_is_measured_without_sys_jit(make_suite: Callable[[Path], Suite]) -> None:
    suite = make_suite(Path(str(PYTHON_3_13)))
    on = suite("--jit-require=on")
    assert (on.code, compiled(on), on.report["python"]["enabled"]) == (0, {"total"}, True), on.out
    assert suite("--jit-require=off", jit="0").code == 0
    assert suite("--jit-require=on", jit="0").code == 4
    assert compiled(suite(runner="coverage run -m pytest", COVERAGE_CORE="ctrace")) == set()


def test_a_python_without_the_jit_meets_only_off(make_suite: Callable[[Path], Suite]) -> None:
    """The one that runs this suite, if it has none."""
    suite = make_suite(Path(sys.executable))
    result = suite("--jit-require=off")
    if result.report["python"]["built"] != "no":
        pytest.skip("this Python may have a JIT")
    assert result.code == 0
    assert suite("--jit-require=on").code == 4

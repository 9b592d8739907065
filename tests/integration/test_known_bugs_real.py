"""The snippets of known JIT bugs on real interpreters, and the commands that name the bugs.

On a release with a fix, no snippet shows its bug. On an affected release, each snippet that ends
does. With the JIT off, none does.
"""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from packaging.version import Version
from processes import LONGEST

from jitbuild.probing.run_probe import probe
from jitbuild.recipes.catalog import load_catalog

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cli import Cli

    from jitbuild.recipes.bugs import KnownBug

pytestmark = pytest.mark.integration


def bugs_with_snippets(series: str) -> dict[str, KnownBug]:
    return {bug.issue: bug for bug in load_catalog().series[series].bug if bug.snippet}


def shown(program: Path, bug: KnownBug, switch: str) -> int:
    """Return the exit code of the snippet with PYTHON_JIT set to `switch`."""
    return subprocess.run(
        [program, "-c", bug.snippet],
        env={**os.environ, "PYTHON_JIT": switch},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=LONGEST,
    ).returncode


def check_snippets(program: Path, version: str) -> None:
    release = Version(version)
    bugs = bugs_with_snippets(f"{release.major}.{release.minor}")
    affected = {issue for issue, bug in bugs.items() if bug.when.includes(release)}
    run = {issue: bug for issue, bug in bugs.items() if bug.snippet_ends or issue not in affected}
    assert {issue for issue, bug in run.items() if shown(program, bug, "0")} == set()
    codes = {issue: shown(program, bug, "1") for issue, bug in run.items()}
    assert codes == {issue: int(issue in affected) for issue in run}


@pytest.mark.parametrize(
    ("series", "known"),
    [
        ("3.15", {"gh-157875", "gh-158072", "gh-157468", "gh-155823", "gh-154701"}),
        ("3.14", {"gh-140104"}),
    ],
)
def test_a_snippet_shows_its_bug_on_affected_releases_only(
    debian_pythons: dict[str, Path], series: str, known: set[str]
) -> None:
    assert bugs_with_snippets(series).keys() == known
    program = debian_pythons[series]
    check_snippets(program, probe(program).version)


@pytest.mark.xdist_group("builds")
def test_a_snippet_shows_its_bug_on_a_built_interpreter(
    built_interpreters: Path, cpython_version: str
) -> None:
    """It needs an interpreter that test_install_real.py has built."""
    if (program := next(_programs(built_interpreters), None)) is None:
        pytest.skip("the tests of the group builds have left no interpreter")
    check_snippets(program, cpython_version)


def _programs(folder: Path) -> Iterator[Path]:
    yield from folder.glob("cpython-*-jit-fast-*/bin/python3.13")


def test_every_report_names_the_known_bugs_of_an_adopted_interpreter(
    cli: Cli, debian_pythons: dict[str, Path], tmp_path: Path
) -> None:
    python = debian_pythons["3.15"]
    cli("adopt", python)
    verdict = cli("probe", python, "--json").json()
    version = verdict["version"]
    line = f"{version} has 1 known JIT bug (gh-157875)."
    assert verdict["known_bugs"][0]["issue"] == "gh-157875"
    assert line in cli("probe", python).out
    assert line in cli("diff", version, "--repeat", "1", "--", "-c", "pass").out
    diff = cli("diff", version, "--repeat", "1", "--json", "--", "-c", "pass").json()
    assert diff["known_bugs"] == verdict["known_bugs"]
    page = tmp_path / "page.html"
    bench = cli("bench", version, "--rounds", "3", "--stmt", "sum(range(99))", "--html", page)
    assert line in bench.out
    assert line in page.read_text(encoding="utf-8")
    name = cli("list", "--json").json()[0]["name"]
    listed = cli("bugs", name, "--json").json()
    assert listed[0]["issue"] == "gh-157875"


def test_no_report_names_bugs_that_a_release_does_not_have(
    cli: Cli, debian_pythons: dict[str, Path]
) -> None:
    python = debian_pythons["3.14"]
    assert cli("probe", python, "--json").json()["known_bugs"] == []
    assert "known JIT bug" not in cli("probe", python).out

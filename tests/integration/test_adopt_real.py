"""`jitbuild adopt`, `which`, `run` and `uninstall` on real interpreters, which stay unchanged."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from cli import Cli

from jitbuild.errors import ProofError, VariantError

pytestmark = pytest.mark.integration


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path / "home")


def tree(folder: Path) -> set[tuple[str, int]]:
    return {(str(path), path.lstat().st_mtime_ns) for path in folder.rglob("*")}


@pytest.mark.parametrize("series", ["3.15", "3.14"])
def test_an_interpreter_is_adopted_used_and_unregistered_without_changes(
    cli: Cli, debian_pythons: dict[str, Path], series: str
) -> None:
    python = debian_pythons[series]
    places = [python.parents[1] / "bin", python.parents[1] / "lib" / f"python{series}"]
    before = [tree(place) for place in places]
    (found,) = cli("adopt", python, "--json").json()
    assert (found["adopted"], found["executable"], found["variant"]["jit"]) == (
        True,
        str(python),
        "yes-off",
    )
    assert found["verdict"]["jit"]["machine_code_bytes"] > 0
    assert cli("which", series).out == f"{python}\n"
    show = "import sys; print(sys._jit.is_enabled())"
    assert [
        cli("run", series, "--mode", mode, "--", "-B", "-c", show).out for mode in ("off", "on")
    ] == ["False\n", "True\n"]
    cli("uninstall", series)
    assert cli("list", "--json").json() == []
    assert [tree(place) for place in places] == before


def test_an_interpreter_without_the_jit_is_not_adopted(cli: Cli, debian_pypy: Path) -> None:
    result = cli("adopt", debian_pypy, code=VariantError.exit_code)
    assert "is pypy, not CPython" in result.err
    assert "--expect" not in result.err
    assert cli.leftovers() == []
    if "-D_Py_JIT" not in (sysconfig.get_config_var("PY_CORE_CFLAGS") or ""):
        result = cli("adopt", sys.executable, code=ProofError.exit_code)
        advised = result.err.rstrip().rpartition("jitbuild ")[2].split()
        assert advised == ["adopt", sys.executable, "--expect", "no"]
        cli(*advised)


def test_a_profile_replaces_the_registration(cli: Cli, debian_pythons: dict[str, Path]) -> None:
    python = debian_pythons["3.15"]
    (first,) = cli("adopt", python, "--json").json()
    result = cli("adopt", python, "--profile", "release")
    assert f"It replaces {first['name']}." in result.err
    (only,) = cli("list", "--json").json()
    assert (only["variant"]["profile"], first["variant"]["profile"]) == ("release", "unknown")


def test_an_adopted_interpreter_that_changed_is_probed_again(
    cli: Cli, debian_pythons: dict[str, Path], tmp_path: Path
) -> None:
    """The upgrade of a distribution's package has this effect."""
    link = tmp_path / "python"
    link.symlink_to(debian_pythons["3.15"])
    cli("adopt", link)
    assert cli("which", "3.15").out == f"{link}\n"
    link.unlink()
    link.symlink_to(debian_pythons["3.14"])
    cli("which", "3.15", code=18)
    assert cli("which", "3.14").out == f"{link}\n"


@pytest.mark.parametrize("words", [("list",), ("which", "3.14"), ("run", "3.14", "--", "-V")])
def test_an_adopted_interpreter_upgraded_in_place_answers_for_its_new_version(
    cli: Cli, debian_pythons: dict[str, Path], tmp_path: Path, words: tuple[str, ...]
) -> None:
    link = tmp_path / "python"
    link.symlink_to(debian_pythons["3.15"])
    cli("adopt", link)
    link.unlink()
    link.symlink_to(debian_pythons["3.14"])
    answer = {"list": "cpython-3.14.", "which": f"{link}\n", "run": "Python 3.14."}[words[0]]
    assert cli(*words).out.startswith(answer)
    (listed,) = cli("list", "--json").json()
    assert (listed["version"][:5], listed["state"]) == ("3.14.", "proven")


@pytest.mark.skipif(os.name != "posix", reason="the shims are shell scripts")
def test_the_interpreter_that_a_shim_starts_is_adopted(
    cli: Cli, debian_pythons: dict[str, Path], tmp_path: Path
) -> None:
    python = debian_pythons["3.15"]
    shim = tmp_path / "shims/python3.15"
    shim.parent.mkdir()
    shim.write_text(f'#!/usr/bin/env bash\nset -e\nexec "{python}" "$@"\n')
    shim.chmod(0o755)
    result = cli("adopt", shim)
    assert result.out == f"{python}\n"
    assert f"{shim} starts {python}" in result.err
    cli("uninstall", "3.15")
    venv = tmp_path / "venv"
    subprocess.run([python, "-m", "venv", "--without-pip", venv], check=True)
    shim.write_text(f'#!/bin/sh\nexec "{venv}/bin/python" "$@"\n')
    assert cli("adopt", shim).out == f"{venv}/bin/python\n"

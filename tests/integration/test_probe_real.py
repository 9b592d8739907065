"""The probe on real interpreters, and on files that are not interpreters."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from processes import wait_until_ended

from jitbuild.errors import InterpreterError
from jitbuild.probing.run_probe import probe

pytestmark = pytest.mark.integration

PYENV = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")


def script(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(("#!/bin/sh", *lines, "")))
    path.chmod(0o755)
    return path


def pyenv_pythons(*releases: str) -> list[Path]:
    """Return pyenv's interpreters of these series, as far as it has any."""
    paths = (
        next(iter(sorted(PYENV.glob(f"versions/{release}.*/bin/python"))), None)
        for release in releases
    )
    return [path for path in paths if path is not None]


def tree(folder: Path) -> set[tuple[str, int]]:
    return {(str(path), path.lstat().st_mtime_ns) for path in folder.rglob("*")}


@pytest.mark.parametrize("series", ["3.15", "3.14"])
def test_debians_pythons_have_a_jit_that_is_off_by_default(
    debian_pythons: dict[str, Path], series: str
) -> None:
    verdict = probe(debian_pythons[series], modules=True)
    assert verdict.ok, verdict.reason
    shape = verdict.to_json()
    assert shape["version"].startswith(f"{series}.")
    assert shape["executable"] == str(debian_pythons[series])
    assert shape["jit"].pop("machine_code_bytes") > 0
    assert shape["jit"] == {
        "built": "yes-off",
        "available": True,
        "enabled": {"default": False, "0": False, "1": True},
        "active": True,
    }
    # Debian splits ensurepip off into a package of its own.
    assert shape["missing_modules"] == ["ensurepip", "pip"]


@pytest.mark.parametrize("series", ["3.15", "3.14"])
@pytest.mark.parametrize("expect", ["yes", "interpreter", "no"])
def test_a_build_passes_only_as_itself(
    debian_pythons: dict[str, Path], series: str, expect: str
) -> None:
    verdict = probe(debian_pythons[series], expect=expect)  # type: ignore[arg-type]
    assert not verdict.ok
    assert f"jitbuild install {series} --jit={expect}" in verdict.reason


def test_hostile_variables_have_no_effect_and_nothing_is_written(
    debian_pythons: dict[str, Path], tmp_path: Path
) -> None:
    """Neither variables that would switch or break the JIT, nor a sitecustomize that would."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys; print('rubbish'); sys.settrace(lambda *a: None)"
    )
    (tmp_path / "json.py").write_text("raise SystemExit('wrong json')")
    hostile = {
        "PYTHONPATH": str(tmp_path),
        "PYTHONHOME": str(tmp_path),
        "PYTHONPERFSUPPORT": "1",
        "PYTHON_JIT": "1",
        "PYTHON_JIT_JUMP_BACKWARD_INITIAL_VALUE": "4095",
        "PYTHON_JIT_STRESS": "1",
        "PYTHON_UOPS_OPTIMIZE": "0",
    }
    standard_library = debian_pythons["3.15"].parents[1] / "lib/python3.15"
    before = tree(standard_library)
    verdict = probe(debian_pythons["3.15"], modules=True, environ={**os.environ, **hostile})
    assert verdict.ok, verdict.reason
    assert not verdict.enabled["default"]
    assert tree(standard_library) == before


def test_a_venv_is_identified_by_its_own_path(
    debian_pythons: dict[str, Path], tmp_path: Path
) -> None:
    subprocess.run(
        [debian_pythons["3.14"], "-m", "venv", "--without-pip", tmp_path / "venv"], check=True
    )
    python = tmp_path / "venv/bin/python"
    verdict = probe(python)
    assert verdict.ok, verdict.reason
    assert verdict.executable == python
    assert Path(verdict.facts.prefix) == tmp_path / "venv"
    assert Path(verdict.facts.base_prefix) == debian_pythons["3.14"].parents[1]


def test_a_venv_before_3_14_is_identified_without_the_site_module(tmp_path: Path) -> None:
    """There the site module sets sys.prefix, and the probe does not load it."""
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv/bin/python"
    verdict = probe(python, modules=True, expect="no")
    assert verdict.version.startswith("{}.{}.{}".format(*sys.version_info))
    assert Path(verdict.facts.prefix) == tmp_path / "venv"
    assert Path(verdict.facts.base_prefix) == Path(sys.base_prefix)
    assert verdict.missing is not None
    assert "pip" not in verdict.missing


def test_an_interpreter_started_with_isolation_is_refused(
    debian_pythons: dict[str, Path], tmp_path: Path
) -> None:
    verdict = probe(script(tmp_path / "python", f'exec "{debian_pythons["3.15"]}" -I "$@"'))
    assert not verdict.ok
    assert "-E or -I" in verdict.reason


def test_a_debug_build_has_a_jit_too(debian_debug: Path) -> None:
    verdict = probe(debian_debug)
    assert verdict.ok, verdict.reason
    assert verdict.debug
    assert verdict.built == "yes-off"


def test_pypy_passes_only_as_no_jit(debian_pypy: Path) -> None:
    verdict = probe(debian_pypy)
    assert (verdict.ok, verdict.built, verdict.implementation) == (False, "no", "pypy")
    assert "PyPy" in verdict.reason
    assert "not CPython" in verdict.reason
    assert probe(debian_pypy, expect="no").ok


def test_the_interpreter_of_the_tests_can_be_probed() -> None:
    verdict = probe(Path(sys.executable), expect="no")
    assert verdict.version.startswith("{}.{}.{}".format(*sys.version_info))
    assert verdict.built != "no" or verdict.ok, verdict.reason


@pytest.mark.parametrize(
    "python", pyenv_pythons("3.8", "3.9", "3.10", "3.11", "3.12"), ids=lambda path: path.parts[-3]
)
def test_versions_before_3_13_have_no_jit(python: Path) -> None:
    verdict = probe(python, modules=True)
    assert (verdict.ok, verdict.built, verdict.machine_code_bytes) == (False, "no", 0)
    assert verdict.reason.startswith(
        f"CPython {verdict.facts.series} has no JIT: the JIT came with 3.13."
    )
    assert probe(python, expect="no").ok


@pytest.mark.parametrize("python", pyenv_pythons("3.13"), ids=lambda path: path.parts[-3])
def test_a_build_of_3_13_without_the_jit_is_refused(python: Path) -> None:
    verdict = probe(python)
    assert (verdict.ok, verdict.built, verdict.enabled["1"]) == (False, "no", False)
    assert verdict.reason == (
        "The JIT was not compiled in: PYTHON_JIT=1 is silently ignored by this build. "
        "Install a CPython with the JIT: jitbuild install 3.13"
    )


@pytest.mark.parametrize(
    "python", pyenv_pythons("2.7", "3.6", "3.7"), ids=lambda path: path.parts[-3]
)
def test_versions_before_3_8_are_refused(python: Path) -> None:
    with pytest.raises(
        InterpreterError, match=r"is older than Python 3\.8, the oldest version that can be probed"
    ):
        probe(python)


@pytest.mark.skipif(not PYENV.joinpath("shims/python").exists(), reason="needs pyenv")
def test_an_active_pyenv_shim_works_and_an_inactive_one_is_recognized() -> None:
    shim = PYENV / "shims/python"
    active = next(PYENV.glob("versions/3.*")).name
    assert (
        probe(shim, expect="no", environ={**os.environ, "PYENV_VERSION": active}).version == active
    )
    # An inactive shim falls back to another `python` on PATH, and an active environment has one.
    path = f"{PYENV}/bin:/usr/bin:/bin"
    if shutil.which("python", path=path):
        pytest.skip("the system has a `python` that the shim falls back to")
    with pytest.raises(InterpreterError, match="pyenv") as raised:
        probe(shim, environ={**os.environ, "PYENV_VERSION": "0.0.1", "PATH": path})
    assert "shim" in raised.value.remedy


def test_a_script_that_prints_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        InterpreterError, match="does not answer like a Python interpreter; it printed: Hello"
    ):
        probe(script(tmp_path / "python", "echo Hello", "echo World"))


@pytest.mark.parametrize("place", ["", ">&2"])
def test_a_program_that_prints_without_end_is_ended(tmp_path: Path, place: str) -> None:
    python = script(tmp_path / "python", f"exec yes {place}")
    with pytest.raises(InterpreterError, match="it printed more than 64"):
        probe(python)


def test_a_program_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    hanging = script(tmp_path / "python", f"sleep 1000 & echo $! > {pid}", "wait")
    for seconds in (0.5, 2.5, 12.5):  # on a busy machine, a shell may need seconds to start
        with pytest.raises(InterpreterError, match=f"did not answer within {seconds} seconds"):
            probe(hanging, timeout=seconds)
        if pid.exists() and pid.read_text():
            break
    wait_until_ended(int(pid.read_text()))


def test_a_crash_with_the_jit_on_gets_a_verdict(
    debian_pythons: dict[str, Path], tmp_path: Path
) -> None:
    crashing = script(
        tmp_path / "python",
        '[ "$PYTHON_JIT" = 1 ] && kill -ABRT $$',
        f'exec {debian_pythons["3.15"]} "$@"',
    )
    verdict = probe(crashing)
    assert not verdict.ok
    assert "With PYTHON_JIT=1" in verdict.reason
    assert "SIGABRT" in verdict.reason


def test_files_that_cannot_be_run_are_refused(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("not a program")
    cases = {
        plain: "cannot be run: Permission denied",
        tmp_path / "none": "cannot be run: No such file",
        tmp_path: "is a folder",
    }
    for path, what in cases.items():
        with pytest.raises(InterpreterError, match=what):
            probe(path)
    plain.chmod(0o755)
    with pytest.raises(InterpreterError, match="Exec format error"):
        probe(plain)


def test_the_remedy_for_a_folder_names_its_python() -> None:
    with pytest.raises(InterpreterError) as raised:
        probe(Path(sys.prefix))
    assert str(Path(sys.prefix, "bin", "python")) in raised.value.remedy

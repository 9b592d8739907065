"""`jitbuild install` with real builds: killed, run eight times at once, interrupted, proven.

The tests share one home and run in the order of the file; the first build takes the longest.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from cli import Cli
from processes import wait_until_nothing_runs_below, wait_until_something_runs_below

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("builds")]


@pytest.fixture(scope="module")
def version(cpython_version: str) -> str:
    return cpython_version


@pytest.fixture(scope="module")
def cli(install_cli: Cli) -> Cli:
    return install_cli


def test_a_killed_install_leaves_nothing_visible(cli, version):
    process = cli.start("install", version)
    process.wait_for_line(": make ...")
    wait_until_something_runs_below(cli.home)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert cli("list", "--json").json() == []
    if sys.platform == "linux":
        wait_until_nothing_runs_below(cli.home)


def test_eight_installs_at_once_build_once(cli, version):
    cli("uninstall", version, code=None)  # it exists if this test is run again
    before = set((cli.home / "logs").iterdir())
    processes = [cli.start("install", version) for _ in range(8)]
    outcomes = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0] * 8, outcomes
    assert len({out for out, _ in outcomes}) == 1
    path = Path(outcomes[0][0].strip())
    assert path.is_file()
    assert len(set((cli.home / "logs").iterdir()) - before) == 1, "only one of the eight builds"
    assert sum("Waiting for another process" in err for _, err in outcomes) == 7
    assert list((cli.home / "scratch").iterdir()) == [], (
        "the scratch of the killed install is removed"
    )


def test_the_jit_is_proven(cli, version):
    verdict = cli("probe", version, "--json").json()
    assert verdict["ok"] is True
    assert verdict["version"] == version
    assert verdict["jit"]["built"] == "yes-off"
    assert verdict["jit"]["enabled"] == {"default": False, "0": False, "1": True}
    assert verdict["jit"]["machine_code_bytes"] > 0


def test_the_interpreter_has_all_modules(cli, version):
    path = cli("which", version).out.strip()
    assert cli("which", "3.13").out.strip() == path
    modules = "ssl, zlib, bz2, lzma, ctypes, sqlite3, readline, curses, uuid, pip, venv, ensurepip"
    cli("run", version, "--", "-c", f"import {modules}")
    (listed,) = cli("list", "--json").json()
    assert listed["executable"] == path
    assert listed["variant"]["jit"] == "yes-off"
    assert listed["verdict"]["missing_modules"] == []


def test_no_record_names_a_cache_or_scratch(cli, version):
    script = (
        "import json, sysconfig; from importlib import import_module;"
        "print(json.dumps([v for v in sysconfig.get_config_vars().values() if isinstance(v, str)]))"
    )
    values = subprocess.run(
        [cli("which", version).out.strip(), "-c", script],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for folder in ("scratch", "llvm", "sources"):
        assert str(cli.home / folder) not in values
    assert sys.prefix not in values
    prefix = Path(cli("which", version).out.strip()).parents[1]
    text_files = [
        *prefix.glob("lib/python*/config-*/Makefile"),
        *prefix.glob("lib/pkgconfig/*.pc"),
        *prefix.glob("bin/*-config"),
    ]
    assert text_files
    assert not [path for path in text_files if str(cli.home / "scratch") in path.read_text()]


def test_extension_modules_and_packages_can_be_installed(cli, version, tmp_path):
    python = cli("which", version).out.strip()
    subprocess.run([python, "-m", "venv", tmp_path / "venv"], check=True)
    (tmp_path / "hello.c").write_text(
        "#include <Python.h>\n"
        'static struct PyModuleDef def = {PyModuleDef_HEAD_INIT, "hello", NULL, 0, NULL};\n'
        "PyMODINIT_FUNC PyInit_hello(void) { return PyModule_Create(&def); }\n"
    )
    (tmp_path / "setup.py").write_text(
        "from setuptools import Extension, setup\n"
        "setup(name='hello', version='1', ext_modules=[Extension('hello', ['hello.c'])])\n"
    )
    env = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    subprocess.run(
        [tmp_path / "venv/bin/python", "-m", "pip", "install", "-q", "."],
        check=True,
        cwd=tmp_path,
        env=env,
    )
    subprocess.run([tmp_path / "venv/bin/python", "-c", "import hello"], check=True, cwd="/")


def test_run_passes_arguments_and_the_mode(cli, version):
    python = cli("which", version).out.strip()
    show = "import sys, os; print(sys.executable, os.environ.get('PYTHON_JIT'), *sys.argv[1:])"
    assert cli("run", version, "--mode", "on", "--", "-c", show, "x").out.split() == [
        python,
        "1",
        "x",
    ]
    assert cli("run", version, "--mode", "off", "--", "python", "-c", show).out.split() == [
        python,
        "0",
    ]
    first = cli("run", version, "--", "sh", "-c", "command -v python").out.strip()
    assert Path(first).resolve() == Path(python).resolve()
    assert cli("run", version, "--", "-c", "raise SystemExit(7)", code=7).code == 7
    assert "PYTHON_JIT_STRESS" in cli("run", version, "--mode", "stress", "--", "-V", code=4).err
    assert "cannot be run" in cli("run", version, "--", "no-such-program", code=2).err


def test_a_second_install_changes_nothing(cli, version):
    before = cli("list", "--json").json()
    cli("install", version, "3.13")
    assert cli("list", "--json").json() == before


def test_an_interpreter_build_is_not_taken_for_a_jit(cli, version):
    cli("install", version, "--jit", "interpreter")
    assert len(cli("list", "--json").json()) == 2
    uops = cli("which", version, "--jit", "interpreter").out.strip()
    assert uops != cli("which", version).out.strip(), "yes-off is preferred"
    verdict = cli("probe", uops, "--json", code=1).json()
    assert verdict["jit"]["built"] == "interpreter"
    assert verdict["jit"]["machine_code_bytes"] == 0
    assert "micro-op" in verdict["reason"]
    assert cli("probe", uops, "--expect", "interpreter", "--json").json()["ok"] is True
    cli("probe", uops, "--expect", "yes", code=1)


@pytest.mark.parametrize(
    ("number", "code", "message"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "")]
)
def test_a_signal_ends_every_child_and_leaves_only_the_log(cli, version, number, code, message):
    before = cli.interpreters()
    logs = len(list((cli.home / "logs").iterdir()))
    process = cli.start("install", version, "--jit", "no")
    process.wait_for_line(": configure ...")
    wait_until_something_runs_below(cli.home)
    process.send_signal(number)
    _, err = process.communicate()
    assert process.returncode == code, err
    assert message in err
    wait_until_nothing_runs_below(cli.home)
    assert cli.leftovers() == before
    assert len(list((cli.home / "logs").iterdir())) == logs + 1


def test_a_disk_that_is_full_at_configure_leaves_nothing(cli, version, tmp_path, small_disk):
    """The disk has room when the install begins."""
    disk = small_disk(1_700_000_000)
    (disk / "home").mkdir()
    filled = Cli(disk / "home", cli.extra)
    process = filled.start("install", version, "--jit", "no")
    process.wait_for_line(": configure ...")
    with contextlib.suppress(OSError), (disk / "filler").open("wb") as filler:
        while True:
            filler.write(b"\0" * 1_000_000)
    _, err = process.communicate()
    assert process.returncode == 20, err
    assert "JITBUILD_HOME" in err
    assert filled.leftovers() == []


def test_uninstall_leaves_nothing(cli, version, built_interpreters):
    """A copy of the interpreters is left for test_snippets_real.py."""
    if not built_interpreters.exists():  # it exists if this test is run again
        shutil.copytree(cli.home / "interpreters", built_interpreters, symlinks=True)
    cli("uninstall", version, code=2)
    cli("uninstall", version, "--jit", "interpreter")
    cli("uninstall", version)
    assert cli.leftovers() == []
    assert "jitbuild install" in cli("which", version, code=18).err

"""`jitbuild run` in the right Python: adopted interpreters beside another, and broken scripts."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cli import Cli

from jitbuild.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(os.name != "posix", reason="the interpreters are Debian's"),
]

MAKEFILE = """\
all:
\t@python3 -c 'import sys; print(sys.executable, sys._jit.is_enabled())'
\t@python -c 'import sys; print(sys.executable, sys._jit.is_enabled())'
\t@pythonSERIES -c 'import sys; print(sys.executable, sys._jit.is_enabled())'
\t@./script
"""
SCRIPT = """\
#!/usr/bin/env python3
import subprocess, sys
print(sys.executable, sys._jit.is_enabled(), flush=True)
subprocess.run(["python3", "-c", "import sys; print(sys.executable, sys._jit.is_enabled())"])
"""


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory, debian_pythons: dict[str, Path]) -> Cli:
    """Return a command line whose store has both interpreters, and PATH another Python."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "bin").mkdir()
    for name in ("python", "python3", "pip"):
        (folder / "bin" / name).write_text("#!/bin/sh\necho another Python\n")
        (folder / "bin" / name).chmod(0o755)
    cli = Cli(folder / "home", {"PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"})
    for python in debian_pythons.values():
        cli("adopt", python)
    return cli


@pytest.mark.parametrize("series", ["3.15", "3.14"])
def test_everything_that_a_command_starts_finds_the_interpreter(
    cli: Cli, debian_pythons: dict[str, Path], tmp_path: Path, series: str
) -> None:
    (tmp_path / "Makefile").write_text(MAKEFILE.replace("SERIES", series))
    (tmp_path / "script").write_text(SCRIPT)
    (tmp_path / "script").chmod(0o755)
    for mode in ("on", "off"):
        out = cli("run", series, "--mode", mode, "--", "make", cwd=tmp_path).out
        assert out == f"{debian_pythons[series]} {mode == 'on'}\n" * 5
    assert "No module named pip" in cli("run", series, "--", "pip", "-V", code=1).err


def test_an_environment_made_through_a_launcher_outlives_the_registration(
    cli: Cli, debian_pythons: dict[str, Path], tmp_path: Path
) -> None:
    """A link would be the `home` of the environment, which would then start nothing."""
    own = Cli(tmp_path / "home", cli.extra)
    own("adopt", debian_pythons["3.15"])
    make = "python3 -m venv --without-pip env"
    own("run", "3.15", "--", "sh", "-c", make, cwd=tmp_path)
    own("uninstall", "3.15")
    assert own("list", "--json").json() == []
    show = "import os, sys; print(sys.base_prefix, os.path.realpath(sys.executable))"
    python = tmp_path / "env/bin/python3"
    out = subprocess.run([python, "-c", show], capture_output=True, text=True, check=True).stdout
    real = debian_pythons["3.15"]
    assert out == f"{real.parents[1]} {real.resolve()}\n"
    assert str(own.home) not in (tmp_path / "env/pyvenv.cfg").read_text()


def test_a_registration_without_launchers_gets_them_from_processes_that_run_at_once(
    cli: Cli, debian_pythons: dict[str, Path], tmp_path: Path
) -> None:
    """Earlier versions of jitbuild wrote none."""
    own = Cli(tmp_path / "home", cli.extra)
    own("adopt", debian_pythons["3.15"])
    (folder,) = own.home.glob("interpreters/*/launchers")
    shutil.rmtree(folder)
    show = "python3 -c 'import sys; print(sys.version_info[:2])'"
    started = [own.start("run", "3.15", "--", "sh", "-c", show) for _ in range(4)]
    assert [process.communicate() for process in started] == [("(3, 15)\n", "")] * 4
    assert len(own("list", "--json").json()) == 1


def test_launchers_follow_an_interpreter_that_was_upgraded_in_place(
    cli: Cli, debian_pythons: dict[str, Path], tmp_path: Path
) -> None:
    own = Cli(tmp_path / "home", cli.extra)
    link = tmp_path / "bin/python3.15"
    link.parent.mkdir()
    link.symlink_to(debian_pythons["3.15"])
    own("adopt", link)
    link.unlink()
    link.symlink_to(debian_pythons["3.14"])
    show = "python3 -V; python -V; python3.14 -V"
    version = own("run", "3.14", "--", "-c", "import platform; print(platform.python_version())")
    assert own("run", "3.14", "--", "sh", "-c", show).out == f"Python {version.out}" * 3
    (folder,) = own.home.glob("interpreters/*/launchers")
    assert not (folder / "python3.15").exists()


def test_a_store_that_must_not_execute_programs_is_an_error(
    cli: Cli, debian_pythons: dict[str, Path], small_disk: Callable[[int], Path]
) -> None:
    disk = small_disk(1 << 20)
    own = Cli(disk / "home", cli.extra)
    own("adopt", debian_pythons["3.15"])
    argv = ["mount", "-o", "remount,noexec", str(disk)]
    if subprocess.run(argv, check=False).returncode:
        pytest.skip("only root may mount without exec")
    result = own("run", "3.15", "--", "make", "--version", code=StoreError.exit_code)
    assert "mounted with `noexec`" in result.err


def test_another_python_is_refused_with_a_mode_and_noted_without(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "tool").write_text(f"#!{sys.executable}\nprint('tool')\n")
    (tmp_path / "tool").chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{cli.extra['PATH']}"
    own = Cli(cli.home, {"PATH": path})
    result = own("run", "3.15", "--mode", "on", "--", "tool", code=2)
    assert f"{tmp_path}/tool is a script of another Python, {sys.executable}" in result.err
    assert "Use `-m tool`, or add `--with tool`." in result.err
    result = own("run", "3.15", "--", "tool")
    assert (result.out, result.err.startswith("note: ")) == ("tool\n", True)
    for command in ("diff", "bench"):
        result = own(command, "3.15", "--", "tool", code=2)
        assert "a script of another Python" in result.err
    result = own("run", "3.15", "--mode", "off", "--", "-I", "-c", "1", code=2)
    assert "With -I, the interpreter ignores PYTHON_JIT" in result.err


def test_a_broken_program_of_an_environment_hides_others_on_path(
    cli: Cli, debian_pythons: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "sometool").write_text("#!/bin/sh\necho wrong\n")
    (tmp_path / "sometool").chmod(0o755)
    own = Cli(tmp_path / "home", {"PATH": f"{tmp_path}{os.pathsep}{cli.extra['PATH']}"})
    own("adopt", debian_pythons["3.15"])
    commands = (("diff", "3.15", "--with", "attrs"), ("bench", "3.15"))
    for command in commands:  # creates the environment
        assert "no such program" in own(*command, "--", "nosuch", code=2).err
    environments = [python.parent for python in own.home.glob("environments/*/bin/python")]
    assert len(environments) == len(commands)
    for folder in environments:
        (folder / "sometool").write_text(f"#!{tmp_path}/gone/bin/python3.15\n")
        (folder / "sometool").chmod(0o755)
    for command in commands:
        err = own(*command, "--", "sometool", code=2).err
        assert f"sometool cannot be run: its first line names {tmp_path}/gone" in err
    for folder in environments:
        (folder / "sometool").chmod(0o644)
    for command in commands:
        assert "no permission to execute it" in own(*command, "--", "sometool", code=2).err

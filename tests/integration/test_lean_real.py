"""What is called often imports little: a fresh Python each time, and a store made by hand."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.integration

MANIFEST = """\
schema = 1
name = "cpython-3.15.2-jit-fast-00000000"
instance = "1"
key = "0000000000000000"
version = "3.15.2"
adopted = false
created = 2026-11-22T12:00:00Z
executable = "bin/python3"

[variant]
jit = "yes-off"
profile = "fast"
tail_call = false
free_threaded = false
configure_args = []
patches = []

[verdict]
ok = true

[verdict.jit]
built = "yes-off"
"""
HEAVY = {"httpx", "nox", "rich", "msgspec", "packaging", "argcomplete", "filelock", "tomli_w"}
# Of the standard library, what costs a `which` more than it does.
SLOW = {"asyncio", "ctypes", "dataclasses", "inspect", "shutil", "socket", "ssl", "subprocess", "urllib.request"}


@pytest.fixture
def home(tmp_path):
    prefix = tmp_path / "home" / "interpreters" / "cpython-3.15.2-jit-fast-00000000"
    (prefix / "bin").mkdir(parents=True)
    (prefix / "bin" / "python3").symlink_to(sys.executable)
    (prefix / "jitbuild.toml").write_text(MANIFEST)
    return tmp_path / "home"


@pytest.fixture
def imported(home, tmp_path):
    """Runs code in a fresh Python; its exit code, its output's first line, and the modules that it has then."""

    def imported(code):
        code = f"import json, sys\nbefore = set(sys.modules)\n{code}\nprint(json.dumps(sorted(set(sys.modules) - before)))"
        env = {name: value for name, value in os.environ.items() if not name.startswith(("JITBUILD_", "COV", "PYTHON"))}
        env |= {"JITBUILD_HOME": str(home), "XDG_CONFIG_HOME": str(tmp_path / "config")}
        done = subprocess.run([sys.executable, "-c", code], env=env, cwd=tmp_path, capture_output=True, text=True, check=True)
        assert done.stderr == ""
        *out, modules = done.stdout.splitlines()
        return out, set(json.loads(modules))

    return imported


def tops(modules):
    return {name.partition(".")[0] for name in modules}


@pytest.mark.parametrize("words", [["which", "3.15"], ["which", "3.15.2", "--jit", "yes-off"], ["list"]])
def test_asking_the_store_imports_nothing_heavy(imported, home, words):
    out, modules = imported(f"from jitbuild.cli import main\nassert main({words!r}) == 0")
    assert str(home / "interpreters" / "cpython-3.15.2-jit-fast-00000000" / "bin" / "python3") in out[0]
    assert not tops(modules) & HEAVY
    assert not modules & SLOW


def test_running_a_command_imports_nothing_heavy(imported):
    _, modules = imported(
        "import os\nfrom jitbuild.cli import main\n"
        "def stop(*_): raise SystemExit\nos.execvpe = stop\n"
        "try: main(['run', '3.15', '--mode', 'on', '--', '-c', 'pass'])\n"
        "except SystemExit: pass\n"
    )
    assert not tops(modules) & HEAVY
    assert "ctypes" not in modules


def test_help_imports_nothing_heavy(imported):
    _, modules = imported("from jitbuild.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass")
    assert not tops(modules) & HEAVY


def test_importing_the_library_imports_nothing_but_it(imported):
    _, modules = imported("import jitbuild\ndir(jitbuild)")
    assert modules == {"jitbuild"}


def test_the_store_can_be_asked_by_the_library_without_what_is_heavy(imported):
    out, modules = imported("import jitbuild\nprint(jitbuild.installed()[0].name)")
    assert out == ["cpython-3.15.2-jit-fast-00000000"]
    assert not tops(modules) & HEAVY


def test_the_api_is_there_after_its_modules_were_imported(imported):
    out, _ = imported(
        "import jitbuild.plans, jitbuild.probes, jitbuild.cli.plan, jitbuild.cli.probe\n"
        "print(callable(jitbuild.plan), callable(jitbuild.probe), jitbuild.plan('3.15.2').version)"
    )
    assert out == ["True True 3.15.2"]

"""What is called often imports little: a fresh Python each time, and a store made by hand."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.integration

NAME = "cpython-3.15.2-jit-fast-00000000"
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
HEAVY = {"httpx", "nox", "rich", "msgspec", "packaging", "argcomplete", "filelock", "tomli_w"} | {
    *("pyperf", "psutil", "matplotlib", "jitbuild.bench"),
}
# Of the standard library, what costs a `which` more than it does.
SLOW = {
    "asyncio",
    "ctypes",
    "dataclasses",
    "inspect",
    "shutil",
    "socket",
    "ssl",
    "subprocess",
    "urllib.request",
}


# What a Python that starts need not have, and what reads the command line and the settings when more is asked.
COSTLY = {"argparse", "contextlib", "enum", "pathlib", "re", "tomllib", "typing"}
STARTS = {
    "subprocess.Popen",
    "os.exec",
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.spawn",
    "os.system",
}


@pytest.fixture
def home(tmp_path):
    for version, name in (("3.15.2", NAME), ("3.16.0", NAME.replace("3.15.2", "3.16.0"))):
        prefix = tmp_path / "home" / "interpreters" / name
        (prefix / "bin").mkdir(parents=True)
        (prefix / "bin" / "python3").symlink_to(sys.executable)
        (prefix / "jitbuild.toml").write_text(MANIFEST.replace("3.15.2", version))
    return tmp_path / "home"


@pytest.fixture
def imported(home, tmp_path):
    """Runs code in a fresh Python; its exit code, its output's first line, and the modules that it has then."""

    def imported(code):
        code = f"import sys\nbefore = set(sys.modules)\n{code}\nprint(*sorted(set(sys.modules) - before))"
        env = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("JITBUILD_", "COV", "PYTHON"))
        }
        env |= {"JITBUILD_HOME": str(home), "XDG_CONFIG_HOME": str(tmp_path / "config")}
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=env,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stderr == ""
        *out, modules = done.stdout.splitlines()
        return out, set(modules.split())

    return imported


def tops(modules):
    """Packages, and those in ours."""
    return {".".join(name.split(".")[:depth]) for name in modules for depth in (1, 2)}


@pytest.mark.parametrize(
    "words", [["which", "3.15"], ["which", "3.15.2", "--jit", "yes-off"], ["list"]]
)
def test_asking_the_store_imports_nothing_heavy(imported, home, words):
    out, modules = imported(f"from jitbuild.cli import main\nassert main({words!r}) == 0")
    assert (
        str(home / "interpreters" / "cpython-3.15.2-jit-fast-00000000" / "bin" / "python3")
        in out[0]
    )
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


@pytest.mark.skipif(os.name != "posix", reason="the short road is POSIX's")
@pytest.mark.parametrize(
    "words",
    [["which", "3.15"], ["which", "3.15.2"], ["run", "3.15", "--", "-c", "print('it ran')"]],
)
def test_the_plainest_form_imports_next_to_nothing(imported, home, words):
    _, modules = imported(
        "import os\ndef stop(*_): raise SystemExit\nos.execvpe = stop\n"
        f"from jitbuild.cli import main\ntry: main({words!r})\nexcept SystemExit: pass"
    )
    ours = {name for name in modules if name.startswith("jitbuild")}
    assert ours <= {"jitbuild", "jitbuild.become", "jitbuild.cli", "jitbuild.cli.brief"}
    # What exec asks of the signals is an enum; the rest is not needed for that either.
    assert not modules & (COSTLY if words[0] == "which" else COSTLY - {"enum"})


WATCHED = """\
import os, sys
seen = []
def watch(event, args):
    if event in STARTS or event == "open" and str(args[0]).startswith(HOME):
        seen.append(event if event in STARTS else os.path.relpath(args[0], HOME))
        if event == "os.exec":
            print(*seen, sep="\\n", flush=True)
sys.addaudithook(watch)
from jitbuild.cli import main
assert main(WORDS) == 0
print(*seen, sep="\\n")
"""


@pytest.fixture
def watched(home, tmp_path):
    """Runs a command in a fresh Python; what it printed, and then the files of the store it opened and the processes it started."""

    def watched(*words):
        code = f"HOME, STARTS, WORDS = {str(home)!r}, {STARTS!r}, {list(words)!r}\n{WATCHED}"
        env = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("JITBUILD_", "COV", "PYTHON"))
        }
        env |= {"JITBUILD_HOME": str(home), "XDG_CONFIG_HOME": str(tmp_path / "config")}
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=env,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.splitlines()

    return watched


@pytest.mark.skipif(os.name != "posix", reason="the short road is POSIX's")
def test_which_reads_one_manifest_and_starts_nothing(watched, home):
    assert watched("which", "3.15") == [
        str(home / "interpreters" / NAME / "bin" / "python3"),
        f"interpreters/{NAME}/jitbuild.toml",
    ]


@pytest.mark.skipif(os.name != "posix", reason="the short road is POSIX's")
def test_run_reads_one_manifest_and_becomes_the_interpreter(watched):
    *before, ran = watched("run", "3.15", "--", "-c", "print('it ran')")
    assert before == [f"interpreters/{NAME}/jitbuild.toml", "os.exec"]
    assert ran == "it ran"


@pytest.mark.parametrize(
    "words", [["which", "3.15", "--jit", "yes-off"], ["list"], ["list", "--json"]]
)
def test_asking_the_store_reads_each_manifest_once_and_starts_nothing(watched, words):
    opened = [line for line in watched(*words) if line.endswith("jitbuild.toml") or line in STARTS]
    assert len(opened) == len(set(opened)) == 2


@pytest.mark.skipif(os.name != "posix", reason="Windows has no exec")
def test_run_in_a_mode_starts_nothing_beside_what_it_becomes(watched):
    seen = watched(
        "run", "3.15", "--mode", "on", "--", "-c", "import os; print(os.environ['PYTHON_JIT'])"
    )
    assert [line for line in seen if line in STARTS] == ["os.exec"]
    assert seen[-1] == "1"


def test_help_imports_nothing_heavy(imported):
    _, modules = imported(
        "from jitbuild.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass"
    )
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
        "import jitbuild.planning, jitbuild.probing, jitbuild.cli.plan, jitbuild.cli.probe\n"
        "print(callable(jitbuild.plan), callable(jitbuild.probe), jitbuild.plan('3.15.2').version)"
    )
    assert out == ["True True 3.15.2"]

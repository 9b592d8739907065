"""Commands that are run often import little: each test starts a fresh Python."""

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
# Packages that only some commands need. msgspec reads manifests, so every command needs it, but
# without typing_extensions, which would import inspect.
HEAVY = {"httpx", "nox", "rich", "packaging", "argcomplete", "filelock", "tomli_w"} | {
    *("platformdirs", "pyperf", "psutil", "typing_extensions", "backports", "compression"),
    *("jitbuild.bench", "jitbuild.planning", "jitbuild.provision", "jitbuild.recipes"),
    *("jitbuild.pins", "jitbuild.recipe_folders", "sigstore"),
}
# Modules of the standard library that take longer to import than `which` takes to run.
SLOW = {
    *("ast", "asyncio", "copy", "ctypes", "dataclasses", "difflib", "hashlib", "inspect", "json"),
    *("random", "shutil", "socket", "ssl", "subprocess", "tempfile", "threading"),
    "urllib.request",
}
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
    add_interpreter(tmp_path / "home", "3.15.2")
    add_interpreter(tmp_path / "home", "3.16.0")
    return tmp_path / "home"


def add_interpreter(home, version):
    prefix = home / "interpreters" / NAME.replace("3.15.2", version)
    (prefix / "bin").mkdir(parents=True)
    (prefix / "bin" / "python3").symlink_to(sys.executable)
    (prefix / "jitbuild.toml").write_text(MANIFEST.replace("3.15.2", version))


def run_code(code, home, tmp_path):
    """Run `code` in a fresh Python with the store `home`, without settings."""
    env = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("JITBUILD_", "COV", "PYTHON"))
    }
    env |= {"JITBUILD_HOME": str(home), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    return subprocess.run(
        [sys.executable, "-c", code],
        env=env,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )


@pytest.fixture
def imported(home, tmp_path):
    """Run code in a fresh Python; return the lines it prints and the modules it imports."""

    def imported(code):
        code = (
            f"import sys\nbefore = set(sys.modules)\n{code}\n"
            "print(*sorted(set(sys.modules) - before))"
        )
        done = run_code(code, home, tmp_path)
        assert done.stderr == ""
        *out, modules = done.stdout.splitlines()
        return out, set(modules.split())

    return imported


def tops(modules):
    """Return the packages of `modules`, and the rooms of jitbuild."""
    return {".".join(name.split(".")[:depth]) for name in modules for depth in (1, 2)}


@pytest.mark.parametrize(
    "words",
    [["which", "3.15"], ["which", "3.15.2", "--jit", "yes-off"], ["which", NAME], ["list"]],
)
def test_reading_the_store_imports_nothing_heavy(imported, home, words):
    out, modules = imported(f"from jitbuild.cli.main import main\nassert main({words!r}) == 0")
    executable = home / "interpreters" / NAME / "bin" / "python3"
    assert out[0].split()[0] == (NAME if words == ["list"] else str(executable))
    assert not tops(modules) & HEAVY
    assert modules & SLOW == set()


def test_choosing_between_interpreters_imports_nothing_heavy(imported, home):
    add_interpreter(home, "3.15.1")
    out, modules = imported(
        "from jitbuild.cli.main import main\nassert main(['which', '3.15']) == 0"
    )
    assert NAME in out[0]
    assert not tops(modules) & HEAVY
    assert modules & SLOW == set()
    assert not modules & {"jitbuild.store.swap", "jitbuild.store.mismatch", "jitbuild.advice"}


def test_the_optional_package_for_signatures_is_imported_only_to_verify_one(imported):
    _, modules = imported(
        "import jitbuild.api, jitbuild.sources.build_attestations, jitbuild.sources.windows_release"
    )
    assert not tops(modules) & {"sigstore", "sigstore_models", "cryptography", "pydantic"}


def test_running_a_command_imports_nothing_heavy(imported):
    _, modules = imported(
        "import os\nfrom jitbuild.cli.main import main\n"
        "def stop(*_): raise SystemExit\nos.execvpe = stop\n"
        "try: main(['run', '3.15', '--mode', 'on', '--', '-c', 'pass'])\n"
        "except SystemExit: pass\n"
    )
    assert not tops(modules) & HEAVY
    assert modules & SLOW <= {"shutil"}  # finds the program on PATH


WATCHED = """\
import os, sys
seen = []
def watch(event, args):
    if event in STARTS or event == "open" and str(args[0]).startswith(HOME):
        seen.append(event if event in STARTS else os.path.relpath(args[0], HOME))
        if event == "os.exec":
            print(*seen, sep="\\n", flush=True)
sys.addaudithook(watch)
from jitbuild.cli.main import main
assert main(WORDS) == 0
print(*seen, sep="\\n")
"""


@pytest.fixture
def watched(home, tmp_path):
    """Run a command in a fresh Python.

    Return the lines it prints, then the files of the store that it opens and the processes that it
    starts.
    """

    def watched(*words):
        code = f"HOME, STARTS, WORDS = {str(home)!r}, {STARTS!r}, {list(words)!r}\n{WATCHED}"
        done = run_code(code, home, tmp_path)
        return done.stdout.splitlines()

    return watched


@pytest.mark.parametrize(
    "words", [["which", "3.15"], ["which", "3.15", "--jit", "yes-off"], ["list", "--json"]]
)
def test_reading_the_store_opens_each_manifest_once_and_starts_nothing(watched, words):
    opened = [line for line in watched(*words) if line.endswith("jitbuild.toml") or line in STARTS]
    assert len(opened) == len(set(opened)) == 2


@pytest.mark.skipif(os.name != "posix", reason="Windows has no exec")
def test_run_starts_nothing_besides_the_program_it_becomes(watched):
    seen = watched(
        "run", "3.15", "--mode", "on", "--", "-c", "import os; print(os.environ['PYTHON_JIT'])"
    )
    assert [line for line in seen if line in STARTS] == ["os.exec"]
    assert seen[-1] == "1"


def test_help_imports_nothing_heavy(imported):
    _, modules = imported(
        "from jitbuild.cli.main import main\ntry: main(['--help'])\nexcept SystemExit: pass"
    )
    assert not tops(modules) & HEAVY


def test_importing_the_library_imports_nothing_but_it(imported):
    _, modules = imported("import jitbuild\ndir(jitbuild)")
    assert modules == {"jitbuild"}


def test_the_library_reads_the_store_without_heavy_imports(imported):
    out, modules = imported("import jitbuild\nprint(jitbuild.installed()[0].name)")
    assert out == ["cpython-3.15.2-jit-fast-00000000"]
    assert not tops(modules) & (HEAVY - {"typing_extensions"})


def test_the_api_is_complete_after_its_modules_are_imported(imported):
    out, _ = imported(
        "import jitbuild.planning, jitbuild.probing, jitbuild.cli.plan, jitbuild.cli.probe\n"
        "print(callable(jitbuild.plan), callable(jitbuild.probe), jitbuild.plan('3.15.2').version)"
    )
    assert out == ["True True 3.15.2"]


@pytest.mark.skipif(sys.platform != "linux", reason="others need platformdirs")
def test_the_default_folders_are_computed_without_platformdirs(imported):
    _, modules = imported(
        "from jitbuild import settings\nfrom jitbuild.store.store import default_root\n"
        "default_root(), settings.user_file()"
    )
    assert "platformdirs" not in modules

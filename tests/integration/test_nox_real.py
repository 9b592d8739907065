"""jitbuild.nox with the oldest and the newest supported nox, on real interpreters."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
import venv
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest
import tomli_w
from cli import Cli

from jitbuild.sessions.coverage_core import settrace_warning
from jitbuild.sessions.shims import SessionInterpreter, write_shim
from jitbuild.store.fingerprint import Fingerprint

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
OLDEST = "2025.2.9"
MODULES_OF_A_NOXFILE = (
    "errors",
    "modes",
    "nox",
    "request",
    "safe_text",
    "sessions",
    "sessions.interpreter_request",
    "sessions.mode_check",
    "sessions.nox_provider",
    "sessions.nox_venv",
    "sessions.noxfile_errors",
    "sessions.missing_policy",
    "sessions.shims",
    "sessions.venv_notes",
    "setting_lists",
    "settings",
    "source_address",
    "system",
    "system.exec_script",
    "system.list_text",
    "system.parsing",
    "system.small_file",
    "system.paths",
    "system.suggestions",
    "system.urls",
    "system.user_folders",
)
NOXFILE = """\
import nox
import jitbuild.nox as jit

@jit.session(pythons=["3.14", "3.15"], modes=["off", "on"])
def tests(session):
    session.install("-e.", "pytest")
    session.run("pytest")
"""
SHOW = """\
import nox
import jitbuild.nox as jit

@jit.session(OPTIONS)
def tests(session):
    code = "import os, sys; print('ran', sys.version_info[:2], os.environ.get('PYTHON_JIT'))"
    session.run("python", "-c", code, silent=False)
"""
TEST = """\
import os, sys, small

def test_small():
    assert small.double(2) == 4
    assert os.environ["PYTHON_JIT"] == str(int(sys._jit.is_enabled()))
    assert not [name for name in os.environ if name.startswith("PYTHON_JIT_")]
"""


@dataclass
class Done:
    code: int
    out: str

    @property
    def outcomes(self) -> dict[str, str]:
        """The result of each session, as nox prints it."""
        return dict(
            re.findall(r"^nox > (?:\* |Session )(\S+?\))(?::| was)? (\w+)", self.out, re.MULTILINE)
        )


@dataclass
class Nox:
    """Run a nox in the folder of a project, with its own store and without the variables of CI."""

    program: list[str]
    folder: Path
    cli: Cli
    path: str = field(default_factory=lambda: os.environ["PATH"])

    def write(self, noxfile: str) -> None:
        (self.folder / "noxfile.py").write_text(noxfile)

    def show(self, options: str) -> None:
        self.write(SHOW.replace("OPTIONS", options))

    def __call__(self, *args: str, code: int = 0, **environ: str) -> Done:
        dropped = ("CI", "NOX", "VIRTUAL_ENV", "COVERAGE")
        env = {name: value for name, value in self.cli.env.items() if not name.startswith(dropped)}
        env |= {"JITBUILD_POLICY": "never", "PATH": self.path, **environ}
        done = subprocess.run(
            [*self.program, *args]
            if self.program[0] == "bash"
            else [*self.program, "--nocolor", *args],
            cwd=self.folder,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=1200,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == code, (
            f"nox {shlex.join(args)} ended with {done.returncode}:\n{done.stdout}"
        )
        return Done(done.returncode, done.stdout)

    def listed(self) -> dict[str, list[str]]:
        out = self("-l", "--json").out
        return {each["session"]: each["tags"] for each in json.loads(out[out.index("[{") :])}


@pytest.fixture(scope="session")
def noxes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Return the newest nox, of this environment, and the oldest, in a venv of its own with uv."""
    folder = tmp_path_factory.mktemp("oldest") / "venv"
    venv.create(folder, with_pip=True)
    argv = [
        str(folder / "bin/python"),
        "-m",
        "pip",
        "install",
        "--quiet",
        f"nox=={OLDEST}",
        "uv",
        "-e",
        str(ROOT),
    ]
    subprocess.run(argv, check=True)
    return {
        "newest": [sys.executable, "-m", "nox"],
        "oldest": [str(folder / "bin/python"), "-m", "nox"],
    }


@pytest.fixture(params=["newest", "oldest"])
def nox(request: pytest.FixtureRequest, tmp_path: Path, noxes: dict[str, list[str]]) -> Nox:
    """Return a nox in a new folder with a small package, and an empty store."""
    folder = tmp_path / "small"
    (folder / "tests").mkdir(parents=True)
    (folder / "pyproject.toml").write_text('[project]\nname = "small"\nversion = "1"\n')
    (folder / "small.py").write_text("def double(number):\n    return 2 * number\n")
    (folder / "tests/test_small.py").write_text(TEST)
    # A Python that would do must not be found by chance.
    path = os.pathsep.join([str(Path(noxes["oldest"][0]).parent), "/usr/bin", "/bin"])
    found = Nox(noxes[request.param], folder, Cli(tmp_path / "home"), path)
    found.write(NOXFILE)
    return found


@pytest.fixture
def adopted(nox: Nox, debian_pythons: dict[str, Path]) -> dict[str, Path]:
    for python in debian_pythons.values():
        nox.cli("adopt", python)
    return debian_pythons


def forge(nox: Nox, series: str, executable: Path, version: str = "") -> None:
    """Make the store return another program as its proven interpreter of `series`.

    If `version` is stated, the interpreter is not adopted, and has this version.
    """
    (manifest,) = nox.cli.home.glob(f"interpreters/cpython-{series}*/jitbuild.toml")
    data = tomllib.loads(manifest.read_text())
    data["fingerprint"] = msgspec.to_builtins(Fingerprint.of(executable))
    data["executable"] = str(executable)
    folder = manifest.parent
    if version:
        data["name"] = data["name"].replace(data["version"], version)
        data |= {"adopted": False, "version": version, "executable": "bin/python3"}
        folder = folder.rename(folder.with_name(data["name"]))
        (folder / "bin").mkdir(exist_ok=True)
        (folder / "bin/python3").unlink(missing_ok=True)
        (folder / "bin/python3").symlink_to(executable)
    (folder / manifest.name).write_text(tomli_w.dumps(data))


NAMES = ["tests(3.14-jit-off)", "tests(3.14-jit-on)", "tests(3.15-jit-off)", "tests(3.15-jit-on)"]


def test_sessions_have_the_right_names_and_modes(nox: Nox, adopted: dict[str, Path]) -> None:
    tags = nox.listed()
    assert [name for name in tags if name.startswith("tests")] == NAMES
    assert tags["tests(3.15-jit-on)"] == ["jit", "jit_on", "py315"]
    done = nox(PYTHON_JIT="1", PYTHON_JIT_STRESS="1")
    assert {name: done.outcomes[name] for name in NAMES} == dict.fromkeys(NAMES, "success"), (
        done.out
    )
    assert done.out.count("1 passed") == 4
    modes = re.findall(
        r"nox > CPython (3\.\d+)\S+ .*; JIT (\w+): a hot loop has (no|\d+)", done.out
    )
    assert [(series, mode, code != "no") for series, mode, code in modes] == [
        ("3.14", "off", False),
        ("3.14", "on", True),
        ("3.15", "off", False),
        ("3.15", "on", True),
    ]
    again = nox("-R")
    assert again.out.count("1 passed") == 4
    assert "Creating virtual environment" not in again.out


@pytest.mark.parametrize(
    ("selection", "ran"),
    [
        (["-t", "jit_on"], ["tests(3.14-jit-on)", "tests(3.15-jit-on)"]),
        (["-k", "jit_on and py315"], ["tests(3.15-jit-on)"]),
        (["-s", "tests(3.15-jit-on)"], ["tests(3.15-jit-on)"]),
        (["-p", "3.15"], ["tests(3.15-jit-off)", "tests(3.15-jit-on)"]),
        (["-s", "tests"], NAMES),
    ],
)
def test_a_selection_provides_only_its_interpreters(
    nox: Nox, adopted: dict[str, Path], selection: list[str], ran: list[str]
) -> None:
    nox.show('pythons=["3.14", "3.15"]')
    if not any("3.14" in name for name in ran):
        nox.cli("uninstall", "3.14")
    done = nox(*selection)
    assert [
        name for name in re.findall(r"Running session (\S+)", done.out) if name.startswith("tests")
    ] == ran
    assert ("jitbuild(3.14)" in done.out) == any("3.14" in name for name in ran)


def test_listing_needs_no_interpreter_no_process_and_no_network(nox: Nox, tmp_path: Path) -> None:
    guard = tmp_path / "guard.py"
    guard.write_text(
        "import sys\n"
        "def audit(event, args):\n"
        "    starts = ('subprocess', 'os.exec', 'os.fork', 'os.posix_spawn', 'os.system')\n"
        "    if event.startswith((*starts, 'socket.connect')):\n"
        "        raise SystemExit(f'{event} {args}')\n"
        "import nox\n"
        "sys.addaudithook(audit)\n"
        "sys.argv = ['nox', '-l', '--nocolor']\n"
        "sys.exit(nox.main() if hasattr(nox, 'main') else __import__('nox._cli')._cli.main())\n"
    )
    nox.program = [nox.program[0], str(guard)]
    out = nox().out
    assert all(name in out for name in NAMES)
    assert not nox.cli.home.exists()
    assert not (nox.folder / ".nox").exists()


def test_a_noxfile_imports_few_modules_of_jitbuild(nox: Nox) -> None:
    show = "import sys, nox, jitbuild.nox as jit; jit.params(pythons=['3.15']); print(*sys.modules)"
    out = subprocess.run(
        [nox.program[0], "-c", show], cwd=nox.folder, capture_output=True, text=True, check=True
    ).stdout.split()
    ours = {name for name in out if name.startswith("jitbuild.")}
    assert ours == {f"jitbuild.{name}" for name in MODULES_OF_A_NOXFILE}
    # msgspec is among the modules: requests are its structs.
    assert not {"httpx", "rich", "tomli_w"} & set(out)


@pytest.mark.parametrize("args", [["-l"], ["--list", "--json"], []])
@pytest.mark.parametrize(
    ("options", "line"),
    [
        ('pythons=["3.15"], modes=["onn"]', "'onn' is not a mode. Did you mean on?"),
        ('pythons=["3.15t"], modes=["on"]', "CPython 3.15t has no JIT"),
        ("pythons=3.15", "pythons: 3.15 is not a string. Write it as '3.15'."),
        ('pythons=["3.15"], mode="on"', "tests: jit.session has no option `mode`."),
    ],
)
def test_a_mistake_in_the_noxfile_is_one_line(
    nox: Nox, options: str, line: str, args: list[str]
) -> None:
    nox.show(options)
    (printed,) = nox(*args, code=1).out.splitlines()
    assert printed.startswith(f"nox > noxfile.py, line 4: {line}")


def test_an_invalid_project_file_is_one_line(nox: Nox) -> None:
    (nox.folder / "pyproject.toml").write_text("[tool.jitbuild]\npythons = 3.15\n")
    nox.show("")
    (printed,) = nox("-l", code=1).out.splitlines()
    assert "`pythons` must be a non-empty list of strings" in printed


def test_a_python_that_no_recipe_knows_ends_its_session_with_one_line(nox: Nox) -> None:
    nox.show('pythons=["3.99"], modes=["off"]')
    done = nox(code=1, JITBUILD_POLICY="install")
    assert "Session jitbuild(3.99) aborted: No recipe has a release for 3.99." in done.out
    assert "Traceback" not in done.out


@pytest.mark.parametrize(
    ("flags", "reason"),
    [(["--no-venv"], "the venv backend none"), (["--force-python", "3.11"], "use -p")],
)
def test_sessions_outside_a_venv_of_their_interpreter_fail(
    nox: Nox, adopted: dict[str, Path], flags: list[str], reason: str
) -> None:
    nox.show('pythons=["3.15"]')
    done = subprocess.run(
        [*nox.program, *flags],
        cwd=nox.folder,
        env={**nox.cli.env, "JITBUILD_POLICY": "never"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode > 0
    assert reason in done.stdout + done.stderr
    assert "ran (" not in done.stdout


def test_another_interpreter_without_the_jit_fails_the_check(
    nox: Nox, adopted: dict[str, Path]
) -> None:
    nox.show('pythons=["3.15"]')
    forge(nox, "3.15", Path(sys.executable).resolve(), version="3.15.3")
    done = nox(code=1)
    assert {done.outcomes["tests(3.15-jit-off)"], done.outcomes["tests(3.15-jit-on)"]} == {
        "aborted"
    }
    assert "ran (" not in done.out
    forge(
        nox,
        "3.15",
        Path(sys.executable).resolve(),
        version=".".join(map(str, sys.version_info[:3])),
    )
    nox.show(f'pythons=["3.{sys.version_info[1]}"]')
    assert "The JIT was not compiled in" in nox(code=1).out


@pytest.mark.parametrize(("forced", "broken"), [("0", "on"), ("1", "off")])
def test_a_wrapper_that_forces_the_jit_fails_the_check(
    nox: Nox, adopted: dict[str, Path], forced: str, broken: str
) -> None:
    nox.show('pythons=["3.15"]')
    nox()
    for program in nox.folder.glob(".nox/tests-*/bin/python"):
        program.unlink()
        program.write_text(f'#!/bin/sh\nPYTHON_JIT={forced} exec {program.parent}/python3 "$@"\n')
        program.chmod(0o755)
    for program in nox.folder.glob(".nox/tests-*/bin/python3"):
        program.unlink()
        program.symlink_to(adopted["3.15"])
    done = nox("-R", code=1)
    (fine,) = {"off", "on"} - {broken}
    assert done.outcomes[f"tests(3.15-jit-{broken})"] == "aborted"
    assert done.outcomes[f"tests(3.15-jit-{fine})"] == "success"
    assert f"The mode {broken} has no effect" in done.out


@pytest.mark.parametrize("backend", ["virtualenv", "uv"])
def test_a_reused_venv_of_another_interpreter_is_created_again(
    nox: Nox, debian_pythons: dict[str, Path], tmp_path: Path, backend: str
) -> None:
    nox.show(f'pythons=[">=3.14"], modes=["on"], venv_backend="{backend}"')
    link = tmp_path / "bin/python3"
    link.parent.mkdir()
    link.symlink_to(debian_pythons["3.15"])
    nox.cli("adopt", link)
    assert "ran (3, 15) 1" in nox("-R").out
    same = nox("-R").out
    assert ("ran (3, 15) 1" in same, "creating it again" in same) == (True, False)
    nox.cli("adopt", link)  # the same path, another instance
    assert "creating it again" in nox("--reuse-venv=always").out
    link.unlink()
    link.symlink_to(debian_pythons["3.14"])
    other = nox("-R").out
    assert ("ran (3, 14) 1" in other, "creating it again" in other) == (True, True)
    nox.cli("uninstall", "3.14")
    nox.cli("adopt", debian_pythons["3.15"])
    assert "ran (3, 15) 1" in nox("-R", NOX_ENABLE_STALENESS_CHECK="1").out


def test_a_venv_that_is_created_again_gets_its_packages_with_reuse(
    nox: Nox, adopted: dict[str, Path]
) -> None:
    nox("-s", "tests(3.15-jit-on)")
    nox.cli("adopt", adopted["3.15"])
    out = nox("-R", "-s", "tests(3.15-jit-on)").out
    assert ("creating it again" in out, "1 passed" in out) == (True, True)


@pytest.mark.parametrize("backend", ["virtualenv", "venv", "uv"])
def test_each_venv_backend_works(nox: Nox, adopted: dict[str, Path], backend: str) -> None:
    bare = (
        ', venv_params=["--without-pip"]' if backend == "venv" else ""
    )  # Debian keeps ensurepip in a package of its own
    nox.show(f'pythons=["3.15"], venv_backend="{backend}"{bare}')
    done = nox()
    assert f"Creating virtual environment ({backend})" in done.out
    assert re.findall(r"ran \(3, 15\) (\d)", done.out) == ["0", "1"]
    for config in nox.folder.glob(".nox/tests-*/pyvenv.cfg"):
        assert str(adopted["3.15"].parent) in config.read_text()


def test_each_policy_for_missing_interpreters(nox: Nox, debian_pythons: dict[str, Path]) -> None:
    nox.show('pythons=["3.15"], modes=["on"]')
    never = nox(code=1)
    assert "jitbuild install 3.15" in never.out
    assert never.outcomes == {"jitbuild(3.15)": "aborted", "tests(3.15-jit-on)": "aborted"}
    nowhere = nox(code=1, JITBUILD_POLICY="adopt")
    assert "No Python on PATH fits 3.15" in nowhere.out
    nox.path += os.pathsep + str(debian_pythons["3.15"].parent)
    assert "ran (3, 15) 1" in nox(JITBUILD_POLICY="adopt").out
    assert [each["executable"] for each in nox.cli("list", "--json").json()] == [
        str(debian_pythons["3.15"])
    ]
    assert "'sometimes' is not a policy" in nox(code=1, JITBUILD_POLICY="sometimes").out


def test_an_interpreter_without_the_jit_is_used_only_if_requested(nox: Nox) -> None:
    series = f"3.{sys.version_info[1]}"
    nox.cli("adopt", Path(sys.executable).resolve(), "--expect", "no")
    nox.cli("which", series)
    nox.show(f'pythons=["{series}"]')
    assert f"No interpreter in the store fits {series}." in nox(code=1).out
    nox.show(f'pythons=["{series}"], modes=["off"], jit="no"')
    assert "success" in nox().out


def test_sessions_with_a_missing_interpreter_fail_and_are_never_skipped(
    nox: Nox, noxes: dict[str, list[str]]
) -> None:
    nox.show('pythons=["3.15"]')
    for more in ({}, {"CI": "true"}):
        assert "skipped" not in nox(code=1, **more).out
    assert "skipped" not in nox("--no-error-on-missing-interpreters", code=1).out
    assert "skipped" not in nox("--error-on-missing-interpreters", code=1).out
    if nox.program == noxes["newest"]:  # the oldest has no such flag
        alone = ("--no-dependencies", "-s", "tests(3.15-jit-on)")
        assert "skipped" not in nox(*alone, code=1).out
        shim = nox.folder / ".nox/.jitbuild/3.15/python"
        write_shim(
            shim, SessionInterpreter("gone", "3.15.2", str(nox.folder / "gone"), "1", "yes-off")
        )
        assert "skipped" not in nox(*alone, code=1).out


def test_sessions_run_in_parallel(
    nox: Nox, adopted: dict[str, Path], noxes: dict[str, list[str]]
) -> None:
    if nox.program != noxes["newest"]:
        pytest.skip("this nox knows no --parallel")
    nox.show('pythons=["3.14", "3.15"]')
    out = nox("--parallel", "2", "--allow-parallel").out
    assert sorted(re.findall(r"ran \(3, (\d+)\) (\d)", out)) == [
        ("14", "0"),
        ("14", "1"),
        ("15", "0"),
        ("15", "1"),
    ]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ('pythons=["3.15"], modes=["of"]', "'of' is not a mode"),
        ('pythons=["3.13"], modes=["stress"]', "PYTHON_JIT_STRESS"),
        ('pythons=["3.15t"], modes=["on"]', "has no JIT"),
        ('pythons=["three"]', "'three' is not a Python"),
        ("", "No Pythons are named"),
        ('pythons=["3.15"], policy="always"', "'always' is not a policy"),
        ('pythons=["3.15"], python="3.15"', "jit.session itself sets `python`"),
    ],
)
def test_invalid_arguments_are_refused_when_the_noxfile_is_read(
    nox: Nox, options: str, reason: str
) -> None:
    nox.show(options)
    assert reason in nox("-l", code=1).out


def test_an_unknown_version_fails_with_its_name(nox: Nox) -> None:
    nox.show('pythons=["3.15.99"]')
    assert "3.15.99" in nox(code=1, JITBUILD_POLICY="install").out


def test_versions_come_from_pyproject(nox: Nox, adopted: dict[str, Path]) -> None:
    with (nox.folder / "pyproject.toml").open("a") as file:
        file.write('[tool.jitbuild]\npythons = ["3.15"]\nmodes = ["off", "stress"]\n')
    nox.show("")
    assert re.findall(r"ran \(3, 15\) (\d)", nox().out) == ["0", "1"]
    assert [name for name in nox.listed() if name.startswith("tests")] == [
        "tests(3.15-jit-off)",
        "tests(3.15-jit-stress)",
    ]


def test_coverage_that_keeps_code_out_of_the_jit_is_warned_about_once(
    nox: Nox, adopted: dict[str, Path]
) -> None:
    nox.write(
        "import jitbuild.nox as jit\n"
        '@jit.session(pythons=["3.14", "3.15"], modes=["on"])\n'
        "def tests(session):\n"
        '    session.install("coverage")\n'
        '    session.run("coverage", "run", "small.py")\n'
    )
    assert nox(COVERAGE_CORE="ctrace").out.count("sys.settrace") == 1
    assert nox("-R", COVERAGE_CORE="sysmon").out.count("sys.settrace") == 0


def test_the_core_that_coverage_refuses_is_not_recommended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".coveragerc").write_text("[run]\ndynamic_context = test_function\n")
    environ = {**os.environ, "COVERAGE_CORE": "sysmon"}
    warning = settrace_warning(Path(sys.prefix), Path(sys.executable), environ)
    assert "Its core sysmon cannot be used with this configuration: " in warning


@pytest.mark.xdist_group("builds")
def test_a_missing_interpreter_is_built_by_its_provider_session(
    tmp_path: Path, noxes: dict[str, list[str]], cpython_archive: Path
) -> None:
    version = re.fullmatch(r"Python-(.*)\.tar\.xz", cpython_archive.name)[1]
    nox = Nox(
        noxes["newest"],
        tmp_path,
        Cli(tmp_path / "home", {"JITBUILD_MIRROR": str(cpython_archive.parent)}),
    )
    nox.show(f'pythons=["{version}"], modes=["off", "on"], venv_backend="venv"')
    done = nox(JITBUILD_POLICY="install")
    assert done.outcomes[f"jitbuild({version})"] == "success"
    seen = re.findall(r"JIT (\w+): a hot loop has (no|\d+)", done.out)
    assert [(mode, code != "no") for mode, code in seen] == [("off", False), ("on", True)]
    assert re.findall(r"ran \(3, 13\) (\d)", done.out) == ["0", "1"]
    assert "is already in the store" in nox("-R", JITBUILD_POLICY="install").out

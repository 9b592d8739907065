"""`jitbuild diff` on real interpreters: seeded differences are reported, and no process is left."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
from cli import Cli
from processes import wait_until_ended

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(os.name != "posix", reason="the interpreters are Debian's"),
]

DOCS = Path(__file__).parents[2] / "docs" / "diff.md"
SEEDED = """\
import ctypes, pathlib, sys

def test_plain():
    pass

def test_differs():
    assert not sys._jit.is_enabled()

def test_flaky():
    count = pathlib.Path("count")
    number = int(count.read_text()) if count.exists() else 0
    count.write_text(str(number + 1))
    assert number % 4 < 2
"""
CRASHES = """\
import ctypes, sys

def test_fine():
    pass

def test_crashes():
    if sys._jit.is_enabled():
        ctypes.string_at(0)
"""


PROJECT = """\
[project]
name = "hotpkg"
version = "1"
[project.optional-dependencies]
docs = []
test = ["pytest"]
[dependency-groups]
testing = [{include-group = "test-core"}]
test-core = ["pytest"]
[tool.pytest.ini_options]
pythonpath = ["src"]
"""
HOTPKG = """\
def total(count):
    found = 0
    for number in range(count):
        found += number
    return found

def double(number):
    return 2 * number
"""
HOT_TESTS = """\
import ctypes, sys, time
import hotpkg
import pytest

def test_total():
    assert hotpkg.total(20_000) == 199_990_000

@pytest.mark.parametrize("number", [1, 2])
def test_crashes(number):
    if sys._jit.is_enabled() and number == 2:
        ctypes.string_at(0)

def test_hangs():
    if sys._jit.is_enabled():
        time.sleep(600)

def test_differs():
    assert not sys._jit.is_enabled()

def test_double():
    assert hotpkg.double(2) == 4
"""


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory, debian_pythons: dict[str, Path]) -> Cli:
    """Return a command line whose store has both interpreters; all tests share its environments."""
    cli = Cli(tmp_path_factory.mktemp("diff") / "home")
    for python in debian_pythons.values():
        cli("adopt", python)
    return cli


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_seeded.py").write_text(SEEDED)
    (tmp_path / "tests" / "test_crash.py").write_text(CRASHES)
    return tmp_path


def by_subject(entries: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {entry["subject"]: entry for entry in entries}


def test_a_difference_and_a_flaky_test_are_distinguished(cli: Cli, project: Path) -> None:
    report = cli(
        "diff",
        "3.15",
        "--with",
        "pytest",
        "--json",
        "--",
        "pytest",
        "tests/test_seeded.py",
        code=1,
        cwd=project,
    ).json()
    (difference,) = report["differences"]
    assert (difference["subject"], difference["kind"], difference["modes"]) == (
        "tests/test_seeded.py::test_differs",
        "test",
        ["on"],
    )
    assert difference["outcomes"] == {"off": ["passed"] * 3, "on": ["failed"] * 3}
    assert list(by_subject(report["flaky"])) == ["tests/test_seeded.py::test_flaky"]
    assert report["jit"]["proven"]
    repeated = cli(*shlex.split(difference["repeat"])[1:], code=1, cwd=project)
    assert "1 failed" in repeated.out


def test_flaky_alone_is_no_difference(cli: Cli, project: Path) -> None:
    words = ["--with", "pytest", "--", "-m", "pytest", "tests/test_seeded.py", "-k", "flaky"]
    result = cli("diff", "3.15", *words, cwd=project)
    assert "Flaky: differs between repeats of one mode (1)" in result.out
    assert result.out.endswith(
        "No differences with the JIT. 1 subject is flaky, which does not count as a difference.\n"
    )


def test_a_crash_has_its_trace_its_log_and_the_command_that_repeats_it(
    cli: Cli, project: Path
) -> None:
    words = [
        "--modes",
        "off,on,stress",
        "--repeat",
        2,
        "--with",
        "pytest",
        "--keep",
        "logs",
        "--json",
        "--",
        "python",
        "-m",
        "pytest",
    ]
    summary = project / "summary.md"
    in_actions = Cli(cli.home, {"GITHUB_STEP_SUMMARY": str(summary)})
    report = in_actions("diff", "3.15", *words, "tests/test_crash.py", code=1, cwd=project).json()
    (difference,) = report["differences"]
    assert (difference["subject"], difference["kind"], difference["modes"]) == (
        "tests/test_crash.py::test_crashes",
        "crash",
        ["on", "stress"],
    )
    assert difference["outcomes"] == {
        "off": ["passed"] * 2,
        "on": ["SIGSEGV"] * 2,
        "stress": ["SIGSEGV"] * 2,
    }
    assert difference["detail"][0] == "Fatal Python error: Segmentation fault"
    assert difference["detail"][-1].endswith("in test_crashes")
    assert "Segmentation fault" in (project / difference["log"]).read_text()
    assert sorted(path.name for path in (project / "logs").iterdir())[:2] == [
        "off-1.log",
        "off-2.log",
    ]
    assert (
        cli(*shlex.split(difference["repeat"])[1:], code=None, cwd=project).code == -signal.SIGSEGV
    )
    assert "crash in tests/test_crash.py::test_crashes" in summary.read_text(encoding="utf-8")


@pytest.fixture
def hotpkg(tmp_path: Path) -> Path:
    """Return the folder of a project with a package, whose suite crashes with the JIT on."""
    (tmp_path / "src" / "hotpkg").mkdir(parents=True)
    (tmp_path / "tests").mkdir()
    (tmp_path / "src" / "hotpkg" / "__init__.py").write_text(HOTPKG)
    (tmp_path / "tests" / "test_hot.py").write_text(HOT_TESTS)
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    return tmp_path


def test_a_crash_and_a_test_that_hangs_do_not_hide_a_difference(cli: Cli, hotpkg: Path) -> None:
    words = ["--group", "Testing", "--timeout", 10, "--repeat", 1, "--json"]
    arguments = ["pytest", "--junit-xml=mine.xml"]
    report = cli("diff", "3.15", *words, "--", *arguments, code=1, cwd=hotpkg).json()
    found = {
        name: (entry["kind"], entry["outcomes"])
        for name, entry in by_subject(report["differences"]).items()
    }
    assert found == {
        "tests/test_hot.py::test_crashes[2]": ("crash", {"off": ["passed"], "on": ["SIGSEGV"]}),
        "tests/test_hot.py::test_hangs": ("test", {"off": ["passed"], "on": ["timed out"]}),
        "tests/test_hot.py::test_differs": ("test", {"off": ["passed"], "on": ["failed"]}),
    }
    off, on = report["runs"]
    assert on["tests"] == {"SIGSEGV": 1, "failed": 1, "passed": 3, "timed out": 1}
    assert on["interrupted"] == [
        "tests/test_hot.py::test_crashes[2]",
        "tests/test_hot.py::test_hangs",
    ]
    assert (on["not_run"], off["tests"]) == ([], {"passed": 6})
    assert report["packages"]["on"]["hotpkg"]["compiled"] == 1
    assert report["packages"]["on"]["hotpkg"]["code_objects"] == 2
    assert report["packages"]["off"]["hotpkg"]["compiled"] == 0
    assert report["package_not_compiled"] is None
    assert "testcase" in (hotpkg / "mine.xml").read_text(encoding="utf-8")


def test_machine_code_of_pytest_alone_is_not_that_of_the_package(cli: Cli, hotpkg: Path) -> None:
    words = ["--group", "testing", "--repeat", 1, "--", "pytest", "-k", "double"]
    result = cli("diff", "3.15", *words, cwd=hotpkg)
    assert "of your package hotpkg, 0 of 2 functions got machine code" in result.out
    assert "No function of your package hotpkg got machine code" in result.out.splitlines()[-1]
    assert "No differences" not in result.out


def test_the_workers_of_xdist_are_measured(cli: Cli, hotpkg: Path) -> None:
    words = ["--with", "pytest,pytest-xdist", "--repeat", 1, "--json", "--"]
    command = ["pytest", "-n2", "-k", "total or double or differs"]
    report = cli("diff", "3.15", *words, *command, code=1, cwd=hotpkg).json()
    assert list(by_subject(report["differences"])) == ["tests/test_hot.py::test_differs"]
    assert report["packages"]["on"]["hotpkg"]["compiled"] == 1


@pytest.mark.parametrize(
    ("text", "words", "line", "remedy"),
    [
        ("import wordy", [], "No module named 'wordy'", "--with wordy"),
        ("import hotpkg", ["-n2"], "unrecognized arguments: -n2", "--with pytest-xdist"),
        ("", [], "no tests ran", "Correct the command"),
        (
            "import pytest\n@pytest.mark.skip(reason='why')\ndef test_x(): pass",
            [],
            "The only test was skipped: Skipped: why",
            "not skipped",
        ),
        ("import pytest\ndef test_x(): pytest.exit('no database')", [], "no database", ""),
    ],
)
def test_a_suite_that_never_ran_is_an_error(
    cli: Cli, hotpkg: Path, text: str, words: list[str], line: str, remedy: str
) -> None:
    (hotpkg / "tests" / "test_hot.py").write_text(text)
    command = ["--group", "testing", "--", "pytest", *words]
    result = cli("diff", "3.15", *command, code=22, cwd=hotpkg)
    assert line in result.err
    assert remedy in result.err
    log = Path(result.err.rpartition("The log: ")[2].strip())
    assert log.is_file()


def test_a_unittest_that_imports_nothing_is_an_error(cli: Cli, hotpkg: Path) -> None:
    (hotpkg / "tests" / "test_hot.py").write_text("import wordy")
    result = cli("diff", "3.15", "--", "-m", "unittest", "discover", "tests", code=22, cwd=hotpkg)
    assert "unittest ran no test in any mode (exit 1)" in result.err
    assert "No module named 'wordy'" in result.err


def test_a_file_on_stdin_is_passed_to_each_run(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("1\n")
    code = "import sys; sys.exit(int(sys.stdin.read() or 5))"
    with (tmp_path / "data").open() as stdin:
        same = cli("diff", "3.15", "--repeat", 1, "--", "-c", code, stdin=stdin)
    assert "failed in every run: exit 1." in same.out


def test_a_command_other_than_pytest_is_compared_by_its_exit_code(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "same.py").write_text("import sys; sys.exit(3)")
    same = cli("diff", "3.15", "--", "same.py", cwd=tmp_path)
    assert "failed in every run: exit 3." in same.out
    other = cli(
        "diff",
        "3.15",
        "--repeat",
        2,
        "--",
        "-c",
        "import sys; sys.exit(sys._jit.is_enabled())",
        code=1,
    )
    assert "off: exit 0; on: exit 1" in other.out
    assert (
        "off: exit 0; on: exit 1"
        in cli("diff", "3.14", "--repeat", 1, "--", *shell_command(), code=1).out
    )


def shell_command() -> list[str]:
    return ["sh", "-c", "python3.14 -c 'import sys; sys.exit(sys._jit.is_enabled())'"]


@pytest.mark.parametrize("when", ["True", "sys._jit.is_enabled()"])
def test_a_run_that_times_out_is_ended_with_its_child_processes(
    cli: Cli, tmp_path: Path, when: str
) -> None:
    (tmp_path / "hangs.py").write_text(
        "import subprocess, sys, time\n"
        f"if {when}:\n"
        "    child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "    print(child.pid, file=open('pids', 'a'))\n"
        "    time.sleep(600)\n"
    )
    pids, expected = tmp_path / "pids", 22 if when == "True" else 1
    for seconds in (2, 8, 32):  # on a busy machine, a program may need seconds to start
        words = ["diff", "3.15", "--timeout", seconds, "--repeat", 1, "--", "hangs.py"]
        result = cli(*words, code=None, cwd=tmp_path)
        if result.code == expected and pids.exists():
            break
    assert result.code == expected, result.err
    assert (
        (f"did not end within {seconds} seconds" in result.err)
        if expected == 22
        else ("on: timed out" in result.out)
    )
    wait_until_ended(*map(int, pids.read_text().split()))


def test_processes_that_a_run_leaves_behind_are_ended(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "leaves.py").write_text(
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(child.pid, file=open('pids', 'a'))\n"
    )
    cli("diff", "3.15", "--repeat", 1, "--", "leaves.py", cwd=tmp_path)
    wait_until_ended(*map(int, (tmp_path / "pids").read_text().split()))


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["3.15", "--", "no-such-program"], 2, "no-such-program cannot be run"),
        (["3.15"], 2, "There is no command"),
        (["3.15", "--modes", "off,stres", "--", "x.py"], 2, "Did you mean stress?"),
        (["3.15", "--", "-I", "x.py"], 2, "ignores PYTHON_JIT"),
        (["3.15", "--", "-m", "pytest"], 22, "--with pytest"),
        (["3.15", "--requirements", "none.txt", "--", "x.py"], 2, "none.txt cannot be read"),
        (["3.15", "--with", "./no-such-folder", "--", "x.py"], 15, "pip failed with exit code 1"),
        (["3.15", "--with", ".[tset]", "--", "x.py"], 2, "Its extras are: docs, test."),
        (["3.15", "--group", "tset", "--", "x.py"], 2, "Its groups are: testing, test-core."),
        (["3.14", "--modes", "off,stress", "--", "x.py"], 4, "which came with 3.15"),
        (["3.13", "--", "x.py"], 18, "jitbuild install 3.13"),
    ],
)
def test_invalid_requests_are_refused_before_anything_is_compared(
    cli: Cli, tmp_path: Path, words: list[str], code: int, message: str
) -> None:
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    result = cli("diff", *words, code=code, cwd=tmp_path)
    assert message in result.err
    assert result.out == ""


def test_a_pytest_of_another_python_is_refused(cli: Cli, tmp_path: Path) -> None:
    script = tmp_path / "bin" / "pytest"
    script.parent.mkdir()
    script.write_text("#!/usr/bin/python3.11\n")
    script.chmod(0o755)
    elsewhere = Cli(cli.home, {"PATH": f"{script.parent}:/usr/bin:/bin"})
    assert "--with pytest" in elsewhere("diff", "3.15", "--", "pytest", code=2).err


def test_the_commands_of_the_docs_run(cli: Cli, project: Path) -> None:
    """Run each command as it is printed."""
    (project / "tests" / "test_crash.py").unlink()
    (project / "tests" / "test_seeded.py").write_text(
        "import bench\n\ndef test_loop():\n    bench.loop()\n"
    )
    (project / "tests" / "requirements.txt").write_text("pytest\n")
    (project / "bench.py").write_text(
        "def loop():\n    for number in range(50_000):\n        number += 1\n\nloop()\n"
    )
    (project / "pyproject.toml").write_text(
        '[project]\nname = "here"\nversion = "1"\n[tool.setuptools]\npy-modules = ["bench"]\n'
        '[dependency-groups]\ntesting = ["pytest"]\n'
        '[tool.pytest.ini_options]\npythonpath = ["."]\n'
    )
    commands = re.findall(
        r"^(?:\$|- run:) jitbuild (diff .*)$", DOCS.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert len(commands) == 5
    for command in commands:
        assert "No differences with the JIT." in cli(*shlex.split(command), cwd=project).out


def test_a_part_of_a_real_suite(cli: Cli, debian_pythons: dict[str, Path], tmp_path: Path) -> None:
    """Run one test file of attrs, from its sdist, since the whole suite takes minutes."""
    fetch = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "-q",
        "--no-deps",
        "--no-binary=:all:",
        "attrs==26.1.0",
        "--dest",
        str(tmp_path),
    ]
    done = subprocess.run(fetch, capture_output=True, text=True, check=False)
    archives = list(tmp_path.glob("attrs-*.tar.gz"))
    if not archives:
        pytest.skip(f"the sdist cannot be downloaded: {done.stderr[-200:]}")
    with tarfile.open(archives[0]) as archive:
        archive.extractall(tmp_path, filter="data")
    (folder,) = (path for path in tmp_path.iterdir() if path.is_dir())
    packages = [word for name in (".", "pytest", "hypothesis") for word in ("--with", name)]
    words = [
        "--modes",
        "off,on,stress",
        "--repeat",
        1,
        "--json",
        *packages,
        "--",
        "pytest",
        "tests/test_make.py",
    ]
    report = cli("diff", "3.15", *words, code=None, cwd=folder).json()
    assert [run["tests"]["passed"] > 100 for run in report["runs"]] == [True] * 3

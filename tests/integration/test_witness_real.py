"""Commands that try to escape from the interpreter or the mode, on real interpreters.

Each has its testimony, its verdict and its exit code. The other Python is the one that runs the
tests.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipapp
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cli import Cli

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(os.name != "posix", reason="the interpreters are Debian's"),
]

OTHER = Path(sys.executable).resolve()
HOT = "x = 1.0\nfor number in range(50_000):\n    x = x * 1.0000001\n"
# At the end of a script, CPython changes its globals, on which the executors of this loop depend.
BUILTIN = """\
def work():
    total = 0
    for number in range(50_000):
        total += abs(number) & 7
    return total

work()
"""
SHELL = "#!/bin/sh\n"
POOL = f"""\
import multiprocessing, sys

def work(number=0):
{"".join(f"    {line}" + chr(10) for line in HOT.splitlines())}

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    process = context.Process(target=work)
    process.start()
    process.join()
"""
KILLED = """\
import os, signal, subprocess, sys

if len(sys.argv) > 1:
    os.kill(os.getpid(), signal.SIGKILL)
subprocess.run([sys.executable, __file__, "kill"])
"""
FILES = {
    "hot.py": HOT,
    "short.py": "print(1)\n",
    "pool.py": POOL,
    "killed.py": KILLED,
    "function.py": POOL.replace("context =", "work()\n    sys.exit()\n    context ="),
    "thread.py": "import sys, threading, pool\nthread = threading.Thread(target=pool.work)\n"
    "thread.start()\nthread.join()\n",
    "traced.py": "import sys\nsys.settrace(lambda *_: None)\nimport hot\nsys.settrace(None)\n",
    "empty.py": "import subprocess, sys\nsubprocess.run([sys.executable, 'hot.py'], env={})\n"
    "import hot\n",
    "isolated.py": "import subprocess, sys, hot\n"
    "subprocess.run([sys.executable, '-I', '-c', 'print(1)'])\n",
    "options.py": "import subprocess, sys, hot\n"
    "subprocess.run([sys.executable, '-X', 'utf8', '-I', '-c', 'print(1)'])\n",
    "builtin.py": BUILTIN,
    "frozen.py": f"{HOT}import gc\ngc.freeze()\n",
    "monitored.py": f"{HOT}import sys\nmonitoring = sys.monitoring\n"
    "monitoring.use_tool_id(2, 'x')\n"
    "monitoring.set_events(2, monitoring.events.LINE)\nmonitoring.set_events(2, 0)\n",
    "pickled.py": "import hot, os, pickle\n"
    "assert pickle.loads(pickle.dumps(os._exit)) is os._exit\n",
    "forks.py": "import os, pool\n"
    "if os.fork() == 0:\n    pool.work()\n    os._exit(0)\nos.wait()\n",
    "execs.py": "import os, sys\nos.execv(sys.executable, [sys.executable, 'hot.py'])\n",
    "crashes.py": "import ctypes, os, hot\nif os.environ['PYTHON_JIT'] == '1':\n"
    "    ctypes.string_at(0)\n",
    "sitecustomize.py": "print('the sitecustomize of the user')\n",
    "Makefile": "own:\n\tpython3 hot.py\nother:\n\t{other} hot.py\nboth: own other\n",
    "noxfile.py": "import nox\n\n"
    "@nox.session(venv_backend='none')\ndef own(session):\n"
    "    session.run('python', 'hot.py')\n\n@nox.session\ndef other(session):\n"
    "    session.run('python', 'hot.py')\n",
    "tox.ini": "[tox]\nskipsdist = true\n[testenv]\nskip_install = true\n"
    "commands = python {{toxinidir}}/hot.py\n[testenv:own]\nbase_python = {own}\n"
    "pass_env = PYTHON_JIT*, PYTHONPATH\n",
}
SCRIPTS = {
    "env-other": "#!/usr/bin/env python3.77\nimport hot\n",
    "isolated": "#!{own} -I\nprint(1)\n",
    "clears": SHELL + "exec env -i {own} hot.py\n",
    "runs-own": SHELL + "python hot.py\n",
    "shim": SHELL + 'pyenv exec "$@"\n',
    "pyenv": SHELL + 'shift\nexec {other} "$@"\n',
    "asdf-shim": SHELL + '# asdf-plugin: python 3.11\nexec asdf exec python "$@"\n',
    "asdf": SHELL + 'shift 2\nexec {other} "$@"\n',
    "python3.77": SHELL + 'exec {other} "$@"\n',
}


@dataclass
class Row:
    """A command, its exit code in diff, and texts in its output."""

    command: Sequence[str]
    code: int
    texts: Sequence[str]

    @property
    def title(self) -> str:
        return " ".join(self.command)


OWN = "mode on: 1 process of {version}, JIT on; machine code in 1"
NONE = "ran no process of Python {version}"
NOTHING = "No machine code was left at the end, so this may say nothing about the JIT"
OTHER_RAN = ("{other_version} (", NONE)
TABLE = [
    # The right interpreter, in the right mode.
    Row(["hot.py"], 0, [OWN, "mode off: 1 process of {version}, JIT off", "No differences with"]),
    Row(["-m", "hot"], 0, [OWN, "No differences with the JIT."]),
    Row(["-c", HOT], 0, [OWN]),
    Row(["-c", "import hot"], 0, [OWN]),
    Row(["function.py", "fork"], 0, [OWN]),
    Row(["thread.py"], 0, [OWN]),
    Row(["nice", "python3", "hot.py"], 0, [OWN]),
    Row(["./runs-own"], 0, [OWN]),
    Row(["make", "own"], 0, [OWN]),
    Row(["forks.py"], 0, ["mode on: 2 processes, all {version}, JIT on; machine code in 1"]),
    Row(["execs.py"], 0, ["mode on: 2 processes, all {version}, JIT on; machine code in 1"]),
    Row(["pool.py", "fork"], 0, ["mode on: 2 processes, all", "machine code in 1"]),
    Row(["pool.py", "spawn"], 0, ["mode on: 3 processes, all", "machine code in 1"]),
    Row(["pool.py", "forkserver"], 0, ["mode on: 4 processes, all", "machine code in 1"]),
    Row(["crashes.py"], 1, ["on: SIGSEGV", "mode on: 1 process of {version}, JIT on"]),
    # The executors are discarded or hidden before the end, but the machine code is in memory.
    Row(["builtin.py"], 0, [OWN, "No differences with the JIT."]),
    Row(["frozen.py"], 0, [OWN, "No differences with the JIT."]),
    Row(["monitored.py"], 0, [OWN, "No differences with the JIT."]),
    # Some processes are others, or are not seen.
    Row(["make", "both"], 0, ["mode on: 2 processes, 1 of", "another Python", "{other}"]),
    Row(["empty.py"], 0, [OWN, "Nothing is known about Pythons", "hot.py"]),
    Row(["isolated.py"], 0, [OWN, "Nothing is known about Pythons", " -I -c"]),
    Row(["options.py"], 0, [OWN, "Nothing is known about Pythons", " -X utf8"]),
    Row(["pickled.py"], 0, [OWN, "exit 0"]),
    # No code was compiled.
    Row(["short.py"], 0, [NOTHING, "4000"]),
    Row(["traced.py"], 0, ["No machine code was left", "sys.settrace was set"]),
    Row(["killed.py"], 0, ["No machine code was seen, so this may say nothing", "ended before"]),
    # The mode is lost.
    Row(["env", "-u", "PYTHON_JIT", "python", "hot.py"], 22, ["mode on did not reach", "removes"]),
    Row(["env", "PYTHON_JIT=0", "python", "hot.py"], 22, ["mode on did not reach"]),
    Row(["env", "PYTHON_JIT=1", "python", "hot.py"], 22, ["mode off did not reach"]),
    # The interpreter cannot testify.
    Row(["env", "PYTHONPATH=", "python", "hot.py"], 22, [NONE, "replaces PYTHONPATH"]),
    Row(["env", "-i", "{own}", "hot.py"], 22, [NONE, "clears the environment"]),
    Row(["./clears"], 22, [NONE, "./clears clears the environment"]),
    Row(["./isolated"], 22, [NONE, "The first line of ./isolated starts Python with -I"]),
    Row(["sh", "-c", "python -I -c 1"], 22, [NONE, "with -I, -E or -S"]),
    Row(["-S", "hot.py"], 22, [NONE, "with -I, -E or -S"]),
    Row(["-I", "hot.py"], 2, ["ignores PYTHON_JIT"]),
    Row(["-E", "hot.py"], 2, ["ignores PYTHON_JIT"]),
    # Another Python, or none.
    Row(["{other}", "hot.py"], 22, [*OTHER_RAN, "{other} is another Python"]),
    Row(["python3.77", "-c", "print(1)"], 22, [*OTHER_RAN]),
    Row(["./env-other"], 22, [*OTHER_RAN, "The first line of ./env-other starts python3.77."]),
    Row(["./app.pyz"], 22, [*OTHER_RAN, "The first line of ./app.pyz starts python3.77."]),
    Row(["venv/bin/tool"], 2, ["is a script of another Python"]),
    Row(["make", "other"], 22, [*OTHER_RAN, "The Makefile names another Python"]),
    Row(["shim", "hot.py"], 2, ["is a shim of pyenv"]),
    Row(["asdf-shim", "hot.py"], 2, ["is a shim of asdf"]),
    Row(["{pypy}", "-c", "print(1)"], 22, ["pypy 3.", NONE]),
    Row(["true"], 22, [NONE, "It may start no Python at all"]),
    Row(["sh", "-c", "exit 3"], 22, [NONE]),
    # The interpreter does not find its program.
    Row(["nosuch.py"], 22, ["did not find the program"]),
    Row(["-m", "nosuch"], 22, ["did not find the program"]),
    # Tools that start Pythons.
    Row(["{nox}", "-s", "own"], 0, ["of 2", "another Python", "JIT on; machine code in 1"]),
    Row(["{nox}", "-s", "other"], 22, [*OTHER_RAN, "nox chooses the Python of each session"]),
    Row(["{tox}", "-e", "py"], 22, [*OTHER_RAN, "pass_env = PYTHON_JIT*, PYTHONPATH"]),
    Row(["{tox}", "-e", "own"], 0, ["another Python", "JIT on; machine code in"]),
    Row(
        ["{uv}", "run", "--no-project", "--python", "{other}", "hot.py"], 22, [*OTHER_RAN, "uv ch"]
    ),
    Row(["{uv}", "run", "--no-project", "--python", "{own}", "hot.py"], 0, [OWN]),
    Row(["sudo", "-nE", "{own}", "hot.py"], 22, [NONE, "with sudo"]),
]
BENCH = [
    Row(["hot.py"], 0, [OWN]),
    Row(["-c", "pass"], 0, [NOTHING]),
    Row(["make", "both"], 0, ["another Python", "machine code in 1"]),
    Row(["{other}", "hot.py"], 23, [*OTHER_RAN, "is another Python"]),
    Row(["./env-other"], 23, [*OTHER_RAN]),
    Row(["./isolated"], 23, [NONE]),
    Row(["env", "-u", "PYTHON_JIT", "python", "hot.py"], 23, ["mode on did not reach"]),
    Row(["true"], 23, [NONE]),
]


@pytest.fixture(scope="module")
def tools(cache_folder: Path) -> dict[str, Path]:
    """Return tox and uv by name, in an environment of their own."""
    folder = cache_folder / "witness-tools"
    if not (folder / "bin" / "uv").exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, "tox", "uv"], check=True)
    return {name: folder / "bin" / name for name in ("tox", "uv")}


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory, debian_pythons: dict[str, Path]) -> Cli:
    cli = Cli(tmp_path_factory.mktemp("witness") / "home", {"COVERAGE_PROCESS_START": ""})
    for python in debian_pythons.values():
        cli("adopt", python)
    return cli


@pytest.fixture(scope="module", params=["3.15", "3.14"])
def escapes(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    debian_pythons: dict[str, Path],
    debian_pypy: Path,
    tools: dict[str, Path],
    cli: Cli,
) -> Escapes:
    """Return a folder with all programs of the tables, for each interpreter."""
    series = request.param
    words = {
        "own": str(debian_pythons[series]),
        "other": str(OTHER),
        "other_version": ".".join(map(str, sys.version_info[:3])),
        "version": next(
            entry["version"]
            for entry in cli("list", "--json").json()
            if entry["version"].startswith(series)
        ),
        "pypy": str(debian_pypy),
        "nox": str(Path(sys.executable).with_name("nox")),
        "tox": str(tools["tox"]),
        "uv": str(tools["uv"]),
    }
    folder = tmp_path_factory.mktemp(f"escapes-{series}")
    for name, text in FILES.items():
        (folder / name).write_text(text.format(**words) if "{o" in text or "{{" in text else text)
    for name, text in SCRIPTS.items():
        (folder / name).write_text(text.format(**words))
        (folder / name).chmod(0o755)
    (folder / "venv" / "bin").mkdir(parents=True)
    (folder / "venv" / "bin" / "tool").write_text(f"#!{OTHER}\nimport hot\n")
    (folder / "venv" / "bin" / "tool").chmod(0o755)
    (folder / "zip").mkdir()
    (folder / "zip" / "__main__.py").write_text(HOT)
    zipapp.create_archive(folder / "zip", folder / "app.pyz", "/usr/bin/env python3.77")
    return Escapes(cli, series, folder, words)


@dataclass
class Escapes:
    """Runs the commands of the tables with one interpreter, in `folder`."""

    cli: Cli
    series: str
    folder: Path
    words: dict[str, str]

    def run(self, row: Row, *options: object) -> None:
        argv = [word.format(**self.words) if word != HOT else word for word in row.command]
        if not (argv[0].startswith("-") or argv[0].endswith(".py")) and not self._has(argv[0]):
            pytest.skip(f"there is no {argv[0]}")
        path = f"{self.folder}:{os.environ['PATH']}"
        # Two runs of the same program at once must not share a log or a cache.
        own = Cli(self.cli.home, {**self.cli.extra, "PATH": path, "TOX_WORK_DIR": ".tox"})
        command, *others = map(str, options)
        result = own(command, self.series, *others, "--", *argv, code=row.code, cwd=self.folder)
        for text in row.texts:
            assert text.format(**self.words) in result.out + result.err, result.out + result.err
        if row.code in {22, 23}:
            assert "No difference" not in result.out

    def _has(self, program: str) -> bool:
        return (
            bool(shutil.which(program, path=f"{self.folder}:{os.environ['PATH']}"))
            or (self.folder / program).exists()
        )


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.title[:60].replace("\n", " "))
def test_no_command_escapes_from_diff(escapes: Escapes, row: Row) -> None:
    escapes.run(row, "diff", "--repeat", 1)


@pytest.mark.parametrize("row", BENCH, ids=lambda row: row.title[:60].replace("\n", " "))
def test_no_command_escapes_from_bench(escapes: Escapes, row: Row) -> None:
    if escapes.series == "3.14":
        pytest.skip("the processes are observed in the same way as by diff")
    escapes.run(row, "bench", "--rounds", 3)

"""When jitbuild is killed with SIGKILL, what its commands started ends, too."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cli import Cli
from families import Family
from processes import Started, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists sessions in /proc"),
]

# A tree that jitbuild takes for CPython. Its configure is the command that starts descendants.
TREE = {
    "Include/patchlevel.h": '#define PY_VERSION "3.13.15"\n',
    "Tools/jit/_llvm.py": "_LLVM_VERSION = 19\n",
    "configure": "#!/bin/sh\n# --enable-experimental-jit\nexec {words}\n",
}
MODULES = """
import os, signal, sys
from jitbuild.system import cancellation, process, replacement, signals
cancellation.GRACE_SECONDS = 0.1
signal.signal(signal.SIGINT, signal.default_int_handler)
process.run(["true"])  # the guardian is started
"""
RECORD = """
try:
    with signals.raise_on_signals(), open(os.devnull, "wb") as log:
        process.record({words}, env=dict(os.environ), log=log)
except KeyboardInterrupt as interrupt:
    sys.exit(128 + getattr(interrupt, "number", 2))
"""


@pytest.fixture
def family(tmp_path: Path) -> Iterator[Family]:
    with Family(tmp_path) as family:
        yield family


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory, debian_pythons: dict[str, Path]) -> Cli:
    cli = Cli(tmp_path_factory.mktemp("guardian") / "home")
    cli("adopt", debian_pythons["3.15"])
    return cli


def start(code: str, family: Family) -> Started:
    """Start a Python that runs `code`; in it, {words} and {end} stand for those of `family`."""
    code = code.replace("{words}", repr(family.words)).replace("{end}", repr(family.end))
    return Started([sys.executable, "-c", MODULES + code])


def kill(started: Started, family: Family) -> None:
    """Kill a process after its command has started descendants, and wait for their end."""
    family.wait_until_started()
    assert family.runs
    started.kill()
    assert started.wait() == -signal.SIGKILL
    family.wait_until_ended()


def guardian_list(process: int) -> int:
    """Return the inode of the list that the process shares with its guardian."""
    (inode,) = {
        path.stat().st_ino
        for path in Path(f"/proc/{process}/fd").iterdir()
        if "memfd:jitbuild" in str(path.readlink())
    }
    return inode


def holders(inode: int) -> set[int]:
    """Return the processes that have a list of process groups open."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            if "memfd:jitbuild" in str(path.readlink()) and path.stat().st_ino == inode:
                found.add(int(path.parts[2]))
    return found


def wait_until_unheld(inode: int) -> None:
    wait_until(lambda: not holders(inode), "no process has the list open")


@pytest.mark.parametrize(
    "words",
    [
        ["bench", "3.15", "--"],
        ["diff", "3.15", "--"],
        # As `jitbuild diff 3.15 -- nox` does if a session runs jitbuild.
        [
            *("diff", "3.15", "--", "sh", "-c", '"$@"; :', "sh"),
            *(sys.executable, "-m", "jitbuild", "diff", "3.15", "--"),
        ],
    ],
    ids=["bench", "diff", "nested"],
)
def test_descendants_of_a_measured_command_end_with_a_killed_jitbuild(cli, family, words):
    kill(cli.start(*words, *family.words), family)


def test_descendants_of_a_build_step_end_with_a_killed_jitbuild(cli, family, tmp_path):
    for name, text in TREE.items():
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.format(words=" ".join(family.words)), encoding="utf-8")
        path.chmod(0o755)
    words = ["install", tmp_path / "tree", "--jit", "no", "--no-caches"]
    kill(cli.start(*words), family)


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (None, 0),
        (signal.SIGINT, 130),
        (signal.SIGTERM, 143),
        (signal.SIGKILL, -signal.SIGKILL),
    ],
)
def test_the_guardian_ends_with_jitbuild(family, end, code):
    started = start(RECORD, family)
    family.wait_until_started()
    inode = guardian_list(started.pid)
    assert len(holders(inode)) == 2
    family.release() if end is None else started.send_signal(end)
    assert started.wait() == code
    wait_until_unheld(inode)


def test_a_program_that_replaces_jitbuild_is_not_ended(family):
    stop = "os.kill(os.getpid(), signal.SIGSTOP)\n"
    started = start(stop + "replacement.replace_process({words}, env=os.environ)", family)
    os.waitpid(started.pid, os.WUNTRACED)
    inode = guardian_list(started.pid)
    started.send_signal(signal.SIGCONT)
    family.wait_until_started()
    wait_until_unheld(inode)
    assert family.runs
    family.release()
    assert started.wait() == 0


def test_a_fork_has_no_part_in_the_commands_of_its_parent(family):
    """The first fork ends before the command starts, and the second fork outlives its parent."""
    forks = """
if not os.fork():
    os._exit(0)
os.wait()
if not os.fork():
    open({end}).read()
    os._exit(0)
"""
    kill(start(forks + RECORD, family), family)


def test_a_fork_has_a_guardian_of_its_own(family):
    fork = """
if os.fork():
    os.wait()
    os._exit(0)
"""
    started = start(fork + RECORD, family)
    family.wait_until_started()
    children = Path(f"/proc/{started.pid}/task/{started.pid}/children")
    (child,) = map(int, children.read_text(encoding="utf-8").split())
    assert guardian_list(child) != guardian_list(started.pid)
    os.kill(child, signal.SIGKILL)
    family.wait_until_ended()
    assert started.wait() == 0

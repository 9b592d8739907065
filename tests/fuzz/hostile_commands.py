"""Command lines with hostile words, in this process and in processes of their own."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import hostile_text
from fuzzing import Ending

from jitbuild.cli.commands import COMMANDS
from jitbuild.cli.parser import build

if TYPE_CHECKING:
    import random
    from pathlib import Path

    from fuzzing import Case

_REQUESTING = (
    *(("plan",), ("plan", "--json"), ("which",), ("which", "--json"), ("probe",), ("adopt",)),
    *(("uninstall",), ("uninstall", "--all"), ("repair",), ("doctor",), ("install", "--mirror=.")),
    *(("matrix", "--pythons"), ("run",), ("diff",), ("bench",), ("plan", "--platform"), ("cache",)),
    *(("bench", "compare", "x"), ("cache", "clear", "-n"), ("matrix", "--os"), ("ci", "key")),
)
# Those of the commands above that start no program and use no network.
_QUIET = ("plan", "which", "uninstall", "matrix", "config", "list", "prune", "cache")


def request(case: Case) -> Ending:
    """A hostile request to one of the commands."""
    rng = case.rng
    _write_tree(case.folder / "tree", rng)
    (case.folder / "archive.tar.xz").write_bytes(b"no archive")
    if rng.random() < 0.1:
        return case.run("plan", "./tree", environ={"HOME": str(case.folder)})
    words = [hostile_text.argument(rng) for _ in range(rng.choice([1, 1, 1, 2]))]
    return case.run(*rng.choice(_REQUESTING), *words, environ={"HOME": str(case.folder)})


def _write_tree(tree: Path, rng: random.Random) -> None:
    """Write the files of a source tree that jitbuild reads, with a hostile version."""
    version = hostile_text.text(rng, ["3.15.0a0+", "3.14.2"])
    llvm = hostile_text.text(rng, ["21", "'21'"])
    texts = {
        "configure": "--enable-experimental-jit",
        "Include/patchlevel.h": f'#define PY_VERSION "{version}"\n',
        "Tools/jit/_llvm.py": f"_LLVM_VERSION = {llvm}\n",
    }
    for name, text in texts.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes(text.encode("utf-8", "surrogatepass"))


def options(case: Case) -> Ending:
    """A command line of real options of a command, with hostile values."""
    name = case.rng.choice(sorted(COMMANDS))
    return case.run(*_command_line(name, case.rng), environ={"HOME": str(case.folder)})


def process(case: Case) -> Ending:
    """A command line like those of the other fields, in a process of its own."""
    words = _command_line(case.rng.choice(_QUIET), case.rng)
    home = str(case.folder)
    environ = {**os.environ, "JITBUILD_HOME": f"{home}/home", "HOME": home, "PATH": home}
    setting = case.rng.choice(["MIRROR", "JIT", "LLVM", "PYTHONS", "MODES", "RECIPES", "JOBS"])
    environ[f"JITBUILD_{setting}"] = hostile_text.argument(case.rng)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "jitbuild", *words],
        env=environ,
        cwd=home,
        capture_output=True,
        check=False,
    )
    return Ending(done.returncode, f"{words}", done.stderr.decode(errors="replace"))


def _command_line(name: str, rng: random.Random) -> list[str]:
    """Return a command line with some of the options that the command has."""
    parser = build([name]).commands.choices[name]
    words = [name]
    for action in rng.sample(parser._actions, k=min(len(parser._actions), rng.randint(1, 4))):
        if action.option_strings:
            words += _option(action, rng)
        else:
            words += [hostile_text.argument(rng) for _ in range(rng.randint(0, 2))]
    if rng.random() < 0.2:
        words += ["--", hostile_text.argument(rng)]
    return words


def _option(action: argparse.Action, rng: random.Random) -> list[str]:
    option = rng.choice(action.option_strings)
    if action.nargs == 0:
        return [option]
    choices = list(map(str, action.choices or hostile_text.REQUESTS))
    value = rng.choice(choices) if rng.random() < 0.5 else hostile_text.argument(rng, choices)
    return [f"{option}={value}"] if rng.random() < 0.5 else [option, value]

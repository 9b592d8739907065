"""How long `jitbuild which` and `jitbuild run` take beside `pyenv which` and a shim of pyenv: interleaved, whole processes.

    python benchmarks/start.py [ROUNDS] [--pyenv FILE] [--version VERSION] [--built no|yes-off|yes]

Both sides answer with, and run, one and the same interpreter: pyenv's, which a store made for this adopts beside four more that it
holds. jitbuild is run by the Python that runs this script. pyenv is bash, and slower where it has to find the newest release of a
series (--version 3.13) than where it is told the release (--version 3.13.0). The last ratio is the floor: that Python, doing
nothing. Exits 1 when something cannot be run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from interleaved import Command, compare, options
from which import fill

if TYPE_CHECKING:
    from collections.abc import Mapping

_OTHERS = ("3.14.3", "3.14.10", "3.15.0b2", "3.15.2")


def main() -> int:
    given = options(
        __doc__,
        pyenv={"default": shutil.which("pyenv"), "help": "the program (default: that on PATH)"},
        version={"default": "3.13", "help": "the version to ask both for (default: 3.13)"},
        built={
            "default": "no",
            "help": "how pyenv's interpreter was built: its --enable-experimental-jit (default: no)",
        },
    )
    if given.pyenv is None:
        print("error: pyenv is not on PATH: name it with --pyenv", file=sys.stderr)
        return 1
    jitbuild = str(Path(sys.executable).with_name("jitbuild"))
    with tempfile.TemporaryDirectory() as home:
        env = {"JITBUILD_HOME": home, "PYENV_VERSION": given.version}
        fill(Path(home), _OTHERS)
        try:
            python = _said([given.pyenv, "which", "python"], env)
            shim = str(Path(_said([given.pyenv, "root"], env), "shims", "python"))
            _said([jitbuild, "adopt", python, "--expect", given.built], env)
            which = Command([jitbuild, "which", given.version], env=env)
            pyenv_which = Command([given.pyenv, "which", "python"], env=env)
            run = Command([jitbuild, "run", given.version, "--", "-c", "pass"], env=env)
            compare(
                {"pyenv which python": pyenv_which, "jitbuild which": which},
                reach="at most 0.40",
                rounds=given.rounds,
            )
            compare(
                {
                    "shim of pyenv, -c pass": Command([shim, "-c", "pass"], env=env),
                    "jitbuild run, -c pass": run,
                },
                reach="at most 0.60",
                rounds=given.rounds,
            )
            compare(
                {
                    "pyenv which python": pyenv_which,
                    "python -c pass": Command([sys.executable, "-c", "pass"], env=env),
                },
                reach="nothing, it is the floor of the first ratio",
                rounds=given.rounds,
            )
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    return 0


def _said(argv: list[str], env: Mapping[str, str]) -> str:
    return subprocess.run(
        argv, env={**os.environ, **env}, check=True, stdout=subprocess.PIPE, text=True
    ).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())

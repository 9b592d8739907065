"""Compare `jitbuild which` and `run` with pyenv, its shims and `uv python find`.

    python benchmarks/start.py [ROUNDS] [--pyenv FILE] [--uv FILE] [--version VERSION]
                               [--built no|yes-off|yes]

All of them find, or run, the same interpreter: pyenv's. A store adopts it beside four others, and
uv finds it on PATH. Whole processes are timed in alternation; jitbuild is run by the Python that
runs this script. pyenv takes longer for a series (--version 3.13), of which it must find the newest
release, than for a release (--version 3.13.0). The last ratio is the floor: this Python doing
nothing. Exits with 1 when something cannot be run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interleaved import Command, compare, options
from which import fill

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_OTHER_VERSIONS = ("3.14.3", "3.14.10", "3.15.0b2", "3.15.2")
_FLAGS: dict[str, dict[str, Any]] = {
    "pyenv": {"default": shutil.which("pyenv"), "help": "the program (default: from PATH)"},
    "uv": {
        "default": shutil.which("uv"),
        "help": "the program; without it there is no comparison with uv (default: from PATH)",
    },
    "version": {"default": "3.13", "help": "the version to ask for (default: 3.13)"},
    "built": {
        "default": "no",
        "help": "--enable-experimental-jit of pyenv's interpreter (default: no)",
    },
}


def main() -> int:
    """Run the comparisons."""
    given = options(__doc__, **_FLAGS)
    if given.pyenv is None:
        print("error: pyenv is not on PATH: name it with --pyenv", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as home:
        env = {"JITBUILD_HOME": home, "PYENV_VERSION": given.version}
        fill(Path(home), _OTHER_VERSIONS)
        try:
            python = _output([given.pyenv, "which", "python"], env)
            shim = str(Path(_output([given.pyenv, "root"], env), "shims", "python"))
            _output([_jitbuild(), "adopt", "-q", python, "--expect", given.built], env)
            for commands, target in comparisons(given.pyenv, shim, given.version, env):
                compare(commands, target=target, rounds=given.rounds)
            if given.uv:
                commands = with_uv(given.uv, python, given.version, env, home)
                compare(commands, target="below 1", rounds=given.rounds)
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    return 0


def comparisons(
    pyenv: str, shim: str, version: str, env: Mapping[str, str]
) -> Iterator[tuple[dict[str, Command], str]]:
    """Yield the comparisons with pyenv, each with its target."""
    pyenv_which = Command([pyenv, "which", "python"], env=env)
    which = Command([_jitbuild(), "which", version], env=env)
    yield {"pyenv which python": pyenv_which, "jitbuild which": which}, "below 1"
    run = Command([_jitbuild(), "run", version, "--", "-c", "pass"], env=env)
    shim_run = Command([shim, "-c", "pass"], env=env)
    yield {"shim of pyenv, -c pass": shim_run, "jitbuild run, -c pass": run}, "below 1"
    nothing = Command([sys.executable, "-c", "pass"], env=env)
    floor = {"pyenv which python": pyenv_which, "python -c pass": nothing}
    yield floor, "none: the floor of the first ratio"


def with_uv(
    uv: str, python: str, version: str, env: Mapping[str, str], home: str
) -> dict[str, Command]:
    """Return `uv python find` and `jitbuild which`, which find the same interpreter."""
    path = f"{Path(python).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    uv_env = {**env, "PATH": path, "UV_PYTHON_INSTALL_DIR": str(Path(home, "no-uv"))}
    find = [uv, "python", "find", "--offline", "--no-project", "--system", version]
    return {
        "uv python find": Command(find, env=uv_env),
        "jitbuild which": Command([_jitbuild(), "which", version], env=env),
    }


def _jitbuild() -> str:
    return str(Path(sys.executable).with_name("jitbuild"))


def _output(argv: list[str], env: Mapping[str, str]) -> str:
    return subprocess.run(
        argv, env={**os.environ, **env}, check=True, stdout=subprocess.PIPE, text=True
    ).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())

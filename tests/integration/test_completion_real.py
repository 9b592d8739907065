"""What a shell is offered, asked as argcomplete's shell function asks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cli import Cli
from test_lean_real import MANIFEST, NAME

pytestmark = pytest.mark.integration

PROFILES = {"fast", "release", "debug"}
JITS = {"yes-off", "yes", "interpreter", "no"}
MODES = {"off", "on", "stress", "default"}
LLVM = {"auto", "system", "managed"}
OFFERS: dict[str, set[str]] = {
    # words and requests
    "jitbuild pro": {"probe"},
    "jitbuild install 3.15.0b": {"3.15.0b1", "3.15.0b2", "3.15.0b3", "3.15.0b4"},
    "jitbuild plan mai": {"main"},
    "jitbuild cache cl": {"clear"},
    "jitbuild cache clear st": {"stencils"},
    "jitbuild cache clear stencils,conf": {"stencils,configure"},
    "jitbuild bench 3.15 --pytest": {"--pytest-benchmark"},
    "jitbuild bench comp": {"compare"},
    "jitbuild ci pro": {"provide"},
    "jitbuild install 3.14,ma": {"3.14,main"},
    # values of options, after a space and after an equals sign
    **{
        f"jitbuild {command} --profile{separator}": {f"{joined}{word}" for word in PROFILES}
        for command in ("install 3.15", "plan 3.15", "doctor", "which 3.15", "run 3.15")
        for separator, joined in ((" ", ""), ("=", "--profile="))
    },
    "jitbuild adopt python3 --profile d": {"debug"},
    "jitbuild which 3.15 --jit ": JITS,
    "jitbuild plan 3.15 --jit=y": {"--jit=yes-off", "--jit=yes"},
    "jitbuild probe python3 --expect i": {"interpreter"},
    "jitbuild plan 3.15 --platform aarch64-": {
        *("aarch64-linux-gnu", "aarch64-macos", "aarch64-windows")
    },
    "jitbuild plan 3.15 --platform=x86_64-w": {"--platform=x86_64-windows"},
    "jitbuild run 3.13 --mode s": {"stress"},
    "jitbuild run 3.13 --mode=o": {"--mode=off", "--mode=on"},
    "jitbuild install 3.15 --llvm ": LLVM,
    "jitbuild doctor --llvm=ma": {"--llvm=managed"},
    "jitbuild install 3.15 --mirror d": {"distro"},
    "jitbuild install 3.15 --ccache o": {"off"},
    "jitbuild bench 3.15 --suite p": {"pyperformance"},
    "jitbuild matrix --format gitl": {"gitlab"},
    "jitbuild matrix --runner mac": {"macos="},
    # lists: the first item, and those after a comma, an equals sign or a space
    "jitbuild install 3.15 --jit ": JITS,
    "jitbuild install 3.15 --jit no,y": {"no,yes-off", "no,yes"},
    "jitbuild install 3.15 --jit=no,i": {"--jit=no,interpreter"},
    "jitbuild install 3.15 --jit no y": {"yes-off", "yes"},
    "jitbuild diff 3.15 --modes ": MODES,
    "jitbuild diff 3.15 --modes off,o": {"off,on"},
    "jitbuild diff 3.15 --modes=off,on,s": {"--modes=off,on,stress"},
    "jitbuild diff 3.15 --modes off s": {"stress"},
    "jitbuild matrix --modes d": {"default"},
    "jitbuild matrix --os linux,win": {"linux,windows", "linux,windows-arm"},
    "jitbuild matrix --os=mac": {"--os=macos"},
    "jitbuild matrix --pythons 3.14,mai": {"3.14,main"},
    "jitbuild install 3.15 --include te": {"tests"},
    "jitbuild install 3.15 --include=tests,sy": {"--include=tests,symbols"},
    "jitbuild bench 3.15 --benchmarks fl": {"float_loop"},
    "jitbuild bench 3.15 --benchmarks fib,fl": {"fib,float_loop"},
    "jitbuild bench 3.15 --suite pyperformance --benchmarks d": {"default"},
    # interpreters of the store
    **{
        f"jitbuild {command} cpython-3": {NAME}
        for command in (
            *("install", "plan", "doctor", "which", "run", "diff", "bench", "probe"),
            *("adopt", "uninstall"),
        )
    },
    "jitbuild which 3.": {"3.15", "3.15.2"},
    "jitbuild which 3.15.2,cpy": {f"3.15.2,{NAME}"},
    # programs on PATH
    "jitbuild adopt python3.1": {"python3.15"},
    "jitbuild probe python3.1": {"python3.15"},
}


@pytest.fixture(scope="module")
def cli(tmp_path_factory) -> Cli:
    """A store with one interpreter, and a PATH with one Python."""
    folder = tmp_path_factory.mktemp("completion")
    prefix = folder / "home" / "interpreters" / NAME
    for file in (prefix / "bin" / "python3", folder / "bin" / "python3.15"):
        file.parent.mkdir(parents=True)
        file.touch(mode=0o755)
    (prefix / "jitbuild.toml").write_text(MANIFEST)
    return Cli(folder / "home", {"PATH": str(folder / "bin")})


@pytest.mark.parametrize("line", OFFERS)
def test_offers(cli, tmp_path, line):
    env = {
        **cli.env,
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_IFS": " ",
        "COMP_TYPE": "9",
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
        "_ARGCOMPLETE_STDOUT_FILENAME": str(tmp_path / "offers"),
    }
    subprocess.run(
        [sys.executable, "-m", "jitbuild"], env=env, check=True, capture_output=True, cwd=tmp_path
    )
    offers = {word.strip() for word in (tmp_path / "offers").read_text().split()}
    # After a space, argcomplete also offers options.
    if not line.rpartition(" ")[2].startswith("-"):
        offers = {offer for offer in offers if not offer.startswith("-")}
    assert offers == OFFERS[line]


BASH = """\
eval "$(register-python-argcomplete jitbuild)"
COMP_LINE=$1 COMP_POINT=${#1} COMP_TYPE=9 COMP_WORDBREAKS=$' \\t\\n"\\'><=;|&(:'
_python_argcomplete jitbuild
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("jitbuild install 3.15 --jit=no,y", {"no,yes-off", "no,yes"}),
        ("jitbuild plan 3.15 --platform aarch64-m", {"aarch64-macos"}),
        ("jitbuild diff 3.15 --modes off s", {"stress"}),
        ("jitbuild run cpy", {NAME}),
    ],
)
def test_bash_is_offered_the_same(cli, tmp_path, line, offered):
    """Bash splits words at `=` itself, so it expects only what follows the sign."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    env = {**cli.env, "PATH": path}
    argv = ["bash", "-c", BASH, "bash", line]
    done = subprocess.run(argv, env=env, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, {*done.stdout.split()}) == (0, offered), done.stderr

"""Compare `nox -l` of a noxfile that uses jitbuild with one that does not.

    python benchmarks/nox_list.py [ROUNDS]

Both are run in alternation by the Python that runs this script. The ratio of the medians is the
result; the times hold for this machine only.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from interleaved import Command, compare, options

_BODY = """
def tests(session):
    session.install("-e.", "pytest")
    session.run("pytest")
"""
_NOX = """\
import nox

@nox.session
@nox.parametrize("python,mode", [(p, m) for p in ("3.14", "3.15") for m in ("off", "on")])
"""
_JITBUILD = """\
import nox
import jitbuild.nox as jit

@jit.session(pythons=["3.14", "3.15"], modes=["off", "on"])
"""
_NOXFILES = {"nox": _NOX, "nox and jitbuild": _JITBUILD}


def main() -> None:
    """Run the comparison."""
    rounds = options(__doc__).rounds
    with tempfile.TemporaryDirectory() as root:
        commands = {}
        for number, (name, decorators) in enumerate(_NOXFILES.items()):
            folder = Path(root, str(number))
            folder.mkdir()
            (folder / "noxfile.py").write_text(decorators.rstrip() + _BODY)
            commands[name] = Command([sys.executable, "-m", "nox", "-l"], cwd=folder)
        compare(commands, target="below 1.3", rounds=rounds)


if __name__ == "__main__":
    main()

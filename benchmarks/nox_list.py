"""How much jitbuild adds to `nox -l`: the same noxfile with its sessions made by jitbuild and by nox alone, interleaved.

    python benchmarks/nox_list.py [ROUNDS]

Both run by the Python that runs this script. The ratio of the medians is what counts; the times are this machine's.
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
_NOXFILES = {
    "nox": 'import nox\n\n@nox.session\n@nox.parametrize("python,mode", [(p, m) for p in ("3.14", "3.15") for m in ("off", "on")])'
    + _BODY,
    "nox and jitbuild": (
        'import nox\nimport jitbuild.nox as jit\n\n@jit.session(pythons=["3.14", "3.15"], modes=["off", "on"])'
        + _BODY
    ),
}


def main() -> None:
    rounds = options(__doc__).rounds
    with tempfile.TemporaryDirectory() as root:
        commands = {}
        for number, (name, text) in enumerate(_NOXFILES.items()):
            folder = Path(root, str(number))
            folder.mkdir()
            (folder / "noxfile.py").write_text(text)
            commands[name] = Command([sys.executable, "-m", "nox", "-l"], cwd=folder)
        compare(commands, reach="below 1.3", rounds=rounds)


if __name__ == "__main__":
    main()

"""Compare `jitbuild which` with `python -c pass` of the same Python.

    python benchmarks/which.py [ROUNDS]

Both are run in alternation by the Python that runs this script, with a store of a few interpreters.
The ratio of the medians is the result; the times hold for this machine only.
"""

from __future__ import annotations

import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from interleaved import Command, compare, options

from jitbuild.store.manifest import Manifest
from jitbuild.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterable

_VARIANT = {
    "jit": "yes-off",
    "profile": "fast",
    "tail_call": False,
    "free_threaded": False,
    "configure_args": [],
    "patches": [],
}
_VERSIONS = ("3.13.5", "3.13.15", "3.14.10", "3.15.0b2", "3.15.2")


def fill(home: Path, versions: Iterable[str] = _VERSIONS) -> None:
    """Put interpreters of `versions` into the store `home`, with manifests as `install` writes."""
    store = Store(home)
    checks = [{"name": f"check {number}", "ok": True, "detail": "fine"} for number in range(9)]
    for version in versions:
        manifest = {
            "key": "0" * 64,
            "version": version,
            "adopted": False,
            "created": datetime.now(UTC),
            "executable": "bin/python3",
            "variant": _VARIANT,
            "verdict": {"ok": True, "checks": checks},
        }
        with store.scratch() as scratch:
            (scratch / "staged" / "bin").mkdir(parents=True)
            (scratch / "staged" / "bin" / "python3").touch()
            name = f"cpython-{version}-jit-fast-00000000"
            store.commit(scratch / "staged", name, msgspec.convert(manifest, Manifest))


def main() -> None:
    """Run the comparison."""
    rounds = options(__doc__).rounds
    jitbuild = str(Path(sys.executable).with_name("jitbuild"))
    with tempfile.TemporaryDirectory() as home:
        fill(Path(home))
        commands = {
            "python -c pass": Command([sys.executable, "-c", "pass"]),
            "jitbuild which": Command([jitbuild, "which", "3.15"], env={"JITBUILD_HOME": home}),
        }
        compare(commands, target="at most 5", rounds=rounds)


if __name__ == "__main__":
    main()

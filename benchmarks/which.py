"""How much `jitbuild which` costs beside `python -c pass` of the same Python: interleaved, whole processes, one ratio.

    python benchmarks/which.py [ROUNDS]

Both run by the Python that runs this script, with a store that holds a few interpreters. The ratio of the medians is what
counts; the times are this machine's.
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
    """Put a few interpreters into a store, as `install` leaves them."""
    store = Store(home)
    for version in versions:
        manifest = {
            "key": "0" * 64,
            "version": version,
            "adopted": False,
            "created": datetime.now(UTC),
            "executable": "bin/python3",
            "variant": _VARIANT,
            "verdict": {
                "ok": True,
                "checks": [
                    {"name": f"check {number}", "ok": True, "detail": "fine"} for number in range(9)
                ],
            },
        }
        with store.scratch() as scratch:
            (scratch / "staged" / "bin").mkdir(parents=True)
            (scratch / "staged" / "bin" / "python3").touch()
            name = f"cpython-{version}-jit-fast-00000000"
            store.commit(scratch / "staged", name, msgspec.convert(manifest, Manifest))


def main() -> None:
    program = Path(sys.executable).with_name("jitbuild")
    with tempfile.TemporaryDirectory() as home:
        fill(Path(home))
        compare(
            {
                "python -c pass": Command([sys.executable, "-c", "pass"]),
                # An axis is stated, so that it is the general road that is measured; start.py measures the short one.
                "jitbuild which": Command(
                    [str(program), "which", "3.15", "--jit=yes-off"], env={"JITBUILD_HOME": home}
                ),
            },
            reach="at most 4",
            rounds=options(__doc__).rounds,
        )


if __name__ == "__main__":
    main()

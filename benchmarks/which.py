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

from interleaved import Command, compare

from jitbuild.store import Store

_VARIANT = {"jit": "yes-off", "profile": "fast", "tail_call": False, "free_threaded": False, "configure_args": [], "patches": []}


def fill(home: Path) -> None:
    """Put a few interpreters into a store, as `install` leaves them."""
    store = Store(home)
    for version in ("3.13.5", "3.13.15", "3.14.10", "3.15.0b2", "3.15.2"):
        manifest = {
            "key": "0" * 64,
            "version": version,
            "adopted": False,
            "created": datetime.now(UTC),
            "executable": "bin/python3",
            "variant": _VARIANT,
            "verdict": {"ok": True, "checks": [{"name": f"check {number}", "ok": True, "detail": "fine"} for number in range(9)]},
        }
        with store.scratch() as scratch:
            (scratch / "staged" / "bin").mkdir(parents=True)
            (scratch / "staged" / "bin" / "python3").touch()
            store.commit(scratch / "staged", f"cpython-{version}-jit-fast-00000000", manifest)


def main() -> None:
    program = Path(sys.executable).with_name("jitbuild")
    with tempfile.TemporaryDirectory() as home:
        fill(Path(home))
        compare(
            {
                "python -c pass": Command([sys.executable, "-c", "pass"]),
                "jitbuild which": Command([str(program), "which", "3.15"], env={"JITBUILD_HOME": home}),
            },
            reach="at most 4",
        )


if __name__ == "__main__":
    main()

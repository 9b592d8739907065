"""Detect a coverage package that traces, which keeps all measured code out of the JIT."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from jitbuild.system import process

_SECONDS = 20.0
_SCRIPT = (
    "import coverage, sys; c = coverage.Coverage(data_file=None); c.start(); "
    "t = sys.gettrace(); c.stop(); print(t is not None)"
)
WARNING = (
    "The coverage in these venvs traces with sys.settrace, and traced code never runs in the JIT: "
    "sessions with the JIT on do not test machine code. Use the sysmon core "
    "(COVERAGE_CORE=sysmon), or measure coverage in another session."
)


def traces_with_settrace(
    venv: Path, python: Path, env: Mapping[str, str], runner: process.Runner | None = None
) -> bool:
    """Return whether coverage is installed in `venv` and traces with sys.settrace in `env`.

    `python` is the Python of the venv. `runner` is jitbuild.system.process.run by default.
    """
    packages = (
        *venv.glob("lib/python*/site-packages/coverage"),
        *venv.glob("Lib/site-packages/coverage"),
    )
    if not packages:
        return False
    if runner is None:
        from jitbuild.system import process

        runner = process.run
    result = runner([str(python), "-c", _SCRIPT], env=env, timeout=_SECONDS)
    return result.stdout.strip() == "True"

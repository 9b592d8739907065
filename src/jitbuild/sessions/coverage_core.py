"""Detect a coverage package that uses sys.settrace, which keeps measured code out of the JIT."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jitbuild.running.coverage_advice import without_settrace
from jitbuild.system.python_command import code_command

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from jitbuild.system import process

_SECONDS = 20.0
_SCRIPT = (
    "import coverage, platform, sys; c = coverage.Coverage(data_file=None); c.start(); "
    "t = sys.gettrace(); c.stop(); print(t is not None, platform.python_version())"
)
# The warning of coverage/core.py.
_REFUSAL = re.compile(r"Can't use core=sysmon: (?P<reason>.*), using default core")
_FACT = (
    "The coverage in these venvs traces with sys.settrace, and traced code never runs in the JIT: "
    "sessions with the JIT on do not test machine code. Measure coverage in another session"
)


def settrace_warning(
    venv: Path, python: Path, env: Mapping[str, str], runner: process.Runner | None = None
) -> str:
    """Return a warning if the coverage in `venv` traces with sys.settrace; else "".

    `python` is the Python of the venv, and `env` the environment in which it is started. `runner`
    is jitbuild.system.process.run by default. The result depends on coverage's configuration, but
    not on the options of a later `coverage run`. The core sysmon is recommended only if coverage
    accepts it.
    """
    packages = (
        *venv.glob("lib/python*/site-packages/coverage"),
        *venv.glob("Lib/site-packages/coverage"),
    )
    if not packages:
        return ""
    if runner is None:
        from jitbuild.system import process

        runner = process.run
    argv = code_command(python, _SCRIPT)
    traces, version = _answer(runner(argv, env=env, timeout=_SECONDS))
    if not traces:
        return ""
    result = runner(argv, env={**env, "COVERAGE_CORE": "sysmon"}, timeout=_SECONDS)
    traces, _ = _answer(result)
    if not traces:
        return f"{_FACT}, or {without_settrace(version)}."
    refusal = _REFUSAL.search(result.stderr)
    reason = f": {refusal['reason']}" if refusal else ""
    return f"{_FACT}. Its core sysmon cannot be used with this configuration{reason}."


def _answer(result: process.Completed) -> tuple[bool, str]:
    """Return whether coverage traced, and the version of Python."""
    traces, _, version = result.stdout.strip().partition(" ")
    return traces == "True", version

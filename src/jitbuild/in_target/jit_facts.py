"""Determine the build and state of the running interpreter's JIT. PYTEST_DONT_REWRITE

This module runs in the interpreter under test and uses only the standard library and probe.py.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NamedTuple

from jitbuild.in_target import probe

if TYPE_CHECKING:
    from jitbuild.in_target.executors import ExecutorLookup

# The bit of the macro _Py_TIER2 that configure sets for --enable-experimental-jit=yes-off.
_OFF_BY_DEFAULT = 2


class JitFacts(NamedTuple):
    """The running interpreter and its JIT.

    `built` is the configuration of the JIT: `no`, `yes`, `yes-off`, `interpreter`, or `available`
    if there is a JIT but the build does not record its configuration (Windows). `enabled` is True
    if the JIT is on. It is always False in a free-threaded build, which never runs the JIT, even if
    `sys._jit` says that it is enabled. `switch` is the value of PYTHON_JIT, or None if it is not
    set. `switch_ignored` is True if Python ignores environment variables (-E or -I).
    """

    version: str
    implementation: str
    executable: str
    free_threaded: bool
    debug: bool
    built: str
    enabled: bool
    switch: str | None
    switch_ignored: bool

    def summary(self) -> str:
        """Return the facts as a line, such as `CPython 3.15.2, JIT yes-off, PYTHON_JIT=1: on`."""
        kind = ", free-threaded" * self.free_threaded + ", debug build" * self.debug
        name = "CPython" if self.implementation == "cpython" else self.implementation
        switch = "PYTHON_JIT is not set" if self.switch is None else f"PYTHON_JIT={self.switch}"
        ignored = " (ignored: -E or -I)" if self.switch_ignored and self.switch is not None else ""
        state = "on" if self.enabled else "off"
        return f"{name} {self.version}{kind}, JIT {self.built}, {switch}{ignored}: {state}"

    def why_off(self) -> str:
        """Return the reason why the JIT is off, with a remedy, or an empty string if it is on."""
        if self.enabled:
            return ""
        if self.free_threaded:
            return "a free-threaded CPython never runs a JIT; use a build with the GIL"
        if self.built == "no":
            return (
                "the JIT was not compiled into this Python; `jitbuild install` provides one that "
                "has it"
            )
        if self.switch_ignored:
            return "-E or -I makes Python ignore PYTHON_JIT; start it without them"
        return "the JIT is switched off; set PYTHON_JIT=1"


def jit_facts(lookup: ExecutorLookup) -> JitFacts:
    """Return the facts of this interpreter; `lookup` is its executor lookup."""
    identity = probe.identity()
    built = "no" if lookup.get_executor is None else _built()
    switch = os.environ.get("PYTHON_JIT")
    ignored = bool(sys.flags.ignore_environment)
    can_run = built != "no" and not identity["free_threaded"]
    return JitFacts(
        version=identity["version"],
        implementation=identity["implementation"],
        executable=identity["executable"],
        free_threaded=identity["free_threaded"],
        debug=identity["debug"],
        built=built,
        enabled=can_run and _is_enabled(built, None if ignored else switch),
        switch=switch,
        switch_ignored=ignored,
    )


def _built() -> str:
    flags = probe.build_flags()
    if flags is None:
        return "available"
    if "-D_Py_JIT" not in flags:
        return "interpreter"
    values = [flag.rpartition("=")[2] for flag in flags if flag.startswith("-D_Py_TIER2=")]
    off = bool(values) and values[-1].isdecimal() and int(values[-1]) & _OFF_BY_DEFAULT
    return "yes-off" if off else "yes"


def _is_enabled(built: str, switch: str | None) -> bool:
    """Return True if the JIT is on, according to sys._jit.

    3.13 has no sys._jit, so there PYTHON_JIT is interpreted as Python/pylifecycle.c does. `switch`
    is the value of PYTHON_JIT; None if it is not set or ignored.
    """
    jit = getattr(sys, "_jit", None)
    if jit is not None:
        return bool(jit.is_enabled())
    return not switch.startswith("0") if switch else built != "yes-off"

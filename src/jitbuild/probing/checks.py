"""The checks of a probed interpreter, as pure functions of the facts that it reported."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jitbuild.advice import advise_install
from jitbuild.probing.facts import FIRST_WITH_JIT
from jitbuild.request import Axes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from jitbuild.probing.facts import Built, Expect, ProbeFacts, ProbeRuns

MACHINE_CODE: frozenset[Expect] = frozenset({"jit", "yes", "yes-off"})
_EXPECTED: Mapping[Expect, str] = {
    "jit": "a JIT",
    "yes": "a JIT that is on",
    "yes-off": "a JIT that is off",
    "interpreter": "the micro-op interpreter",
    "no": "none",
}
_COMPILED_IN: Mapping[Built, str] = {
    "yes": "The JIT was compiled in, on by default",
    "yes-off": "The JIT was compiled in, off by default",
    "interpreter": "Only the micro-op interpreter was compiled in, which makes no machine code",
}
_REMEDIES: Mapping[str, str] = {
    "memory": "Allow it there, or run this interpreter with PYTHON_JIT=0; the interpreter itself "
    "is not at fault.",
    "version": "Name the interpreter of that version.",
    "environment": "Name the interpreter itself instead of the wrapper that starts it.",
    "tracing": "Start it without the program or variable that sets this, and probe again.",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """The result of one check. `detail` is a sentence that states what was observed."""

    name: str
    ok: bool
    detail: str


def run_checks(
    runs: ProbeRuns,
    expect: Expect,
    version: str | None,
    free_threaded: bool | None,
    required: Collection[str] | None,
) -> tuple[Check, ...]:
    """Return the results of all checks that apply to `expect`, starting with the most basic one.

    `version`, `free_threaded` and the modules `required` are not checked if they are None.
    """
    return (
        *_memory(runs, expect),
        *_identity(runs, expect, version, free_threaded),
        _environment(runs),
        _tracing(runs),
        _build(runs, expect),
        *_executors(runs, expect),
        _negative_control(runs.off),
        *_modules(runs.off, required),
    )


_INSTALL = {
    "no": "Install a CPython without the JIT",
    "interpreter": "Install a CPython with micro-ops but without machine code",
}


def remedy_for(
    failed: Check,
    facts: ProbeFacts,
    expect: Expect,
    executable: object,
    *,
    advise: Callable[..., str] = advise_install,
) -> str:
    """Return a remedy for `failed`, the first check that failed.

    `advise` returns the advice to install an interpreter.
    """
    has_jit = facts.implementation == "cpython" and facts.release >= FIRST_WITH_JIT
    series = facts.series if has_jit else ">=3.13"
    stated = None if expect == "jit" else expect
    axes = Axes(jit=None if stated == "yes-off" else stated)
    match failed.name:
        case name if name in _REMEDIES:
            return _REMEDIES[name]
        case "free-threaded" if not facts.free_threaded:
            return advise("Install a free-threaded one with", f"{facts.series}t")
        case "modules":
            lead = "Install the libraries that they need, or build the interpreter again"
            return advise(lead, series, axes)
        case "built" | "free-threaded":
            return advise(_INSTALL.get(expect, "Install a CPython with the JIT"), series, axes)
        case _:
            command = f"jitbuild probe {shlex.quote(str(executable))} --json"
            return f"Do not rely on this build; report it with the output of: {command}"


def _memory(runs: ProbeRuns, expect: Expect) -> Iterator[Check]:
    """Check that this machine lets a JIT execute the machine code that it writes.

    This check comes first, because a failure here explains all other failures. It does not apply to
    builds without a JIT.
    """
    if expect not in MACHINE_CODE or runs.off.executable_memory is None:
        return
    denied = not runs.off.executable_memory and runs.built in {"yes", "yes-off"}
    detail = "Memory that was written may be executed."
    if denied:
        detail = (
            "This machine does not let programs execute memory that they have written, which the "
            "JIT does: systemd's MemoryDenyWriteExecute, prctl's PR_SET_MDWE, SELinux "
            "(deny_execmem) or a sandbox forbids it."
        )
    yield Check(name="memory", ok=not denied, detail=detail)


def _identity(
    runs: ProbeRuns, expect: Expect, version: str | None, free_threaded: bool | None
) -> Iterator[Check]:
    """Check that the interpreter reported facts, and that its version and threading are right.

    If machine code is expected, the build must have the GIL: CPython never runs a JIT in
    free-threaded builds.
    """
    answered = " ".join(runs.failures) or "It answered with PYTHON_JIT unset, 0 and 1."
    yield Check(name="answers", ok=not runs.failures, detail=answered)
    facts = runs.off
    if version is not None:
        but = "" if facts.version == version else f", and {version} was expected"
        yield Check(name="version", ok=not but, detail=f"It is Python {facts.version}{but}.")
    expected = {free_threaded} - {None} | ({False} if expect in MACHINE_CODE else set())
    if expected:
        kind = "a build with the GIL"
        if facts.free_threaded:
            kind = "a free-threaded build, where CPython never runs a JIT"
        ok = expected == {facts.free_threaded}
        yield Check(name="free-threaded", ok=ok, detail=f"It is {kind}.")


def _environment(runs: ProbeRuns) -> Check:
    """Check that no option, such as -E, makes the interpreter ignore PYTHON_JIT."""
    if any(facts.ignores_environment for facts in runs):
        detail = "It is started with -E or -I, under which PYTHON_JIT is ignored."
        return Check(name="environment", ok=False, detail=detail)
    return Check(name="environment", ok=True, detail="It reads PYTHON_ variables.")


def _tracing(runs: ProbeRuns) -> Check:
    """Check that no tracer is set, which would keep code out of the JIT."""
    tracers = sorted({tracer for facts in runs for tracer in facts.tracers})
    if tracers:
        detail = f"{', '.join(tracers)} is set, and keeps code out of the JIT."
        return Check(name="tracing", ok=False, detail=detail)
    return Check(name="tracing", ok=True, detail="Nothing traces it.")


def _build(runs: ProbeRuns, expect: Expect) -> Check:
    """Check the value of the build option for the JIT.

    For a build without a JIT, the detail states why it has no JIT.
    """
    built = runs.built
    ok = built in {"yes", "yes-off"} if expect == "jit" else built == expect
    if built == "no":
        return Check(name="built", ok=ok, detail=_why_no_jit(runs.off))
    but = "" if ok else f", and {_EXPECTED[expect]} was expected"
    detail = f"{_COMPILED_IN[built]} (--enable-experimental-jit={built}){but}."
    return Check(name="built", ok=ok, detail=detail)


def _why_no_jit(facts: ProbeFacts) -> str:
    if facts.implementation != "cpython":
        # PyPy names itself in the last line of sys.version, in brackets.
        name = facts.full_version.strip().split("\n")[-1].strip("[]") or facts.implementation
        return f"This is {name}, not CPython: PYTHON_JIT has no effect on it."
    if facts.release < FIRST_WITH_JIT:
        return f"CPython {facts.series} has no JIT: the JIT came with 3.13."
    return "The JIT was not compiled in: PYTHON_JIT=1 is silently ignored by this build."


def _executors(runs: ProbeRuns, expect: Expect) -> Iterator[Check]:
    """Check that, with the JIT on, the hot loops have the expected machine code or executors.

    If machine code is expected, the default of the JIT is checked, too.
    """
    size = runs.machine_code_bytes
    seen = f"With PYTHON_JIT=1 a hot loop {'has' if size else 'has no'} machine code"
    if expect in MACHINE_CODE:
        amount = f" ({size} bytes, in whole pages)" if size else ""
        yield Check(name="machine-code", ok=size > 0, detail=f"{seen}{amount}.")
        yield _active(runs.on)
        yield _default(runs)
    else:
        yield Check(name="machine-code", ok=not size, detail=f"{seen}.")
    if expect == "interpreter":
        executors = 0 if runs.on is None else runs.on.executors
        detail = f"With PYTHON_JIT=1 hot loops have {executors} micro-op executors."
        yield Check(name="executors", ok=executors > 0, detail=detail)


def _active(on: ProbeFacts | None) -> Check:
    if on is None or not on.active:
        return Check(name="active", ok=False, detail="No iteration of a hot loop ran in the JIT.")
    detail = f"{on.active_iterations} iterations of a hot loop ran in the JIT."
    if on.active_iterations is None:
        detail = "The loop's code contains an executor (3.13 reports nothing else)."
    return Check(name="active", ok=True, detail=detail)


def _default(runs: ProbeRuns) -> Check:
    """Check that with PYTHON_JIT unset, `is_enabled()` agrees with the observed machine code."""
    enabled = runs.default is not None and runs.default.enabled
    ok = runs.default is not None and enabled == (runs.built == "yes")
    but = "" if ok else ", which contradicts the observed machine code"
    detail = f"With PYTHON_JIT unset the JIT is {'on' if enabled else 'off'}{but}."
    return Check(name="default", ok=ok, detail=detail)


def _negative_control(off: ProbeFacts) -> Check:
    """Check that PYTHON_JIT=0 disables tier 2 completely.

    Otherwise, a run with the JIT off could not be compared with a run with the JIT on.
    """
    clean = not off.enabled and not off.executors and not off.machine_code_bytes
    detail = "PYTHON_JIT=0 does not switch the JIT off."
    if clean:
        detail = "With PYTHON_JIT=0 nothing is compiled."
    return Check(name="negative-control", ok=clean, detail=detail)


def _modules(facts: ProbeFacts, required: Collection[str] | None) -> Iterator[Check]:
    """Check that the modules in `required` can be imported; other modules may be missing."""
    if required is None or facts.missing is None:
        return
    if lost := sorted(set(required).intersection(facts.missing)):
        detail = f"It can no longer import {', '.join(lost)}."
        yield Check(name="modules", ok=False, detail=detail)
        return
    detail = "It can import the usual standard modules."
    if facts.missing:
        missing = ", ".join(facts.missing)
        detail = f"These usual modules are missing, which does not fail the probe: {missing}."
    yield Check(name="modules", ok=True, detail=detail)

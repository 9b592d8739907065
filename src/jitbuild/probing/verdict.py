"""What an interpreter's answers to the probe mean: facts in, a verdict out. Pure; jitbuild.probes gathers the facts.

What is observed decides, what the build says of itself (its configure switches) only fills in. In particular nothing but
machine code in a warmed loop proves a JIT: `sys._jit.is_available()` is True for `interpreter` builds as well, and
`is_enabled()` on free-threaded ones, where no loop is ever compiled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

Built: TypeAlias = Literal["no", "yes", "yes-off", "interpreter"]
Expect: TypeAlias = Literal["jit", "yes", "yes-off", "interpreter", "no"]
Switch: TypeAlias = Literal["default", "0", "1"]

_MACHINE_CODE: frozenset[str] = frozenset({"jit", "yes", "yes-off"})
_EXPECTED: Mapping[Expect, str] = {
    "jit": "a JIT",
    "yes": "a JIT that is on",
    "yes-off": "a JIT that is off",
    "interpreter": "the micro-op interpreter",
    "no": "none",
}
_OFF_BY_DEFAULT = 2  # a bit of _Py_TIER2, Python/pylifecycle.c
_FIRST_WITH_JIT = (3, 13)


@dataclass(frozen=True, kw_only=True, slots=True)
class ProbeFacts:
    """What one run of _probe_target.py saw; its docstrings say where each fact comes from.

    None is for what that interpreter cannot say: `sys._jit` came with 3.14, and Windows records no build flags. `missing` is
    None unless modules were asked for.
    """

    version: str
    full_version: str
    implementation: str
    executable: str
    prefix: str
    base_prefix: str
    free_threaded: bool
    debug: bool
    platform: str
    multiarch: str
    ignores_environment: bool
    build_flags: tuple[str, ...] | None
    tracers: tuple[str, ...]
    jit_available: bool | None
    jit_enabled: bool | None
    active_iterations: int | None
    tier2: bool
    executors: int
    machine_code_bytes: int
    interpreted: bool
    missing: tuple[str, ...] | None

    @property
    def release(self) -> tuple[int, int]:
        """The series as numbers: `(3, 15)`."""
        major, minor = self.version.split(".")[:2]
        return int(major), int(minor)

    @property
    def series(self) -> str:
        """The series as a request for it: `3.15`."""
        return "{}.{}".format(*self.release)

    @property
    def enabled(self) -> bool:
        """Whether tier 2 was on in this run; before `sys._jit` told, an executor was the only sign of it."""
        return self.executors > 0 if self.jit_enabled is None else self.jit_enabled

    @property
    def available(self) -> bool:
        """Whether tier 2 was compiled in, be it the JIT or the micro-op interpreter."""
        return self.tier2 if self.jit_available is None else self.jit_available

    @property
    def active(self) -> bool:
        """Whether a hot loop ran in tier 2. On 3.13 an executor that stands in the loop's code has to do as the sign of it."""
        return self.executors > 0 if self.active_iterations is None else self.active_iterations > 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Runs:
    """The answers by the value of PYTHON_JIT (`default`: not set). `failures` says why an answer is missing."""

    off: ProbeFacts
    default: ProbeFacts | None
    on: ProbeFacts | None
    failures: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[ProbeFacts]:
        return (facts for facts in (self.off, self.default, self.on) if facts is not None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One thing that was looked at: `detail` is a sentence that says what was seen, whether it is `ok` or not."""

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What an interpreter is, and whether that is what was expected (`ok`).

    `executable` is the path that was probed, as given; `facts` has what the interpreter says of itself. `built` names the
    configure option `--enable-experimental-jit=` that it behaves like; an `interpreter-off` build (a secret option of
    configure) counts as `interpreter`, with `enabled["default"]` False.

    `machine_code_bytes` proves that there is machine code and measures nothing: executors are allocated in whole pages.
    `reason` is empty when `ok`, else one sentence on what is wrong and one on what to do.
    """

    executable: Path
    facts: ProbeFacts
    built: Built
    available: bool
    enabled: Mapping[Switch, bool]
    active: bool
    machine_code_bytes: int
    checks: tuple[Check, ...]
    reason: str

    @property
    def ok(self) -> bool:
        return all(check.ok for check in self.checks)

    @property
    def version(self) -> str:
        return self.facts.version

    @property
    def implementation(self) -> str:
        return self.facts.implementation

    @property
    def free_threaded(self) -> bool:
        return self.facts.free_threaded

    @property
    def debug(self) -> bool:
        return self.facts.debug

    @property
    def missing(self) -> tuple[str, ...] | None:
        """The expected standard modules that cannot be imported; None when they were not asked for."""
        return self.facts.missing

    def to_json(self) -> dict[str, Any]:
        """The documented shape of `jitbuild probe --json`. It holds no None, so that a manifest in TOML can hold it."""
        found: dict[str, Any] = {
            "version": self.version,
            "implementation": self.implementation,
            "executable": str(self.executable),
            "jit": {
                "built": self.built,
                "available": self.available,
                "enabled": dict(self.enabled),
                "active": self.active,
                "machine_code_bytes": self.machine_code_bytes,
            },
            "free_threaded": self.free_threaded,
            "debug": self.debug,
            "checks": [
                {"name": check.name, "ok": check.ok, "detail": check.detail}
                for check in self.checks
            ],
            "ok": self.ok,
            "reason": self.reason,
        }
        if self.missing is not None:
            found["missing_modules"] = list(self.missing)
        return found


def judge(
    executable: Path,
    runs: Runs,
    *,
    expect: Expect,
    version: str | None = None,
    free_threaded: bool | None = None,
) -> Verdict:
    """The verdict on the interpreter that gave these answers.

    `jit` expects a JIT, on or off by default. A `version` or `free_threaded` that is given must be met exactly. Whoever expects
    a JIT expects the GIL with it, because a free-threaded build never runs one.
    """
    built = _built(runs)
    threading = {free_threaded} - {None} | ({False} if expect in _MACHINE_CODE else set())
    checks = (
        *_identity(runs, version, threading),
        *_surroundings(runs),
        _built_check(built, expect, runs.off),
        *_proof(runs, built, expect),
        _negative_control(runs.off),
    )
    failed = next((check for check in checks if not check.ok), None)
    return Verdict(
        executable=executable,
        facts=runs.off,
        built=built,
        available=any(facts.available for facts in runs),
        enabled={
            "default": runs.default is not None and runs.default.enabled,
            "0": runs.off.enabled,
            "1": runs.on is not None and runs.on.enabled,
        },
        active=runs.on is not None and runs.on.active,
        machine_code_bytes=_bytes(runs.on),
        checks=checks,
        reason=""
        if failed is None
        else f"{failed.detail} {_remedy(failed, runs.off, expect, executable)}",
    )


def _built(runs: Runs) -> Built:
    """Which build this is: by what its loops became; without that, by its switches; without those, a JIT yet to be proven."""
    if _bytes(runs.default):
        return "yes"
    if _bytes(runs.on):
        return "yes-off"
    if any(facts.interpreted for facts in runs):
        return "interpreter"
    if not any(facts.tier2 for facts in runs):
        return "no"
    flags = runs.off.build_flags
    if flags is not None:
        return _claimed(flags)
    return "yes" if runs.default is not None and runs.default.enabled else "yes-off"


def _claimed(flags: tuple[str, ...]) -> Built:
    """What configure was told (configure.ac, --enable-experimental-jit), from the switches that it gave the compiler."""
    values = [
        flag.removeprefix("-D_Py_TIER2=") for flag in flags if flag.startswith("-D_Py_TIER2=")
    ]
    if not values:
        return "no"
    if "-D_Py_JIT" not in flags:
        return "interpreter"
    return "yes-off" if values[-1].isdecimal() and int(values[-1]) & _OFF_BY_DEFAULT else "yes"


def _bytes(facts: ProbeFacts | None) -> int:
    return 0 if facts is None else facts.machine_code_bytes


def _identity(runs: Runs, version: str | None, threading: set[bool | None]) -> Iterator[Check]:
    """Whether it answered at all, and is the version and the kind that was wanted (`threading`: all that were named)."""
    yield Check(
        name="answers",
        ok=not runs.failures,
        detail=" ".join(runs.failures) or "It answered with PYTHON_JIT unset, 0 and 1.",
    )
    facts = runs.off
    if version is not None:
        wanted = "" if facts.version == version else f", and {version} was expected"
        yield Check(name="version", ok=not wanted, detail=f"It is Python {facts.version}{wanted}.")
    if threading:
        kind = (
            "a free-threaded build, where CPython never runs a JIT"
            if facts.free_threaded
            else "a build with the GIL"
        )
        yield Check(
            name="free-threaded", ok=threading == {facts.free_threaded}, detail=f"It is {kind}."
        )


def _surroundings(runs: Runs) -> Iterator[Check]:
    """Whether something between us and the interpreter keeps the JIT's switch or the JIT itself from working."""
    ignores = any(facts.ignores_environment for facts in runs)
    yield Check(
        name="environment",
        ok=not ignores,
        detail="It is started with -E or -I, under which PYTHON_JIT is ignored."
        if ignores
        else "It heeds PYTHON_ variables.",
    )
    tracers = sorted({tracer for facts in runs for tracer in facts.tracers})
    yield Check(
        name="tracing",
        ok=not tracers,
        detail=f"{', '.join(tracers)} is set, and keeps code out of the JIT."
        if tracers
        else "Nothing traces it.",
    )


def _built_check(built: Built, expect: Expect, facts: ProbeFacts) -> Check:
    """What the build is, in a sentence; for one without a JIT, why."""
    ok = built in {"yes", "yes-off"} if expect == "jit" else built == expect
    if built == "no":
        return Check(name="built", ok=ok, detail=_no_jit(facts))
    was = {
        "yes": "The JIT was compiled in, on by default",
        "yes-off": "The JIT was compiled in, off by default",
        "interpreter": "Only the micro-op interpreter was compiled in, which makes no machine code",
    }[built]
    but = "" if ok else f", and {_EXPECTED[expect]} was expected"
    return Check(name="built", ok=ok, detail=f"{was} (--enable-experimental-jit={built}){but}.")


def _no_jit(facts: ProbeFacts) -> str:
    if facts.implementation != "cpython":
        # PyPy names itself in the last line, in brackets.
        name = facts.full_version.strip().split("\n")[-1].strip("[]") or facts.implementation
        return f"This is {name}, not CPython: PYTHON_JIT means nothing to it."
    if facts.release < _FIRST_WITH_JIT:
        return f"CPython {facts.series} has no JIT: it came with 3.13."
    return "The JIT was not compiled in: PYTHON_JIT=1 is silently ignored by this build."


def _proof(runs: Runs, built: Built, expect: Expect) -> Iterator[Check]:
    """What the hot loops became with the JIT on, and with its default."""
    code = _bytes(runs.on)
    seen = f"With PYTHON_JIT=1 a hot loop {'has' if code else 'has no'} machine code"
    if expect not in _MACHINE_CODE:
        yield Check(name="machine-code", ok=not code, detail=f"{seen}.")
    else:
        yield Check(
            name="machine-code",
            ok=code > 0,
            detail=f"{seen} ({code} bytes, in whole pages)." if code else f"{seen}.",
        )
        yield _runs(runs.on)
        yield _default(runs.default, built)
    if expect == "interpreter":
        executors = 0 if runs.on is None else runs.on.executors
        detail = f"With PYTHON_JIT=1 hot loops have {executors} micro-op executors."
        yield Check(name="executors", ok=executors > 0, detail=detail)


def _runs(on: ProbeFacts | None) -> Check:
    if on is None or not on.active:
        return Check(name="active", ok=False, detail="No iteration of a hot loop ran in the JIT.")
    if on.active_iterations is None:
        return Check(
            name="active",
            ok=True,
            detail="The executor stands in the loop's code (3.13 cannot say more).",
        )
    return Check(
        name="active",
        ok=True,
        detail=f"{on.active_iterations} iterations of a hot loop ran in the JIT.",
    )


def _default(default: ProbeFacts | None, built: Built) -> Check:
    """With PYTHON_JIT unset: `is_enabled()` agrees with the machine code, or its absence."""
    enabled = default is not None and default.enabled
    detail = f"With PYTHON_JIT unset the JIT is {'on' if enabled else 'off'}"
    ok = default is not None and enabled == (built == "yes")
    return Check(
        name="default",
        ok=ok,
        detail=f"{detail}." if ok else f"{detail}, which is not what its loops show.",
    )


def _negative_control(off: ProbeFacts) -> Check:
    """PYTHON_JIT=0 must leave nothing of tier 2, else off and on are no opposites."""
    clean = not off.enabled and not off.executors and not off.machine_code_bytes
    detail = (
        "With PYTHON_JIT=0 nothing is compiled."
        if clean
        else "PYTHON_JIT=0 does not switch the JIT off."
    )
    return Check(name="negative-control", ok=clean, detail=detail)


def _remedy(failed: Check, facts: ProbeFacts, expect: Expect, executable: Path) -> str:
    """What to do about the first check that failed."""
    series = (
        facts.series
        if facts.implementation == "cpython" and facts.release >= _FIRST_WITH_JIT
        else "'>=3.13'"
    )
    option = "" if expect in {"jit", "yes-off"} else f" --jit {expect}"
    match failed.name:
        case "version":
            return "Name the interpreter of that version."
        case "free-threaded" if not facts.free_threaded:
            return f"Install a free-threaded one with: jitbuild install {facts.series}t"
        case "environment":
            return "Name the interpreter itself instead of the wrapper that starts it."
        case "tracing":
            return "Start it without what sets this, and probe again."
        case "built" | "free-threaded":
            return f"Install one with: jitbuild install {series}{option}"
        case _:
            return f"Do not rely on this build; report it with the output of: jitbuild probe {executable} --json"

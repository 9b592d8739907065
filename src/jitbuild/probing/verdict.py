"""The verdict on a probed interpreter, judged from the facts of its runs.

Observed behaviour decides; the claims of the build (its configure flags) only fill gaps. Only
machine code in a hot loop proves a JIT: `sys._jit.is_available()` is True for `interpreter` builds
as well, and `is_enabled()` on free-threaded ones, where no loop is ever compiled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jitbuild.probing.checks import remedy_for, run_checks

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from jitbuild.probing.checks import Check
    from jitbuild.probing.facts import Built, Expect, ProbeFacts, ProbeRuns, Switch


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """The kind of an interpreter, and whether it is the expected one (`ok`).

    `executable` is the path that was probed, as given; `facts` are those of the run with the JIT
    off. `built` is the value of the configure option `--enable-experimental-jit=` that it behaves
    like; a build with the undocumented value `interpreter-off` counts as `interpreter`, with
    `enabled["default"]` False.

    `machine_code_bytes` proves that there is machine code, but measures nothing: executors are
    allocated in whole pages. `reason` is empty if `ok`, else it is one sentence on what is wrong
    and one on the remedy.
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
        """The standard modules that cannot be imported; None if they were not requested."""
        return self.facts.missing

    def to_json(self) -> dict[str, Any]:
        """Return the documented shape of `jitbuild probe --json`.

        It holds no None, so that a TOML manifest can hold it.
        """
        shape: dict[str, Any] = {
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
            shape["missing_modules"] = list(self.missing)
        return shape


def judge(
    executable: Path,
    runs: ProbeRuns,
    *,
    expect: Expect,
    version: str | None = None,
    free_threaded: bool | None = None,
) -> Verdict:
    """Return the verdict on the interpreter `executable` that reported the facts `runs`.

    `expect="jit"` accepts a JIT that is on or off by default, and like every expectation of machine
    code only a build with the GIL. `version` and `free_threaded` must be met exactly, if given.
    """
    checks = run_checks(runs, expect, version, free_threaded)
    failed = next((check for check in checks if not check.ok), None)
    reason = ""
    if failed is not None:
        reason = f"{failed.detail} {remedy_for(failed, runs.off, expect, executable)}"
    return Verdict(
        executable=executable,
        facts=runs.off,
        built=runs.built,
        available=any(facts.available for facts in runs),
        enabled={
            "default": runs.default is not None and runs.default.enabled,
            "0": runs.off.enabled,
            "1": runs.on is not None and runs.on.enabled,
        },
        active=runs.on is not None and runs.on.active,
        machine_code_bytes=runs.machine_code_bytes,
        checks=checks,
        reason=reason,
    )

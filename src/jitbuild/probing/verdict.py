"""The verdict on a probed interpreter, concluded from the facts of its runs.

The verdict is based on observed behaviour; the build's configure flags are used only where nothing
was observed. Only machine code for a hot loop proves that there is a JIT. `sys._jit.is_available()`
is True in `interpreter` builds, too, and `sys._jit.is_enabled()` may be True in free-threaded
builds, which never compile a loop.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jitbuild.probing.checks import remedy_for, run_checks

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from jitbuild.probing.checks import Check
    from jitbuild.probing.facts import Built, Expect, ProbeFacts, ProbeRuns, Switch


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """The verdict on a probed interpreter. `ok` is True if the interpreter meets the expectations.

    `executable` is the path that was probed, without resolving links. `facts` are the facts of the
    run with the JIT off. `built` is the value of the configure option `--enable-experimental-jit=`
    that explains the interpreter's behaviour. A build with the undocumented value `interpreter-off`
    counts as `interpreter`, with `enabled["default"]` False.

    `machine_code_bytes` proves that there is machine code, but is not its exact size, because
    executors are allocated in whole pages. `reason` is "" if `ok` is True. Otherwise it consists of
    a sentence that states the problem and a sentence that states the remedy.
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
    def failure(self) -> str:
        """The sentence that states the problem, without a remedy; "" if `ok` is True."""
        return next((check.detail for check in self.checks if not check.ok), "")

    @property
    def memory_denied(self) -> bool:
        """True if this machine, and not the interpreter, prevents machine code from running."""
        return any(check.name == "memory" and not check.ok for check in self.checks)

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
        """The standard modules that cannot be imported; None if the probe did not check this."""
        return self.facts.missing

    def to_json(self) -> dict[str, Any]:
        """Return the verdict in the documented form of `jitbuild probe --json`.

        No value is None, so that the result can be stored in a TOML manifest.
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
    required: Collection[str] | None = None,
) -> Verdict:
    """Return the verdict on the interpreter `executable`, which reported the facts in `runs`.

    `expect` is the expected value of `--enable-experimental-jit=`, or `jit` for a JIT that is
    either on or off by default. With `jit`, `yes` and `yes-off`, the build must have the GIL.
    `version` and `free_threaded` must match exactly, unless they are None. No module in `required`
    may be missing; if `required` is None, missing modules are not checked.
    """
    checks = run_checks(runs, expect, version, free_threaded, required)
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

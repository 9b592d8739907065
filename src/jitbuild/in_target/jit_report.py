"""Render the report of the pytest plugin as text and JSON, with pure functions.

PYTEST_DONT_REWRITE
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jitbuild.in_target.jit_usage import TESTS, stopping_tracers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from jitbuild.in_target.executors import ExecutorCount
    from jitbuild.in_target.jit_facts import JitFacts
    from jitbuild.in_target.jit_usage import Measurement

_SYSMON = "coverage's sysmon core leaves it on (COVERAGE_CORE=sysmon)"
_NO_PACKAGE = "no package under test was found at rootdir; name it with --jit-packages"


def header(facts: JitFacts, tracers: Sequence[str]) -> list[str]:
    """Return the lines above the tests."""
    return [facts.summary(), *_tracer_warnings(facts, tracers)]


def summary(
    measurement: Measurement, packages: Sequence[str], lost: Sequence[str], *, verbose: bool
) -> Iterator[str]:
    """Yield the lines below the tests; with `verbose`, also the compiled code objects.

    `lost` are the names of the workers that reported nothing.
    """
    yield measurement.facts.summary()
    yield from _tracer_warnings(measurement.facts, measurement.tracers)
    if lost:
        yield f"warning: {_lost(lost)}"
    if not packages:
        yield f"warning: {_NO_PACKAGE}"
    for group in (*packages, TESTS):
        counts = _counts_of(measurement, group)
        if counts or group != TESTS:
            yield _count_line(group, counts)
            yield from _compiled_lines(measurement, group) if verbose else ()


def impossible(require: str | None, facts: JitFacts) -> str:
    """Return the reason why this interpreter cannot meet `require`; "" if it can."""
    if require == "on" and facts.why_off():
        return f"--jit-require=on: {facts.why_off()} ({facts.summary()})."
    if require == "on" and facts.built == "interpreter":
        reason = "this Python interprets micro-ops and makes no machine code"
        return f"--jit-require=on: {reason} ({facts.summary()})."
    if require == "off" and facts.enabled:
        return f"--jit-require=off: the JIT is on; set PYTHON_JIT=0 ({facts.summary()})."
    return ""


def failure(
    require: str | None, measurement: Measurement, packages: Sequence[str], lost: Sequence[str]
) -> str:
    """Return the reason why `require` was not met, and a remedy; "" if it was met."""
    if reason := impossible(require, measurement.facts):
        return reason
    tested = [count for place, count in measurement.code.items() if place.group != TESTS]
    if require == "on" and not any(count.machine_code_bytes for count in tested):
        names = ", ".join(packages) or "any package"
        reason = _why_none(measurement, packages, lost, imported=bool(tested))
        return f"--jit-require=on: no code of {names} got machine code: {reason}."
    number = sum(count.executors > 0 for count in measurement.code.values())
    if require == "off" and number:
        return (
            f"--jit-require=off: {number} code objects have executors although the JIT is off; "
            "probe this Python with jitbuild."
        )
    return ""


def to_json(
    measurement: Measurement,
    packages: Sequence[str],
    require: str | None,
    reason: str,
    lost: Sequence[str],
) -> dict[str, Any]:
    """Return the report in the shape that is documented for --jit-report-json.

    `reason` explains why `require` was not met; it is empty if it was met.
    """
    compiled = [
        {**place._asdict(), **count._asdict()}
        for place, count in sorted(measurement.code.items())
        if count.executors
    ]
    return {
        "schema": 1,
        "python": measurement.facts._asdict(),
        "tracers": list(measurement.tracers),
        "packages": {name: _total(_counts_of(measurement, name)) for name in packages},
        "tests": _total(_counts_of(measurement, TESTS)),
        "compiled": compiled,
        "lost": list(lost),
        "require": require,
        "ok": not reason,
        "reason": reason,
    }


def write_json(path: Path, report: dict[str, Any]) -> str:
    """Write the report to `path`, and create its folder if it does not exist.

    Returns an error message if the file cannot be written, else an empty string.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        return f"--jit-report-json: {path} cannot be written ({error.strerror}); name another file."
    return ""


def _tracer_warnings(facts: JitFacts, tracers: Sequence[str]) -> Iterator[str]:
    names = " and ".join(stopping_tracers(tracers))
    if names and facts.enabled:
        yield f"warning: {names} turns the JIT off while it is set; {_sysmon(facts)}"


def _sysmon(facts: JitFacts) -> str:
    """Return a clause that says how coverage can leave the JIT on.

    Before 3.14, coverage falls back to sys.settrace if it measures branches.
    """
    major, minor = (int(part) for part in facts.version.split(".")[:2])
    return _SYSMON if (major, minor) >= (3, 14) else f"{_SYSMON}, unless it measures branches"


def _lost(lost: Sequence[str]) -> str:
    return f"{', '.join(lost)} ended without reporting any measurement"


def _count_line(group: str, counts: Sequence[ExecutorCount]) -> str:
    """Return a line such as:

    pkg: 2 of 14 code objects got machine code (3 executors, 12288 bytes in whole pages), 12 did not
    """
    if not counts:
        return f"{group}: none of it was imported"
    total = _total(counts)
    detail = ""
    executors = f"{total['executors']} executor{'s' * (total['executors'] != 1)}"
    if total["compiled"]:
        detail = f" ({executors}, {total['machine_code_bytes']} bytes in whole pages)"
    elif total["executors"]:
        detail = f" ({executors} of micro-ops, which are interpreted)"
    compiled, objects = total["compiled"], total["code_objects"]
    return (
        f"{group}: {compiled} of {objects} code objects got machine code{detail}, "
        f"{objects - compiled} did not"
    )


def _compiled_lines(measurement: Measurement, group: str) -> Iterator[str]:
    for place, count in sorted(measurement.code.items()):
        if place.group == group and count.machine_code_bytes:
            yield f"  {place.file}:{place.line} {place.qualname}"


def _why_none(
    measurement: Measurement, packages: Sequence[str], lost: Sequence[str], *, imported: bool
) -> str:
    """Return the reason why no code of the packages got machine code, with a remedy."""
    tracers = stopping_tracers(measurement.tracers)
    if not packages:
        return _NO_PACKAGE
    if lost:
        return _lost(lost)
    if tracers:
        return f"{' and '.join(tracers)} turned the JIT off; {_sysmon(measurement.facts)}"
    if not imported:
        return (
            "the tests imported none of it in this process; name the packages that they do import "
            "with --jit-packages"
        )
    return "no loop in it ran long enough (some thousand iterations in one process); run more of it"


def _counts_of(measurement: Measurement, group: str) -> list[ExecutorCount]:
    return [count for place, count in measurement.code.items() if place.group == group]


def _total(counts: Iterable[ExecutorCount]) -> dict[str, int]:
    counts = list(counts)
    return {
        "code_objects": len(counts),
        "compiled": sum(count.machine_code_bytes > 0 for count in counts),
        "executors": sum(count.executors for count in counts),
        "machine_code_bytes": sum(count.machine_code_bytes for count in counts),
    }

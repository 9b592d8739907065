"""What the pytest plugin says about a measurement: pure functions from it to text and JSON. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jitbuild.in_target.jit_usage import TESTS, stoppers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from jitbuild.in_target.jit_usage import JitFacts, Made, Measurement

_SYSMON = "coverage's sysmon core leaves it on (COVERAGE_CORE=sysmon, Python 3.12 and later)"


def header(facts: JitFacts, tracers: Sequence[str]) -> list[str]:
    """The lines above the tests."""
    return [facts.sentence(), *_tracing(facts, tracers)]


def _tracing(facts: JitFacts, tracers: Sequence[str]) -> Iterator[str]:
    names = " and ".join(stoppers(tracers))
    if names and facts.enabled:
        yield f"warning: {names} turns the JIT off while it is set; {_SYSMON}"


def lines(
    whole: Measurement, packages: Sequence[str], lost: Sequence[str], *, verbose: bool
) -> Iterator[str]:
    """The summary below the tests; `verbose` names what was compiled."""
    yield whole.facts.sentence()
    yield from _tracing(whole.facts, whole.tracers)
    if lost:
        yield f"warning: {', '.join(lost)} ended without saying what was measured there"
    if not packages:
        yield "warning: no package under test was found at rootdir; name it with --jit-packages"
    for group in (*packages, TESTS):
        found = _of(whole, group)
        if found or group != TESTS:
            yield _count(group, found)
            yield from _places(whole, group) if verbose else ()


def _count(group: str, found: Sequence[Made]) -> str:
    """`pkg: 2 of 14 code objects got machine code (3 executors, 12288 bytes in whole pages), 12 did not`."""
    if not found:
        return f"{group}: nothing of it was imported"
    total = _total(found)
    but = ""
    executors = f"{total['executors']} executor{'s' * (total['executors'] != 1)}"
    if total["compiled"]:
        but = f" ({executors}, {total['machine_code_bytes']} bytes in whole pages)"
    elif total["executors"]:
        but = f" ({executors} of micro-ops, which are interpreted)"
    missed = total["code_objects"] - total["compiled"]
    return f"{group}: {total['compiled']} of {total['code_objects']} code objects got machine code{but}, {missed} did not"


def _places(whole: Measurement, group: str) -> Iterator[str]:
    for place, made in sorted(whole.code.items()):
        if place.group == group and made.machine_code_bytes:
            yield f"  {place.file}:{place.line} {place.qualname}"


def hopeless(require: str | None, facts: JitFacts) -> str:
    """Why what is required cannot come true in this interpreter, whatever the tests do; empty when it can."""
    if require == "on" and facts.why_off():
        return f"--jit-require=on: {facts.why_off()} ({facts.sentence()})."
    if require == "on" and facts.built == "interpreter":
        return f"--jit-require=on: this Python interprets micro-ops and makes no machine code ({facts.sentence()})."
    if require == "off" and facts.enabled:
        return f"--jit-require=off: the JIT is on; set PYTHON_JIT=0 ({facts.sentence()})."
    return ""


def failure(
    require: str | None, whole: Measurement, packages: Sequence[str], lost: Sequence[str]
) -> str:
    """Why what was required did not come true, and what to do about it, in one sentence; empty when it did."""
    impossible = hopeless(require, whole.facts)
    if impossible:
        return impossible
    under_test = [made for place, made in whole.code.items() if place.group != TESTS]
    if require == "on" and not any(made.machine_code_bytes for made in under_test):
        names = ", ".join(packages) or "any package"
        return f"--jit-require=on: nothing of {names} got machine code: {_why(whole, packages, lost, bool(under_test))}."
    count = sum(made.executors > 0 for made in whole.code.values())
    if require == "off" and count:
        return f"--jit-require=off: {count} code objects have executors although the JIT is off; probe this Python with jitbuild."
    return ""


def _why(whole: Measurement, packages: Sequence[str], lost: Sequence[str], imported: bool) -> str:
    tracing = stoppers(whole.tracers)
    if not packages:
        return "no package under test was found at rootdir; name it with --jit-packages"
    if lost:
        return f"{', '.join(lost)} ended without saying what was measured there"
    if tracing:
        return f"{' and '.join(tracing)} turned the JIT off; {_SYSMON}"
    if not imported:
        return "the tests imported none of it in this process; name what they do import with --jit-packages"
    return "no loop in it ran long enough (some thousand iterations in one process); run more of it"


def to_json(
    whole: Measurement,
    packages: Sequence[str],
    require: str | None,
    reason: str,
    lost: Sequence[str],
) -> dict[str, Any]:
    """The documented shape of --jit-report-json."""
    compiled = [
        {**place._asdict(), **made._asdict()}
        for place, made in sorted(whole.code.items())
        if made.executors
    ]
    return {
        "schema": 1,
        "python": whole.facts._asdict(),
        "tracers": list(whole.tracers),
        "packages": {name: _total(_of(whole, name)) for name in packages},
        "tests": _total(_of(whole, TESTS)),
        "compiled": compiled,
        "lost": list(lost),
        "require": require,
        "ok": not reason,
        "reason": reason,
    }


def write(path: Path, found: dict[str, Any]) -> str:
    """Write JSON, with the folder that it goes to; what went wrong, else nothing."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        return f"--jit-report-json: {path} cannot be written ({error.strerror}); name another file."
    return ""


def _of(whole: Measurement, group: str) -> list[Made]:
    return [made for place, made in whole.code.items() if place.group == group]


def _total(found: Iterable[Made]) -> dict[str, int]:
    found = list(found)
    return {
        "code_objects": len(found),
        "compiled": sum(made.machine_code_bytes > 0 for made in found),
        "executors": sum(made.executors for made in found),
        "machine_code_bytes": sum(made.machine_code_bytes for made in found),
    }

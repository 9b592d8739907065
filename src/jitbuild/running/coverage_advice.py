"""The way to measure coverage without sys.settrace, which keeps code out of the JIT."""

from __future__ import annotations

_FIRST_WITH_BRANCHES = (3, 14)


def without_settrace(version: str) -> str:
    """Return how to make coverage work without sys.settrace in Python `version`.

    The text is a clause that continues a sentence, such as `set COVERAGE_CORE=sysmon`. Before 3.14,
    sys.monitoring does not report which way a branch goes (coverage/env.py, branch_right_left). If
    coverage is told to measure branches with the core `sysmon` there, it warns, and traces with
    sys.settrace instead (coverage/core.py).
    """
    major, minor = (int(part) for part in version.split(".")[:2])
    if (major, minor) >= _FIRST_WITH_BRANCHES:
        return "set COVERAGE_CORE=sysmon"
    return (
        "set COVERAGE_CORE=sysmon and do not measure branches: before Python 3.14, coverage "
        "measures branches only with sys.settrace"
    )

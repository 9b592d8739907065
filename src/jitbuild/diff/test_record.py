"""Read the records that pytest wrote about its tests (in_target/outcome_recorder.py)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

# Worst first. A test may have several results, for example when its teardown fails too; the worst
# one counts.
_SEVERITY = ("error", "failed", "xfailed", "skipped", "passed")
# The outcomes of tests whose code ran to its end.
EXECUTED = frozenset({"passed", "failed", "xfailed"})


@dataclass(frozen=True, kw_only=True, slots=True)
class TestResult:
    """The outcome of a test, and the first line of its message.

    The outcome is passed, failed, error, skipped or xfailed or, if the process of pytest ended
    while the test was running, the ending of that process (such as SIGSEGV).
    """

    __test__ = False

    outcome: str
    message: str = ""
    log: Path | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeUsage:
    """A measurement of code of the packages under test, and how much of it was compiled.

    `code` maps the identity of a code object, whose first item is the name of its package, to its
    number of executors and the bytes of their machine code. `built` is the configuration of the
    JIT. `tracers` are those that were set.
    """

    packages: tuple[str, ...]
    built: str
    tracers: tuple[str, ...]
    code: Mapping[tuple[str | int, ...], tuple[int, int]]


@dataclass(frozen=True, kw_only=True, slots=True)
class TestRecord:
    """The records of one run of pytest.

    `collected` are the ids of the tests that were to run; the order is that in which they run.
    `results` maps the ids of tests, and of modules that cannot be imported, to their results.
    `running` are the tests that had begun and not ended. `seconds` is the time that the measurement
    of `usage` took, in the process in which it took longest.
    """

    __test__ = False

    collected: tuple[str, ...] = ()
    results: Mapping[str, TestResult] = field(default_factory=dict)
    running: tuple[str, ...] = ()
    usage: tuple[CodeUsage, ...] = ()
    seconds: float = 0.0


def parse_records(text: str) -> TestRecord:
    """Return the record in the text of all files; a line that is not complete is ignored."""
    lines = list(_lines(text.splitlines()))
    running: dict[str, None] = {}
    for line in lines:
        if "start" in line:
            running[line["start"]] = None
        running.pop(line.get("finish", ""), None)
    return TestRecord(
        collected=tuple(test for line in lines for test in line.get("collected", ())),
        results=_results(lines),
        running=tuple(running),
        usage=tuple(_code_usage(line["usage"]) for line in lines if "usage" in line),
        seconds=max((line["seconds"] for line in lines if "seconds" in line), default=0.0),
    )


def _results(lines: Iterable[dict[str, Any]]) -> dict[str, TestResult]:
    """Return the worst result of each test and module."""
    results: dict[str, TestResult] = {}
    for line in lines:
        test = line.get("result")
        if test is not None and (
            test not in results or _is_worse(line["outcome"], results[test].outcome)
        ):
            results[test] = TestResult(outcome=line["outcome"], message=line["message"])
    return results


def _lines(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            record = json.loads(line)
        except ValueError:  # the process was killed while it wrote the line
            continue
        if isinstance(record, dict):
            yield record


def _is_worse(outcome: str, other: str) -> bool:
    return _SEVERITY.index(outcome) < _SEVERITY.index(other)


def _code_usage(plain: Mapping[str, Any]) -> CodeUsage:
    return CodeUsage(
        packages=tuple(plain["packages"]),
        built=plain["python"]["built"],
        tracers=tuple(plain["tracers"]),
        code={tuple(row[:5]): (row[5], row[6]) for row in plain["code"]},
    )

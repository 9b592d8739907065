"""Read the records that pytest wrote about its tests (in_target/outcome_recorder.py)."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from jitbuild.system.parsing import parse_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

# Worst first. A test may have several results, for example when its teardown fails too; the worst
# one counts.
_SEVERITY = ("error", "failed", "xfailed", "skipped", "passed")
# A measurement does not take longer than ten years.
_MAX_SECONDS = 3e8
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


class _UsageRecord(msgspec.Struct, frozen=True):
    """The record `usage`; of `python`, only `built` is read."""

    packages: tuple[str, ...]
    python: dict[str, Any]
    tracers: tuple[str, ...]
    code: tuple[tuple[str, str, str, str, int, int, int], ...]

    def to_usage(self) -> CodeUsage:
        return CodeUsage(
            packages=self.packages,
            built=str(self.python.get("built", "")),
            tracers=self.tracers,
            code={row[:5]: row[5:] for row in self.code},
        )


class _Record(msgspec.Struct, frozen=True):
    """A line of a file of records; which keys it has depends on the event."""

    collected: tuple[str, ...] = ()
    start: str | None = None
    finish: str | None = None
    result: str | None = None
    outcome: Literal["error", "failed", "xfailed", "skipped", "passed"] = "passed"
    message: str = ""
    usage: _UsageRecord | None = None
    seconds: Annotated[float, msgspec.Meta(ge=0, le=_MAX_SECONDS)] = 0.0


def parse_records(text: str) -> TestRecord:
    """Return the record in the text of all files; a line that is no record is ignored.

    Such a line may come from a process that was killed while it wrote the line, or from the
    command itself, which can write to the files.
    """
    lines = list(_lines(text.splitlines()))
    running: dict[str, None] = {}
    for line in lines:
        if line.start is not None:
            running[line.start] = None
        running.pop(line.finish or "", None)
    return TestRecord(
        collected=tuple(test for line in lines for test in line.collected),
        results=_results(lines),
        running=tuple(running),
        usage=tuple(line.usage.to_usage() for line in lines if line.usage),
        seconds=max((line.seconds for line in lines), default=0.0),
    )


def _results(lines: Iterable[_Record]) -> dict[str, TestResult]:
    """Return the worst result of each test and module."""
    results: dict[str, TestResult] = {}
    for line in lines:
        test = line.result
        if test is not None and (
            test not in results or _is_worse(line.outcome, results[test].outcome)
        ):
            results[test] = TestResult(outcome=line.outcome, message=line.message)
    return results


def _lines(lines: Iterable[str]) -> Iterator[_Record]:
    for line in lines:
        # A ValidationError of msgspec is a ValueError.
        with contextlib.suppress(ValueError):
            yield msgspec.convert(parse_json(line), _Record)


def _is_worse(outcome: str, other: str) -> bool:
    return _SEVERITY.index(outcome) < _SEVERITY.index(other)

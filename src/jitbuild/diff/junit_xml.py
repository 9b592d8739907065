"""Read the outcomes of tests from pytest's JUnit XML, family xunit2 (_pytest/junitxml.py)."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

TestOutcome = Literal["passed", "failed", "error", "skipped", "xfailed"]

# Worst first. A test may have several results, for example when its teardown fails too; the worst
# one counts.
_SEVERITY: tuple[TestOutcome, ...] = ("error", "failed", "xfailed", "skipped", "passed")
_MESSAGE_LENGTH = 300


@dataclass(frozen=True, kw_only=True, slots=True)
class TestResult:
    """The outcome of a test, and the first line of its message."""

    __test__ = False

    outcome: TestOutcome
    message: str = ""


def parse_junit_xml(data: bytes, *, is_file: Callable[[str], bool]) -> dict[str, TestResult] | None:
    """Return the result of each test by its id (`tests/test_x.py::TestY::test_z[1]`).

    The XML contains only dotted names. To find the file of a test, `is_file` is called with paths
    relative to the folder in which the tests ran. Return None if `data` is not a complete XML
    document.
    """
    try:
        # The file comes from our own child process, and expat limits the expansion of entities.
        root = ET.fromstring(data)  # noqa: S314
    except ET.ParseError:
        return None
    results: dict[str, TestResult] = {}
    for case in root.iter("testcase"):
        name = _test_id(case.get("classname", ""), case.get("name", ""), is_file)
        result = _result(case)
        if name not in results or _is_worse(result, results[name]):
            results[name] = result
    return results


def _is_worse(result: TestResult, other: TestResult) -> bool:
    return _SEVERITY.index(result.outcome) < _SEVERITY.index(other.outcome)


def _test_id(classname: str, name: str, is_file: Callable[[str], bool]) -> str:
    """Return the id that pytest accepts, or the dotted names if no file of the test is found."""
    # The entry of a module that cannot be imported has a name but no class name.
    parts = (classname or name).split(".")
    for end in range(len(parts), 0, -1):
        path = "/".join(parts[:end]) + ".py"
        if is_file(path):
            return "::".join([path, *parts[end:], *([name] if classname else [])])
    return f"{classname}::{name}" if classname else name


def _result(case: ET.Element) -> TestResult:
    for child in case:
        outcome = _outcome(child)
        if outcome is not None:
            lines = child.get("message", "").strip().splitlines()
            return TestResult(outcome=outcome, message=lines[0][:_MESSAGE_LENGTH] if lines else "")
    return TestResult(outcome="passed")


def _outcome(child: ET.Element) -> TestOutcome | None:
    match child.tag:
        case "skipped":
            return "xfailed" if child.get("type") == "pytest.xfail" else "skipped"
        case "failure":
            return "failed"
        case "error":
            return "error"
        case _:
            return None

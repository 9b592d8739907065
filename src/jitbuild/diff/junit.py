"""The tests' outcomes as pytest wrote them: its JUnit XML, family xunit2 (_pytest/junitxml.py)."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

Outcome = Literal["passed", "failed", "error", "skipped", "xfailed"]

# A test may be told of more than once, as when its teardown fails after itself: the worst counts.
_WORST: tuple[Outcome, ...] = ("error", "failed", "xfailed", "skipped", "passed")
_LONGEST = 300


@dataclass(frozen=True, kw_only=True, slots=True)
class Test:
    """How a test ended, and the first line of why."""

    __test__ = False

    outcome: Outcome
    message: str = ""


def parse(data: bytes, *, is_file: Callable[[str], bool]) -> dict[str, Test] | None:
    """Each test by its id (`tests/test_x.py::TestY::test_z[1]`); None for what is no such file, or not whole.

    `is_file` says whether a path, seen from where the tests ran, is a file: the XML has only dotted names.
    """
    try:
        # Written by our own child, and expat limits what entities may become.
        root = ET.fromstring(data)  # noqa: S314
    except ET.ParseError:
        return None
    tests: dict[str, Test] = {}
    for case in root.iter("testcase"):
        name = node_id(case.get("classname", ""), case.get("name", ""), is_file=is_file)
        found = _test(case)
        if name not in tests or _WORST.index(found.outcome) < _WORST.index(tests[name].outcome):
            tests[name] = found
    return tests


def node_id(classname: str, name: str, *, is_file: Callable[[str], bool]) -> str:
    """The id as it is typed, where the file is found; else the dotted names as they are."""
    # Of a module that could not be imported the name is all there is.
    parts = (classname or name).split(".")
    for end in range(len(parts), 0, -1):
        path = "/".join(parts[:end]) + ".py"
        if is_file(path):
            return "::".join([path, *parts[end:], *([name] if classname else [])])
    return f"{classname}::{name}" if classname else name


def _test(case: ET.Element) -> Test:
    for child in case:
        if child.tag == "skipped":
            outcome: Outcome = "xfailed" if child.get("type") == "pytest.xfail" else "skipped"
        elif child.tag == "failure":
            outcome = "failed"
        elif child.tag == "error":
            outcome = "error"
        else:
            continue
        lines = child.get("message", "").strip().splitlines()
        return Test(outcome=outcome, message=lines[0][:_LONGEST] if lines else "")
    return Test(outcome="passed")

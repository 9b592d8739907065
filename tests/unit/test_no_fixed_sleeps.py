"""The tests wait for what they look at, and never for a time."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parents[1]
LONGEST_POLL = 0.3  # seconds; a loop that waits for a state may sleep less


def fixed_sleeps(code: str) -> Iterator[int]:
    """Return the lines of calls like `sleep(2)` whose lines have no comment.

    Programs under test are strings, so their calls are not found.
    """
    lines = code.splitlines()
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.Call(
                func=ast.Attribute(attr="sleep") | ast.Name(id="sleep"),
                args=[ast.Constant(value=int() | float() as seconds)],
            ) if seconds >= LONGEST_POLL and "#" not in lines[node.lineno - 1]:
                yield node.lineno


def test_no_test_waits_for_a_fixed_time():
    found = [
        f"{path.relative_to(TESTS)}:{line}"
        for path in sorted(TESTS.rglob("*.py"))
        for line in fixed_sleeps(path.read_text(encoding="utf-8"))
    ]
    assert found == [], "wait until what is looked at has happened, or say in a comment why not"


def test_fixed_sleeps_are_found():
    code = """
time.sleep(2)
sleep(0.5)
time.sleep(0.02)
time.sleep(seconds)
time.sleep(3)  # because the clock of the server has whole seconds
run("time.sleep(600)")
"""
    assert [*fixed_sleeps(code)] == [2, 3]

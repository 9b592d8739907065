"""Tests of the report on the terminal."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from bench_fakes import report
from rich.console import Console

from jitbuild.bench import conclusions
from jitbuild.bench.render import table
from jitbuild.bench.report import CompiledFunction, JITInspection


def test_the_table_is_followed_by_inspections_and_the_verdict(capsys):
    table.show(report(1.5, 0.9), Console(width=100), inspect=True)
    lines = capsys.readouterr().out.splitlines()
    assert any(
        re.fullmatch(r"float_loop +1 s +667 ms +1\.50x +1\.50-1\.50 +faster", line)
        for line in lines
    )
    assert (
        "float_loop: 2 executors in 1 function, 4096 bytes of machine code (in whole pages)"
        in lines
    )
    assert "     40% of time   slow  x.py:9" in lines
    assert "lists: the JIT's machine code cannot be inspected." in lines
    assert lines[-1] == conclusions.sentence(report(1.5, 0.9))


def function(name: str, executors: int, library: str = "") -> CompiledFunction:
    return CompiledFunction(
        name=name, file=f"{name}.py", line=1, executors=executors, bytes=4096, library=library
    )


def test_functions_of_libraries_are_counted_and_not_listed():
    compiled = (function("work", 1), function("loads", 3, "json"), function("dumps", 2, "json"))
    (row,) = report(1.5).rows
    inspected = replace(row, inspection=JITInspection(compiled=compiled))
    assert [*table.inspection(inspected)] == [
        "float_loop: 6 executors in 3 functions, 12288 bytes of machine code (in whole pages)",
        "      1 executor   work  work.py:1",
        "    in json: 5 executors in 2 functions, 8192 bytes",
    ]


def test_functions_of_libraries_are_listed_if_there_are_no_others():
    compiled = (function("loads", 3, "json"),)
    (row,) = report(1.5).rows
    inspected = replace(row, inspection=JITInspection(compiled=compiled))
    assert [*table.inspection(inspected)][1:] == [
        "    none of them in the program's own code:",
        "      3 executors  loads  loads.py:1",
    ]


@pytest.mark.parametrize(
    ("value", "shown"), [(2.5, "2.5 s"), (0.0012, "1.2 ms"), (4.5e-6, "4.5 us"), (2e-8, "20 ns")]
)
def test_times_have_three_digits_and_a_unit(value, shown):
    assert table.format_seconds(value) == shown

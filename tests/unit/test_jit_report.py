"""The texts and the failures of the pytest plugin."""

from __future__ import annotations

import pytest
from jit_fakes import NO_JIT, OFF, ON, SETTRACE, measurement

from jitbuild.in_target import jit_report
from jitbuild.in_target.executors import ExecutorCount
from jitbuild.in_target.jit_usage import TESTS, CodePlace, Measurement


def summary_of(
    merged: Measurement,
    packages: tuple[str, ...] = ("pkg",),
    lost: tuple[str, ...] = (),
    verbose: bool = False,
) -> str:
    return "\n".join(jit_report.summary(merged, packages, lost, verbose=verbose))


def test_the_summary_counts_and_names_compiled_code() -> None:
    text = summary_of(measurement(ON, hot=4096, warm=8192, cold=0), verbose=True)
    assert text.split("\n") == [
        "CPython 3.15.2, JIT yes-off, PYTHON_JIT=1: on",
        (
            "pkg: 2 of 3 code objects got machine code (2 executors, 12288 bytes in whole pages), "
            "1 did not"
        ),
        "  /pkg.py:1 hot",
        "  /pkg.py:1 warm",
    ]
    assert "pkg: none of it was imported" in summary_of(measurement())
    assert "--jit-packages" in summary_of(measurement(), ())
    assert "gw0" in summary_of(measurement(), lost=("gw0",))
    micro_ops = Measurement(ON, (), {CodePlace("pkg", "pkg", "f", "/f.py", 1): ExecutorCount(2, 0)})
    assert (
        "pkg: 0 of 1 code objects got machine code (2 executors of micro-ops, which are "
        "interpreted), 1 did not"
    ) in summary_of(micro_ops)


def test_a_tracer_gets_a_warning_if_the_jit_is_on() -> None:
    assert "warning: sys.settrace turns the JIT off" in summary_of(measurement(ON, SETTRACE))
    assert "COVERAGE_CORE=sysmon" in summary_of(measurement(ON, SETTRACE))
    assert "branches" not in summary_of(measurement(ON, SETTRACE))
    older = ON._replace(version="3.13.15")
    assert "COVERAGE_CORE=sysmon), unless it measures branches" in summary_of(
        measurement(older, SETTRACE)
    )
    assert "warning" not in summary_of(measurement(OFF, SETTRACE))
    assert "warning" not in summary_of(measurement(ON, ("sys.monitoring (coverage.py)",)))


@pytest.mark.parametrize(
    ("require", "merged", "packages", "lost", "expected"),
    [
        (None, measurement(OFF), ("pkg",), (), ""),
        ("on", measurement(hot=4096), ("pkg",), (), ""),
        ("on", measurement(OFF, hot=0), ("pkg",), (), "set PYTHON_JIT=1"),
        ("on", measurement(OFF._replace(switch_ignored=True)), ("pkg",), (), "-E or -I"),
        ("on", measurement(NO_JIT), ("pkg",), (), "`jitbuild install`"),
        ("on", measurement(ON._replace(built="interpreter"), hot=0), ("pkg",), (), "micro-ops"),
        ("on", measurement(ON, SETTRACE, hot=0), ("pkg",), (), "COVERAGE_CORE=sysmon"),
        ("on", measurement(hot=0), ("pkg",), (), "no loop in it ran long enough"),
        ("on", measurement(), ("pkg",), (), "imported none of it"),
        ("on", measurement(), (), (), "no package under test was found"),
        ("on", measurement(), ("pkg",), ("gw1",), "gw1 ended without reporting"),
        ("off", measurement(OFF, hot=0), ("pkg",), (), ""),
        ("off", measurement(NO_JIT), (), (), ""),
        ("off", measurement(ON, hot=0), ("pkg",), (), "set PYTHON_JIT=0"),
        ("off", measurement(OFF, hot=4096), ("pkg",), (), "1 code objects have executors"),
    ],
)
def test_an_unmet_requirement_is_explained_in_one_sentence(
    require: str | None, merged: Measurement, packages: tuple, lost: tuple, expected: str
) -> None:
    failure = jit_report.failure(require, merged, packages, lost)
    assert expected in failure
    assert bool(expected) == bool(failure)
    assert "\n" not in failure


def test_compiled_tests_do_not_count_for_the_package() -> None:
    merged = measurement(hot=0)
    merged.code[CodePlace(TESTS, "test_pkg", "test_hot", "/test_pkg.py", 1)] = ExecutorCount(
        1, 4096
    )
    assert "no code of pkg got machine code" in jit_report.failure("on", merged, ("pkg",), ())

"""Detect a coverage that keeps the code it measures out of the JIT, and advise what does not."""

import pytest

from jitbuild.running.coverage_advice import without_settrace
from jitbuild.sessions.coverage_core import settrace_warning
from jitbuild.system.process import Completed

REFUSAL = (
    "core.py:96: CoverageWarning: Can't use core=sysmon: sys.monitoring can't measure branches in "
    "this version, using default core (no-sysmon)\n"
)


@pytest.fixture
def warning(tmp_path):
    """Return a function that returns the warning for a coverage with these answers by core."""
    (tmp_path / "lib/python3.15/site-packages/coverage").mkdir(parents=True)

    def warning(version, *, default, sysmon, stderr=""):
        def runner(argv, /, *, env, timeout):
            assert argv[0] == str(tmp_path / "bin/python")
            answer = sysmon if env.get("COVERAGE_CORE") == "sysmon" else default
            out = "" if answer is None else f"{answer} {version}\n"
            return Completed(argv=tuple(argv), returncode=0, stdout=out, stderr=stderr)

        return settrace_warning(tmp_path, tmp_path / "bin/python", {"A": "b"}, runner)

    return warning


def test_a_coverage_that_does_not_trace_or_does_not_answer_gets_no_warning(warning):
    assert warning("3.15.2", default=False, sysmon=False) == ""
    assert warning("3.15.2", default=None, sysmon=None) == ""


def test_the_core_without_settrace_is_recommended_where_it_can_measure(warning):
    text = warning("3.15.2", default=True, sysmon=False)
    assert text.endswith("Measure coverage in another session, or set COVERAGE_CORE=sysmon.")
    assert text == warning("3.14.10", default=True, sysmon=False)
    text = warning("3.13.15", default=True, sysmon=False)
    assert "COVERAGE_CORE=sysmon and do not measure branches: before Python 3.14" in text


def test_the_core_without_settrace_is_not_recommended_where_coverage_refuses_it(warning):
    text = warning("3.13.15", default=True, sysmon=True, stderr=REFUSAL)
    assert "COVERAGE_CORE" not in text
    assert text.endswith(
        "Its core sysmon cannot be used with this configuration: sys.monitoring can't measure "
        "branches in this version."
    )
    assert "with this configuration." in warning("3.15.2", default=True, sysmon=True)


def test_a_venv_without_coverage_is_not_asked(tmp_path):
    assert settrace_warning(tmp_path, tmp_path / "bin/python", {}) == ""


@pytest.mark.parametrize(
    ("version", "branches"),
    [("3.13.15", False), ("3.14.0b1", True), ("3.15.2", True), ("3.16.0a1", True)],
)
def test_branches_can_be_measured_without_settrace_since_3_14(version, branches):
    assert ("do not measure branches" in without_settrace(version)) is not branches

"""Outcomes of tests in pytest's JUnit XML."""

import pytest
from diff_samples import JUNIT_XML

from jitbuild.diff.junit_xml import TestResult, parse_junit_xml


def test_results_are_named_by_the_ids_that_pytest_accepts():
    files = {"t/test_x.py", "t/test_broken.py"}
    assert parse_junit_xml(JUNIT_XML, is_file=files.__contains__) == {
        "t/test_x.py::TestA::test_p[a.b]": TestResult(outcome="passed"),
        "t/test_x.py::test_f": TestResult(outcome="failed", message="assert 1 and more"),
        "t/test_x.py::test_s": TestResult(outcome="skipped", message="no"),
        "t/test_x.py::test_xf": TestResult(outcome="xfailed"),
        "t/test_x.py::test_t": TestResult(outcome="error", message="in teardown"),
        "t/test_broken.py": TestResult(outcome="error", message="collection failure"),
        "elsewhere.test_z::test_z": TestResult(outcome="passed"),
    }


@pytest.mark.parametrize("data", [b"", JUNIT_XML[:200], b"not xml"])
def test_an_incomplete_report_is_none(data):
    assert parse_junit_xml(data, is_file=lambda _: False) is None

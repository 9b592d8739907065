"""The records that pytest writes about its tests, as the host reads them."""

import pytest
from diff_samples import RECORDS, record_line, usage_line

from jitbuild.diff.test_record import TestRecord, TestResult, parse_records


def test_the_worst_result_of_a_test_counts_and_an_incomplete_line_is_ignored():
    record = parse_records(RECORDS)
    assert record.results == {
        "t/test_broken.py": TestResult(outcome="error", message="ImportError: no"),
        "t/test_x.py::TestA::test_p[a.b]": TestResult(outcome="passed"),
        "t/test_x.py::test_f": TestResult(outcome="error", message="in teardown"),
    }
    assert record.running == ("t/test_x.py::test_t",)
    assert len(record.collected) == 3


def test_usage_is_read_from_every_process():
    text = usage_line("p", compiled=["p.f"], plain=["p.g"]) + record_line(seconds=0.5)
    record = parse_records(
        text + usage_line("p", tracers=["sys.settrace"]) + record_line(seconds=2)
    )
    first, second = record.usage
    assert list(first.code.values()) == [(1, 4096), (0, 0)]
    assert (first.packages, second.tracers) == (("p",), ("sys.settrace",))
    assert record.seconds == 2


def test_text_without_records_is_an_empty_record():
    assert parse_records("[1]\nx\n") == TestRecord()


@pytest.mark.parametrize(
    "line",
    [
        '{"collected": 3}',
        '{"start": ["t"]}',
        '{"result": ["t"], "outcome": "passed", "message": ""}',
        '{"result": "t", "outcome": "splendid", "message": ""}',
        '{"result": "t", "outcome": "passed", "message": null}',
        '{"usage": {"packages": ["p"]}}',
        '{"usage": {"packages": ["p"], "python": {}, "tracers": [], "code": [["p", 1]]}}',
        '{"seconds": NaN}',
        '{"seconds": 1e400}',
        "[" * 100_000,
        "9" * 10_000,
    ],
)
def test_a_line_that_is_no_record_is_ignored(line):
    known = record_line(result="t", outcome="failed", message="why")
    assert parse_records(f"{line}\n{known}").results == {
        "t": TestResult(outcome="failed", message="why")
    }

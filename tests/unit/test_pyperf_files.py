"""Tests of reading, joining and writing pyperf's files."""

from __future__ import annotations

import pyperf
import pytest
from bench_fakes import write_pyperf_file

from jitbuild.bench import pyperf_files
from jitbuild.bench.stats import Sample
from jitbuild.errors import MeasurementError


def test_files_are_joined_with_metadata(tmp_path):
    for number in (1, 2):
        write_pyperf_file(tmp_path / f"{number}.json", "lists", (1.0 * number, 2.0))
    suite = pyperf_files.join([tmp_path / "1.json", tmp_path / "2.json"], {"jitbuild_mode": "on"})
    pyperf_files.dump(suite, tmp_path / "out" / "on.json")
    again = pyperf_files.load(tmp_path / "out" / "on.json")
    assert pyperf_files.samples(again) == {"lists": Sample(processes=((1.0, 2.0), (2.0, 2.0)))}
    assert pyperf_files.metadata(again)["jitbuild_mode"] == "on"
    assert pyperf_files.calibrated_loops(tmp_path / "1.json") == {"lists": 4}


def test_files_of_a_measurement_that_was_resumed_elsewhere_are_joined(tmp_path):
    facts: list[dict] = [
        {"hostname": "a", "cpu_count": 2},
        {"hostname": "b", "cpu_count": 2, "aslr": "Full"},
        {"hostname": "a", "cpu_count": 4, "aslr": "Full"},
    ]
    for number, metadata in enumerate(facts):
        run = pyperf.Run([1.0], metadata={"name": "x", **metadata}, collect_metadata=False)
        pyperf.Benchmark([run]).dump(str(tmp_path / f"{number}.json"))
    suite = pyperf_files.join([tmp_path / f"{number}.json" for number in range(3)], {})
    pyperf_files.dump(suite, tmp_path / "all.json")
    metadata = pyperf_files.metadata(pyperf_files.load(tmp_path / "all.json"))
    assert (metadata["hostname"], metadata["cpu_count"]) == ("a; b", "2; 4")
    assert len(pyperf_files.samples(suite)["x"].processes) == 3


def test_nothing_is_joined_to_none():
    assert pyperf_files.join([], {}) is None


def test_some_files_have_metadata_of_their_own(tmp_path):
    nbody, logging = tmp_path / "1.json", tmp_path / "2.json"
    write_pyperf_file(nbody, "nbody", (1.0, 2.0))
    write_pyperf_file(logging, "logging", (1.0, 2.0))
    own = {nbody: {"tags": ["math"], "performance_version": "1.14.0"}}
    suite = pyperf_files.join([nbody, logging], {"jitbuild_mode": "on"}, own)
    assert suite.get_benchmark("nbody").get_metadata()["tags"] == ["math"]
    assert "tags" not in suite.get_benchmark("logging").get_metadata()
    assert pyperf_files.metadata(suite)["jitbuild_mode"] == "on"


def test_rounds_are_left_out_and_counted(tmp_path):
    paths = [tmp_path / f"{value}.json" for value in (1.0, 2.0, 3.0)]
    for path in paths:
        value = float(path.stem)
        write_pyperf_file(path, "lists", (value, value))
    suite = pyperf_files.join(paths, {"arm": "off"})
    shorter = pyperf_files.without_rounds(suite, {"lists": {1}, "other": {0}})
    assert pyperf_files.samples(shorter)["lists"].processes == ((1.0, 1.0), (3.0, 3.0))
    metadata = pyperf_files.metadata(shorter)
    assert (metadata["arm"], metadata["jitbuild_rounds_left_out"]) == ("off", 1)


@pytest.mark.parametrize(
    "content",
    ["", "{}", "[]", "null", '{"version": "1.0", "benchmarks": [{}]}', "\x00", '{"a": 1}'],
)
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(MeasurementError, match="is not a pyperf file"):
        pyperf_files.load(tmp_path / "x.json")


@pytest.mark.parametrize("value", ["Infinity", "1e-300", f"1{'0' * 400}"])
def test_values_that_no_clock_can_measure_are_refused(tmp_path, value):
    run = f'{{"values": [{value}], "metadata": {{"name": "x"}}}}'
    (tmp_path / "x.json").write_text(f'{{"version": "1.0", "benchmarks": [{{"runs": [{run}]}}]}}')
    with pytest.raises(MeasurementError, match="is not a pyperf file: ValueError: x has a value"):
        pyperf_files.load(tmp_path / "x.json")


def test_a_name_that_is_not_a_text_is_refused(tmp_path):
    run = '{"values": [1.0], "metadata": {"name": 1.5}}'
    (tmp_path / "x.json").write_text(f'{{"version": "1.0", "benchmarks": [{{"runs": [{run}]}}]}}')
    with pytest.raises(MeasurementError, match=r"the name 1\.5 is not a text"):
        pyperf_files.load(tmp_path / "x.json")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(MeasurementError, match="No such file"):
        pyperf_files.load(tmp_path / "x.json")


def test_significance_needs_equally_many_values_with_some_spread():
    def of(*values: float) -> Sample:
        return Sample(processes=(values,))

    assert pyperf_files.is_significant(of(1.0), of(2.0)) is None
    assert pyperf_files.is_significant(of(1.0, 1.0), of(1.0, 1.0)) is None
    assert pyperf_files.is_significant(of(1.0, 1.01), of(1.0, 1.01, 0.99)) is None
    assert pyperf_files.is_significant(of(1.0, 1.01, 0.99), of(2.0, 2.02, 1.98)) is True

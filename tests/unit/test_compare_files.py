"""Tests of `jitbuild bench compare` with files of unequal shapes, against pyperf's own numbers."""

from __future__ import annotations

import itertools
import json
import math
from statistics import fmean

import pyperf
import pytest
from pyperf._compare import compute_normalized_mean

from jitbuild.bench import report_json
from jitbuild.bench.compare_files import compare_files
from jitbuild.bench.conclusions import sentence
from jitbuild.bench.render.charts import standalone
from jitbuild.bench.render.html import html
from jitbuild.bench.render.table import lines
from jitbuild.errors import MeasurementError

MACHINE = {
    "hostname": "here",
    "cpu_model_name": "A CPU",
    "platform": "Linux-6.1-x86_64",
    "python_version": "3.15.2 (64-bit)",
    "perf_version": "2.11.0",
}
# For each process, the number of its values; 0 is a process that only calibrates.
SHAPES = {
    "one value": [1],
    "two values": [2],
    "one process": [20],
    "two processes": [3, 3],
    "unequal values": [3, 5, 1, 4],
    "after a calibration": [0, 3, 3, 3, 3],
    "many": [0, *[2] * 25],
}


def write(path, **benchmarks):
    """Write a pyperf file; `benchmarks` are tuples of a shape, a mean and metadata."""
    suite = pyperf.BenchmarkSuite([bench(name, *given) for name, given in benchmarks.items()])
    suite.dump(str(path))
    return path


def bench(name, shape, mean, metadata=MACHINE):
    noise = itertools.cycle([0.99, 1.0, 1.02, 1.01, 0.98, 1.003])
    runs = []
    for day, count in enumerate(shape, 1):
        shared = {"name": name, "date": f"2026-11-{day:02} 10:00:00.5", **metadata}
        values = [mean * next(noise) for _ in range(count)]
        calibration = {"warmups": [(1, mean)]} if not values else {}
        if calibration:
            shared["calibrate_loops"] = 1
        runs.append(pyperf.Run(values, **calibration, metadata=shared, collect_metadata=False))
    return pyperf.Benchmark(runs)


@pytest.mark.parametrize(("left", "right"), [*itertools.product(SHAPES, SHAPES)])
def test_files_of_all_shapes_are_compared_as_pyperf_does(tmp_path, left, right):
    first = {"x": (SHAPES[left], 2.0), "y": (SHAPES["many"], 1.0), "only_here": ([3], 1.0)}
    second = {"x": (SHAPES[right], 1.0), "y": (SHAPES["unequal values"], 1.5)}
    paths = [write(tmp_path / "a.json", **first), write(tmp_path / "b.json", **second)]
    (report,) = compare_files(paths)
    base, other = (pyperf.BenchmarkSuite.load(str(path)) for path in paths)
    expected = {
        name: 1 / compute_normalized_mean(other.get_benchmark(name), base.get_benchmark(name))
        for name in ("x", "y")
    }
    assert {row.name: row.ratio.value for row in report.rows} == pytest.approx(expected)
    assert report.mean.value == pytest.approx(math.sqrt(math.prod(expected.values())))
    assert "Only in one of the files, and left out: only_here." in report.notes
    json.dumps(report_json.to_json(report), allow_nan=False)
    assert html(report)
    assert standalone(report)
    assert [*lines(report, inspect=False)]


def test_an_interval_of_unequal_files_is_that_of_welch(tmp_path):
    first, second = (1.0, 1.1, 1.2), (2.0, 2.1, 2.3, 2.2, 2.4)
    for name, values in (("a", first), ("b", second)):
        runs = [
            pyperf.Run([value], metadata={"name": "x"}, collect_metadata=False) for value in values
        ]
        pyperf.Benchmark(runs).dump(str(tmp_path / f"{name}.json"))
    (report,) = compare_files([tmp_path / "a.json", tmp_path / "b.json"])
    # By hand: the standard error of the logarithm is sqrt(0.01/3/1.21 + 0.025/5/4.84).
    error = math.sqrt(0.01 / 3 / 1.1**2 + 0.025 / 5 / 2.2**2)
    parts = (0.01 / 3 / 1.1**2, 0.025 / 5 / 2.2**2)
    freedom = sum(parts) ** 2 / (parts[0] ** 2 / 2 + parts[1] ** 2 / 4)
    assert int(freedom) == 3
    value = fmean(first) / fmean(second)
    assert report.mean.value == pytest.approx(value)
    assert report.mean.low == pytest.approx(value * math.exp(-3.182 * error))
    assert report.rows[0].significant is None


def test_a_benchmark_that_was_only_calibrated_is_left_out(tmp_path):
    first = write(tmp_path / "a.json", x=([0], 1.0), y=([3, 3, 3], 1.0))
    second = write(tmp_path / "b.json", x=([3], 1.0), y=([3, 3, 3], 1.0))
    (report,) = compare_files([first, second])
    assert [row.name for row in report.rows] == ["y"]
    assert report.notes[0] == "Without times in a, and left out: x."


def test_files_without_common_times_are_refused(tmp_path):
    first = write(tmp_path / "a.json", x=([0], 1.0))
    second = write(tmp_path / "b.json", **{name: ([3], 1.0) for name in "uvwxyz"})
    with pytest.raises(MeasurementError, match="no benchmark with times in common") as caught:
        compare_files([first, second])
    assert "none; and u, v, w, x and 2 more." in caught.value.what


def test_a_single_process_is_pointed_out(tmp_path):
    first = write(tmp_path / "a.json", x=([20], 1.0))
    second = write(tmp_path / "b.json", x=([3, 3, 3], 1.0))
    (report,) = compare_files([first, second])
    (note,) = [note for note in report.notes if "single process" in note]
    assert note.startswith("In a, a single process measured x.")


def test_the_lines_on_the_files_name_date_machine_and_versions(tmp_path):
    ours = {**MACHINE, "jitbuild_version": "0.1.0", "jitbuild_system": "An OS 1"}
    first = write(tmp_path / "a.json", x=([3, 3], 1.0, ours))
    second = write(tmp_path / "b.json", x=([3], 1.0))
    (report,) = compare_files([first, second])
    shown = [*lines(report, inspect=False)]
    assert shown[:2] == [
        (
            "a: Python 3.15.2 (64-bit), A CPU, An OS 1, Linux-6.1-x86_64, 2026-11-01 10:00 to "
            "2026-11-02 10:00, jitbuild 0.1.0, pyperf 2.11.0"
        ),
        "b: Python 3.15.2 (64-bit), A CPU, Linux-6.1-x86_64, 2026-11-01 10:00, pyperf 2.11.0",
    ]
    assert report.about["base_date"] == "2026-11-01 10:00 to 2026-11-02 10:00"
    assert report.warnings == ()


def test_files_without_metadata_and_with_dates_that_are_none_are_compared(tmp_path):
    first = write(tmp_path / "a.json", x=([3, 3, 3], 1.0, {"date": "yesterday"}))
    second = write(tmp_path / "b.json", x=([3, 3, 3], 1.0, {"date": "2026-11-01"}))
    (report,) = compare_files([first, second])
    assert report.about.keys().isdisjoint({"base_date", "base_hostname"})


def test_different_machines_are_a_warning(tmp_path):
    there = {**MACHINE, "hostname": "there", "cpu_model_name": "B CPU"}
    first = write(tmp_path / "a.json", x=([3, 3, 3], 1.0))
    second = write(tmp_path / "b.json", x=([3, 3, 3], 1.0, there))
    (report,) = compare_files([first, second])
    (warning,) = report.warnings
    assert "here and there; A CPU and B CPU" in warning


def test_arms_of_one_measurement_with_unequal_rounds_are_compared(tmp_path):
    session = {**MACHINE, "jitbuild_session": "s", "jitbuild_until_decided": 1}
    first = write(tmp_path / "a.json", x=([3] * 7, 2.0, session), y=([3] * 7, 2.0, session))
    second = write(tmp_path / "b.json", x=([3] * 5, 1.0, session), y=([3] * 7, 1.0, session))
    (report,) = compare_files([first, second])
    assert report.mean.result == "faster"
    assert report.confidence == "99%"


FAST, RELEASE = ({**MACHINE, "jitbuild_profile": profile} for profile in ("fast", "release"))
OVERSTATED = "a gain from the JIT is overstated there."


@pytest.mark.parametrize(
    ("metadata", "warnings", "end"),
    [
        (
            ({**FAST, "jitbuild_mode": "off"}, {**FAST, "jitbuild_mode": "on"}),
            [f"a and b were measured on a `fast` build, without PGO and LTO: {OVERSTATED}"],
            "on x. Both files are from a `fast` build, which overstates the gain.",
        ),
        (
            (FAST, FAST),
            [f"a and b were measured on a `fast` build, without PGO and LTO: {OVERSTATED}"],
            "on x. Both files are from `fast` builds, which say little about a release.",
        ),
        (
            (FAST, RELEASE),
            [
                (
                    "The build profiles of the files differ (fast and release), so the ratios also "
                    "compare these."
                ),
                f"a was measured on a `fast` build, without PGO and LTO: {OVERSTATED}",
            ],
            "on x. Their build profiles differ, too.",
        ),
        (
            (MACHINE, {**MACHINE, "jitbuild_profile": "debug"}),
            ["b was measured on a debug build: its times do not represent a release."],
            "on x.",
        ),
        (
            ({**MACHINE, "jitbuild_profile": "debug"}, MACHINE),
            ["a was measured on a debug build: its times do not represent a release."],
            "on x.",
        ),
        ((RELEASE, RELEASE), [], "on x."),
    ],
)
def test_a_comparison_has_the_limits_of_the_profiles(tmp_path, metadata, warnings, end):
    first = write(tmp_path / "a.json", x=([3] * 5, 2.0, metadata[0]))
    second = write(tmp_path / "b.json", x=([3] * 5, 1.0, metadata[1]))
    (report,) = compare_files([first, second])
    assert [*report.warnings] == warnings
    assert sentence(report).endswith(f" {end}")
    shown = [*lines(report, inspect=False)]
    for line, each in zip(shown, metadata, strict=False):
        profile = each.get("jitbuild_profile")
        assert (f", profile {profile}, " in line) is bool(profile)


def test_interpreters_of_different_providers_are_named(tmp_path):
    prebuilt = "prebuilt (python-build-standalone 20261110)"
    providers = ("source", prebuilt)
    paths = [
        write(tmp_path / f"{name}.json", x=([3] * 5, 1.0, {**RELEASE, "jitbuild_provider": each}))
        for name, each in zip("ab", providers, strict=True)
    ]
    (report,) = compare_files(paths)
    assert [*report.warnings] == [
        (
            "The interpreters of the files have different providers (source and "
            f"{prebuilt}), so they were built otherwise: with other compilers, libraries or "
            "options."
        )
    ]
    shown = [*lines(report, inspect=False)]
    assert f", {prebuilt}, " in shown[1]
    assert "source" not in shown[0]
    (same,) = compare_files([paths[1], paths[1]])
    assert same.warnings == ()


def test_a_loss_on_a_fast_build_is_not_doubted(tmp_path):
    modes = ({**FAST, "jitbuild_mode": mode} for mode in ("off", "on"))
    paths = [
        write(tmp_path / f"{name}.json", x=([3] * 5, mean, metadata))
        for name, mean, metadata in zip("ab", (1.0, 2.0), modes, strict=True)
    ]
    (report,) = compare_files(paths)
    assert sentence(report).endswith(" on x.")

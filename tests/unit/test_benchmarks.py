"""The parts of the benchmarks that compute: processes at once, ratios and module lists."""

import importlib.util
import sys
from collections import Counter
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


def load(name):
    spec = importlib.util.spec_from_file_location(f"benchmarks_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look up the annotations
    spec.loader.exec_module(module)
    return module


ratios, watch, modules = load("ratios"), load("watch"), load("modules")
honesty = load("honesty")


def run(seconds):
    return watch.Run(seconds, seconds, 0.0, None)


@pytest.fixture
def proc(tmp_path):
    """Return a function that writes a /proc of (pid, name, state, {thread: children})."""

    def proc(*processes):
        for pid, name, state, threads in processes:
            for thread, children in threads.items():
                task = tmp_path / str(pid) / "task" / str(thread)
                task.mkdir(parents=True)
                (task / "children").write_text("".join(f"{child} " for child in children))
            (tmp_path / str(pid) / "stat").write_text(f"{pid} ({name}) {state} 1 1 1 0\n")
        return tmp_path

    return proc


def test_runnable_names_the_running_descendants_of_a_process(proc):
    root = proc(
        (1, "init", "R", {1: [10, 99]}),
        (
            10,
            "jitbuild",
            "R",
            {10: [20], 11: [21]},
        ),  # a child stands under the thread that started it
        (20, "make", "S", {20: [30, 31, 32]}),
        (21, "python3.11 (x) R", "R", {21: []}),
        (30, "cc1", "R", {30: []}),
        (31, "as", "D", {31: []}),
        # 32 has ended
        (99, "cc1", "R", {99: []}),
    )
    assert sorted(watch.runnable(10, proc=root)) == ["cc1", "python3.11 (x) R"]
    assert watch.runnable(32, proc=root) == []


def test_tally_counts_compilers_and_pythons():
    names = [
        "cc1",
        "cc1plus",
        "clang-18",
        "as",
        "ld",
        "ld.bfd",
        "ccache",
        "make",
        "sh",
        "python",
        "_freeze_module",
        "cat",
        "last",
    ]
    assert watch.tally(names) == watch.Counts(compilers=7, pythons=2, all=13)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([2], {"peak": 2, "p99": 2, "median": 2, "samples": 1}),
        ([3, 1, 2, 4], {"peak": 4, "p99": 4, "median": 2, "samples": 4}),
        ([*[2] * 99, 7], {"peak": 7, "p99": 2, "median": 2, "samples": 100}),
        ([*[2] * 98, 7, 7], {"peak": 7, "p99": 7, "median": 2, "samples": 100}),
    ],
)
def test_spread_gives_peak_percentile_and_median(values, expected):
    assert watch.spread(values) == expected


def test_ratios_compare_medians_with_sums_for_completed_runs_only():
    runs = {
        "cold": [run(60), run(300), run(80)],
        "four": [run(200)],
        "python-build 1 yes-off": [run(90), run(100), run(120)],
        "python-build 1 no": [run(50)],
        "python-build 2 yes-off": [run(100)],
        "python-build 2 no": [run(150)],
    }
    found = {
        result.measure.name: result for result in ratios.results(runs, ratios.measures("1", "2"))
    }
    assert {name: result.ratio for name, result in found.items()} == {
        "cold install": 0.8,
        "four interpreters in one command, cold": 0.5,
    }
    assert "0.800 (target: at most 0.65)" in str(found["cold install"])


@pytest.mark.parametrize(
    ("name", "answer"),
    [("ssl", False), ("unittest.mock", False), ("_testcapi", True), ("idlelib.idle_test.x", True)],
)
def test_tests_are_not_compared(name, answer):
    assert modules.is_test(name) == answer


def test_a_verdict_without_enough_data_is_undecided_and_not_wrong():
    verdicts = Counter({"faster": 5, "undecided": 1, "not enough data": 2, "slower": 3})
    assert honesty.count_failures(verdicts, "faster") == (3, 3)

"""Tests of the plan of a measurement: its steps, their order, and pyperf's options."""

from __future__ import annotations

import pytest

from jitbuild.bench import plan

QUICK = tuple(plan.Benchmark(kind="quick", name=name) for name in ("float_loop", "lists"))
COUNTS = plan.SampleCounts(rounds=4, values=2, warmups=1, seconds=0.01)


def test_the_arms_alternate_in_abba_order():
    order = [
        (step.round, step.benchmark.name, step.arm.name)
        for step in plan.measuring_steps(QUICK, plan.OFF_AND_ON, 2)
    ]
    assert order == [
        (1, "float_loop", "off"),
        (1, "float_loop", "on"),
        (1, "lists", "off"),
        (1, "lists", "on"),
        (2, "float_loop", "on"),
        (2, "float_loop", "off"),
        (2, "lists", "on"),
        (2, "lists", "off"),
    ]


@pytest.mark.parametrize("rounds", [2, 4, 10])
def test_drift_of_the_machine_affects_both_arms_equally(rounds):
    place = dict.fromkeys(("off", "on"), 0)
    for at, step in enumerate(plan.measuring_steps(QUICK, plan.OFF_AND_ON, rounds)):
        place[step.arm.name] += at
    assert place["off"] == place["on"]


def test_pyperf_gets_the_counts_and_passes_the_mode_on():
    options = plan.pyperf_options(COUNTS, {"lists": 8}, kind="quick")
    assert options == [
        *(
            "--quiet",
            "--processes",
            "1",
            "--values",
            "2",
            "--warmups",
            "1",
            "--loops",
            "8",
            "--inherit-environ",
            "PYTHON_JIT,PYTHONHASHSEED",
        )
    ]
    assert "--copy-env" in plan.pyperf_options(COUNTS, None, kind="command")
    assert "--loops" not in plan.pyperf_options(COUNTS, None, kind="stmt")


def test_interleaved_steps_form_a_group_and_others_stay_alone():
    benchmarks = [
        plan.Benchmark(kind="quick", name="lists"),
        plan.Benchmark(kind="command", name="command", words=("x",)),
    ]
    steps = plan.measuring_steps(benchmarks, plan.OFF_AND_ON, 2)
    assert [
        [(step.benchmark.name, step.arm.name, step.round) for step in group]
        for group in plan.group_interleaved(steps)
    ] == [
        [("lists", "off", 1), ("lists", "on", 1)],
        [("command", "off", 1)],
        [("command", "on", 1)],
        [("lists", "on", 2), ("lists", "off", 2)],
        [("command", "on", 2)],
        [("command", "off", 2)],
    ]


@pytest.mark.parametrize(
    ("benchmark", "spec"),
    [
        (plan.Benchmark(kind="quick", name="lists"), {}),
        (plan.Benchmark(kind="command", name="c", words=("x", "y")), {"command": ["x", "y"]}),
        (plan.Benchmark(kind="stmt", name="s", stmt="1"), {"stmt": "1", "setup": "pass"}),
        (
            plan.Benchmark(kind="suite", name="b", words=("run.py", "-v")),
            {"script": "run.py", "options": ["-v"], "loops": {"b": 8}},
        ),
    ],
)
def test_the_specification_of_a_worker_depends_on_the_kind(benchmark, spec):
    common = {"kind": benchmark.kind, "name": benchmark.name, "facts": "f"}
    assert benchmark.spec("f", {"b": 8}) == common | spec


def test_loops_of_a_suite_are_in_the_specification_and_not_among_the_options():
    assert plan.pyperf_options(COUNTS, {"a": 4, "b": 8}, kind="suite") == [
        *("--quiet", "--processes", "1", "--values", "2", "--warmups", "1"),
        *("--inherit-environ", "PYTHON_JIT,PYTHONHASHSEED,JITBUILD_BENCH_SPEC"),
    ]

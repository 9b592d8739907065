"""Two processes that measure in turns, as threads: who runs when, and that none waits for one that is gone."""

from __future__ import annotations

import os
import threading

import pytest

from jitbuild.bench import interleaving, plan
from jitbuild.bench.interleaving import seats
from jitbuild.in_target import bench_interleave as _turns

pytestmark = pytest.mark.skipif(os.name != "posix", reason="there are no FIFOs")

SECONDS = 20


def worker(log, name, seat, *, values=3, task=0, finishes=True):
    """Measures so many values in its turns, as a worker of pyperf's does."""

    def work():
        turns = _turns.of({"turns": seat.spec()}, task)
        log.append(f"{name} starts")
        value = _turns.each(lambda _, number: log.append(f"{name}{number}") or float(number), turns)
        assert [value(1, number) for number in range(values)] == [
            float(number) for number in range(values)
        ]
        if finishes:
            turns.finish()
        seat.leave()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def all_end(*threads):
    for thread in threads:
        thread.join(SECONDS)
    return not any(thread.is_alive() for thread in threads)


def test_a_value_of_the_one_follows_a_value_of_the_other(tmp_path):
    log = []
    with seats(tmp_path, 1) as (first, second):
        # The second is quicker to start, and waits all the same.
        assert all_end(worker(log, "b", second), worker(log, "a", first))
    assert log == ["a starts", "a0", "b starts", "b0", "a1", "b1", "a2", "b2"]
    assert not list(tmp_path.iterdir())


def test_who_has_fewer_values_leaves_the_other_alone(tmp_path):
    log = []
    with seats(tmp_path, 1) as (first, second):
        assert all_end(worker(log, "a", first, values=1), worker(log, "b", second, values=4))
    assert log == ["a starts", "a0", "b starts", "b0", "b1", "b2", "b3"]


def test_who_measures_nothing_in_turns_ends_before_the_other_begins(tmp_path):
    log = []
    with seats(tmp_path, 1) as (first, second):
        # A whole program that is measured may take longer than pyperf waits for a worker to end.
        assert all_end(worker(log, "a", first._replace(ends=[]), values=0))
        assert all_end(worker(log, "b", second, values=1))
    assert log == ["a starts", "b starts", "b0"]


def test_a_child_that_is_forked_has_no_turns(tmp_path, monkeypatch):
    with seats(tmp_path, 1) as (first, second):
        second.leave()
        turns = _turns.of({"turns": first.spec()})
        first.leave()
        monkeypatch.setattr(os, "getpid", lambda: 1)
        turns.over()
        turns.finish()
        monkeypatch.undo()
        log = []
        assert all_end(worker(log, "b", second, values=1))
    assert log == ["b starts", "b0"]


def test_who_waits_for_a_host_that_is_gone_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(_turns, "_PATIENCE", 0.01)
    monkeypatch.setattr(_turns, "_lives", lambda _: False)
    with seats(tmp_path, 1) as (_, second), pytest.raises(SystemExit):
        _turns.of({"turns": second.spec()})


def test_nobody_waits_for_one_that_was_killed(tmp_path):
    log = []
    with seats(tmp_path, 1) as (first, second):
        # Its process ends without a word; whoever started it says so for it.
        assert all_end(
            worker(log, "a", first, values=2, finishes=False), worker(log, "b", second, values=4)
        )
        log.clear()
    with seats(tmp_path, 1) as (first, second):
        first.leave()  # it never came so far as to take its turn
        assert all_end(worker(log, "b", second, values=2))
    assert log == ["b starts", "b0", "b1"]


def test_each_task_of_a_script_has_turns_of_its_own(tmp_path):
    log = []

    def tasks(name, seat):
        for task in range(2):
            worker(log, f"{name}{task}:", seat._replace(ends=[]), values=2, task=task).join(SECONDS)
        seat.leave()

    with seats(tmp_path, 2) as (first, second):
        threads = [
            threading.Thread(target=tasks, args=each, daemon=True)
            for each in (("a", first), ("b", second))
        ]
        for thread in threads:
            thread.start()
        assert all_end(*threads)
    values = [line for line in log if not line.endswith("starts")]
    assert values == ["a0:0", "b0:0", "a0:1", "b0:1", "a1:0", "b1:0", "a1:1", "b1:1"]


def test_without_fifos_there_are_no_seats(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "mkfifo")
    with seats(tmp_path, 1) as found:
        assert found is None


def test_a_value_of_many_loops_is_taken_in_slices():
    class Counted:
        passed = 0

        def over(self):
            self.passed += 1

    turns, asked = Counted(), []
    value = _turns.each(lambda loops: asked.append(loops) or loops / 2, turns)
    assert (value(10), asked, turns.passed) == (5.0, [2, 3, 2, 3], 4)
    assert (value(3), asked[4:], turns.passed) == (1.5, [1, 1, 1], 7)
    whole = _turns.each(float, turns, slices=1)
    assert (whole(10), turns.passed) == (10.0, 8)


def test_who_has_no_other_beside_it_does_not_wait():
    assert _turns.of({"kind": "stmt"}) is None
    measured = _turns.timed(lambda: None)
    assert _turns.each(measured, None) is measured
    assert 0 < measured(1000) < SECONDS


def test_what_measures_in_turns_stands_in_one_group():
    programs = [
        plan.Benchmark(kind="quick", name="lists"),
        plan.Benchmark(kind="command", name="command", words=("x",)),
    ]
    groups = plan.beside(plan.steps(programs, plan.AB, 2))
    assert [
        [(step.benchmark.name, step.arm.name, step.round) for step in group] for group in groups
    ] == [
        [("lists", "off", 1), ("lists", "on", 1)],
        [("command", "off", 1)],
        [("command", "on", 1)],
        [("lists", "on", 2), ("lists", "off", 2)],
        [("command", "on", 2)],
        [("command", "off", 2)],
    ]


def test_host_and_workers_agree_on_the_protocol():
    assert (interleaving.TURN, interleaving.LAST) == (_turns.TURN, _turns.LAST)

"""Tests of interleaved processes, run as threads: their order, and that none waits in vain."""

from __future__ import annotations

import os
import threading

import pytest

from jitbuild.bench import interleaving
from jitbuild.bench.interleaving import peers
from jitbuild.in_target import bench_interleave

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows has no FIFOs")

SECONDS = 20


def worker(log, name, peer, *, values=3, task=0, finishes=True):
    """Start a thread that measures so many values interleaved, as a pyperf worker does."""

    def work():
        interleaving = bench_interleave.join({"interleaving": peer.spec()}, task)
        log.append(f"{name} starts")
        value = bench_interleave.interleaved(
            lambda _, number: log.append(f"{name}{number}") or float(number), interleaving
        )
        assert [value(1, number) for number in range(values)] == [
            float(number) for number in range(values)
        ]
        if finishes:
            interleaving.finish()
        peer.leave()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def all_end(*threads):
    for thread in threads:
        thread.join(SECONDS)
    return not any(thread.is_alive() for thread in threads)


def test_values_of_both_processes_alternate(tmp_path):
    log = []
    with peers(tmp_path, 1) as (first, second):
        # The second starts first, and waits nevertheless.
        assert all_end(worker(log, "b", second), worker(log, "a", first))
    assert log == ["a starts", "a0", "b starts", "b0", "a1", "b1", "a2", "b2"]
    assert not list(tmp_path.iterdir())


def test_a_process_with_fewer_values_lets_the_other_continue(tmp_path):
    log = []
    with peers(tmp_path, 1) as (first, second):
        assert all_end(worker(log, "a", first, values=1), worker(log, "b", second, values=4))
    assert log == ["a starts", "a0", "b starts", "b0", "b1", "b2", "b3"]


def test_a_process_that_measures_nothing_interleaved_ends_before_the_other_starts(tmp_path):
    log = []
    with peers(tmp_path, 1) as (first, second):
        # A whole program may run for longer than pyperf waits for a worker to end.
        assert all_end(worker(log, "a", first._replace(other_ends=[]), values=0))
        assert all_end(worker(log, "b", second, values=1))
    assert log == ["a starts", "b starts", "b0"]


def test_a_forked_child_takes_no_turns(tmp_path, monkeypatch):
    with peers(tmp_path, 1) as (first, second):
        second.leave()
        interleaving = bench_interleave.join({"interleaving": first.spec()})
        first.leave()
        monkeypatch.setattr(os, "getpid", lambda: 1)
        interleaving.pass_turn()
        interleaving.finish()
        monkeypatch.undo()
        log = []
        assert all_end(worker(log, "b", second, values=1))
    assert log == ["b starts", "b0"]


def test_a_process_ends_if_its_host_has_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(bench_interleave, "CHECK_SECONDS", 0.01)
    monkeypatch.setattr(bench_interleave, "is_running", lambda _: False)
    with peers(tmp_path, 1) as (_, second), pytest.raises(SystemExit):
        bench_interleave.join({"interleaving": second.spec()})


def test_no_process_waits_for_one_that_was_killed(tmp_path):
    log = []
    with peers(tmp_path, 1) as (first, second):
        # A killed process says nothing; the host leaves in its place.
        assert all_end(
            worker(log, "a", first, values=2, finishes=False), worker(log, "b", second, values=4)
        )
        log.clear()
    with peers(tmp_path, 1) as (first, second):
        first.leave()  # it ended before it took its turn
        assert all_end(worker(log, "b", second, values=2))
    assert log == ["b starts", "b0", "b1"]


def test_each_task_of_a_script_is_interleaved_separately(tmp_path):
    log = []

    def tasks(name, peer):
        for task in range(2):
            worker(log, f"{name}{task}:", peer._replace(other_ends=[]), values=2, task=task).join(
                SECONDS
            )
        peer.leave()

    with peers(tmp_path, 2) as (first, second):
        threads = [
            threading.Thread(target=tasks, args=arguments, daemon=True)
            for arguments in (("a", first), ("b", second))
        ]
        for thread in threads:
            thread.start()
        assert all_end(*threads)
    values = [line for line in log if not line.endswith("starts")]
    assert values == ["a0:0", "b0:0", "a0:1", "b0:1", "a1:0", "b1:0", "a1:1", "b1:1"]


def test_without_fifos_there_is_no_pair(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "mkfifo")
    with peers(tmp_path, 1) as pair:
        assert pair is None


def test_a_value_of_many_loops_is_measured_in_slices():
    class Counted:
        passed = 0

        def pass_turn(self):
            self.passed += 1

    interleaving, shares = Counted(), []
    value = bench_interleave.interleaved(
        lambda loops: shares.append(loops) or loops / 2, interleaving
    )
    assert (value(10), shares, interleaving.passed) == (5.0, [2, 3, 2, 3], 4)
    assert (value(3), shares[4:], interleaving.passed) == (1.5, [1, 1, 1], 7)
    whole = bench_interleave.interleaved(float, interleaving, slices=1)
    assert (whole(10), interleaving.passed) == (10.0, 8)


def test_a_process_that_runs_alone_does_not_wait():
    assert bench_interleave.join({"kind": "stmt"}) is None
    measured = bench_interleave.timed(lambda: None)
    assert bench_interleave.interleaved(measured, None) is measured
    assert 0 < measured(1000) < SECONDS


def test_host_and_workers_agree_on_the_protocol():
    assert (interleaving.TURN, interleaving.LAST) == (bench_interleave.TURN, bench_interleave.LAST)

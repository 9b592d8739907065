"""The job budget and work side by side, with pipes and threads alone: make itself is in tests/integration/test_jobserver_real.py."""

import contextvars
import os
import tempfile
import threading

import pytest

from jitbuild.errors import UsageError
from jitbuild.system import cancellation, jobserver
from jitbuild.system.concurrency import run_concurrently
from jitbuild.system.jobserver import JobBudget
from jitbuild.system.progress import SilentReporter

SECONDS = 30  # for what must come: nothing waits for so long unless it is broken


@pytest.fixture(params=["pipe", "counter"])
def pool(request, monkeypatch):
    """Both ways to keep tokens: makes can share those in a pipe, and Windows has only the other."""
    if request.param == "counter":
        monkeypatch.setattr(jobserver, "_Pipe", jobserver._Counter)
    elif os.name != "posix":
        pytest.skip("POSIX")


pipe = pytest.mark.skipif(os.name != "posix", reason="POSIX")


def free(budget):
    """How many jobs nobody holds."""
    with budget.share(at_most=1000) as share:
        return share.jobs


def test_a_share_is_at_least_one_and_at_most_what_was_asked_for(pool):
    with JobBudget(3) as budget, budget.share() as one:
        assert one.jobs == 1
        with budget.share(at_most=1) as second:
            assert second.jobs == 1
            with budget.share(at_most=5) as rest:
                assert rest.jobs == 1
        with budget.share(at_most=5) as rest:
            assert rest.jobs == 2


def test_a_share_that_is_left_by_an_error_comes_back(pool):
    with JobBudget(2) as budget:
        with pytest.raises(ValueError, match="x"), budget.share(2):
            raise ValueError("x")
        assert free(budget) == 2


def test_a_budget_of_nothing_is_refused():
    with pytest.raises(ValueError, match="0 jobs"):
        JobBudget(0)


def test_who_comes_late_waits_for_a_share_to_end(pool):
    got, order = threading.Semaphore(0), []
    with JobBudget(1) as budget:

        def late():
            with budget.share():
                order.append("late")
                got.release()

        with budget.share():
            threads = [threading.Thread(target=late) for _ in range(3)]
            for thread in threads:
                thread.start()
            assert not got.acquire(timeout=3 * jobserver._TICK_SECONDS)
            order.append("first")
        for thread in threads:
            assert got.acquire(timeout=SECONDS)
            thread.join()
    assert order == ["first", "late", "late", "late"]


def test_many_threads_never_hold_more_than_there_is(pool):
    held, most, lock = 0, 0, threading.Lock()

    def work(_reporter):
        nonlocal held, most
        for at_most in (1, 2, 3) * 20:
            with budget.share(at_most) as share:
                with lock:
                    held += share.jobs
                    most = max(most, held)
                with lock:
                    held -= share.jobs

    with JobBudget(3) as budget:
        run_concurrently(*[work] * 6, reporter=SilentReporter())
        assert free(budget) == 3
    assert 1 <= most <= 3


def test_who_waits_for_a_share_is_stopped_with_the_crew(pool):
    waits, ended = threading.Event(), []

    def wait():
        waits.set()
        try:
            with budget.share():
                ended.append("got one")
        except cancellation.Cancelled:
            ended.append("stopped")

    with JobBudget(1) as budget, budget.share(), cancellation.task_group() as group:
        thread = threading.Thread(target=contextvars.copy_context().run, args=(wait,))
        thread.start()
        assert waits.wait(SECONDS)
        group.cancel()
        thread.join(SECONDS)
    assert ended == ["stopped"]


@pipe
def test_what_a_make_is_told():
    with JobBudget(2) as budget, budget.share() as share:
        read, write = share.pass_fds
        assert share.make_environment() == {
            "MAKEFLAGS": f"-j --jobserver-fds={read},{write} --jobserver-auth={read},{write}"
        }


def test_without_a_jobserver_nothing_is_told(monkeypatch):
    monkeypatch.setattr(jobserver, "_Pipe", jobserver._Counter)
    with JobBudget(2) as budget, budget.share() as share:
        assert share.make_environment() == {}
        assert share.pass_fds == ()


@pipe
def test_makes_before_4_3_get_an_end_that_blocks_and_nobody_else_gets_any():
    with JobBudget(1) as budget, budget.share() as share:
        assert [os.get_blocking(fd) for fd in share.pass_fds] == [True, True]
        assert [os.get_inheritable(fd) for fd in (*share.pass_fds, budget._pool._own)] == [
            False
        ] * 3


@pipe
@pytest.mark.parametrize("blocking", [True, False])
def test_a_make_may_have_the_end_block_or_not(blocking):
    with JobBudget(2) as budget:
        with budget.share() as share:
            os.set_blocking(share.pass_fds[0], blocking)
            assert free(budget) == 1
            # What poll saw may be gone by the time.
            token = os.read(share.pass_fds[0], 1)
            assert budget._pool.take(1) == 0
            os.write(share.pass_fds[1], token)
        assert free(budget) == 2


@pipe
def test_what_a_killed_make_held_is_put_back_when_no_make_runs():
    with JobBudget(4) as budget:
        with budget.share() as other, budget.share() as killed:
            for share in (other, killed):
                share.make_environment()
            lost = os.read(killed.pass_fds[0], 2)
            assert len(lost) == 2
        assert free(budget) == 4


@pipe
def test_what_another_make_holds_is_not_taken_for_lost():
    with JobBudget(4) as budget:
        with budget.share() as other:
            other.make_environment()
            tokens = os.read(other.pass_fds[0], 1)
            with budget.share() as killed:
                killed.make_environment()
                os.read(killed.pass_fds[0], 1)
            # Of four, one is the other's own, one it has taken, and one is lost for as long as it runs.
            assert free(budget) == 1
            os.write(other.pass_fds[1], tokens)
        assert free(budget) == 4


@pipe
def test_what_is_held_without_a_make_does_not_hinder_putting_back():
    with JobBudget(4) as budget, budget.share():
        with budget.share() as killed:
            killed.make_environment()
            os.read(killed.pass_fds[0], 2)
        assert free(budget) == 3


@pipe
def test_more_than_there_was_is_taken_out_again():
    with JobBudget(2) as budget:
        with budget.share() as share:
            share.make_environment()
            os.write(share.pass_fds[1], b"+++")
        assert free(budget) == 2


@pipe
def test_a_budget_leaves_no_file_and_nothing_open(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with JobBudget(1) as budget, budget.share() as share:
        fds = (*share.pass_fds, budget._pool._own)
        assert list(tmp_path.iterdir()) == []
    for fd in fds:
        with pytest.raises(OSError, match="file descriptor"):
            os.fstat(fd)


def test_more_jobs_than_a_pipe_holds_are_refused():
    with pytest.raises(UsageError, match="at most 1024"):
        JobBudget(100_000)

"""The job budget, with pipes and threads; tests/integration/test_jobserver_real.py runs make."""

import contextvars
import os
import tempfile
import threading

import pytest

from jitbuild.errors import UsageError
from jitbuild.system import cancellation
from jitbuild.system.concurrency import run_concurrently
from jitbuild.system.jobserver import JobBudget
from jitbuild.system.progress import SilentReporter
from jitbuild.system.token_pools import CounterPool, PipePool, create_pool

SECONDS = 30  # an upper limit for waits that end at once unless the code is broken

pipe = pytest.mark.skipif(os.name != "posix", reason="POSIX")


@pytest.fixture(params=[pytest.param(PipePool, marks=pipe), CounterPool])
def pool(request):
    """Return each kind of token pool: pipes, which makes can share, and Windows' counters."""
    return request.param


def free(budget):
    """Return how many jobs are not held."""
    with budget.share(at_most=1000) as share:
        return share.jobs


def test_a_share_has_between_one_and_the_requested_number_of_jobs(pool):
    with JobBudget(3, create_pool=pool) as budget, budget.share() as one:
        assert one.jobs == 1
        with budget.share(at_most=1) as second:
            assert second.jobs == 1
            with budget.share(at_most=5) as rest:
                assert rest.jobs == 1
        with budget.share(at_most=5) as rest:
            assert rest.jobs == 2


def test_a_share_is_returned_after_an_error(pool):
    with JobBudget(2, create_pool=pool) as budget:
        with pytest.raises(ValueError, match="x"), budget.share(2):
            raise ValueError("x")
        assert free(budget) == 2


def test_a_budget_of_no_jobs_is_refused():
    with pytest.raises(ValueError, match="0 jobs"):
        JobBudget(0)


def test_a_thread_waits_until_a_share_ends(pool):
    waiting, order = threading.Semaphore(0), []

    class WatchedPool(pool):
        def wait(self, seconds):
            waiting.release()
            super().wait(seconds)

    def late():
        with budget.share():
            order.append("late")

    threads = [threading.Thread(target=late) for _ in range(3)]
    with JobBudget(1, create_pool=WatchedPool) as budget:
        with budget.share():
            for thread in threads:
                thread.start()
                assert waiting.acquire(timeout=SECONDS)
            order.append("first")
        for thread in threads:
            thread.join(SECONDS)
    assert order == ["first", "late", "late", "late"]


def test_threads_never_hold_more_jobs_than_the_budget_has(pool):
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

    with JobBudget(3, create_pool=pool) as budget:
        run_concurrently(*[work] * 6, reporter=SilentReporter())
        assert free(budget) == 3
    assert 1 <= most <= 3


def test_waiting_for_a_share_ends_when_the_task_group_is_cancelled(pool):
    waits, ended = threading.Event(), []

    def wait():
        waits.set()
        try:
            with budget.share():
                ended.append("got one")
        except cancellation.Cancelled:
            ended.append("stopped")

    with (
        JobBudget(1, create_pool=pool) as budget,
        budget.share(),
        cancellation.task_group() as group,
    ):
        thread = threading.Thread(target=contextvars.copy_context().run, args=(wait,))
        thread.start()
        assert waits.wait(SECONDS)
        group.cancel()
        thread.join(SECONDS)
    assert ended == ["stopped"]


@pipe
def test_a_make_gets_the_jobserver_in_both_spellings():
    with JobBudget(2) as budget, budget.share() as share:
        read, write = share.pass_fds
        assert share.make_environment() == {
            "MAKEFLAGS": f"-j --jobserver-fds={read},{write} --jobserver-auth={read},{write}"
        }


def test_without_a_jobserver_a_make_gets_nothing():
    with JobBudget(2, create_pool=CounterPool) as budget, budget.share() as share:
        assert share.make_environment() == {}
        assert share.pass_fds == ()


@pipe
def test_makes_get_descriptors_that_block_and_other_processes_inherit_none():
    pool = PipePool()
    with JobBudget(1, create_pool=lambda: pool) as budget, budget.share() as share:
        assert [os.get_blocking(fd) for fd in share.pass_fds] == [True, True]
        assert not any(os.get_inheritable(fd) for fd in (*share.pass_fds, pool.own_fd))


@pipe
@pytest.mark.parametrize("blocking", [True, False])
def test_a_make_may_set_its_end_to_block_or_not(blocking):
    pool = PipePool()
    with JobBudget(2, create_pool=lambda: pool) as budget:
        with budget.share() as share:
            os.set_blocking(share.pass_fds[0], blocking)
            assert free(budget) == 1
            # A token that poll reported may be gone by the time of the read.
            token = os.read(share.pass_fds[0], 1)
            assert pool.take(1) == 0
            os.write(share.pass_fds[1], token)
        assert free(budget) == 2


@pipe
def test_tokens_of_a_killed_make_are_restored_when_no_make_runs():
    with JobBudget(4) as budget:
        with budget.share() as other, budget.share() as killed:
            for share in (other, killed):
                share.make_environment()
            lost = os.read(killed.pass_fds[0], 2)
            assert len(lost) == 2
        assert free(budget) == 4


@pipe
def test_tokens_of_a_running_make_are_not_considered_lost():
    with JobBudget(4) as budget:
        with budget.share() as other:
            other.make_environment()
            tokens = os.read(other.pass_fds[0], 1)
            with budget.share() as killed:
                killed.make_environment()
                os.read(killed.pass_fds[0], 1)
            # Of four tokens the other make has two, and one is lost for as long as it runs.
            assert free(budget) == 1
            os.write(other.pass_fds[1], tokens)
        assert free(budget) == 4


@pipe
def test_a_share_without_a_make_does_not_prevent_restoring():
    with JobBudget(4) as budget, budget.share():
        with budget.share() as killed:
            killed.make_environment()
            os.read(killed.pass_fds[0], 2)
        assert free(budget) == 3


@pipe
def test_surplus_tokens_are_removed():
    with JobBudget(2) as budget:
        with budget.share() as share:
            share.make_environment()
            os.write(share.pass_fds[1], b"+++")
        assert free(budget) == 2


@pipe
def test_a_budget_leaves_no_file_and_no_descriptor_open(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    pool = PipePool()
    with JobBudget(1, create_pool=lambda: pool) as budget, budget.share() as share:
        fds = (*share.pass_fds, pool.own_fd)
        assert list(tmp_path.iterdir()) == []
    for fd in fds:
        with pytest.raises(OSError, match="file descriptor"):
            os.fstat(fd)


def test_more_jobs_than_a_pipe_can_hold_are_refused():
    with pytest.raises(UsageError, match="at most 1024"):
        JobBudget(100_000)


def test_the_pool_of_this_system_lets_makes_share_where_there_are_pipes():
    pool = create_pool()
    try:
        assert len(pool.fds) == (2 if os.name == "posix" else 0)
    finally:
        pool.close()

"""The job budget and work side by side, with pipes and threads alone: make itself is in tests/integration/test_jobs_real.py."""

import _thread
import contextvars
import os
import tempfile
import threading

import pytest

from jitbuild.errors import UsageError
from jitbuild.system import cancellation, jobserver, process
from jitbuild.system.concurrency import run_concurrently
from jitbuild.system.jobserver import JobBudget
from jitbuild.system.progress import CancellableReporter, SilentReporter

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


# side by side


def test_results_come_in_the_order_of_the_functions():
    second = threading.Event()

    def first(_reporter):
        assert second.wait(SECONDS)
        return 1

    def other(_reporter):
        second.set()
        return 2

    assert run_concurrently(first, other, reporter=SilentReporter()) == (1, 2)
    assert run_concurrently(reporter=SilentReporter()) == ()


def test_they_see_the_context_of_who_called():
    word = contextvars.ContextVar("word")
    word.set("here")
    assert run_concurrently(
        lambda _: word.get(), lambda _: word.set("there") and word.get(), reporter=SilentReporter()
    ) == ("here", "there")
    assert word.get() == "here"


def until_stopped(began, ended):
    """Work that goes on for as long as it may say so."""

    def work(reporter):
        try:
            with reporter.stage("endless") as stage:
                began.set()
                for number in range(10**9):
                    stage.advance(number, None)
                    threading.Event().wait(0.01)
        except cancellation.Cancelled:
            ended.append("stopped")
            raise

    return work


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_the_first_error_stops_the_others_and_is_raised_when_they_have_ended(error):
    began, ended = threading.Event(), []

    def fails(_reporter):
        assert began.wait(SECONDS)
        raise error("x")

    with pytest.raises(error, match="x") as raised:
        run_concurrently(until_stopped(began, ended), fails, reporter=SilentReporter())
    assert not isinstance(raised.value, cancellation.Cancelled)
    assert ended == ["stopped"]


def test_ctrl_c_stops_them_all():
    begins, ended = [threading.Event(), threading.Event()], []

    def interrupts(_reporter):
        for began in begins:
            assert began.wait(SECONDS)
        _thread.interrupt_main()

    with pytest.raises(KeyboardInterrupt) as raised:
        run_concurrently(
            *[until_stopped(began, ended) for began in begins],
            interrupts,
            reporter=SilentReporter(),
        )
    assert not isinstance(raised.value, cancellation.Cancelled)
    assert ended == ["stopped", "stopped"]


def test_what_runs_inside_is_stopped_with_what_is_around_it():
    began, ended = threading.Event(), []

    def inside(reporter):
        run_concurrently(until_stopped(began, ended), reporter=reporter)

    def fails(_reporter):
        assert began.wait(SECONDS)
        raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        run_concurrently(inside, fails, reporter=SilentReporter())
    assert ended == ["stopped"]


def test_an_error_inside_leaves_what_is_around_it_alone():
    def inside(reporter):
        with pytest.raises(ValueError, match="x"):
            run_concurrently(lambda _: int("x"), reporter=reporter)
        with reporter.stage("goes on") as stage:
            stage.advance(1, 1)
        return "went on"

    assert run_concurrently(inside, reporter=SilentReporter()) == ("went on",)


@pytest.mark.parametrize(
    "begin",
    [
        lambda: process.run(["true"]),  # which would fail in this suite, were it to start
        lambda: cancellation.task_group().__enter__(),
        lambda: run_concurrently(lambda _: pytest.fail("work began"), reporter=SilentReporter()),
        lambda: (
            CancellableReporter(SilentReporter(), cancellation.check_cancelled)
            .stage("x")
            .__enter__()
        ),
        cancellation.check_cancelled,
    ],
)
def test_nothing_begins_in_a_crew_that_has_ended(begin):
    with cancellation.task_group() as group:
        group.cancel()
        assert group.cancelled
        with pytest.raises(cancellation.Cancelled):
            begin()
    cancellation.check_cancelled()


def test_a_crew_that_is_left_well_is_not_ended():
    with cancellation.task_group() as group:
        cancellation.check_cancelled()
    assert not group.cancelled


def test_a_pause_ends_when_the_crew_does():
    def pause():
        with cancellation.task_group() as group:
            threading.Timer(0.05, group.cancel).start()
            cancellation.sleep(600)

    with pytest.raises(cancellation.Cancelled):
        pause()


def test_more_jobs_than_a_pipe_holds_are_refused():
    with pytest.raises(UsageError, match="at most 1024"):
        JobBudget(100_000)

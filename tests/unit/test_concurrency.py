"""Functions that run concurrently, and end together when one of them fails."""

import _thread
import contextvars
import signal
import threading

import pytest

from jitbuild.system import cancellation
from jitbuild.system.concurrency import run_concurrently
from jitbuild.system.progress import SilentReporter

SECONDS = 30  # an upper limit for waits that end at once unless the code is broken


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


def test_functions_run_in_a_copy_of_the_callers_context():
    word = contextvars.ContextVar("word")
    word.set("here")
    assert run_concurrently(
        lambda _: word.get(), lambda _: word.set("there") and word.get(), reporter=SilentReporter()
    ) == ("here", "there")
    assert word.get() == "here"


def until_cancelled(began, ended):
    """Return a function that reports progress until it is cancelled."""

    def work(reporter):
        try:
            with reporter.stage("endless") as stage:
                began.set()
                for number in range(10**9):
                    stage.advance(number, None)
                    threading.Event().wait(0.01)
        except cancellation.Cancelled:
            ended.append("cancelled")
            raise

    return work


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_the_first_error_cancels_the_others_and_is_raised_when_they_have_ended(error):
    began, ended = threading.Event(), []

    def fails(_reporter):
        assert began.wait(SECONDS)
        raise error("x")

    with pytest.raises(error, match="x") as raised:
        run_concurrently(until_cancelled(began, ended), fails, reporter=SilentReporter())
    assert not isinstance(raised.value, cancellation.Cancelled)
    assert ended == ["cancelled"]


@pytest.fixture
def interruptible():
    """Make SIGINT raise KeyboardInterrupt: shells start background jobs with it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_cancels_all_functions():
    begins, ended = [threading.Event(), threading.Event()], []

    def interrupts(_reporter):
        for began in begins:
            assert began.wait(SECONDS)
        _thread.interrupt_main()

    with pytest.raises(KeyboardInterrupt) as raised:
        run_concurrently(
            *[until_cancelled(began, ended) for began in begins],
            interrupts,
            reporter=SilentReporter(),
        )
    assert not isinstance(raised.value, cancellation.Cancelled)
    assert ended == ["cancelled", "cancelled"]


def test_nested_functions_are_cancelled_with_the_outer_ones():
    began, ended = threading.Event(), []

    def inside(reporter):
        run_concurrently(until_cancelled(began, ended), reporter=reporter)

    def fails(_reporter):
        assert began.wait(SECONDS)
        raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        run_concurrently(inside, fails, reporter=SilentReporter())
    assert ended == ["cancelled"]


def test_an_error_of_nested_functions_does_not_cancel_the_outer_ones():
    def inside(reporter):
        with pytest.raises(ValueError, match="x"):
            run_concurrently(lambda _: int("x"), reporter=reporter)
        with reporter.stage("continues") as stage:
            stage.advance(1, 1)
        return "result"

    assert run_concurrently(inside, reporter=SilentReporter()) == ("result",)

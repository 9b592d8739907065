"""Task groups: nothing starts in a cancelled one, and its children are ended."""

import threading

import pytest

from jitbuild.system import cancellation, process
from jitbuild.system.concurrency import run_concurrently
from jitbuild.system.progress import CancellableReporter, SilentReporter


@pytest.mark.parametrize(
    "begin",
    [
        lambda: process.run(["true"]),  # starting it would fail the test
        lambda: cancellation.task_group().__enter__(),
        lambda: run_concurrently(
            lambda _: pytest.fail("the function was called"), reporter=SilentReporter()
        ),
        lambda: (
            CancellableReporter(SilentReporter(), cancellation.check_cancelled)
            .stage("x")
            .__enter__()
        ),
        cancellation.check_cancelled,
    ],
)
def test_nothing_begins_in_a_cancelled_task_group(begin):
    with cancellation.task_group() as group:
        group.cancel()
        assert group.cancelled
        with pytest.raises(cancellation.Cancelled):
            begin()
    cancellation.check_cancelled()


def test_a_task_group_that_ends_normally_is_not_cancelled():
    with cancellation.task_group() as group:
        cancellation.check_cancelled()
    assert not group.cancelled


def test_a_sleep_ends_when_the_task_group_is_cancelled():
    def sleep_in_group():
        with cancellation.task_group() as group:
            threading.Timer(0.05, group.cancel).start()
            cancellation.sleep(600)  # the function under test, which is cut short

    with pytest.raises(cancellation.Cancelled):
        sleep_in_group()


def test_a_sleep_ends_after_its_time():
    with cancellation.task_group():
        cancellation.sleep(0)
        cancellation.sleep(0.001)

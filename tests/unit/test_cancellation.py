"""Task groups: nothing starts in a cancelled one, and its children are ended."""

import threading

import pytest

from jitbuild.system import cancellation, process
from jitbuild.system.concurrency import run_concurrently
from jitbuild.system.progress import CancellableReporter, SilentReporter


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

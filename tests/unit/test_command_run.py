"""How a run of the compared command ended."""

import pytest

from jitbuild.diff.command_run import CommandRun


@pytest.mark.parametrize(
    ("code", "ending", "crashed", "exited"),
    [
        (0, "exit 0", False, True),
        (3, "exit 3", False, True),
        (-11, "SIGSEGV", True, False),
        (-6, "SIGABRT", True, False),
        (-9, "SIGKILL", False, False),
        (-200, "signal 200", False, False),
        (0xC0000005, "0xc0000005", True, False),
    ],
)
def test_the_ending_of_a_run_tells_crashes_from_exit_codes(code, ending, crashed, exited):
    run = CommandRun(mode="on", round=1, returncode=code, seconds=1.0)
    assert (run.ending, run.crashed, run.exited, run.ok) == (
        ending,
        crashed,
        exited,
        code == 0,
    )
    assert (
        CommandRun(mode="on", round=1, returncode=code, seconds=1.0, timed_out=True).ending
        == "timed out"
    )

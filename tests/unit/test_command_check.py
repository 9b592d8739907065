"""Commands that cannot show a difference are refused before anything runs."""

import pytest

from jitbuild.diff.command_check import check_command, check_modes
from jitbuild.errors import UsageError


@pytest.mark.parametrize("modes", [(), ("on",), ("on", "on")])
def test_fewer_than_two_different_modes_are_refused(modes):
    with pytest.raises(UsageError, match="at least two different modes") as caught:
        check_modes(modes)
    assert caught.value.remedy == "Use --modes off,on."  # every interpreter has these modes


def test_a_mode_that_is_named_twice_is_refused():
    with pytest.raises(UsageError, match="off,on,off: a mode is named more than once") as caught:
        check_modes(("off", "on", "off"))
    assert caught.value.remedy == "Use --modes off,on."


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ((), "no command"),
        (("-I", "x.py"), "ignores PYTHON_JIT"),
        (("-X", "perf", "x.py"), "does not use the JIT"),
    ],
)
def test_a_command_that_shows_nothing_is_refused(command, reason):
    with pytest.raises(UsageError, match=reason):
        check_command(command)


def test_a_command_that_may_show_a_difference_is_accepted():
    check_modes(("on", "off"))
    check_command(("-X", "dev", "x.py"))

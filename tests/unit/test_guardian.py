"""The guardian's list of process groups; tests/integration/test_guardian_real.py kills jitbuild."""

import io
import os
import threading

import pytest
from processes import FakeSystem

from jitbuild.system import process
from jitbuild.system.guardian import Guardian
from jitbuild.system.process_group import ProcessEffects

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows has no guardian")


class FakeShell:
    """A launcher that keeps the list's file and the pipe, as the guardian does."""

    def __init__(self, *, fails=False):
        self.fails, self.launches = fails, 0
        self.pipe = self.groups = -1

    def __call__(self, argv, stdin, stdout):
        self.launches += 1
        if self.fails:
            raise FileNotFoundError(2, "No such file or directory", argv[0])
        self.pipe, self.groups = os.dup(stdin), os.dup(stdout)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for descriptor in {self.pipe, self.groups} - {-1}:
            os.close(descriptor)

    def leaders(self):
        """Return the first line of the list, as the guardian reads it."""
        return os.pread(self.groups, 100, 0).decode().partition("\n")[0].split()

    @property
    def is_alone(self):
        """True if the other end of the pipe is closed."""
        os.set_blocking(self.pipe, False)
        try:
            return os.read(self.pipe, 1) == b""
        except BlockingIOError:
            return False


@pytest.fixture
def shell():
    with FakeShell() as shell:
        yield shell


@pytest.fixture
def guardian(shell):
    guardian = Guardian(shell)
    guardian.launch()
    yield guardian
    guardian.after_fork()  # closes the files


def test_the_list_has_the_groups_that_run(guardian, shell):
    guardian.add(12345)
    guardian.add(67)
    assert sorted(shell.leaders()) == ["12345", "67"]
    guardian.remove(12345)
    assert shell.leaders() == ["67"]
    guardian.remove(67)
    assert shell.leaders() == []
    assert not shell.is_alone


def test_the_guardian_is_started_once(guardian, shell):
    guardian.launch()
    assert shell.launches == 1


def test_without_a_shell_there_is_no_guardian():
    with FakeShell(fails=True) as shell:
        guardian = Guardian(shell)
        for _ in range(2):
            guardian.launch()
            guardian.add(1)
            guardian.remove(1)
        assert shell.launches == 1


def test_a_fork_forgets_the_guardian_and_gets_its_own(guardian, shell):
    guardian.add(67)
    guardian.after_fork()
    assert shell.is_alone
    assert shell.leaders() == ["67"], "the list is that of the parent"
    guardian.launch()
    assert shell.launches == 2


def test_a_fork_that_becomes_a_command_lists_itself(guardian, shell):
    guardian.add(67)
    with guardian.starting():
        guardian.after_fork()
    assert sorted(shell.leaders()) == sorted(["67", str(os.getpid())])


def test_a_fork_of_another_thread_is_no_command(guardian, shell):
    guardian.add(67)
    with guardian.starting():
        thread = threading.Thread(target=guardian.after_fork)
        thread.start()
        thread.join()
    assert shell.leaders() == ["67"]


def test_a_fork_that_became_no_command_is_not_in_the_list(guardian, shell):
    os.pwrite(shell.groups, b"4711\n", 0)
    with pytest.raises(FileNotFoundError), guardian.starting():
        raise FileNotFoundError
    assert shell.leaders() == []


@pytest.mark.parametrize("timeout", [None, 0])
def test_a_command_is_in_the_list_until_its_group_has_ended(guardian, shell, timeout):
    system, lists = FakeSystem(hangs=timeout == 0), []

    def signal_group(child, number):
        lists.append(shell.leaders())
        system.signal_group(child, number)

    effects = ProcessEffects(popen=system.popen, signal_group=signal_group, guardian=guardian)
    process.record(["tool"], env={}, log=io.BytesIO(), timeout=timeout, effects=effects)
    assert set(map(tuple, lists)) == {("4711",)}
    assert shell.leaders() == []

"""Signals to process groups, and the kernel's signal when the parent dies."""

import os
import signal
import subprocess

import pytest
from processes import FakePopen, FakeSystem

from jitbuild.system import process_group

posix = pytest.mark.skipif(os.name != "posix", reason="POSIX")


@pytest.fixture
def child():
    return FakePopen(FakeSystem(hangs=True), ["tool"], {})


@posix
def test_the_whole_group_gets_the_signal(child, monkeypatch):
    calls = []
    monkeypatch.setattr(os, "killpg", lambda *args: calls.append(args))
    process_group.signal_posix_group(child, signal.SIGTERM)
    assert calls == [(child.pid, signal.SIGTERM)]


@posix
@pytest.mark.parametrize("error", [ProcessLookupError, PermissionError])
def test_a_group_that_has_ended_gets_no_signal(child, monkeypatch, error):
    def killpg(pid, number):
        raise error

    monkeypatch.setattr(os, "killpg", killpg)
    process_group.signal_posix_group(child, signal.SIGTERM)


def test_on_windows_the_process_tree_is_ended_once(child):
    calls = []

    def run(argv, **options):
        calls.append(argv)
        child.end(1)

    for _ in range(2):
        process_group.end_windows_tree(child, signal.SIGTERM, run=run)
    assert calls == [["taskkill", "/T", "/F", "/PID", str(child.pid)]]


def test_waiting_for_a_child_that_does_not_end_stops_at_the_timeout():
    system = FakeSystem(hangs=True)
    group = process_group.ProcessGroup(FakePopen(system, ["tool"], {}), system.effects)
    group.wait_for_end(0)
    assert system.signals == []


@posix
def test_the_kernel_sends_sigterm_when_the_parent_dies(monkeypatch):
    calls, exits = [], []
    monkeypatch.setattr(os, "_exit", exits.append)
    process_group.request_death_signal(lambda *args: calls.append(args), os.getppid())
    assert calls == [(1, signal.SIGTERM, 0, 0, 0)]
    assert exits == []


@posix
def test_a_child_whose_parent_is_already_dead_exits(monkeypatch):
    exits = []
    monkeypatch.setattr(os, "_exit", exits.append)
    process_group.request_death_signal(lambda *args: 0, -1)
    assert exits == [1]


def test_production_starts_children_with_subprocess():
    assert process_group.ProcessEffects().popen is subprocess.Popen

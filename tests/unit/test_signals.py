"""Signals that would end this process become exceptions."""

import os
import signal
import threading

import pytest
from processes import FakeSystem

from jitbuild.system import process
from jitbuild.system.signals import DEFERRAL, SignalReceived, raise_on_signals

posix = pytest.mark.skipif(os.name != "posix", reason="POSIX signals")


@posix
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_that_would_end_the_process_is_raised(name):
    number = getattr(signal, name)
    before = signal.signal(number, signal.SIG_DFL)
    try:
        with pytest.raises(SignalReceived) as raised, raise_on_signals():
            signal.raise_signal(number)
        assert raised.value.number == number
        assert signal.getsignal(number) == signal.SIG_DFL
    finally:
        signal.signal(number, before)


def test_ctrl_c_is_raised_as_keyboard_interrupt():
    with pytest.raises(KeyboardInterrupt) as raised, raise_on_signals():
        signal.raise_signal(signal.SIGINT)
    assert type(raised.value) is KeyboardInterrupt


@posix
def test_an_ignored_signal_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with raise_on_signals():
            signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_handlers_are_left_alone_outside_the_main_thread():
    handlers = []

    def target():
        with raise_on_signals():
            handlers.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=target)
    thread.start()
    thread.join()
    assert handlers == [signal.getsignal(signal.SIGTERM)]


def test_a_signal_during_a_start_is_raised_afterwards_and_ends_the_child():
    system = FakeSystem(hangs=True)

    def popen(argv, **options):
        child = system.popen(argv, **options)
        signal.raise_signal(signal.SIGINT)
        return child

    effects = process.ProcessEffects(popen=popen, signal_group=system.signal_group)
    with pytest.raises(KeyboardInterrupt), raise_on_signals():
        process.run(["tool"], effects=effects)
    assert system.signals[0] == signal.SIGTERM


def test_a_signal_during_a_start_that_fails_is_raised_instead_of_the_failure():
    def popen(argv, **options):
        signal.raise_signal(signal.SIGINT)
        raise FileNotFoundError(argv[0])

    effects = process.ProcessEffects(popen=popen)
    with pytest.raises(KeyboardInterrupt), raise_on_signals():
        process.run(["tool"], effects=effects)


def test_a_start_in_another_thread_defers_nothing():
    def target():
        DEFERRAL.__enter__()

    thread = threading.Thread(target=target)
    thread.start()
    thread.join()
    with pytest.raises(KeyboardInterrupt):
        DEFERRAL.handle(signal.SIGINT)

"""The same question, asked by the host and by the interpreter under test."""

from jitbuild.in_target.jit_memory import executable_memory
from jitbuild.system.executable_memory import is_denied


def test_host_and_probe_agree():
    assert executable_memory() in {None, not is_denied()}


def test_memory_that_cannot_be_tried_is_not_denied(monkeypatch):
    monkeypatch.setattr("os.name", "nt")
    assert is_denied() is False
    assert executable_memory() is None

"""Facts of the running interpreter's JIT."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
from fake_interpreter import FLAGS, PYTHON, facts
from jit_fakes import compiled

from jitbuild.in_target import jit_facts, probe
from jitbuild.in_target.executors import ExecutorLookup
from jitbuild.probing.facts import ProbeRuns
from jitbuild.probing.reply import convert


@pytest.mark.parametrize(
    ("flags", "switch", "built", "enabled"),
    [
        (["-D_Py_JIT", "-D_Py_TIER2=1"], None, "yes", True),
        (["-D_Py_JIT", "-D_Py_TIER2=1"], "0", "yes", False),
        (["-D_Py_JIT", "-D_Py_TIER2=3"], None, "yes-off", False),
        (["-D_Py_JIT", "-D_Py_TIER2=3"], "", "yes-off", False),
        (["-D_Py_JIT", "-D_Py_TIER2=3"], "1", "yes-off", True),
        (["-D_Py_JIT", "-D_Py_TIER2=3"], "01", "yes-off", False),
        (["-D_Py_JIT", "-D_Py_TIER2=3"], "off", "yes-off", True),
        (["-D_Py_TIER2=4"], "1", "interpreter", True),
        (None, "1", "available", True),
    ],
)
def test_build_and_switch_decide_whether_the_jit_of_3_13_is_on(
    monkeypatch: pytest.MonkeyPatch,
    flags: list[str] | None,
    switch: str | None,
    built: str,
    enabled: bool,
) -> None:
    """As on 3.13, which has no sys._jit."""
    monkeypatch.delattr(sys, "_jit", raising=False)
    monkeypatch.setattr(probe, "build_flags", lambda: flags)
    if switch is None:
        monkeypatch.delenv("PYTHON_JIT", raising=False)
    else:
        monkeypatch.setenv("PYTHON_JIT", switch)
    found = jit_facts.jit_facts(compiled())
    assert (found.built, found.enabled) == (built, enabled)


def test_sys_jit_decides_except_without_the_gil(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "_jit", SimpleNamespace(is_enabled=lambda: True), raising=False)
    monkeypatch.setenv("PYTHON_JIT", "0")
    assert jit_facts.jit_facts(compiled()).enabled
    assert not jit_facts.jit_facts(ExecutorLookup(None)).enabled
    about = probe.identity() | {"free_threaded": True}
    monkeypatch.setattr(probe, "identity", lambda: about)
    found = jit_facts.jit_facts(compiled())
    assert not found.enabled
    assert "free-threaded" in found.summary()
    assert "GIL" in found.why_off()


@pytest.mark.parametrize("kind", ["yes", "yes-off", "interpreter", "interpreter-off"])
def test_host_and_target_agree_on_the_meaning_of_the_build_flags(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(probe, "build_flags", lambda: FLAGS[kind])
    off = convert(PYTHON, facts(build_flags=FLAGS[kind], tier2=True))
    assert jit_facts.jit_facts(compiled()).built == ProbeRuns(off=off, default=off, on=off).built

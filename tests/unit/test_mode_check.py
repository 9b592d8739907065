"""Modes in the environment of a session, and the check that they take effect."""

from pathlib import Path

import pytest
from session_samples import INTERPRETER, WITH_CODE, facts

from jitbuild.errors import ProofError
from jitbuild.modes import MODES
from jitbuild.sessions.mode_check import (
    check_effective_mode,
    environment_changes,
    mode_failure,
)


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_sets_or_removes_all_variables_of_the_jit(mode):
    outer = {
        "PATH": "/bin",
        "PYTHON_JIT": "1",
        "PYTHON_JIT_STRESS": "1",
        "PYTHON_UOPS_OPTIMIZE": "0",
    }
    env = {**outer, **environment_changes(mode, outer)}
    seen = {name: value for name, value in env.items() if value is not None}
    expected = {
        "off": {"PYTHON_JIT": "0"},
        "on": {"PYTHON_JIT": "1"},
        "stress": {"PYTHON_JIT": "1", "PYTHON_JIT_STRESS": "1"},
        "default": {},
    }
    assert seen == {"PATH": "/bin", **expected[mode]}


def test_variables_that_are_already_right_are_set_again():
    """nox may drop the outer environment."""
    assert environment_changes("on", {"PYTHON_JIT": "1"}) == {"PYTHON_JIT": "1"}


@pytest.mark.parametrize("mode", ["off", "default"])
def test_without_machine_code_off_and_default_have_an_effect(mode):
    assert mode_failure(facts(), mode, INTERPRETER) == ""


@pytest.mark.parametrize(
    ("seen", "mode", "reason"),
    [
        (WITH_CODE, "on", ""),
        (WITH_CODE, "stress", ""),
        ({}, "on", "no machine code"),
        ({"tracers": ("sys.settrace",)}, "on", "sys.settrace is set"),
        (WITH_CODE, "off", "does not switch the JIT off"),
        ({"executors": 1}, "off", "does not switch the JIT off"),
        ({"tier2": False}, "off", "not compiled in"),
        ({"tier2": False}, "on", "not compiled in"),
        ({"version": "3.14.10"}, "off", "It is Python 3.14.10"),
        ({"ignores_environment": True}, "on", "-E or -I"),
    ],
)
def test_the_facts_of_a_run_show_whether_its_mode_has_an_effect(seen: dict, mode, reason: str):
    failure = mode_failure(facts(**seen), mode, INTERPRETER)
    assert reason in failure
    assert bool(failure) == bool(reason)


def test_stress_has_no_effect_before_3_15():
    old = INTERPRETER._replace(version="3.13.15")
    seen = facts(version="3.13.15", jit_enabled=None, executors=3, machine_code_bytes=4096)
    assert mode_failure(seen, "on", old) == ""
    assert "PYTHON_JIT_STRESS" in mode_failure(seen, "stress", old)


def test_a_requested_build_without_the_jit_passes_with_mode_off():
    assert (
        mode_failure(facts(tier2=False, jit_available=False), "off", INTERPRETER._replace(jit="no"))
        == ""
    )


def test_a_requested_build_without_the_jit_is_named_as_the_reason_with_mode_on():
    failure = mode_failure(
        facts(tier2=False, jit_available=False), "on", INTERPRETER._replace(jit="no")
    )
    assert failure == "It was built with --jit no, as the session or the setting `jit` says."


def test_the_probe_runs_in_the_environment_of_the_session():
    calls = []

    def collect_facts(python, environ):
        calls.append((python, dict(environ)))
        return facts()

    with pytest.raises(ProofError, match="mode on has no effect"):
        check_effective_mode(
            Path("/v/bin/python"), "on", INTERPRETER, {"PYTHON_JIT": "1"}, collect_facts
        )
    assert calls == [(Path("/v/bin/python"), {"PYTHON_JIT": "1"})]


def test_the_facts_of_a_mode_with_effect_are_returned():
    observed = check_effective_mode(
        Path("/v/bin/python"), "on", INTERPRETER, {}, lambda *_: facts(**WITH_CODE)
    )
    assert observed.machine_code_bytes == 4096

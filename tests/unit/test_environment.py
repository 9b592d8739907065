"""running/environment.py: the environment of a command, and modes that would be ignored."""

import os

import pytest
from cli_fixtures import put

from jitbuild.errors import VariantError
from jitbuild.request import Axes
from jitbuild.running.environment import check_mode, check_requested_modes, command_environment


def test_the_programs_of_the_interpreter_come_first_on_path(store):
    found = put(store, "x")
    caller = {"PATH": "/usr/bin", "PYTHONHOME": "/usr", "PYTHON_JIT": "1", "A": "b"}
    env = command_environment(found, None, caller)
    assert env["PATH"].split(os.pathsep)[0] == str(found.executable.parent)
    assert env["PATH"].endswith(f"{os.pathsep}/usr/bin")
    assert "PYTHONHOME" not in env
    assert (env["PYTHON_JIT"], env["A"]) == ("1", "b")
    assert command_environment(found, "off", caller)["PYTHON_JIT"] == "0"
    assert "PYTHON_JIT" not in command_environment(found, "default", caller)
    assert command_environment(found, "on", {})["PATH"].endswith(os.defpath)


@pytest.mark.parametrize(
    ("version", "jit", "mode", "said"),
    [
        ("3.15.2", "no", "on", "has no JIT"),
        ("3.15.2", "no", "stress", "has no JIT"),
        ("3.14.10", "yes-off", "stress", "3.15"),
        ("3.13.15", "interpreter", "stress", "3.15"),
        ("3.15.2", "no", "off", None),
        ("3.15.2", "no", "default", None),
        ("3.15.0b2", "yes-off", "stress", None),
        ("3.16.0a1", "yes", "stress", None),
        ("3.13.15", "interpreter", "on", None),
    ],
)
def test_a_mode_that_would_be_ignored_is_refused(store, version, jit, mode, said):
    found = put(store, "x", version, jit=jit)
    if said is None:
        check_mode(found, mode)
    else:
        with pytest.raises(VariantError, match=said):
            check_mode(found, mode)


@pytest.mark.parametrize(
    ("spec", "jit", "mode", "message"),
    [
        ("3.14", None, "stress", "CPython 3.14 has no PYTHON_JIT_STRESS, which came with 3.15."),
        ("3.13.15", None, "stress", "CPython 3.13.15 has no PYTHON_JIT_STRESS"),
        ("3.15t", None, "on", "CPython 3.15t has no JIT: it would silently ignore the mode `on`."),
        ("3.15", "no", "on", "CPython 3.15 with --jit no has no JIT"),
        ("3.15", None, "stress", None),
        ("3.15t", None, "off", None),
        (">=3.13", None, "stress", None),
        ("main", None, "stress", None),
        ("cpython-3.14.10-jit-fast", None, "stress", None),
    ],
)
def test_a_request_for_which_a_mode_can_never_work_is_refused(spec, jit, mode, message):
    if message is None:
        check_requested_modes(spec, Axes(jit=jit), ["off", mode])
    else:
        with pytest.raises(VariantError) as caught:
            check_requested_modes(spec, Axes(jit=jit), ["off", mode])
        assert caught.value.what.startswith(message)

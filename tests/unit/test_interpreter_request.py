"""The interpreters that a noxfile requests, and the names and tags of its sessions."""

from pathlib import Path

import pytest

from jitbuild.errors import RequestError, SettingsError, UsageError
from jitbuild.request import parse
from jitbuild.sessions.interpreter_request import (
    InterpreterRequest,
    requested_interpreters,
    requested_modes,
)
from jitbuild.sessions.shims import shim_path


@pytest.mark.parametrize(
    ("wanted", "parameter", "tags"),
    [
        (InterpreterRequest(parse("3.15")), "3.15-jit-on", ["jit", "jit_on", "py315"]),
        (InterpreterRequest(parse("3.15.0b2")), "3.15.0b2-jit-on", ["jit", "jit_on", "py315"]),
        (InterpreterRequest(parse("v3.14.1")), "v3.14.1-jit-on", ["jit", "jit_on", "py314"]),
        (InterpreterRequest(parse(">=3.14")), ">=3.14-jit-on", ["jit", "jit_on"]),
        (InterpreterRequest(parse("main")), "main-jit-on", ["jit", "jit_on", "py_main"]),
        (
            InterpreterRequest(parse("3.15"), "yes", "debug", "adopt"),
            "3.15-yes-debug-jit-on",
            ["jit", "jit_on", "py315"],
        ),
    ],
)
def test_sessions_are_named_and_tagged_by_the_request_and_the_mode(
    wanted: InterpreterRequest, parameter: str, tags: list[str]
):
    assert (wanted.parameter("on"), wanted.tags("on")) == (parameter, tags)
    assert not any("-" in tag for tag in tags)


def test_free_threading_has_its_own_tag():
    assert InterpreterRequest(parse("3.15t")).tags("off") == ["jit", "jit_off", "py315t"]


def test_different_requests_have_different_shims(tmp_path: Path):
    texts = ["3.15", "3.15.0", "3.15t", ">=3.15", "<=3.15", "./cpython", "../cpython", "main"]
    different = [InterpreterRequest(parse(text)) for text in texts]
    different += [
        InterpreterRequest(parse("3.15"), profile="debug"),
        InterpreterRequest(parse("3.15"), policy="never"),
    ]
    shims = [shim_path(request, tmp_path) for request in different]
    assert len(set(shims)) == len(shims)
    assert all(shim.is_relative_to(tmp_path / ".jitbuild") for shim in shims)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("JITBUILD_PYTHONS", "3.14,no", "'no' is not a Python that jitbuild knows."),
        ("JITBUILD_PYTHONS", ",", "no Python is named."),
        ("JITBUILD_MODES", "onn", "'onn' is not a mode."),
        ("JITBUILD_MODES", ",", "no mode is named."),
    ],
)
def test_an_invalid_setting_is_refused_with_its_origin(monkeypatch, name, value, said):
    monkeypatch.setenv(name, value)
    ask = requested_interpreters if name == "JITBUILD_PYTHONS" else requested_modes
    with pytest.raises(SettingsError) as caught:
        ask(None)
    assert caught.value.what == f"{name}: {said}"


def test_an_invalid_request_or_mode_of_the_noxfile_has_no_origin():
    with pytest.raises(RequestError, match=r"^'no' is not a Python"):
        requested_interpreters(["3.14", "no"])
    with pytest.raises(UsageError, match=r"^'onn' is not a mode"):
        requested_modes(["onn"])

"""`jitbuild config`."""

import json
import re

import pytest

from jitbuild.errors import SettingsError
from jitbuild.settings import KNOWN, get, variable_of

pytestmark = pytest.mark.usefixtures("home")


def test_each_setting_is_printed_with_its_origin_in_aligned_columns(run, home, monkeypatch):
    monkeypatch.setenv("JITBUILD_JOBS", "3")
    code, out, err = run("config")
    assert (code, err) == (0, "")
    lines = {line.split()[0]: line for line in out.splitlines()[: len(KNOWN)]}
    assert lines["jobs"].split() == ["jobs", "3", "JITBUILD_JOBS"]
    assert re.split("  +", lines["mirror"])[1:] == ["not set", KNOWN["mirror"]]
    columns = {lines[name].index("not set") for name in ("mirror", "ccache-storage")}
    assert columns == {lines["jobs"].index("3")}
    assert f"The store is {home}" in out
    shown = json.loads(run("config", "--json")[1])
    assert set(shown) == set(KNOWN)
    assert shown["jobs"] == {"value": "3", "origin": "JITBUILD_JOBS", "error": None}
    assert shown["mirror"] is None


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("jobs", "x", "JITBUILD_JOBS: `jobs` must be a positive integer, not 'x'."),
        (
            "jobs",
            "9" * 5000,
            "JITBUILD_JOBS: `jobs` must be a positive integer of at most 15 digits, not "
            + repr("9" * 5000)
            + ".",
        ),
        (
            "min-speed",
            "-1",
            "JITBUILD_MIN_SPEED: `min-speed` must be 0 or a positive integer, not '-1'.",
        ),
        ("jit", "maybe", "JITBUILD_JIT: 'maybe' is not a value of `jit`."),
        ("profile", "quick", "JITBUILD_PROFILE: 'quick' is not a value of `profile`."),
        ("ccache", "on", "JITBUILD_CCACHE: 'on' is not a value of `ccache`."),
        ("modes", "off,onn", "JITBUILD_MODES: 'onn' is not a mode."),
        ("modes", ",", "JITBUILD_MODES: no mode is named."),
        ("pythons", ",", "JITBUILD_PYTHONS: no Python is named."),
        ("pythons", "3.14,no", "JITBUILD_PYTHONS: 'no' is not a Python that jitbuild knows."),
    ],
)
def test_an_invalid_value_is_marked_and_its_error_decides_the_exit_code(
    run, monkeypatch, name, value, error
):
    variable = variable_of(name)
    monkeypatch.setenv(variable, value)
    code, out, err = run("config")
    assert code == SettingsError.exit_code
    lines = {line.split()[0]: line for line in out.splitlines()[: len(KNOWN)]}
    assert lines[name].split() == [name, value, variable, "(invalid)"]
    assert err.startswith(f"error: {error}\n")
    code, out, _ = run("config", "--json")
    assert code == SettingsError.exit_code
    assert json.loads(out)[name] == {"value": value, "origin": variable, "error": error}


def test_every_invalid_value_is_explained(run, monkeypatch):
    monkeypatch.setenv("JITBUILD_JOBS", "x")
    monkeypatch.setenv("JITBUILD_JIT", "maybe")
    err = run("config")[2]
    assert "`jobs` must be a positive integer, not 'x'.\nIt sets the number of jobs" in err
    assert "'maybe' is not a value of `jit`.\n" in err


def test_lists_in_variables_may_have_commas(run, monkeypatch):
    monkeypatch.setenv("JITBUILD_PYTHONS", "3.14, >=3.14,<3.16 main")
    assert run("config")[0] == 0
    assert get("pythons").items == ["3.14", ">=3.14,<3.16", "main"]

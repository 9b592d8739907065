"""`jitbuild config`."""

import json
import re

import pytest

from jitbuild.errors import SettingsError
from jitbuild.request import Variant
from jitbuild.sessions.interpreter_request import requested_modes
from jitbuild.settings import KNOWN, get, variable_of
from jitbuild.store.store import default_root
from jitbuild.target import host

pytestmark = pytest.mark.usefixtures("home")


def shown(out):
    """Return the cells of each line of the table, by the name of the setting."""
    rows = (re.split("  +", line) for line in out.splitlines()[: len(KNOWN)])
    return {name: cells for name, *cells in rows}


def test_each_setting_is_printed_with_its_value_and_origin(run, home, monkeypatch):
    monkeypatch.setenv("JITBUILD_JOBS", "3")
    code, out, err = run("config")
    assert (code, err) == (0, "")
    rows = shown(out)
    assert rows["jobs"] == ["3", "JITBUILD_JOBS"]
    assert rows["mirror"] == ["python.org", f"default: {KNOWN['mirror']}"]
    assert rows["ccache-storage"] == ["not set", KNOWN["ccache-storage"]]
    assert f"The store is {home}" in out
    entries = json.loads(run("config", "--json")[1])
    assert set(entries) == set(KNOWN)
    assert entries["jobs"] == {"value": "3", "origin": "JITBUILD_JOBS", "error": None}
    assert entries["mirror"] == {"value": "python.org", "origin": "default", "error": None}
    assert entries["recipes"] is None


def test_the_defaults_are_those_of_an_install(run, monkeypatch):
    monkeypatch.delenv("JITBUILD_HOME")
    rows = {name: cells[0] for name, cells in shown(run("config")[1]).items()}
    assert rows == {
        "home": str(default_root()),
        "mirror": "python.org",
        "recipes": "not set",
        "llvm": "auto",
        "ccache": "auto",
        "ccache-storage": "not set",
        "registry": "not set",
        "signed-by": "not set",
        "signed-by-issuer": "not set",
        "min-speed": "1000",
        "jobs": str(host().cpus),
        "jit": Variant().jit,
        "profile": Variant().profile,
        "provider": "source",
        "pythons": "not set",
        "modes": "off on",
        "shared-store": "no",
    }
    assert requested_modes(None) == ["off", "on"]


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
        (
            "mirror",
            "dsitro",
            "JITBUILD_MIRROR: dsitro is neither a folder nor an http, https or file URL.",
        ),
        ("llvm", "manged", "JITBUILD_LLVM: --llvm manged: there is no such folder."),
        ("recipes", "/no/recipes", "JITBUILD_RECIPES: /no/recipes contains no recipes."),
        (
            "ccache-storage",
            "localhost",
            "JITBUILD_CCACHE_STORAGE: The setting ccache-storage does not begin with a URL.",
        ),
        ("home", "/dev/null/x", "JITBUILD_HOME: /dev/null is not a folder."),
        (
            "home",
            "/a(b",
            (
                "JITBUILD_HOME: The path of the store has an opening parenthesis, and make cannot"
                " build in it: /a(b"
            ),
        ),
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
    assert shown(out)[name] == [value, f"{variable} (invalid)"]
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


def test_a_file_that_cannot_be_read_makes_the_settings_unknown(run, tmp_path, monkeypatch):
    (tmp_path / "pyproject.toml").write_text("[tool.jitbuild]\nllvm = 'auto'\njobbs = 3\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JITBUILD_JOBS", "3")
    code, out, err = run("config")
    assert code == SettingsError.exit_code
    assert shown(out)["jobs"] == ["3", "JITBUILD_JOBS"]
    assert shown(out)["llvm"][0] == "unknown"
    assert err.count("jitbuild has no setting `jobbs`") == 1
    entry = json.loads(run("config", "--json")[1])["llvm"]
    assert (entry["value"], entry["origin"]) == (None, None)
    assert "jobbs" in entry["error"]


def test_an_invalid_value_of_a_file_is_marked(run, tmp_path, monkeypatch):
    (tmp_path / "pyproject.toml").write_text("[tool.jitbuild]\njobs = 0\n")
    monkeypatch.chdir(tmp_path)
    code, out, err = run("config")
    assert code == SettingsError.exit_code
    assert shown(out)["jobs"] == ["0", f"{tmp_path / 'pyproject.toml'} [tool.jitbuild] (invalid)"]
    assert "`jobs` must be a positive integer, not '0'" in err


def test_lists_in_variables_may_have_commas(run, monkeypatch):
    monkeypatch.setenv("JITBUILD_PYTHONS", "3.14, >= 3.14, <3.16 main")
    assert run("config")[0] == 0
    assert get("pythons").items == ["3.14", ">=3.14,<3.16", "main"]

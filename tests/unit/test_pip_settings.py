"""Which settings of pip apply when jitbuild installs packages or downloads wheels."""

from __future__ import annotations

import os

import pytest

from jitbuild.errors import SettingsError
from jitbuild.toolchain.pip_settings import (
    kept_environment,
    listing_command,
    listing_environment,
)

# Every setting that moves packages, replaces pip, or changes what is installed.
HARMFUL = (
    *("target", "prefix", "root", "user", "src", "dry-run", "report", "python", "platform", "abi"),
    *("implementation", "python-version", "require-virtualenv", "requirement", "editable", "group"),
    *("no-deps", "ignore-installed", "force-reinstall", "no-compile", "isolated", "quiet", "log"),
    *("dest", "no-clean", "no-build-isolation", "break-system-packages", "upgrade"),
)
CORPORATE = {
    "index-url": "https://me:secret@index.example/simple",
    "extra-index-url": "\nhttps://a.example/\nhttps://b.example/",
    "find-links": "/opt/wheels",
    "no-index": "true",
    "proxy": "http://proxy.example:3128",
    "cert": "/etc/ca.pem",
    "client-cert": "/etc/me.pem",
    "trusted-host": "index.example",
    "timeout": "60",
    "retries": "9",
    "keyring-provider": "subprocess",
    "cache-dir": "/cache",
}


def variable(name):
    return f"PIP_{name.upper().replace('-', '_')}"


def pip_settings_of(environment):
    kept = {name: text for name, text in environment.items() if name.startswith("PIP_")}
    assert kept.pop("PIP_CONFIG_FILE") == os.devnull
    return kept


@pytest.fixture
def listing(tmp_path):
    """Write pip's files, each a kind, a name and its text; return what pip prints about them."""

    def write(*files):
        lines = []
        for kind, name, text in files:
            (tmp_path / name).write_text(text)
            lines.append(f"For variant '{kind}', will try loading '{tmp_path / name}'\n")
        return "".join([*lines, "global.index-url='https://misleading.example/'\n"])

    return write


def kept_of(listing, environ=(), command="install"):
    return pip_settings_of(kept_environment(dict(environ), listing, command))


@pytest.mark.parametrize("command", ["install", "download"])
@pytest.mark.parametrize("section", ["global", "command"])
def test_settings_of_files_are_kept_if_they_say_how_to_reach_an_index(listing, command, section):
    names = {**CORPORATE, **dict.fromkeys(HARMFUL, "1")}
    section = command if section == "command" else section
    lines = [f"{name} = {text}".replace("\n", "\n  ") for name, text in names.items()]
    printed = listing(("user", "pip.conf", "\n".join([f"[{section}]", *lines])))
    kept = kept_of(printed, {"HOME": "/me"}, command)
    assert kept == {variable(name): text for name, text in CORPORATE.items()}


@pytest.mark.parametrize("command", ["install", "download"])
def test_variables_are_kept_if_they_say_how_to_reach_an_index(command):
    names = {**CORPORATE, **dict.fromkeys(HARMFUL, "1")}
    environ = {variable(name): text for name, text in names.items()} | {"HOME": "/me"}
    environment = kept_environment(environ, "", command)
    assert pip_settings_of(environment) == {
        variable(name): text for name, text in CORPORATE.items()
    }
    assert environment["HOME"] == "/me"


def test_constraints_apply_to_packages_but_not_to_pinned_wheels():
    environ = {"PIP_CONSTRAINT": "c.txt", "PIP_ONLY_BINARY": ":all:", "PIP_PRE": "1"}
    assert pip_settings_of(kept_environment(environ, "", "install")) == environ
    assert pip_settings_of(kept_environment(environ, "", "download")) == {}


def test_variables_override_the_section_of_the_command_and_that_overrides_global(listing):
    text = "[install]\nproxy = b\ncert = b\n[global]\nproxy = a\ncert = a\ntimeout = a\n"
    printed = listing(("site", "pip.conf", f"{text}[download]\ntimeout = c\n"))
    assert kept_of(printed, {"PIP_PROXY": "env"}) == {
        "PIP_PROXY": "env",
        "PIP_CERT": "b",
        "PIP_TIMEOUT": "a",
    }


def test_files_override_each_other_as_in_pip_and_not_by_their_names(listing):
    """The names are in the reverse of the order of precedence; old pips read `env` first."""
    printed = listing(
        ("env", "a.conf", "[global]\nindex-url = env\n"),
        ("global", "g.conf", "[global]\nindex-url = g\nproxy = g\ntimeout = g\ncert = g\n"),
        ("global", "f.conf", "[global]\nindex-url = f\nproxy = f\ntimeout = f\ncert = f\n"),
        ("site", "b.conf", "[global]\nindex-url = site\nproxy = site\n"),
        ("user", "d.conf", "[global]\nindex-url = d\nproxy = d\ntimeout = d\n"),
        ("user", "c.conf", "[global]\nindex-url = c\nproxy = c\ntimeout = c\n"),
    )
    assert kept_of(printed) == {
        "PIP_INDEX_URL": "env",
        "PIP_PROXY": "site",
        "PIP_TIMEOUT": "c",
        "PIP_CERT": "f",
    }


def test_a_section_of_the_command_overrides_global_sections_of_all_files(listing):
    printed = listing(
        ("env", "a", "[global]\nproxy = a\n"), ("global", "b", "[install]\nproxy = b\n")
    )
    assert kept_of(printed) == {"PIP_PROXY": "b"}


def test_names_are_read_as_pip_reads_them(listing):
    printed = listing(
        ("user", "it's one of 'mine'", "[global]\nIndex_URL = a\n--proxy = b\n"),
        ("env", "b", "[global]\nindex-url = c\n"),
    )
    assert kept_of(printed) == {"PIP_INDEX_URL": "c", "PIP_PROXY": "b"}


@pytest.mark.parametrize("empty", ["[install]\nindex-url =\n", "[global]\nindex-url =\n"])
def test_an_empty_setting_does_not_override_another(listing, empty):
    printed = listing(("user", "a", "[global]\nindex-url = a\n"), ("env", "b", empty))
    assert kept_of(printed) == {"PIP_INDEX_URL": "a"}


def test_an_empty_variable_does_not_override_a_file(listing):
    printed = listing(("user", "a", "[global]\nproxy = a\n"))
    assert kept_of(printed, {"PIP_PROXY": ""}) == {"PIP_PROXY": "a"}


def test_bytes_that_the_locale_cannot_decode_are_kept(listing, tmp_path):
    printed = listing(("user", "a", ""))
    (tmp_path / "a").write_bytes(b"[global]\ncert = /caf\xe9.pem\n")
    assert os.fsencode(kept_of(printed)["PIP_CERT"]) == b"/caf\xe9.pem"


def test_files_that_cannot_be_read_are_ignored_as_by_pip(tmp_path):
    lines = [f"For variant 'user', will try loading '{path}'" for path in (tmp_path, "/nowhere")]
    assert kept_of("\n".join(lines)) == {}


def test_a_file_of_another_format_is_an_error_that_names_it(listing, tmp_path):
    with pytest.raises(SettingsError, match="no section headers") as raised:
        kept_of(listing(("user", "a", "index-url = b\n")))
    assert str(tmp_path / "a") in raised.value.remedy


def test_the_files_are_listed_without_the_variables_of_pip(monkeypatch, tmp_path):
    environ = {"PIP_CONFIG_FILE": "/my.conf", "PIP_QUIET": "3", "PIP_PYTHON": "/x", "HOME": "/me"}
    assert listing_environment(environ) == {"PIP_CONFIG_FILE": "/my.conf", "HOME": "/me"}
    assert listing_command(["python", "-m", "pip"])[-2:] == ["config", "list"]
    monkeypatch.chdir(tmp_path)
    for file, absolute in (("my.conf", str(tmp_path / "my.conf")), (os.devnull, os.devnull)):
        assert listing_environment({"PIP_CONFIG_FILE": file}) == {"PIP_CONFIG_FILE": absolute}

"""Which settings of pip apply when jitbuild installs packages or downloads wheels."""

from __future__ import annotations

import os

import pytest

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


@pytest.mark.parametrize("command", ["install", "download"])
@pytest.mark.parametrize("section", ["global", "command"])
def test_settings_of_files_are_kept_if_they_say_how_to_reach_an_index(command, section):
    names = {**CORPORATE, **dict.fromkeys(HARMFUL, "1")}
    section = command if section == "command" else section
    listing = "".join(f"{section}.{name}={text!r}\n" for name, text in names.items())
    kept = pip_settings_of(kept_environment({"HOME": "/me"}, listing, command))
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


def test_variables_override_the_section_of_the_command_and_that_overrides_global():
    listing = "install.proxy='b'\nglobal.proxy='a'\ninstall.cert='b'\nglobal.cert='a'\n"
    listing += "global.timeout='a'\ndownload.timeout='c'\nnot a setting\nglobal.retries=[\n"
    assert pip_settings_of(kept_environment({"PIP_PROXY": "env"}, listing, "install")) == {
        "PIP_PROXY": "env",
        "PIP_CERT": "b",
        "PIP_TIMEOUT": "a",
    }


def test_an_empty_variable_does_not_override_a_file():
    listing = "global.proxy='a'\n:env:.proxy=''\n"
    environment = kept_environment({"PIP_PROXY": ""}, listing, "install")
    assert pip_settings_of(environment) == {"PIP_PROXY": "a"}


def test_the_files_are_listed_without_the_variables_of_pip():
    environ = {"PIP_CONFIG_FILE": "/my.conf", "PIP_QUIET": "3", "PIP_PYTHON": "/x", "HOME": "/me"}
    assert listing_environment(environ) == {"PIP_CONFIG_FILE": "/my.conf", "HOME": "/me"}
    assert listing_command(["python", "-m", "pip"])[-3:] == ["-vvv", "config", "list"]

"""Tests of targets' names, and of the facts about this machine."""

import os
import sys

import pytest

from jitbuild import target
from jitbuild.errors import UsageError
from jitbuild.target import TARGETS, parse


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_is_parsed_from_its_name(name):
    assert parse(name) == TARGETS[name]
    assert str(parse(name)) == parse(name).name == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("linux-x86_64", "x86_64-linux-gnu"),
        ("x86-64-linux", "x86_64-linux-gnu"),
        ("X86_64-Unknown-Linux-GNU", "x86_64-linux-gnu"),
        ("linux-aarch64-gnu", "aarch64-linux-gnu"),
        ("linux_arm64", "aarch64-linux-gnu"),
        ("macos-arm64", "aarch64-macos"),
        ("aarch64-apple-darwin", "aarch64-macos"),
        ("darwin-x64", "x86_64-macos"),
        ("x64-windows", "x86_64-windows"),
        ("win-amd64", "x86_64-windows"),
        ("win32-arm64", "aarch64-windows"),
        ("aarch64-pc-windows-msvc", "aarch64-windows"),
        (" aarch64-macos ", "aarch64-macos"),
    ],
)
def test_a_system_and_an_architecture_are_enough(text, name):
    assert parse(text).name == name


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("x86_64-linux-gun", "Did you mean x86_64-linux-gnu? "),
        ("aarch64-macosx", "Did you mean aarch64-macos? "),
        ("linux", "Choose from: x86_64-linux-gnu"),
        ("aarch64", "Choose from: x86_64-linux-gnu"),
        ("x86_64-linux-musl", "Choose from: "),
        ("i686-windows", "Choose from: "),
        ("x64-arm64-linux", "Choose from: "),
        ("", "Choose from: "),
    ],
)
def test_anything_else_is_refused_with_the_nearest_name(text, remedy):
    with pytest.raises(UsageError, match="is not a platform") as caught:
        parse(text)
    assert remedy in caught.value.remedy


def test_the_facts_about_this_machine_are_read_once():
    host = target.host()
    assert host.target in TARGETS.values()
    assert 1 <= host.cpus <= (os.cpu_count() or 1)
    assert host.distro_name
    assert bool(host.libc) == (sys.platform == "linux")
    assert host is target.host()


def test_an_unsupported_machine_is_refused_but_plans_can_be_made(monkeypatch):
    monkeypatch.setattr(sys, "platform", "sunos5")
    with pytest.raises(UsageError, match="sunos5") as caught:
        target.host.__wrapped__()
    assert "--platform" in caught.value.remedy


@pytest.mark.parametrize(
    "answer",
    [None, "", ValueError("unrecognized configuration name"), OSError(22, "Invalid argument")],
)
def test_a_libc_other_than_glibc_is_named(monkeypatch, answer):
    def confstr(name):
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(os, "confstr", confstr, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    assert target.host.__wrapped__().libc in {"musl", "unknown"}

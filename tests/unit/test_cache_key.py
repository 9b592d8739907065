"""The key of the CI's cache."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from jitbuild import api
from jitbuild.ci.cache_key import cache_key
from jitbuild.settings import KNOWN
from jitbuild.store.store import Store
from jitbuild.target import TARGETS, Host

HOST = Host(
    target=TARGETS["x86_64-linux-gnu"],
    libc="glibc 2.39",
    distro=("ubuntu", "debian"),
    distro_name="Ubuntu",
    cpus=2,
)
GITHUB = {"ImageOS": "ubuntu24"}


@pytest.fixture(autouse=True)
def no_settings(tmp_path, monkeypatch):
    for name in KNOWN:
        monkeypatch.delenv(f"JITBUILD_{name.upper()}", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)


def key_of(*specs, host=HOST, root="/store", environ=GITHUB):
    plans = [api.plan(spec, platform="x86_64-linux-gnu") for spec in specs]
    return cache_key(plans, Store(Path(root)), host, environ)


def test_the_key_covers_the_plans_the_image_libc_and_the_path_of_the_store():
    key = key_of("3.15.2", "3.14.10").key
    assert re.fullmatch(r"jitbuild-x86_64-linux-gnu-ubuntu24-[0-9a-f]{16}", key)
    assert key == key_of("3.14.10", "3.15.2").key
    others = [
        key_of("3.15.2"),
        key_of("3.15.2", "3.14.10", root="/other"),
        key_of("3.15.2", "3.14.10", environ={"ImageOS": "ubuntu22"}),
        key_of("3.15.2", "3.14.10", host=replace(HOST, libc="glibc 2.35")),
    ]
    assert len({key, *(other.key for other in others)}) == 5


def test_outside_github_the_image_is_the_distribution_else_the_system():
    assert "-ubuntu-" in key_of("3.15.2", environ={}).key
    macos = replace(HOST, target=TARGETS["aarch64-macos"], distro=(), libc="")
    assert "-macos-" in key_of("3.15.2", environ={}, host=macos).key


def test_the_cached_folders_are_those_of_the_plans():
    plan = api.plan("3.15.2", platform="x86_64-linux-gnu")
    folder = Path("/store/interpreters") / plan.prefix_name
    assert key_of("3.15.2", "3.15.2").paths == (str(folder),)

"""advice.py: an install is advised only if it would work, in every message that advises one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import jitbuild
from jitbuild import advice
from jitbuild.advice import advise_install
from jitbuild.probing.checks import Check, remedy_for
from jitbuild.request import Axes
from jitbuild.target import TARGETS

LINUX = TARGETS["x86_64-linux-gnu"]
SOURCE = Path(jitbuild.__file__).parent

pytestmark = pytest.mark.usefixtures("home")


@pytest.mark.parametrize(
    ("spec", "axes", "expected"),
    [
        ("3.15", Axes(), "Build it: jitbuild install 3.15"),
        (">=3.13", Axes(jit="no"), "Build it: jitbuild install '>=3.13' --jit=no"),
        ("3.15t", Axes(), "Build it: jitbuild install 3.15t"),
        ("main", Axes(profile="release"), "Build it: jitbuild install main --profile=release"),
        ("./cpython", Axes(), "Build it: jitbuild install ./cpython"),
    ],
)
def test_the_command_is_given(spec, axes, expected):
    assert advise_install("Build it", spec, axes, target=LINUX) == expected


@pytest.mark.parametrize(
    ("spec", "axes", "reason"),
    [
        ("3.99", Axes(), "No recipe has a release for 3.99."),
        ("3.15.99", Axes(), "No recipe has a release for 3.15.99."),
        ("3.12", Axes(), "CPython 3.12 has no JIT: the JIT came with 3.13."),
        ("3.15t", Axes(jit="yes"), "3.15t is free-threaded, and CPython has no JIT in"),
        ("3.13", Axes(tail_call=True), "tail-call"),
    ],
)
def test_the_reason_is_given_where_no_install_is_possible(spec, axes, reason):
    text = advise_install("Build it", spec, axes, target=LINUX)
    assert reason in text
    assert "Build it" not in text
    assert "\n" not in text


def test_the_recipes_of_the_settings_are_asked(tmp_path, monkeypatch):
    (tmp_path / "cpython-3.99.toml").write_text(
        'series = "3.99"\n[[tag]]\nversion = "3.99.0"\ntar-xz = "' + "a" * 64 + '"\n'
    )
    monkeypatch.setenv("JITBUILD_RECIPES", str(tmp_path))
    assert advise_install("Build it", "3.99", target=LINUX) == "Build it: jitbuild install 3.99"


class UnknownFacts:
    implementation, release, series, free_threaded = "cpython", (3, 99), "3.99", False


@pytest.mark.parametrize("name", ["built", "free-threaded", "modules"])
def test_the_probe_advises_no_release_that_no_recipe_knows(name):
    failed = Check(name=name, ok=False, detail="")
    remedy = remedy_for(failed, UnknownFacts(), "jit", "/x/python3.99")
    assert "No recipe has a release for 3.99" in remedy
    assert "jitbuild install" not in remedy


def test_every_message_with_a_variable_request_takes_the_advice():
    """A message that names a request itself would not notice that no recipe knows it."""
    allowed = {
        # the name of an interpreter in the store, or a request that was just resolved
        "providers/repair.py",
        "providers/recorded_plan.py",
        # files of archives
        "providers/tree_check.py",
        "sources/python_org.py",
        "sources/distro.py",
    }
    found = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        if re.search(r"jitbuild install (\./)?\{", path.read_text(encoding="utf-8"))
    }
    assert found <= allowed
    assert advice.__name__ == "jitbuild.advice"

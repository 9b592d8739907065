"""Versions in the spellings of other tools, the near form of other texts, and arbitrary texts."""

from __future__ import annotations

import random

import pytest

from jitbuild.errors import JitbuildError, RequestError
from jitbuild.planning.planner import resolve_version
from jitbuild.recipes.catalog import load_catalog
from jitbuild.request import parse

SPELLINGS = [
    # setup-python
    ("3.15-dev", "series", "3.15", False),
    ("3.15t-dev", "series", "3.15", True),
    ("3.15.0-beta.2", "tag", "3.15.0b2", False),
    ("3.15.0-alpha.7", "tag", "3.15.0a7", False),
    ("3.15.0-rc.1", "tag", "3.15.0rc1", False),
    ("3.15.x", "series", "3.15", False),
    ("3.15.X", "series", "3.15", False),
    ("3.15.*", "series", "3.15", False),
    ("3.x", "specifier", "==3.*", False),
    ("3", "specifier", "==3.*", False),
    ("~3.15.0-0", "series", "3.15", False),
    ("~3.15", "series", "3.15", False),
    ("~3.15.x", "series", "3.15", False),
    ("~3.15.1", "specifier", ">=3.15.1,<3.16", False),
    ("~3.15.0-beta.2", "specifier", ">=3.15.0b2,<3.16", False),
    ("^3.14", "specifier", ">=3.14,<4", False),
    ("~3", "specifier", "==3.*", False),
    (">=3.14 <3.16", "specifier", ">=3.14,<3.16", False),
    (">= 3.14 , <3.16", "specifier", ">= 3.14,<3.16", False),
    (">=3.15.0-0", "specifier", ">=3.15.0.dev0", False),
    ("==3.15.x", "specifier", "==3.15.*", False),
    # wheels, tox, uv, Homebrew, programs
    ("cp315", "series", "3.15", False),
    ("cp315t", "series", "3.15", True),
    ("py315", "series", "3.15", False),
    ("py3.15", "series", "3.15", False),
    ("python3.15", "series", "3.15", False),
    ("Python 3.15", "series", "3.15", False),
    ("Python 3.15.2", "tag", "3.15.2", False),
    ("python@3.15", "series", "3.15", False),
    ("cpython@3.15", "series", "3.15", False),
    ("cpython-3.15", "series", "3.15", False),
    ("3.15+freethreaded", "series", "3.15", True),
    # PEP 440, and its older forms
    ("v3.15.0b2", "tag", "3.15.0b2", False),
    ("3.15.0.beta2", "tag", "3.15.0b2", False),
    ("3.15.0beta2", "tag", "3.15.0b2", False),
    ("3.15.0c1", "tag", "3.15.0rc1", False),
    ("3.15b2", "tag", "3.15.0b2", False),
]


@pytest.mark.parametrize(("text", "kind", "value", "free_threaded"), SPELLINGS)
def test_the_spellings_of_other_tools_are_understood(text, kind, value, free_threaded):
    request = parse(text)
    assert (request.kind, request.value, request.free_threaded) == (kind, value, free_threaded)
    assert request.text == request.shown == text


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("3.15d", "3.15"),
        ("3.15-jit", "3.15"),
        ("3.15.0rc", "3.15"),
        ("3.15.0-dev", "3.15"),
        ("3.15.xb2", "3.15"),
        ("~3.15-foo", "3.15"),
        ("315", "3.15"),
        ("3,15", "3.15"),
        ("'3.15'", "3.15"),
        ("=3.15", "3.15"),
        ("cpython-3.15.0+freethreaded-linux-x86_64-gnu", "3.15"),
        ("3.15t debug", "3.15t"),
        (">=3.14||<3.13", "3.14"),
        ("latest", "3.x"),
        ("master", "main"),
        ("mian", "main"),
    ],
)
def test_other_texts_are_answered_with_the_near_form(text, near):
    with pytest.raises(RequestError) as raised:
        parse(text)
    assert raised.value.remedy.startswith(f"Did you mean {near}? ")


@pytest.mark.parametrize("text", ["pypy", "3.9d", "zzz"])
def test_no_form_is_suggested_where_none_is_near(text):
    with pytest.raises(RequestError) as raised:
        parse(text)
    assert raised.value.remedy.startswith("Write a tag")


PIECES = [
    *("3", "3.", "3.15", "315", ".0", ".", "b2", "beta", "rc", "t", "d", "x", "*", "-", "-dev"),
    *("-0", "~", "~nobody", "^", ">=", "<", "==", "!=", "===", "~=", ",", " ", "+", "@", "/"),
    *("\\", ":", "git+", "https://", "ssh://git@", "py", "cp", "cpython", "Python ", "v", "main"),
    *(
        ".tar.xz",
        "./",
        "..",
        "%",
        "{",
        "}",
        "'",
        '"',
        "\u0663",
        "é",
        "\udcff",
        "\0",
        "\n",
        "9" * 5000,
    ),
]


def test_no_text_is_a_crash():
    """Every text is a request or a JitbuildError, also where the recipes look for its release."""
    catalog, generator = load_catalog(), random.Random(1015)
    for _ in range(3000):
        text = "".join(generator.choices(PIECES, k=generator.randint(1, 6)))
        try:
            request = parse(text, exists=lambda _: False)
            assert isinstance(request.shown, str)
            assert request.admits("3.15.2") in {True, False}
            if request.is_version:
                resolve_version(request, catalog)
        except JitbuildError:
            continue

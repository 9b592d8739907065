"""Read the less usual forms of requests, and suggest a request for any other text.

These forms are versions in the spellings of other tools, and names of interpreters in the store.

`jitbuild.request` reads the usual forms (3.15.0b2, 3.15, 3.15t) itself, and imports this module
only for other texts.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from jitbuild.errors import RequestError
from jitbuild.system.list_text import split_list
from jitbuild.system.suggestions import did_you_mean
from jitbuild.system.urls import Address

_NUMBER = r"(?:0|[1-9][0-9]{0,2})"
# python3.15, Python 3.15, cpython-3.15, cpython@3.15, py3.15, cp3.15, v3.15
_PREFIX = r"(?:(?:c?python|py|cp)[ @-]?)?v?"
_VERSION = (
    rf"3\.(?P<minor>{_NUMBER})(?:\.(?P<micro>{_NUMBER}|[x*]))?"
    rf"(?:[._-]?(?P<phase>a|alpha|b|beta|c|rc|pre|preview)[._-]?(?P<number>{_NUMBER}))?"
)
# 3.15t, uv's 3.15+freethreaded; setup-python's 3.15-dev and 3.15t-dev
_DOTTED = rf"{_PREFIX}{_VERSION}(?P<threads>t|\+freethreaded)?(?P<dev>-dev)?"
# cp315, py315t: the tags of wheels and of tox's environments
_GLUED = r"(?:python|py|cp)3(?P<minor>[1-9][0-9]?)(?P<threads>t)?"
_ANY = rf"{_PREFIX}3(?:\.[x*])?"
# npm's ranges, which setup-python reads: ~3.15.0-0 is any 3.15, pre-releases included
_RANGE = rf"(?P<operator>[~^])\s*v?(?:{_VERSION}|3)(?P<lowest>-0)?"
_PHASES = {"alpha": "a", "beta": "b", "c": "rc", "pre": "rc", "preview": "rc"}
# cpython-3.15.2-jit-fast-0a1b2c3d: a name in the store, or its beginning. uv names its Pythons
# similarly: cpython-3.15.2-linux-x86_64-gnu.
_NAME = (
    rf"cpython-3\.{_NUMBER}\.{_NUMBER}(?:(?:a|b|rc){_NUMBER})?(?P<threads>t)?"
    r"-(?!linux|macos|windows).+"
)
_NEAR = re.compile(r"(?<![0-9])3[._,-]?(?P<minor>1[3-9]|[2-9][0-9])(?![0-9])(?P<threads>t\b)?")
_WORDS = {
    **dict.fromkeys(("latest", "newest", "stable", "current"), "3.x"),
    **dict.fromkeys(("master", "trunk", "head", "nightly", "dev"), "main"),
}


class Spelling(NamedTuple):
    """The meaning of a spelling: the kind and the value of a request."""

    kind: Literal["tag", "series", "specifier", "name"]
    value: str
    free_threaded: bool = False


def read(text: str) -> Spelling | None:
    """Return the meaning of `text`; None if it has no meaning.

    It may be a version in another tool's spelling, or the name of an interpreter in the store.
    """
    if match := _matched(_ANY, text):
        return Spelling("specifier", "==3.*")
    if match := _matched(_GLUED, text):
        return Spelling("series", f"3.{match['minor']}", bool(match["threads"]))
    if match := _matched(_RANGE, text):
        return _range(match)
    if match := _matched(_DOTTED, text):
        return _dotted(match)
    if match := re.fullmatch(_NAME, text):
        return Spelling("name", text, bool(match["threads"]))
    return None


def unknown(text: str) -> RequestError:
    """Return the error for `text`, which is not a request."""
    text = str(Address(text))  # a password that was typed must not be shown
    items = split_list(text)
    if len(items) > 1 and all(map(re.compile(r"\W*(?:c?python-?|v)?3\b").match, items)):
        return RequestError(
            f"{text!r} names {len(items)} Pythons, and only one can be named here.",
            remedy=f"Name one of them, such as {items[0]}.",
        )
    return RequestError(
        f"{text!r} is not a Python that jitbuild knows.",
        remedy=f"{near_form(text)}Write a tag (3.15.0b2), a series (3.15, 3.15t), a specifier"
        " ('>=3.14,<3.16'), `main`, git+URL@REF, the path of a source folder (./cpython,"
        " ./cpython@REF) or archive, or a name from `jitbuild list`.",
    )


def specifier(text: str) -> str:
    """Return the specifier `text` as PEP 440 writes it.

    Its clauses are separated by commas. npm's `x` becomes `*`, and npm's `-0`, which stands for the
    lowest pre-release, becomes `.dev0`. Raises RequestError if `text` is not a specifier.
    """
    from packaging.specifiers import SpecifierSet

    value = re.sub(r"\s*,\s*|\s+(?=[<>=!~])", ",", text.strip())
    value = re.sub(r"(==\s*3(?:\.[0-9]+)?\.)[xX](?=,|$)", r"\1*", value)
    value = re.sub(r"(?<=[0-9])-0(?=,|$)", ".dev0", value)
    try:
        # A version with thousands of digits fails only when it is compared.
        SpecifierSet(value).contains("3.15.0")
    except ValueError as error:
        raise RequestError(
            f"{text!r} is not a version specifier.",
            remedy=f"{near_form(text)}Write a specifier as in PEP 440: '>=3.14,<3.16'.",
        ) from error
    return value


def near_form(text: str) -> str:
    """Return `Did you mean REQUEST? ` with the request most similar to `text`, or ""."""
    if match := _NEAR.search(text.lower()):
        return f"Did you mean 3.{match['minor']}{match['threads'] or ''}? "
    word = text.lower()
    return f"Did you mean {_WORDS[word]}? " if word in _WORDS else did_you_mean(word, ["main"])


def _matched(pattern: str, text: str) -> re.Match[str] | None:
    return re.fullmatch(pattern, text, re.IGNORECASE | re.ASCII)


def _dotted(match: re.Match[str]) -> Spelling | None:
    series, micro = f"3.{match['minor']}", match["micro"]
    threads = bool(match["threads"])
    if micro is None or not micro.isdecimal():
        # 3.15b2 means 3.15.0b2, but 3.15.xb2 has no meaning.
        if not match["phase"]:
            return Spelling("series", series, threads)
        micro = "0" if micro is None else ""
    if match["dev"] or not micro:
        return None
    return Spelling("tag", f"{series}.{micro}{_pre_release(match)}", threads)


def _range(match: re.Match[str]) -> Spelling | None:
    minor, micro, pre = match["minor"], match["micro"], _pre_release(match)
    if minor is None:
        return Spelling("specifier", "==3.*")
    is_exact = micro is not None and micro.isdecimal()
    if pre and not is_exact:
        return None
    version = f"3.{minor}.{micro}{pre}" if is_exact else f"3.{minor}"
    if match["lowest"]:
        if pre:
            return None
        version += ".dev0"
    if match["operator"] == "^":
        return Spelling("specifier", f">={version},<4")
    if not is_exact or version == f"3.{minor}.0.dev0":
        return Spelling("series", f"3.{minor}")
    return Spelling("specifier", f">={version},<3.{int(minor) + 1}")


def _pre_release(match: re.Match[str]) -> str:
    phase = match["phase"]
    if not phase:
        return ""
    return f"{_PHASES.get(phase.lower(), phase.lower())}{match['number']}"

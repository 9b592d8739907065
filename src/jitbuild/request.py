"""Parse the Python that a user asks for, and hold how it is built. Nothing is looked up here.

A `Request` is the Python itself (a version, a path, a git reference); a `Variant` is how it is
built; `Axes` are the parts of a variant that the user stated.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

from jitbuild.errors import RequestError, VariantError

if TYPE_CHECKING:
    from collections.abc import Callable

Jit = Literal["yes-off", "yes", "interpreter", "no"]
BuildProfile = Literal["fast", "release", "debug"]
Profile = BuildProfile | Literal["unknown"]
Part = Literal["tests", "symbols", "bytecode", "static-library"]
Kind = Literal["tag", "series", "specifier", "branch", "folder", "archive", "git"]

JITS: tuple[Jit, ...] = get_args(Jit)
PROFILES: tuple[BuildProfile, ...] = get_args(BuildProfile)
# The parts that fast and release builds leave out, and --include adds (recipes/build.toml).
PARTS: tuple[Part, ...] = get_args(Part)
ARCHIVE_SUFFIXES = (".tar.xz", ".tgz", ".tar.gz", ".tar.bz2", ".tar", ".zip")

# Compiled when they are used: `jitbuild which` needs one or two of them.
_TAG = r"(?:c?python-?|v)?(3\.\d+\.\d+(?:(?:a|b|rc)\d+)?)(t?)"
_SERIES = r"(?:c?python-?|v)?(3\.\d+)(t?)"
# The @ of user@host precedes the path, the @ of the reference follows it:
# git+ssh://git@host/a/b@feature/x.
_GIT = r"git\+((?:[\w+.-]+://[^/]*/|[^/:]*:(?!/)|)[^@]*)(?:@(.+))?"
_SPECIFIER = r"([<>]|[=!~]=).*"


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """The Python that a user asks for: `text` as it was typed, and its meaning.

    `value` is the version of a tag, the `3.15` of a series, the specifier, the branch, the path
    or the git URL. `ref` is the git reference. A trailing `t` sets `free_threaded`.
    """

    text: str
    kind: Kind
    value: str
    ref: str = ""
    free_threaded: bool = False

    @property
    def shown(self) -> str:
        """The text as it may be stored and printed.

        A URL loses its user name and password, and a path is made absolute.
        """
        if self.is_local:
            path = os.path.abspath(os.path.expanduser(self.value))  # noqa: PTH100, PTH111
            return f"{path}@{self.ref}" if self.kind == "git" else path
        return re.sub(r"(https?://)[^/@]*@", r"\1", self.text)

    @property
    def is_local(self) -> bool:
        """True for a source tree, archive or repository on this machine."""
        remote = "://" in self.value or re.fullmatch(r"[\w.-]+@[\w.-]+:.*", self.value)
        return self.kind in {"folder", "archive"} or (self.kind == "git" and not remote)

    @property
    def is_version(self) -> bool:
        """True if the recipes alone can resolve it, without reading a file or a repository."""
        return self.kind in {"tag", "series", "specifier"}

    def admits(self, version: str) -> bool:
        """Return True if `version` fits.

        Paths and git references fit no version: their interpreters are found by digest.
        """
        if self.kind == "tag":
            return version == self.value
        if self.kind == "series":
            return version.startswith(f"{self.value}.")
        if self.kind == "specifier":
            from packaging.specifiers import SpecifierSet

            return SpecifierSet(self.value).contains(version, prereleases=True)
        return False


@dataclass(frozen=True, kw_only=True, slots=True)
class Patch:
    """A patch file. Only its content counts, which the sha256 identifies."""

    path: str
    sha256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Variant:
    """How a CPython is built.

    `profile` is `unknown` only for an adopted interpreter whose profile was not given.
    `includes` are the PARTS to add to those that the profile has, sorted.
    """

    jit: Jit = "yes-off"
    profile: Profile = "fast"
    tail_call: bool = False
    free_threaded: bool = False
    configure_args: tuple[str, ...] = ()
    patches: tuple[Patch, ...] = ()
    includes: tuple[str, ...] = ()

    @property
    def slug(self) -> str:
        """The variant in an interpreter's name: `jit-fast`, `jit-on-release-tailcall`."""
        names = {"yes-off": "jit", "yes": "jit-on", "interpreter": "uops", "no": "nojit"}
        custom = bool(self.configure_args or self.patches or self.includes)
        extra = ["tailcall"] * self.tail_call + ["custom"] * custom
        return "-".join([names[self.jit], self.profile, *extra])

    @property
    def has_stencils(self) -> bool:
        """True if the JIT produces machine code, which is assembled from stencils."""
        return self.jit in {"yes", "yes-off"}

    def to_json(self) -> dict[str, Any]:
        """Return the variant as manifests and `--json` hold it; patches are given by sha256."""
        return {
            "jit": self.jit,
            "profile": self.profile,
            "tail_call": self.tail_call,
            "free_threaded": self.free_threaded,
            "configure_args": list(self.configure_args),
            "patches": [patch.sha256 for patch in self.patches],
            "includes": list(self.includes),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Axes:
    """The axes of a variant that the user stated; None or empty means not stated.

    An axis that is not stated matches every interpreter in the store, and takes its default in a
    build. With `machine_code`, only interpreters whose JIT produces machine code match.
    """

    jit: Jit | None = None
    profile: Profile | None = None
    tail_call: bool | None = None
    configure_args: tuple[str, ...] = ()
    patches: tuple[Patch, ...] = ()
    machine_code: bool = False
    includes: tuple[str, ...] = ()

    def wanting_machine_code(self, request: Request) -> Axes:
        """Return these axes for a command that is about the JIT.

        Unless a jit was stated or the request is free-threaded, only `yes-off` and `yes` match.
        """
        return replace(self, machine_code=self.jit is None and not request.free_threaded)

    def variant(self, request: Request) -> Variant:
        """Return the variant to build. A free-threaded request without a jit axis gets jit `no`.

        Raise VariantError for an unknown value of an axis, and for a free-threaded request with a
        JIT: 3.13 never uses it, 3.14's configure refuses it, 3.15 warns and creates no executors.
        """
        self._check_known()
        jit: Jit = self.jit or ("no" if request.free_threaded else "yes-off")
        if request.free_threaded and jit != "no":
            raise VariantError(
                f"{request.text} is free-threaded, and CPython has no JIT in free-threaded builds:"
                f" --jit {jit} cannot be built or never runs.",
                remedy=f"Ask for {request.text} without --jit (which means --jit no), or for"
                f" {request.value} with the JIT.",
            )
        return Variant(
            jit=jit,
            profile=self.profile or "fast",
            tail_call=bool(self.tail_call),
            free_threaded=request.free_threaded,
            configure_args=self.configure_args,
            patches=self.patches,
            includes=tuple(sorted({*self.includes})),
        )

    def admits(self, variant: Variant) -> bool:
        """Return True if `variant` has every stated axis, and the same extra flags and patches."""
        return (
            self.jit in {None, variant.jit}
            and (not self.machine_code or variant.has_stencils)
            and self.profile in {None, variant.profile}
            and self.tail_call in {None, variant.tail_call}
            and self.configure_args == variant.configure_args
            and {*self.includes} == {*variant.includes}
            and [patch.sha256 for patch in self.patches]
            == [patch.sha256 for patch in variant.patches]
        )

    def _check_known(self) -> None:
        values: list[tuple[str, str, tuple[str, ...]]] = [
            *([("jit axis", self.jit, JITS)] if self.jit is not None else []),
            *([("profile", self.profile, PROFILES)] if self.profile is not None else []),
            *(("part for --include", part, PARTS) for part in self.includes),
        ]
        for what, value, known in values:
            if value not in known:
                raise VariantError(
                    f"{value!r} is not a {what}.", remedy=f"Choose from: {', '.join(known)}."
                )


def parse(text: str, *, exists: Callable[[str], bool] = os.path.exists) -> Request:
    """Parse a request by its form alone. Raise RequestError if it has no known form.

    A path is anything with a separator, a leading dot or tilde, or an archive's suffix. `exists`
    is called only for a path with an @, to tell a folder of that name from a git reference.
    """
    text = text.strip()
    if match := re.fullmatch(_TAG, text):
        return Request(text=text, kind="tag", value=match[1], free_threaded=bool(match[2]))
    if match := re.fullmatch(_SERIES, text):
        return Request(text=text, kind="series", value=match[1], free_threaded=bool(match[2]))
    if re.fullmatch(_SPECIFIER, text):
        return _specifier(text)
    if match := re.fullmatch(_GIT, text):
        return Request(text=text, kind="git", value=match[1], ref=match[2] or "HEAD")
    if _is_path(text):
        return _path(text, exists)
    if text == "main":
        return Request(text=text, kind="branch", value=text, ref=text)
    raise RequestError(
        f"{text!r} is not a Python that jitbuild knows.",
        remedy="Write a tag (3.15.0b2), a series (3.15, 3.15t), a specifier ('>=3.14,<3.16'),"
        " main, git+URL@REF, or the path of a source folder (./cpython, ./cpython@REF) or archive.",
    )


def _specifier(text: str) -> Request:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        SpecifierSet(text)
    except InvalidSpecifier as error:
        raise RequestError(
            f"{text!r} is not a version specifier.",
            remedy="Write one as PEP 440 does: '>=3.14,<3.16'.",
        ) from error
    return Request(text=text, kind="specifier", value=text)


def _path(text: str, exists: Callable[[str], bool]) -> Request:
    folder, separator, ref = text.rpartition("@")
    # In a URL the @ belongs to a user name; jitbuild.sources suggests the git+ form for it.
    if separator and "://" not in text and not exists(os.path.expanduser(text)):  # noqa: PTH111
        return Request(text=text, kind="git", value=folder, ref=ref or "HEAD")
    kind: Kind = "archive" if text.lower().endswith(ARCHIVE_SUFFIXES) else "folder"
    return Request(text=text, kind=kind, value=text)


def _is_path(text: str) -> bool:
    return (
        "/" in text
        or "\\" in text
        or text.startswith((".", "~"))
        or text.lower().endswith(ARCHIVE_SUFFIXES)
    )

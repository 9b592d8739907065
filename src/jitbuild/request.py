"""What a person types, turned into a `Request` (which Python) and a `Variant` (how it is built). Nothing is looked up here.

The values here and in jitbuild.store are NamedTuples, because `jitbuild which` needs them, and importing dataclasses would
cost a fifth of its time.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

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

_TAG = re.compile(r"(?:c?python-?|v)?(3\.\d+\.\d+(?:(?:a|b|rc)\d+)?)(t?)")
_SERIES = re.compile(r"(?:c?python-?|v)?(3\.\d+)(t?)")
# The @ of user@host stands before the path begins, that of the reference in it: git+ssh://git@host/a/b@feature/x.
_GIT = re.compile(r"git\+((?:[\w+.-]+://[^/]*/|[^/:]*:(?!/)|)[^@]*)(?:@(.+))?")
_SPECIFIER = re.compile(r"([<>]|[=!~]=).*")


class Request(NamedTuple):
    """Which Python: `text` as it was typed, and what it was understood as.

    `value` is the version of a tag, the `3.15` of a series, the specifier, the branch, the path or the git URL; `ref` the git
    reference; `free_threaded` is stated by a trailing `t`.
    """

    text: str
    kind: Kind
    value: str
    ref: str = ""
    free_threaded: bool = False

    @property
    def shown(self) -> str:
        """The text as it may be written down: without the user and password of a URL. A path is made absolute."""
        if self.is_local:
            path = os.path.abspath(os.path.expanduser(self.value))  # noqa: PTH100, PTH111
            return f"{path}@{self.ref}" if self.kind == "git" else path
        return re.sub(r"(https?://)[^/@]*@", r"\1", self.text)

    @property
    def is_local(self) -> bool:
        """Whether it is a tree or repository on this machine, that can be looked at without the network."""
        remote = "://" in self.value or re.fullmatch(r"[\w.-]+@[\w.-]+:.*", self.value)
        return self.kind in {"folder", "archive"} or (self.kind == "git" and not remote)

    @property
    def is_version(self) -> bool:
        """Whether recipes can answer it, without looking at a file or a repository."""
        return self.kind in {"tag", "series", "specifier"}

    def admits(self, version: str) -> bool:
        """Whether `version` fits. Paths and git references never fit a bare version: they are matched by their digest."""
        if self.kind == "tag":
            return version == self.value
        if self.kind == "series":
            return version.startswith(f"{self.value}.")
        if self.kind == "specifier":
            from packaging.specifiers import SpecifierSet

            return SpecifierSet(self.value).contains(version, prereleases=True)
        return False


class Patch(NamedTuple):
    """A patch file: only its content counts, so it is known by its sha256."""

    path: str
    sha256: str


class Variant(NamedTuple):
    """How a CPython is built. `profile` is `unknown` only for an adopted interpreter of which nobody said more.

    `includes` are the PARTS that were asked for though the profile leaves them out, sorted.
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
        """The variant as part of a name: `jit-fast`, `jit-on-release-tailcall`, `nojit-debug`."""
        words = {"yes-off": "jit", "yes": "jit-on", "interpreter": "uops", "no": "nojit"}
        extra = ["tailcall"] * self.tail_call + ["custom"] * bool(
            self.configure_args or self.patches or self.includes
        )
        return "-".join([words[self.jit], self.profile, *extra])

    @property
    def has_stencils(self) -> bool:
        """True if the interpreter can run machine code, which is made from stencils."""
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


class Axes(NamedTuple):
    """The axes of a variant that the person stated; None and empty are not stated.

    An axis that is not stated matches any interpreter in the store, and takes its default when one has to be built; but where
    `machine_code` is wanted an interpreter without the JIT does not do.
    """

    jit: Jit | None = None
    profile: Profile | None = None
    tail_call: bool | None = None
    configure_args: tuple[str, ...] = ()
    patches: tuple[Patch, ...] = ()
    machine_code: bool = False
    includes: tuple[str, ...] = ()

    def wanting_machine_code(self, request: Request) -> Axes:
        """These axes where something is to run in the JIT: without a stated jit only `yes-off` and `yes` will do."""
        return self._replace(machine_code=self.jit is None and not request.free_threaded)

    def variant(self, request: Request) -> Variant:
        """The variant to build. A free-threaded request without a jit axis means jit `no`: the two exclude each other.

        Raises VariantError for an axis that does not exist, and for a free-threaded request with a JIT. (CPython: 3.13 never
        uses it, 3.14's configure refuses it, 3.15 warns and never creates executors.)
        """
        for axis, given, known in (("jit", self.jit, JITS), ("profile", self.profile, PROFILES)):
            if given is not None and given not in known:
                raise VariantError(
                    f"{given!r} is no {axis} of a build.", remedy=f"There are: {', '.join(known)}."
                )
        for part in self.includes:
            if part not in PARTS:
                raise VariantError(
                    f"{part!r} is no part that can be included.",
                    remedy=f"There are: {', '.join(PARTS)}.",
                )
        jit: Jit = self.jit or ("no" if request.free_threaded else "yes-off")
        if request.free_threaded and jit != "no":
            raise VariantError(
                f"{request.text} is free-threaded, and CPython has no JIT there: --jit {jit} cannot be built or never runs.",
                remedy=f"Ask for {request.text} without --jit (it means --jit no), or for {request.value} with the JIT.",
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
        """Whether an interpreter of `variant` has every stated axis. Extra flags and patches must be the same ones."""
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


def parse(text: str, *, is_there: Callable[[str], bool] = os.path.exists) -> Request:
    """Understand `text` by its form: a path is anything with a separator, a leading dot or an archive's suffix.

    Only a path that holds an @ is looked for, to tell a folder of that name from a checkout at a reference. Raises
    RequestError when it is nothing that jitbuild knows.
    """
    text = text.strip()
    if found := _TAG.fullmatch(text):
        return Request(text=text, kind="tag", value=found[1], free_threaded=bool(found[2]))
    if found := _SERIES.fullmatch(text):
        return Request(text=text, kind="series", value=found[1], free_threaded=bool(found[2]))
    if _SPECIFIER.fullmatch(text):
        return _specifier(text)
    if found := _GIT.fullmatch(text):
        return Request(text=text, kind="git", value=found[1], ref=found[2] or "HEAD")
    if _is_path(text):
        return _path(text, is_there)
    if text == "main":
        return Request(text=text, kind="branch", value=text, ref=text)
    raise RequestError(
        f"{text!r} is not a Python that jitbuild can look for.",
        remedy="Write a tag (3.15.0b2), a series (3.15, 3.15t), a specifier ('>=3.14,<3.16'), main, git+URL@REF, or the path "
        "of a source folder (./cpython, ./cpython@REF) or archive.",
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


def _path(text: str, is_there: Callable[[str], bool]) -> Request:
    folder, mark, ref = text.rpartition("@")
    # In an address the @ belongs to a user's name; sources.describe says what to write instead.
    if mark and "://" not in text and not is_there(os.path.expanduser(text)):  # noqa: PTH111
        return Request(text=text, kind="git", value=folder, ref=ref or "HEAD")
    return Request(
        text=text,
        kind="archive" if text.lower().endswith(ARCHIVE_SUFFIXES) else "folder",
        value=text,
    )


def _is_path(text: str) -> bool:
    return (
        "/" in text
        or "\\" in text
        or text.startswith((".", "~"))
        or text.lower().endswith(ARCHIVE_SUFFIXES)
    )

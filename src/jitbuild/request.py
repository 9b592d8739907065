"""Parse requests for a Python, and describe the variants of its build. Nothing is looked up here.

A `Request` names a Python: by its version, a path or a git reference. A `Variant` states how the
Python is built. `Axes` are those parts of a variant that the user stated.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Literal, get_args

import msgspec

from jitbuild import source_address
from jitbuild.errors import VariantError
from jitbuild.source_address import ARCHIVE_SUFFIXES, is_path
from jitbuild.system.paths import absolute_path, expanded_path
from jitbuild.system.urls import Address

if TYPE_CHECKING:
    from collections.abc import Callable

Jit = Literal["yes-off", "yes", "interpreter", "no"]
BuildProfile = Literal["fast", "release", "debug"]
Profile = BuildProfile | Literal["unknown"]
# source: compile; prebuilt: download what others have built; auto: prebuilt if one fits.
ProviderChoice = Literal["source", "prebuilt", "auto"]
Part = Literal["tests", "symbols", "bytecode", "static-library"]
Kind = Literal["tag", "series", "specifier", "branch", "folder", "archive", "git", "name"]

JITS: tuple[Jit, ...] = get_args(Jit)
PROFILES: tuple[BuildProfile, ...] = get_args(BuildProfile)
PROVIDERS: tuple[ProviderChoice, ...] = get_args(ProviderChoice)
# Parts of CPython that fast and release builds leave out unless --include names them
# (recipes/build.toml).
PARTS: tuple[Part, ...] = get_args(Part)

# Each pattern is compiled on first use, because `jitbuild which` needs only one or two of them.
# Other spellings of a version are read by jitbuild.spelling.
_NUMBER = r"(?:0|[1-9][0-9]{0,2})"
_TAG = rf"(?:c?python-?|v)?(3\.{_NUMBER}\.{_NUMBER}(?:(?:a|b|rc){_NUMBER})?)(t?)"
_SERIES = rf"(?:c?python-?|v)?(3\.{_NUMBER})(t?)"
_SPECIFIER = r"([<>]|[=!~]=).*"


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A user's request for a Python: `text` as it was typed, and its meaning.

    Depending on `kind`, `value` is the version of a tag, the series (`3.15`), the specifier, the
    branch, the path, the git URL, or the name of an interpreter in the store (or the beginning of
    its name). `ref` is the git reference. `free_threaded` is True if the version ends in `t`.

    `text` and `value` contain no credentials. The real URL of a repository is its `address`.
    """

    text: str
    kind: Kind
    value: str
    ref: str = ""
    free_threaded: bool = False
    address: Address | None = None

    @property
    def shown(self) -> str:
        """The text to store and to print, in which a path is absolute."""
        if self.is_local:
            path = os.path.normpath(absolute_path(self.value))
            return f"{path}@{self.ref}" if self.kind == "git" else path
        return self.text

    def reveal(self) -> str:
        """Return the text with the credentials that it was typed with."""
        return f"git+{self.address.reveal()}@{self.ref}" if self.address else self.text

    @property
    def is_local(self) -> bool:
        """True if the request names a source folder, an archive or a repository on this machine."""
        remote = "://" in self.value or re.fullmatch(r"[\w.-]+@[\w.-]+:.*", self.value)
        return self.kind in {"folder", "archive"} or (self.kind == "git" and not remote)

    @property
    def is_version(self) -> bool:
        """True if the recipes alone can resolve the request, without any file or repository."""
        return self.kind in {"tag", "series", "specifier"}

    @property
    def series(self) -> tuple[int, int] | None:
        """The series that the request names, such as (3, 15); None if it names none."""
        match = re.match(r"3\.(\d+)", self.value) if self.kind in {"tag", "series"} else None
        return (3, int(match[1])) if match else None

    def admits(self, version: str) -> bool:
        """Return True if `version` is one of the versions that this request names.

        The result is False for paths and git references: their interpreters are found by digest.
        """
        if self.kind == "tag":
            return version == self.value
        if self.kind == "series":
            return version.startswith(f"{self.value}.")
        if self.kind == "specifier":
            from packaging.specifiers import SpecifierSet

            return SpecifierSet(self.value).contains(version, prereleases=True)
        return False


class Patch(msgspec.Struct, frozen=True, kw_only=True):
    """A patch file. `sha256` identifies its content; comparisons of variants ignore `path`."""

    path: str
    sha256: str


class Variant(msgspec.Struct, frozen=True, kw_only=True):
    """The options with which a CPython is built.

    `profile` is `unknown` only for an adopted interpreter whose profile was not given. `includes`
    are the PARTS, sorted, that the build adds to those of its profile.
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
        """The variant as a part of an interpreter's name: `jit-fast`, `jit-on-release-tailcall`."""
        names = {"yes-off": "jit", "yes": "jit-on", "interpreter": "uops", "no": "nojit"}
        extra = ["tailcall"] * self.tail_call + ["custom"] * self.is_custom
        return "-".join([names[self.jit], self.profile, *extra])

    @property
    def is_custom(self) -> bool:
        """True if arguments, patches or added parts make the build differ from others."""
        return bool(self.configure_args or self.patches or self.includes)

    @property
    def has_stencils(self) -> bool:
        """True if the JIT produces machine code, which it assembles from stencils."""
        return self.jit in {"yes", "yes-off"}

    def to_json(self) -> dict[str, Any]:
        """Return the variant as in manifests and `--json`, with only the sha256 of each patch."""
        return {
            "jit": self.jit,
            "profile": self.profile,
            "tail_call": self.tail_call,
            "free_threaded": self.free_threaded,
            "configure_args": list(self.configure_args),
            "patches": [patch.sha256 for patch in self.patches],
            "includes": list(self.includes),
        }


class Axes(msgspec.Struct, frozen=True, kw_only=True):
    """The axes of a variant that the user stated. None means that an axis is not stated.

    An axis that is not stated matches every interpreter in the store, and has its default value in
    a build. `configure_args`, `patches` and `includes` must always match exactly, even if they are
    empty. If `machine_code` is True, only interpreters whose JIT produces machine code match.
    `provider` states where an interpreter comes from, and is not part of the variant.
    """

    jit: Jit | None = None
    profile: Profile | None = None
    tail_call: bool | None = None
    configure_args: tuple[str, ...] = ()
    patches: tuple[Patch, ...] = ()
    machine_code: bool = False
    includes: tuple[str, ...] = ()
    provider: ProviderChoice | None = None

    def wanting_machine_code(self, request: Request) -> Axes:
        """Return these axes for a command that needs an interpreter with the JIT.

        They match only the jit axes `yes-off` and `yes`, unless a jit axis was stated or the
        request is free-threaded.
        """
        return msgspec.structs.replace(
            self, machine_code=self.jit is None and not request.free_threaded
        )

    def variant(self, request: Request) -> Variant:
        """Return the variant to build. If free-threaded, the default of the jit axis is `no`.

        Raises VariantError if an axis has an unknown value, or if a free-threaded request states a
        JIT. In a free-threaded build, 3.13 never runs the JIT, the configure script of 3.14 refuses
        it, and 3.15 prints a warning and creates no executors.
        """
        self._check_known()
        jit: Jit = self.jit or ("no" if request.free_threaded else "yes-off")
        if request.free_threaded and jit != "no":
            raise VariantError(
                f"{request.text} is free-threaded, and CPython has no JIT in free-threaded builds:"
                f" with --jit {jit}, the build fails, or the JIT never runs.",
                remedy=f"Omit --jit (the default for {request.text} is --jit no), or request"
                f" {request.value} to get the JIT.",
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
        """Return True if `variant` has the stated axes and the same flags, patches and parts."""
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

    def admits_provider(self, name: str) -> bool:
        """Return True if an interpreter from the provider `name` has the stated provider."""
        return self.provider in {None, "auto", name}

    def _check_known(self) -> None:
        values: list[tuple[str, str, tuple[str, ...]]] = [
            *([("jit axis", self.jit, JITS)] if self.jit is not None else []),
            *([("profile", self.profile, PROFILES)] if self.profile is not None else []),
            *([("provider", self.provider, PROVIDERS)] if self.provider is not None else []),
            *(("part for --include", part, PARTS) for part in self.includes),
        ]
        for noun, value, known in values:
            if value not in known:
                raise VariantError(
                    f"{value!r} is not a {noun}.", remedy=f"Choose from: {', '.join(known)}."
                )


def is_full_version(text: str) -> bool:
    """Return True if `text` is a version in the form that CPython has, such as `3.15.0b2`."""
    return re.fullmatch(rf"3\.{_NUMBER}\.{_NUMBER}((a|b|rc){_NUMBER})?", text) is not None


def parse(text: str, *, exists: Callable[[str], bool] = os.path.exists) -> Request:
    """Parse a request by its form alone. Raises RequestError if it has no known form.

    A text is a path if it contains a separator, if it begins with a dot, if it begins with a tilde
    that no digit follows, or if it ends with an archive's suffix. `exists` is called only for a
    path that contains an @, to find out if the @ belongs to the path or precedes a git reference.
    """
    text = text.strip()
    if match := re.fullmatch(_TAG, text):
        return Request(text=text, kind="tag", value=match[1], free_threaded=bool(match[2]))
    if match := re.fullmatch(_SERIES, text):
        return Request(text=text, kind="series", value=match[1], free_threaded=bool(match[2]))
    if re.fullmatch(_SPECIFIER, text):
        return _specifier(text)
    if found := source_address.repository(text):
        place, ref, address = found
        return Request(text=found.text, kind="git", value=place, ref=ref or "HEAD", address=address)
    if "://" in text:
        text = Address(text).public  # jitbuild.sources.resolve refuses it
    if is_path(text):
        return _path(text, exists)
    if text == "main":
        return Request(text=text, kind="branch", value=text, ref=text)
    return _other_spelling(text)


def _other_spelling(text: str) -> Request:
    """Parse a less usual form: `3.15-dev`, `cp315`, or the name of an interpreter in the store."""
    from jitbuild import spelling

    if found := spelling.read(text):
        return Request(
            text=text, kind=found.kind, value=found.value, free_threaded=found.free_threaded
        )
    raise spelling.unknown(text)


def _specifier(text: str) -> Request:
    from jitbuild import spelling

    return Request(text=text, kind="specifier", value=spelling.specifier(text))


def _path(text: str, exists: Callable[[str], bool]) -> Request:
    folder, separator, ref = text.rpartition("@")
    # In a URL, the @ may follow a user name. jitbuild.sources reports that a URL is not a request.
    if separator and "://" not in text and not exists(str(expanded_path(text))):
        return Request(text=text, kind="git", value=folder, ref=ref or "HEAD")
    kind: Kind = "archive" if text.lower().endswith(ARCHIVE_SUFFIXES) else "folder"
    return Request(text=text, kind=kind, value=text)

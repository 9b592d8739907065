"""The manifest of an interpreter: everything that is known of it, as `jitbuild.toml` in its folder.

It has one reader and one writer, `read` and `write`. An interpreter is replaced whole and its
manifest never edited, so a manifest is only ever written once.
"""

from __future__ import annotations

import os
import tomllib
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from jitbuild.request import Jit, Patch, Profile, Variant

if TYPE_CHECKING:
    from pathlib import Path

FILE = "jitbuild.toml"
# Raised when an older jitbuild must not read the manifests of a newer one.
SCHEMA = 1

# What an adopted interpreter was expected to be.
Expect = Literal["jit", "yes", "yes-off", "interpreter", "no"]
# UNSET keys are left out of the file and of JSON, as TOML has no null.
Unset = msgspec.UnsetType
UNSET = msgspec.UNSET


class VariantRecord(msgspec.Struct, frozen=True, kw_only=True):
    """How an interpreter was built. Patches are identified by their sha256."""

    jit: Jit
    profile: Profile
    tail_call: bool
    free_threaded: bool
    configure_args: tuple[str, ...]
    patches: tuple[str, ...]
    includes: tuple[str, ...] = ()

    @classmethod
    def of(cls, variant: Variant) -> VariantRecord:
        """Return the record of `variant`."""
        return msgspec.convert(variant.to_json(), cls)

    def to_variant(self) -> Variant:
        """Return the variant; its patches have no path, because only their content counts."""
        return Variant(
            jit=self.jit,
            profile=self.profile,
            tail_call=self.tail_call,
            free_threaded=self.free_threaded,
            configure_args=self.configure_args,
            patches=tuple(Patch(path="", sha256=sha256) for sha256 in self.patches),
            includes=self.includes,
        )


class SourceRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The source tree an interpreter was built from.

    `origin` names where the bytes came from (a cache, a mirror, the distribution, python.org), and
    `verified` how they were verified. Manifests call the origin `road`.
    """

    digest: str = ""
    kind: str = "release"
    location: str = ""
    origin: str = msgspec.field(default="", name="road")
    verified: str = ""


class LLVMRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The LLVM that made the stencils: its version, and where it came from."""

    version: str
    origin: str


class ToolchainRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The compiler, the C library and the LLVM of a build."""

    compiler: str
    libc: str
    llvm: LLVMRecord | Unset = UNSET


class CompilerCounts(msgspec.Struct, frozen=True, kw_only=True):
    """The number of files of a build that ccache had, and that it did not have."""

    hits: int
    misses: int


class CachesRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The effect of each cache on a build."""

    configure: Literal["hit", "miss"] | Unset = UNSET
    stencils: Literal["hit", "miss"] | Unset = UNSET
    compiler: CompilerCounts | Unset = UNSET


class JITRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The probe's findings about the JIT (`jit` in `jitbuild probe --json`)."""

    built: Jit
    available: bool | Unset = UNSET
    enabled: dict[str, bool] | Unset = UNSET
    active: bool | Unset = UNSET
    machine_code_bytes: int | Unset = UNSET


class CheckRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One check of the probe."""

    name: str
    ok: bool
    detail: str


class VerdictRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict on an interpreter, in the shape of `jitbuild probe --json`."""

    ok: bool
    version: str | Unset = UNSET
    implementation: str | Unset = UNSET
    executable: str | Unset = UNSET
    jit: JITRecord | Unset = UNSET
    free_threaded: bool | Unset = UNSET
    debug: bool | Unset = UNSET
    checks: tuple[CheckRecord, ...] | Unset = UNSET
    reason: str | Unset = UNSET
    missing_modules: tuple[str, ...] | Unset = UNSET

    @property
    def missing(self) -> tuple[str, ...]:
        """The expected standard modules that the interpreter lacks; empty when not examined."""
        return self.missing_modules or ()


class Fingerprint(msgspec.Struct, frozen=True, kw_only=True):
    """Tells one file from another without reading it: real path, size in bytes, time in ns."""

    real: str
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, executable: Path) -> Fingerprint | None:
        """Return the fingerprint of the file `executable`; None when it is gone."""
        try:
            real = executable.resolve(strict=True)
            status = real.stat()
        except OSError:
            return None
        return cls(real=str(real), size=status.st_size, mtime_ns=status.st_mtime_ns)


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """Everything known of an interpreter.

    `key` is its plan's key, `instance` an id that is new for every build, `request` the request it
    was installed under, `executable` the program relative to its folder, or absolute when it was
    adopted. `times` are seconds by stage. Adopted interpreters have `expect` and `fingerprint`,
    built ones `target`, `source`, `toolchain`, `times` and `caches`.
    """

    key: str
    version: str
    adopted: bool
    created: datetime
    executable: str
    variant: VariantRecord
    verdict: VerdictRecord
    schema: int = SCHEMA
    name: str = ""
    instance: str = ""
    request: str | Unset = UNSET
    target: str | Unset = UNSET
    expect: Expect | Unset = UNSET
    fingerprint: Fingerprint | Unset = UNSET
    source: SourceRecord | Unset = UNSET
    toolchain: ToolchainRecord | Unset = UNSET
    times: dict[str, float] | Unset = UNSET
    caches: CachesRecord | Unset = UNSET
    missing_headers: tuple[str, ...] | Unset = UNSET

    def to_plain(self) -> dict[str, Any]:
        """Return the manifest as TOML and JSON hold it; only `created` is no JSON value."""
        plain: dict[str, Any] = msgspec.to_builtins(self, builtin_types=(datetime,))
        return plain


def read(folder: Path) -> Manifest | None:
    """Return the manifest in `folder`; None when there is none that this jitbuild can read."""
    try:
        plain = tomllib.loads((folder / FILE).read_text(encoding="utf-8"))
        manifest = msgspec.convert(plain, Manifest)
    except (OSError, ValueError):  # msgspec's ValidationError is a ValueError
        return None
    readable = manifest.schema == SCHEMA and manifest.name and manifest.instance
    return manifest if readable else None


def write(manifest: Manifest, folder: Path) -> None:
    """Write the manifest into `folder`, through to the disk. Raises OSError."""
    import tomli_w

    with (folder / FILE).open("wb") as file:
        tomli_w.dump(manifest.to_plain(), file)
        file.flush()
        os.fsync(file.fileno())

"""The manifest of an interpreter: everything known about it, in `jitbuild.toml` in its folder.

Only `load` and `write` access the file. A manifest is rewritten only when its interpreter has been
repaired after a move (providers/repair.py), and when an adopted interpreter that has changed fails
its new probe (providers/adopt.py). Any other change replaces the interpreter as a whole.
"""

from __future__ import annotations

import os
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from jitbuild.request import Jit, Patch, Profile, Variant
from jitbuild.store.fingerprint import Fingerprint
from jitbuild.store.manifest_text import decoded, encoded
from jitbuild.system.parsing import parse_toml
from jitbuild.system.small_file import read_small

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

FILE = "jitbuild.toml"
# Increase this number when older versions of jitbuild must not read the new manifests.
SCHEMA = 1

# The value of --expect with which an adopted interpreter was probed.
Expect = Literal["jit", "yes", "yes-off", "interpreter", "no"]
# Keys whose value is UNSET are left out of the file and of JSON, because TOML has no null.
Unset = msgspec.UnsetType
UNSET = msgspec.UNSET


class VariantRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The build variant of an interpreter. Patches are identified by their sha256."""

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

    def to_variant(self, files: Iterable[PatchRecord] = ()) -> Variant:
        """Return the variant. The path of a patch is "" if the patch is not one of `files`."""
        paths = {file.sha256: file.path for file in files}
        return Variant(
            jit=self.jit,
            profile=self.profile,
            tail_call=self.tail_call,
            free_threaded=self.free_threaded,
            configure_args=self.configure_args,
            patches=tuple(
                Patch(path=paths.get(sha256, ""), sha256=sha256) for sha256 in self.patches
            ),
            includes=self.includes,
        )


class PatchRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A patch of a build: its file, and the sha256 of its content."""

    path: str
    sha256: str


class SourceRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The source tree from which an interpreter was built, or the archive of a prebuilt one.

    `origin` names the place from which the source was obtained: a cache, a mirror, the distribution
    or python.org. Its key in the file is `road`. `verified` names the method by which the source
    was verified. `ref` is the git reference that was requested; `digest` is then its commit.
    """

    digest: str = ""
    kind: str = "release"
    location: str = ""
    origin: str = msgspec.field(default="", name="road")
    verified: str = ""
    ref: str | Unset = UNSET

    def to_json(self) -> dict[str, Any]:
        """Return the source as `jitbuild list --json` prints it."""
        return {
            "kind": self.kind,
            "location": self.location,
            "ref": self.ref or "",
            "digest": self.digest,
            "commit": self.digest if self.kind == "git" else "",
            "origin": self.origin,
            "verified": self.verified,
        }


class LLVMRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The LLVM of a build: its version and its origin."""

    version: str
    origin: str


class PrebuiltRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The builder of a prebuilt interpreter, and its name for the build ("" if it has none)."""

    builder: str
    build: str = ""


class ToolchainRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The compiler, the C library and the LLVM of a build."""

    compiler: str
    libc: str
    llvm: LLVMRecord | Unset = UNSET


class CompilerCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How ccache served the files of a build: the numbers of its hits and misses."""

    hits: int
    misses: int


class CachesRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The effect of each cache on a build."""

    configure: Literal["hit", "miss"] | Unset = UNSET
    stencils: Literal["hit", "miss"] | Unset = UNSET
    compiler: CompilerCounts | Unset = UNSET


class ImportRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The archive from which an interpreter was imported, and its sha256.

    `file` is its file name or, if it was in a registry, REPOSITORY@DIGEST. `built` is the time at
    which the interpreter was added to the store that exported it. `verified` names the signature
    that was verified, if any.
    """

    file: str
    sha256: str
    built: Annotated[datetime, msgspec.Meta(tz=True)]
    verified: str | Unset = UNSET

    def to_json(self) -> dict[str, str]:
        """Return the record as `jitbuild list --json` prints it."""
        built = self.built.isoformat(timespec="seconds")
        verified = self.verified or ""
        return {"file": self.file, "sha256": self.sha256, "built": built, "verified": verified}


class JITRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The probe's findings about the JIT (`jit` in `jitbuild probe --json`)."""

    built: Jit
    available: bool | Unset = UNSET
    enabled: dict[str, bool] | Unset = UNSET
    active: bool | Unset = UNSET
    machine_code_bytes: int | Unset = UNSET


class CheckRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one check of the probe."""

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
        """The usual standard modules that the interpreter lacks; empty if that was not checked."""
        return self.missing_modules or ()


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is known about an interpreter.

    `key` is the key of its plan, and `instance` an id that is new for every build. `request` is the
    request for which it was installed. `executable` is the path of its program: relative to the
    interpreter's folder, or absolute if the interpreter was adopted. `times` maps each stage to the
    seconds that it took. Only adopted interpreters have `expect`, `fingerprint` and, if the program
    has changed and failed the new probe, `failed_fingerprint`, that of the changed program. Only
    the others have `target`, `source` and `times`: built ones, which also have `patches`,
    `toolchain` and `caches`, and prebuilt ones, which have `prebuilt`. `imported` says from which
    archive an interpreter was imported.
    """

    key: str
    version: str
    adopted: bool
    created: Annotated[datetime, msgspec.Meta(tz=True)]
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
    failed_fingerprint: Fingerprint | Unset = UNSET
    source: SourceRecord | Unset = UNSET
    prebuilt: PrebuiltRecord | Unset = UNSET
    patches: tuple[PatchRecord, ...] | Unset = UNSET
    toolchain: ToolchainRecord | Unset = UNSET
    times: dict[str, float] | Unset = UNSET
    caches: CachesRecord | Unset = UNSET
    missing_headers: tuple[str, ...] | Unset = UNSET
    imported: ImportRecord | Unset = UNSET

    def to_plain(self) -> dict[str, Any]:
        """Return the manifest as a dict of TOML values.

        All of them are JSON values, too, except for `created`, which is a datetime.
        """
        plain: dict[str, Any] = msgspec.to_builtins(self, builtin_types=(datetime,))
        return plain


def load(folder: Path) -> Manifest:
    """Return the manifest in `folder`.

    Raises OSError if it cannot be read, and ValueError with the reason if `parse` does.
    """
    return parse(read_small(folder / FILE))


def parse(content: bytes) -> Manifest:
    """Return the manifest in the file content `content`.

    Raises ValueError with the reason if it is damaged, or if a version of jitbuild with another
    format wrote it.
    """
    plain = parse_toml(decoded(content))
    if plain.get("schema", SCHEMA) != SCHEMA:
        raise ValueError("another version of jitbuild wrote it")
    manifest = msgspec.convert(plain, Manifest)  # its ValidationError is a ValueError
    if not (manifest.name and manifest.instance):
        raise ValueError("it has no name or no instance")
    return manifest


def write(manifest: Manifest, folder: Path) -> None:
    """Write the manifest into `folder` in one step, and wait until it is on the disk.

    Raises OSError if the manifest cannot be written; an existing manifest then remains unchanged.
    """
    import tomli_w

    part = folder / f"{FILE}.part"
    # Not with the umask alone: other users must not be able to write to a manifest.
    with open(part, "wb", opener=_open_unshared) as file:
        file.write(encoded(tomli_w.dumps(manifest.to_plain())))
        file.flush()
        os.fsync(file.fileno())
    part.replace(folder / FILE)


def _open_unshared(path: str, flags: int) -> int:
    return os.open(path, flags, 0o644)

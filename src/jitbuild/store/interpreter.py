"""An interpreter in the store."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from jitbuild.request import Variant
from jitbuild.store.fingerprint import Fingerprint
from jitbuild.store.manifest import UNSET, Manifest, load
from jitbuild.store.manifest_check import defect

if TYPE_CHECKING:
    from datetime import datetime

    from jitbuild.request import Request

ProviderName = Literal["source", "prebuilt", "adopt"]
# The state of an interpreter. `gone`: its executable does not exist. `moved`: its folder was moved,
# so it must be repaired. `changed`: it was adopted, and its executable is not the probed file any
# more.
State = Literal["proven", "not proven", "moved", "changed", "gone"]
# The kinds of sources whose version is that of a release.
_RELEASES = frozenset({"release", "prebuilt"})


class Interpreter(msgspec.Struct, frozen=True):
    """An interpreter in the store: `path` is its folder there, and `variant` its build variant.

    A later build may replace the interpreter at the same path. Code that remembers the path can
    detect this by `instance`, an id that is new for every build.
    """

    path: Path
    manifest: Manifest
    variant: Variant

    @classmethod
    def read(cls, folder: Path) -> Interpreter | None:
        """Return the interpreter in `folder`, or None if `load` would raise an error."""
        try:
            return cls.load(folder)
        except (OSError, ValueError):
            return None

    @classmethod
    def load(cls, folder: Path) -> Interpreter:
        """Return the interpreter in `folder`.

        Raises OSError or ValueError if it has no valid manifest (see `manifest.load`), or that of
        another folder.
        """
        manifest = load(folder)
        if reason := defect(manifest, folder.name):
            raise ValueError(reason)
        return cls(folder, manifest, manifest.variant.to_variant(manifest.patches or ()))

    @property
    def name(self) -> str:
        return self.manifest.name

    @property
    def key(self) -> str:
        return self.manifest.key

    @property
    def instance(self) -> str:
        return self.manifest.instance

    @property
    def version(self) -> str:
        return self.manifest.version

    @property
    def created(self) -> datetime:
        return self.manifest.created

    @property
    def adopted(self) -> bool:
        return self.manifest.adopted

    @property
    def executable(self) -> Path:
        """The interpreter's program, which is outside the store if the interpreter was adopted."""
        return self.path / self.manifest.executable

    def with_executable(self, program: Path) -> Interpreter:
        """Return a copy of this interpreter whose executable is `program`.

        `program` is the Python of a virtual environment that was created with this interpreter.
        """
        manifest = msgspec.structs.replace(self.manifest, executable=str(program))
        return msgspec.structs.replace(self, manifest=manifest)

    @property
    def proven(self) -> bool:
        return self.manifest.verdict.ok

    @property
    def recorded_missing(self) -> tuple[str, ...] | None:
        """The usual modules that were missing when the interpreter was proven; None if unknown.

        They are unknown only for interpreters that were adopted before jitbuild recorded missing
        modules.
        """
        verdict = self.manifest.verdict
        return None if self.adopted and verdict.missing_modules is UNSET else verdict.missing

    @property
    def fresh(self) -> bool:
        """True if the interpreter can be used as it is, without a repair or a new probe.

        The executable must exist. If the interpreter was adopted, its executable must be the file
        that was probed; otherwise, its folder must be the one in which it was installed.
        """
        now = Fingerprint.of(self.executable)
        if now is None:
            return False
        return now == self.manifest.fingerprint if self.adopted else self.moved_from is None

    @property
    def outdated(self) -> bool:
        """True if a repair or a new probe may make the interpreter usable again."""
        return not self.fresh and self.executable.exists()

    @property
    def failed(self) -> bool:
        """True if the executable, as it is now, has failed the probe that followed a change."""
        failed = self.manifest.failed_fingerprint
        return failed is not UNSET and failed == Fingerprint.of(self.executable)

    @property
    def moved_from(self) -> Path | None:
        """The folder in which the interpreter was installed; None if that is still its folder.

        It is another folder if the store was copied, moved or mounted elsewhere. Files of the
        interpreter then contain wrong paths. It is always None for an adopted interpreter, which
        does not move with the store.
        """
        recorded = self.manifest.verdict.executable
        if self.adopted or not recorded or recorded == str(self.executable):
            return None
        origin = Path(recorded.removesuffix(self.manifest.executable))
        # When a store moves, the folder of an interpreter keeps its name.
        if origin.name != self.path.name or _are_same(origin, self.path):
            return None
        return origin

    @property
    def state(self) -> State:
        """The state of the interpreter, as `jitbuild list` shows it."""
        if not self.executable.exists():
            return "gone"
        if not self.fresh:
            return "changed" if self.adopted else "moved"
        return "proven" if self.proven else "not proven"

    @property
    def provider(self) -> ProviderName:
        """The name of the provider.

        `source` compiled the interpreter, `prebuilt` downloaded it, and `adopt` registered it.
        """
        if self.manifest.prebuilt:
            return "prebuilt"
        return "adopt" if self.adopted else "source"

    @property
    def provider_text(self) -> str:
        """The provider for people, with the builder of a prebuilt interpreter and its build."""
        prebuilt = self.manifest.prebuilt
        if not prebuilt:
            return self.provider
        return f"prebuilt ({' '.join(filter(None, (prebuilt.builder, prebuilt.build)))})"

    @property
    def patch_names(self) -> list[str]:
        """The names of the patch files; the beginning of the sha256 if the name is not recorded."""
        return [
            os.path.basename(patch.path) or patch.sha256[:12]  # noqa: PTH119
            for patch in self.variant.patches
        ]

    @property
    def source_kind(self) -> str:
        """The kind of the source; `release` if the manifest does not record a source."""
        return self.manifest.source.kind if self.manifest.source else "release"

    def answers(self, request: Request, digest: str) -> bool:
        """Return True if `request` names this interpreter.

        A name must be the beginning of this interpreter's name; store/names.py decides which one is
        meant. A version request is compared with the version. Any other request is compared by
        `digest`, which identifies the source to which the request was resolved. If `digest` is
        empty, the request is compared with the request for which the interpreter was installed. An
        interpreter built from a folder, a commit or an archive never answers a version request,
        because its source may state any version.
        """
        if request.kind == "name":
            return self.name.startswith(request.value)
        if request.is_version:
            return self.source_kind in _RELEASES and request.admits(self.version)
        if digest:
            source = self.manifest.source
            return bool(source and source.digest == digest)
        return self.manifest.request == request.shown

    def to_json(self) -> dict[str, Any]:
        """Return the interpreter as `jitbuild list --json` prints it."""
        manifest = self.manifest
        return {
            "name": self.name,
            "version": self.version,
            "variant": msgspec.to_builtins(manifest.variant),
            "path": str(self.path),
            "executable": str(self.executable),
            "adopted": self.adopted,
            "provider": self.provider,
            "state": self.state,
            "created": self.created.isoformat(timespec="seconds"),
            "request": manifest.request or "",
            "target": manifest.target or "",
            "source": manifest.source.to_json() if manifest.source else None,
            "patches": [
                {"name": name, "sha256": sha256}
                for name, sha256 in zip(self.patch_names, manifest.variant.patches, strict=True)
            ],
            "prebuilt": msgspec.to_builtins(manifest.prebuilt) if manifest.prebuilt else None,
            "imported": manifest.imported.to_json() if manifest.imported else None,
            "toolchain": msgspec.to_builtins(manifest.toolchain) if manifest.toolchain else None,
            "instance": self.instance,
            "verdict": msgspec.to_builtins(manifest.verdict),
            "times": manifest.times or {},
            "caches": msgspec.to_builtins(manifest.caches) if manifest.caches else {},
        }


def lock_name(manifest: Manifest) -> str:
    """Return the name of the lock under which an interpreter is replaced and removed."""
    return lock_of_adopted(manifest.key) if manifest.adopted else manifest.name


def lock_of_adopted(key: str) -> str:
    """Return the name of the lock of an adopted interpreter.

    The key depends only on the path of the program. Its name, however, changes with an upgrade.
    """
    return f"adopted-{key[:8]}"


def _are_same(one: Path, other: Path) -> bool:
    """Return True if both paths lead to the same folder, for example through a link."""
    try:
        return os.path.samefile(one, other)  # noqa: PTH121 - takes a third of the time
    except OSError:
        return False

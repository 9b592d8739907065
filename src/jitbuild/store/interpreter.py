"""An interpreter in the store."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import msgspec

from jitbuild.store.manifest import Fingerprint, Manifest, read

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from jitbuild.request import Request, Variant


@dataclass(frozen=True, slots=True)
class Interpreter:
    """An interpreter in the store: `path` is its folder there, `variant` how it was built.

    Whoever remembers its path compares `instance`, which is new for every build.
    """

    path: Path
    manifest: Manifest
    variant: Variant

    @classmethod
    def read(cls, folder: Path) -> Interpreter | None:
        """Return the interpreter in `folder`; None without a manifest that can be read."""
        manifest = read(folder)
        if manifest is None:
            return None
        return cls(folder, manifest, manifest.variant.to_variant())

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
        """The program; outside the store when it was adopted."""
        return self.path / self.manifest.executable

    def with_executable(self, program: Path) -> Interpreter:
        """Return this interpreter with the Python of one of its virtual environments in place."""
        manifest = msgspec.structs.replace(self.manifest, executable=str(program))
        return replace(self, manifest=manifest)

    @property
    def proven(self) -> bool:
        return self.manifest.verdict.ok

    @property
    def fresh(self) -> bool:
        """Tell if the executable exists and, when adopted, is still the file that was probed."""
        now = Fingerprint.of(self.executable)
        return now is not None and (not self.adopted or now == self.manifest.fingerprint)

    @property
    def source_kind(self) -> str:
        """The kind of source it was built from; `release` where the manifest does not say."""
        return self.manifest.source.kind if self.manifest.source else "release"

    def answers(self, request: Request, digest: str) -> bool:
        """Tell if `request` means this interpreter.

        A version request is matched by version. Any other is matched by `digest`, the digest that
        its source was resolved to, or without one by the request it was installed under. A folder,
        a commit or an archive may call itself 3.15.2 and be anything, so it answers no version.
        """
        if request.is_version:
            return self.source_kind == "release" and request.admits(self.version)
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
            "instance": self.instance,
            "verdict": msgspec.to_builtins(manifest.verdict),
            "times": manifest.times or {},
            "caches": msgspec.to_builtins(manifest.caches) if manifest.caches else {},
        }

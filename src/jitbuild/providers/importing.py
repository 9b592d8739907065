"""Import interpreters that another store exported: verify, unpack, relocate, prove, commit."""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from jitbuild.advice import advise_install
from jitbuild.errors import ArchiveError, IntegrityError, InterpreterError, ProofError
from jitbuild.probing import run_probe as probing
from jitbuild.probing.proof import lost_essentials
from jitbuild.providers.exported_archive import naming, unpack_exported
from jitbuild.providers.refresh import decay
from jitbuild.request import Axes
from jitbuild.store.archive_reader import check_target, read_manifest
from jitbuild.store.manifest import ImportRecord, Manifest, VerdictRecord
from jitbuild.system.archives.archive_errors import open_archive
from jitbuild.system.files import store_errors
from jitbuild.system.progress import SilentReporter
from jitbuild.target import Host, host
from jitbuild.toolchain.machine_checks import require_store

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path
    from typing import BinaryIO

    from jitbuild.probing.verdict import Verdict
    from jitbuild.store.interpreter import Interpreter
    from jitbuild.store.store import Store
    from jitbuild.system.progress import Reporter

_CHUNK_BYTES = 1 << 20
_REMEDY = (
    "Name a file that `jitbuild export` wrote. If this file is one, export the interpreter again, "
    "with a jitbuild of the same version."
)


class Imported(NamedTuple):
    """An imported interpreter, and the seconds that each step took.

    `times` is empty if the interpreter was already in the store.
    """

    interpreter: Interpreter
    times: dict[str, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Importer:
    """Imports interpreters into `store`. The fields from `probe` on are effects."""

    store: Store
    reinstall: bool = False
    reporter: Reporter = field(default_factory=SilentReporter)
    probe: Callable[..., Verdict] = probing.probe
    missing_modules: Callable[[Path], Collection[str]] = probing.missing_modules
    this_host: Callable[[], Host] = host
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def import_file(self, file: Path, accept: Callable[[str], None]) -> Imported:
        """Add the interpreter in the archive `file` to the store, and return it.

        `accept` is called with the sha256 of the file before anything else is done with it, and
        raises an error to refuse it. If the store already has the interpreter and it works, it is
        kept, unless `reinstall` is True.

        Raises ArchiveError if the file is not such an archive or is damaged, UnsafeArchiveError if
        it could write elsewhere, VariantError if it is for another target, ProofError if the
        interpreter does not pass its probe here, StoreError if the store cannot be written, and
        PreflightError if no interpreter can run there. The store then contains nothing new.
        """
        begun, target = self.clock(), self.this_host().target
        if target.system != "windows":
            require_store(self.store.root)
        if file.exists() and not file.is_file():  # a device may have no end
            raise ArchiveError(
                f"{file} cannot be read: it is not a file.",
                remedy="Name a file that `jitbuild export` wrote.",
            )
        with self.store.scratch() as scratch, store_errors(scratch):
            # Whoever can write to the file must not be able to change it after it is accepted.
            copy = scratch / "archive.tar.zst"
            digest = self._copy(file, copy)
            accept(digest)
            with naming(str(file), copy, remedy=_REMEDY):
                manifest = read_manifest(copy)
            check_target(manifest, target, file)
            waiting = f"Waiting for another process that is installing {manifest.name}."
            with self.store.lock(manifest.name, on_wait=lambda: self.reporter.note(waiting)):
                self.store.sweep()
                if (present := self._usable(manifest)) is not None:
                    return Imported(present, {})
                record = ImportRecord(file=file.name, sha256=digest, built=manifest.created)
                with naming(str(file), copy, remedy=_REMEDY):
                    return self._install(copy, scratch, manifest, record, begun)

    def _copy(self, file: Path, copy: Path) -> str:
        """Copy `file` to `copy`, and return its sha256."""
        digest, done = hashlib.sha256(), 0
        with (
            open_archive(file) as source,
            copy.open("wb") as dest,
            self.reporter.stage(f"Reading {file.name}") as stage,
        ):
            total = os.fstat(source.fileno()).st_size
            while chunk := _read(source, file):
                digest.update(chunk)
                dest.write(chunk)
                done += len(chunk)
                stage.advance(done, total or None)
        return digest.hexdigest()

    def _usable(self, manifest: Manifest) -> Interpreter | None:
        """Return the interpreter of the store that `manifest` describes, if it is to be kept."""
        present = self.store.get(manifest.name)
        if present is None or self.reinstall or present.key != manifest.key:
            return None
        usable = present.proven and present.fresh
        return present if usable and not decay(present, self.missing_modules) else None

    def _install(
        self, copy: Path, scratch: Path, manifest: Manifest, record: ImportRecord, begun: float
    ) -> Imported:
        """Unpack, relocate, prove and commit; the lock of the interpreter's name is held."""
        read = self.clock()
        final = self.store.interpreters / manifest.name
        folder = scratch / "unpacked"
        prefix = unpack_exported(copy, manifest, folder, final, reporter=self.reporter)
        unpacked = self.clock()
        self.store.begin_sync()
        verdict = self._prove(manifest, prefix / manifest.executable)
        proven = self.clock()
        result = verdict.to_json() | {"executable": os.fspath(final / manifest.executable)}
        interpreter = self.store.commit(
            prefix,
            manifest.name,
            msgspec.structs.replace(
                manifest,
                created=self.now(),
                verdict=msgspec.convert(result, VerdictRecord),
                imported=record,
            ),
        )
        ends = {"read": read, "unpack": unpacked, "probe": proven, "commit": self.clock()}
        begins = [begun, read, unpacked, proven]
        times = {name: end - start for (name, end), start in zip(ends.items(), begins, strict=True)}
        return Imported(interpreter, times)

    def _prove(self, manifest: Manifest, program: Path) -> Verdict:
        """Return the verdict on `program`. Raises ProofError if it is not as exported."""
        name, variant = manifest.name, manifest.variant
        with self.reporter.stage(f"{name}: probe"):
            try:
                verdict = self.probe(
                    program,
                    expect=variant.jit,
                    version=manifest.version,
                    free_threaded=variant.free_threaded,
                    modules=True,
                )
            except InterpreterError as error:
                raise ProofError(
                    f"{name} does not run here. {error.what}", remedy=_remedy(manifest)
                ) from error
        if not verdict.ok:
            raise ProofError(
                f"{name} fails its probe here. {verdict.reason}", remedy=_remedy(manifest)
            )
        before = manifest.verdict.missing
        if lost := lost_essentials(verdict.missing or (), before):
            raise ProofError(
                f"{name} cannot import {', '.join(lost)} here: this machine lacks libraries that "
                "the machine had on which it was built.",
                remedy=f"Install these libraries. {_remedy(manifest)}",
            )
        if others := sorted({*(verdict.missing or ())} - {*before}):
            self.reporter.warn(f"{name} cannot import {', '.join(others)} here.")
        return verdict


def _remedy(manifest: Manifest) -> str:
    """Return the remedy for an interpreter that does not pass its probe here."""
    variant = manifest.variant
    axes = Axes(
        jit=variant.jit,
        profile=None if variant.profile == "unknown" else variant.profile,
        tail_call=variant.tail_call or None,
    )
    spec = f"{manifest.version}{'t' * variant.free_threaded}"
    return f"Nothing was imported. {advise_install('Build it here', spec, axes)}"


def accept_only(sha256: str, *, file: Path) -> Callable[[str], None]:
    """Return a function that raises IntegrityError for every other sha256 than `sha256`."""

    def accept(digest: str) -> None:
        if digest != sha256:
            raise IntegrityError(
                f"{file} is not the expected file: expected sha256 {sha256}, got {digest}.",
                remedy="Nothing was imported. Get the file again, and compare the sha256 that "
                "`jitbuild export` printed.",
            )

    return accept


def _read(source: BinaryIO, file: Path) -> bytes:
    try:
        return source.read(_CHUNK_BYTES)
    except OSError as error:
        raise ArchiveError(
            f"{file} cannot be read ({error.strerror}).",
            remedy="Check the path and its permissions.",
        ) from error

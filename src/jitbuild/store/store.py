"""The managed store of interpreters: find, stage, commit, list, remove.

An interpreter is a folder under `interpreters/` with a manifest in it. It is assembled in a scratch
folder and renamed into place when it is whole and proven, and replaced whole, never edited: so
every visible interpreter is usable, whenever the process that built it was killed. An adopted
interpreter is a folder that holds nothing but its manifest.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from jitbuild.store import manifest as manifests
from jitbuild.store.deletion import delete
from jitbuild.store.interpreter import Interpreter
from jitbuild.store.preference import preference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jitbuild.request import Axes, Request
    from jitbuild.store.manifest import Manifest


def default_root() -> Path:
    """Return `jitbuild` in the user's data folder.

    On macOS too that is below ~/.local/share: configure and make cannot build in a path with a
    space, and `Application Support` has one.
    """
    if os.name == "posix":
        from platformdirs.unix import Unix

        return Path(Unix("jitbuild").user_data_dir)
    from platformdirs import user_data_path

    return user_data_path("jitbuild", appauthor=False)


@dataclass(frozen=True, slots=True)
class Store:
    """The folder that holds interpreters and caches; nothing is created before it is needed."""

    root: Path

    @property
    def interpreters(self) -> Path:
        return self.root / "interpreters"

    @property
    def scratches(self) -> Path:
        """The folder of builds in progress; after a `sweep` whatever is left in it is in use."""
        return self.root / "scratch"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    def cache(self, name: str) -> Path:
        """Return the folder of a cache (`sources`, `llvm`), which is safe to delete."""
        return self.root / name

    def installed(self) -> list[Interpreter]:
        """Return every interpreter, sorted by name. Raises StoreError."""
        try:
            folders = sorted(self.interpreters.iterdir())
        except FileNotFoundError:
            return []
        except OSError as error:
            from jitbuild.system.files import as_store_error

            raise as_store_error(error, self.interpreters) from error
        return [
            interpreter
            for folder in folders
            if (interpreter := Interpreter.read(folder)) is not None
        ]

    def find(
        self,
        request: Request,
        axes: Axes,
        *,
        digest: str = "",
        refresh: Callable[[Interpreter], None] = lambda _: None,
    ) -> Interpreter | None:
        """Return the preferred proven interpreter that fits, or None.

        `digest` is what the source of a request that is no version was resolved to. `refresh` is
        called with each interpreter that is no longer the program that was proven, to register it
        as what it has become; those that no longer fit, or are still not fresh, are passed over.
        """
        fitting = self.fitting(request, axes, digest=digest)
        if stale := [interpreter for interpreter in fitting if not interpreter.fresh]:
            for interpreter in stale:
                refresh(interpreter)
            again = self.fitting(request, axes, digest=digest)
            fitting = [interpreter for interpreter in again if interpreter.fresh]
        return fitting[0] if len(fitting) == 1 else max(fitting, key=preference, default=None)

    def fitting(self, request: Request, axes: Axes, *, digest: str = "") -> list[Interpreter]:
        """Return every proven interpreter that fits `request` and the stated axes."""
        return [
            interpreter
            for interpreter in self.installed()
            if interpreter.proven
            and interpreter.variant.free_threaded == request.free_threaded
            and axes.admits(interpreter.variant)
            and interpreter.answers(request, digest)
        ]

    def get(self, prefix_name: str) -> Interpreter | None:
        """Return the interpreter of exactly that name, or None."""
        return Interpreter.read(self.interpreters / prefix_name)

    @contextlib.contextmanager
    def lock(self, name: str, *, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Hold the lock `name` of this store; call `on_wait` once if another process holds it.

        The kernel frees the lock when its holder dies, however it dies.
        """
        from jitbuild.system.files import exclusive_lock

        folder = self.root / "locks"
        with contextlib.ExitStack() as stack:
            with _store_errors(folder):
                folder.mkdir(parents=True, exist_ok=True)
                stack.enter_context(exclusive_lock(folder / name, on_wait))
            yield

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """Yield a new folder on the store's disk and delete it when the block ends.

        Its lock tells `sweep` that it is in use.
        """
        name = os.urandom(6).hex()
        folder = self.scratches / name
        with self.lock(f"scratch-{name}"):
            try:
                with _store_errors(folder):
                    folder.mkdir(parents=True)
                yield folder
            finally:
                delete(folder)
        with contextlib.suppress(OSError):
            (self.root / "locks" / f"scratch-{name}.lock").unlink()

    def sweep(self) -> int:
        """Delete the scratch folders of processes that were killed; return their number."""
        from filelock import FileLock, Timeout

        swept = 0
        for folder in self.scratches.glob("*"):
            lock = FileLock(self.root / "locks" / f"scratch-{folder.name}.lock")
            try:
                lock.acquire(timeout=0)
            except (Timeout, OSError):
                continue
            delete(folder)
            lock.release()
            with contextlib.suppress(OSError):
                Path(lock.lock_file).unlink()
            swept += 1
        return swept

    def commit(self, staged: Path, prefix_name: str, manifest: Manifest) -> Interpreter:
        """Make the staged prefix visible as `prefix_name`, in one rename.

        An interpreter of that name is replaced whole. The manifest gets the name and a new instance
        id. The caller holds the lock of the name. Raises StoreError.
        """
        final = self.interpreters / prefix_name
        manifest = msgspec.structs.replace(
            manifest, name=prefix_name, instance=os.urandom(16).hex()
        )
        with _store_errors(self.interpreters):
            self.interpreters.mkdir(parents=True, exist_ok=True)
            manifests.write(manifest, staged)
            if hasattr(os, "sync"):
                # One sync costs less than an fsync of each of thousands of files, and the rename
                # must not reach the disk before them.
                os.sync()
            _replace(staged, final)
        committed = Interpreter.read(final)
        assert committed is not None
        return committed

    def remove(self, interpreter: Interpreter) -> None:
        """Take an interpreter out of the store: out of sight in one rename, then off the disk.

        Of an adopted interpreter the store holds only the registration, so only that is removed.
        """
        with self.scratch() as scratch, _store_errors(interpreter.path):
            interpreter.path.rename(scratch / "removed")


def _replace(staged: Path, final: Path) -> None:
    if final.exists():
        aside = staged.parent / f"{os.urandom(16).hex()}.replaced"
        final.rename(aside)
        try:
            staged.rename(final)
        except OSError:
            aside.rename(final)
            raise
        delete(aside)
    else:
        staged.rename(final)
    _fsync_folder(final.parent)


def _fsync_folder(folder: Path) -> None:
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextlib.contextmanager
def _store_errors(path: Path) -> Iterator[None]:
    """Raise an OSError of the block as DiskFullError or StoreError."""
    try:
        yield
    except OSError as error:
        from jitbuild.system.files import as_store_error

        raise as_store_error(error, path) from error

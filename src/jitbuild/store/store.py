"""The managed store of interpreters: find, stage, commit, list and remove them.

An interpreter is a folder below `interpreters/` that contains a manifest. The folder is assembled
in a scratch folder, and renamed when the interpreter is complete and proven. So every visible
interpreter is usable, even if the process that built it was killed. An interpreter is only replaced
as a whole, with two exceptions: after the store was moved, the paths in the interpreter's files are
rewritten (providers/repair.py), and if an adopted interpreter has changed and fails its new probe,
its manifest records that (providers/adopt.py). The folder of an adopted interpreter contains only
its manifest and its launchers.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from jitbuild.errors import StoreError
from jitbuild.store import layout, marker
from jitbuild.store import manifest as manifests
from jitbuild.store.interpreter import Interpreter
from jitbuild.store.interpreter_folders import InterpreterFolders
from jitbuild.store.preference import preference
from jitbuild.system.user_folders import data_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from jitbuild.request import Axes, Request
    from jitbuild.store.broken import BrokenEntry
    from jitbuild.store.manifest import Manifest


def default_root() -> Path:
    """Return the folder `jitbuild` in the folder for the user's data.

    Raises StoreError if the user has no home folder: no HOME, and no entry for the user's id.
    """
    with contextlib.suppress(RuntimeError):
        root = data_folder("jitbuild")
        if root.is_absolute():
            return root
    raise StoreError(
        "There is no folder for the store, because this user has no home folder.",
        remedy="Set JITBUILD_HOME to a folder that you can write to, or set HOME.",
    )


class Store(msgspec.Struct, frozen=True):
    """The folder of interpreters and caches. Its subfolders are created when they are needed."""

    root: Path

    @property
    def interpreters(self) -> Path:
        return self.root / "interpreters"

    @property
    def scratches(self) -> Path:
        """The folder of builds in progress. Folders that remain in it after `sweep` are in use."""
        return self.root / "scratch"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    def cache(self, name: str) -> Path:
        """Return the folder of the cache `name`, such as `sources`. It is safe to delete."""
        return self.root / name

    def prepared(self) -> Path:
        """Return the folder of the store, which is created and marked if necessary.

        Raises StoreError if the folder is not a store, or cannot be written.
        """
        with _store_errors(self.root):
            try:
                marker.mark(self.root)
            except OSError as error:
                error.filename = str(self.root)  # rather than that of a temporary file
                raise
        return self.root

    @property
    def _folders(self) -> InterpreterFolders:
        return InterpreterFolders(self.interpreters, self.lock)

    def installed(self) -> list[Interpreter]:
        """Return all interpreters, sorted by name. Raises StoreError if they cannot be listed."""
        with _store_errors(self.interpreters):
            return self._folders.read_all()

    def find(
        self,
        request: Request,
        axes: Axes,
        *,
        digest: str = "",
        refresh: Callable[[Interpreter], None] = lambda _: None,
        prefer: Callable[[], Axes] | None = None,
    ) -> Interpreter | None:
        """Return the preferred proven interpreter that fits `request` and `axes`, or None.

        If several interpreters fit, those that fit the axes that `prefer` returns come first; they
        are ordered by `preference`. If the request is not a version, `digest` identifies the source
        to which it was resolved. `refresh` should bring an interpreter up to date. It is called
        with every `outdated` interpreter that fits or was adopted: an adopted interpreter may have
        any version after an upgrade. If such an interpreter has `failed`, `refresh` is called with
        it again only if it fits and no other interpreter can be used. Interpreters that no longer
        fit afterwards, or that are still not fresh, are ignored.
        """
        installed = self.installed()
        fitting = self.fitting(request, axes, digest=digest, among=installed)
        adopted = [interpreter for interpreter in installed if interpreter.adopted]
        outdated = {each.path: each for each in [*fitting, *adopted] if each.outdated}.values()
        usable = [interpreter for interpreter in fitting if interpreter.fresh]
        if untried := [interpreter for interpreter in outdated if not interpreter.failed]:
            usable = self._refreshed(untried, request, axes, digest=digest, refresh=refresh)
        failed = [each for each in outdated if each.failed and each in fitting]
        if failed and not usable:
            usable = self._refreshed(failed, request, axes, digest=digest, refresh=refresh)
        if len(usable) == 1:
            return usable[0]
        first = prefer() if prefer and usable else axes
        ordered = sorted(usable, key=lambda each: (_fits(each, first), *preference(each)))
        return ordered[-1] if ordered else None

    def _refreshed(
        self,
        outdated: Iterable[Interpreter],
        request: Request,
        axes: Axes,
        *,
        digest: str,
        refresh: Callable[[Interpreter], None],
    ) -> list[Interpreter]:
        """Refresh the interpreters `outdated`; return those in the store that fit and are fresh."""
        for interpreter in outdated:
            refresh(interpreter)
        fitting = self.fitting(request, axes, digest=digest)
        return [interpreter for interpreter in fitting if interpreter.fresh]

    def fitting(
        self,
        request: Request,
        axes: Axes,
        *,
        digest: str = "",
        among: Iterable[Interpreter] | None = None,
    ) -> list[Interpreter]:
        """Return every proven interpreter that fits `request` and the stated axes.

        `digest` is as for `find`. `among` lists the interpreters to consider; None stands for all.
        """
        return [
            interpreter
            for interpreter in (self.installed() if among is None else among)
            if interpreter.proven
            and interpreter.variant.free_threaded == request.free_threaded
            and _fits(interpreter, axes)
            and interpreter.answers(request, digest)
        ]

    def get(self, prefix_name: str) -> Interpreter | None:
        """Return the interpreter whose folder is named `prefix_name`, or None."""
        return self._folders.read(prefix_name)

    def remove_broken(self, entry: BrokenEntry) -> None:
        """Remove a broken entry. Raises StoreError if the store cannot be written."""
        with (
            self.lock(entry.name),
            self.scratch() as scratch,
            _store_errors(entry.path),
            contextlib.suppress(FileNotFoundError),  # another process removed it
        ):
            self._folders.remove(entry.name, scratch)

    @contextlib.contextmanager
    def lock(
        self, name: str, *, on_wait: Callable[[], None] = lambda: None, shared: bool = False
    ) -> Iterator[None]:
        """Hold the lock `name` of this store; call `on_wait` once if the lock must be waited for.

        The kernel frees the lock when the process that holds it ends, even if the process is
        killed. Several processes can hold it at once if all of them state `shared` (POSIX); see
        `shared_lock`.
        """
        from jitbuild.system.files import exclusive_lock, make_folders, shared_lock

        hold = shared_lock if shared else exclusive_lock
        folder = self.prepared() / "locks"
        with contextlib.ExitStack() as stack:
            with _store_errors(folder):
                make_folders(folder)
                stack.enter_context(hold(folder / name, on_wait))
            yield

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """Yield a new folder on the store's disk, and delete it when the block ends.

        A lock on the folder tells `sweep` that the folder is in use. Raises StoreError if the
        folder of scratch folders is a link, because nothing is deleted through links.
        """
        from jitbuild.store.scratch_folders import scratch_folder

        with scratch_folder(self.root, self.lock) as folder:
            yield folder

    def scratch_folders(self) -> list[Path]:
        """Return the scratch folders of running builds, and of builds that were killed."""
        return layout.own_entries(self.scratches, layout.SCRATCH)

    def sweep(self, *, dry_run: bool = False) -> int:
        """Delete the scratch folders of processes that were killed; return their number.

        If `dry_run` is True, only count these folders. Otherwise, older interpreters that such a
        process has set aside are deleted, too. Other entries of the scratch folder are kept.
        """
        from jitbuild.store import scratch_folders

        if not dry_run and layout.own_entries(self.interpreters, layout.SET_ASIDE):
            with self.scratch() as scratch, _store_errors(self.interpreters):
                self._folders.remove_replaced(scratch)
        return scratch_folders.sweep(self.root, dry_run=dry_run)

    def begin_sync(self) -> None:
        """Let the system begin to write a staged prefix to the disk.

        If a prefix is complete, but not proven yet, its proof and the writing take place at the
        same time, and `commit` need not wait long.
        """
        if hasattr(os, "sync"):
            import threading

            threading.Thread(target=os.sync, daemon=True).start()

    def commit(self, staged: Path, prefix_name: str, manifest: Manifest) -> Interpreter:
        """Make the staged prefix visible as `prefix_name`, by renaming its folder.

        An existing interpreter with that name is replaced as a whole. `manifest` is written with
        that name and a new instance id, and all files get the permissions of umask 022. The caller
        must hold the lock `prefix_name`. Raises StoreError if the store cannot be written.
        """
        final = self.interpreters / prefix_name
        manifest = msgspec.structs.replace(
            manifest, name=prefix_name, instance=os.urandom(16).hex()
        )
        from jitbuild.store.permissions import equalize
        from jitbuild.system.files import make_folders

        with _store_errors(self.interpreters):
            make_folders(self.interpreters)
            manifests.write(manifest, staged)
            equalize(staged)
            if hasattr(os, "sync"):
                # The files must reach the disk before the rename does. One sync takes less time
                # than an fsync for each of thousands of files.
                os.sync()
            self._folders.replace(staged, prefix_name)
        committed = Interpreter.read(final)
        assert committed is not None
        return committed

    def remove(self, interpreter: Interpreter) -> None:
        """Remove `interpreter` from the store: hide it by renaming its folder, then delete it.

        The program of an adopted interpreter is not in the store, and is not deleted.
        """
        with self.scratch() as scratch, _store_errors(interpreter.path):
            self._folders.remove(interpreter.path.name, scratch)


def _fits(interpreter: Interpreter, axes: Axes) -> bool:
    return axes.admits(interpreter.variant) and axes.admits_provider(interpreter.provider)


@contextlib.contextmanager
def _store_errors(path: Path) -> Iterator[None]:
    """Turn an OSError in the block, which uses `path`, into DiskFullError or StoreError."""
    try:
        yield
    except OSError as error:
        from jitbuild.system.files import as_store_error

        raise as_store_error(error, path) from error

"""The managed cache of interpreters: find, stage, commit, list, remove. It knows nothing of building or probing.

An interpreter is a folder under `interpreters/` with a manifest, `jitbuild.toml`, in it. It is put together in a scratch
folder and renamed into place when it is whole and proven, and it is replaced whole, never edited; so whatever is visible can be
used, whenever the process that made it was killed. An adopted interpreter is a folder with nothing but the manifest.

`jitbuild which` imports this module: it must stay light.
"""

from __future__ import annotations

import contextlib
import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from jitbuild.request import JITS, PROFILES, Axes, Patch, Request, Variant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MANIFEST = "jitbuild.toml"
# Part of every manifest: raised when an older jitbuild must not read a newer one's.
SCHEMA = 1

_PREFERRED_JIT = ("yes-off", "yes", "interpreter", "no")
_PREFERRED_PROFILE = ("release", "fast", "unknown", "debug")


class Interpreter(NamedTuple):
    """An interpreter in the store.

    `path` is its folder there, `executable` the program (outside of the store when it was adopted), `instance` an id that is
    new for every build: whoever caches the path compares it. `manifest` is everything that is known of it.
    """

    name: str
    key: str
    instance: str
    version: str
    variant: Variant
    path: Path
    executable: Path
    adopted: bool
    manifest: dict[str, Any]

    @property
    def proven(self) -> bool:
        return bool(self.manifest.get("verdict", {}).get("ok"))

    @property
    def fresh(self) -> bool:
        """Whether its executable is there and, when it was adopted, is still the file that was probed."""
        now = fingerprint(self.executable)
        return now is not None and (not self.adopted or now == self.manifest.get("fingerprint"))

    def to_json(self) -> dict[str, Any]:
        """The interpreter as `jitbuild list --json` prints it."""
        return {
            "name": self.name,
            "version": self.version,
            "variant": self.manifest["variant"],
            "path": str(self.path),
            "executable": str(self.executable),
            "adopted": self.adopted,
            "instance": self.instance,
            "verdict": self.manifest.get("verdict", {}),
            "times": self.manifest.get("times", {}),
            "caches": self.manifest.get("caches", {}),
        }


def fingerprint(executable: Path) -> dict[str, Any] | None:
    """What tells one file from another without reading it: its real path, size and modification time; None when it is gone."""
    try:
        real = executable.resolve(strict=True)
        status = real.stat()
    except OSError:
        return None
    return {"real": str(real), "size": status.st_size, "mtime_ns": status.st_mtime_ns}


def default_root() -> Path:
    """`jitbuild` in the user's data folder. On macOS ~/.local/share too: configure and make cannot build in a path with a
    space, and `Application Support` has one."""
    if os.name == "posix":
        from platformdirs.unix import Unix

        return Path(Unix("jitbuild").user_data_dir)
    from platformdirs import user_data_path

    return user_data_path("jitbuild", appauthor=False)


class Store(NamedTuple):
    """The folder that holds interpreters and the caches; nothing is created before it is needed."""

    root: Path

    @property
    def interpreters(self) -> Path:
        return self.root / "interpreters"

    @property
    def scratches(self) -> Path:
        """Where builds in progress are; what is left in it after a `sweep` is in use."""
        return self.root / "scratch"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    def cache(self, name: str) -> Path:
        """The folder of a cache (`sources`, `llvm`), safe to delete."""
        return self.root / name

    def installed(self) -> list[Interpreter]:
        """Every interpreter, sorted by name. A folder without a readable manifest is none."""
        try:
            folders = sorted(self.interpreters.iterdir())
        except FileNotFoundError:
            return []
        except OSError as error:
            from jitbuild.system.files import as_store_error

            raise as_store_error(error, self.interpreters) from error
        return [found for folder in folders if (found := _read(folder)) is not None]

    def find(
        self,
        request: Request,
        axes: Axes,
        *,
        digest: str = "",
        refresh: Callable[[Interpreter], None] = lambda _: None,
    ) -> Interpreter | None:
        """The best proven interpreter that fits: newest, then yes-off, then release, fast, unknown, debug.

        A version request is matched by version; any other by `digest`, the digest that its source was resolved to, or without
        one by the words it was installed under. `refresh` is called with each one that is no longer what was proven, to register
        it as what it is now; what does not fit then, or is still not fresh, is passed over.
        """
        fitting = self.fitting(request, axes, digest=digest)
        if stale := [found for found in fitting if not found.fresh]:
            for found in stale:
                refresh(found)
            fitting = [found for found in self.fitting(request, axes, digest=digest) if found.fresh]
        return fitting[0] if len(fitting) == 1 else max(fitting, key=_preference, default=None)

    def fitting(self, request: Request, axes: Axes, *, digest: str = "") -> list[Interpreter]:
        """Every proven interpreter that fits `request` and the stated axes."""
        return [
            found
            for found in self.installed()
            if found.proven
            and found.variant.free_threaded == request.free_threaded
            and axes.admits(found.variant)
            and _is_asked_for(found, request, digest)
        ]

    def get(self, prefix_name: str) -> Interpreter | None:
        """The interpreter of that name, exactly."""
        return _read(self.interpreters / prefix_name)

    @contextlib.contextmanager
    def lock(self, name: str, *, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Hold the lock called `name` in this store; `on_wait` is called once when another process holds it.

        The kernel frees it when its holder dies, however it dies.
        """
        from jitbuild.system.files import exclusive_lock

        folder = self.root / "locks"
        with contextlib.ExitStack() as held:
            with _storing(folder):
                folder.mkdir(parents=True, exist_ok=True)
                held.enter_context(exclusive_lock(folder / name, on_wait))
            yield

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """A new folder on the store's disk, gone when the block ends; its lock tells `sweep` that it is in use."""
        name = os.urandom(6).hex()
        folder = self.scratches / name
        with self.lock(f"scratch-{name}"):
            try:
                with _storing(folder):
                    folder.mkdir(parents=True)
                yield folder
            finally:
                _delete(folder)
        with contextlib.suppress(OSError):
            (self.root / "locks" / f"scratch-{name}.lock").unlink()

    def sweep(self) -> int:
        """Remove the scratch folders of processes that were killed; returns how many."""
        from filelock import FileLock, Timeout

        swept = 0
        for folder in self.scratches.glob("*"):
            held = FileLock(self.root / "locks" / f"scratch-{folder.name}.lock")
            try:
                held.acquire(timeout=0)
            except (Timeout, OSError):
                continue
            _delete(folder)
            held.release()
            with contextlib.suppress(OSError):
                Path(held.lock_file).unlink()
            swept += 1
        return swept

    def commit(self, staged: Path, prefix_name: str, manifest: dict[str, Any]) -> Interpreter:
        """Make the staged prefix visible as `prefix_name`, in one rename; an interpreter of that name is replaced whole.

        `manifest` gets the schema and a new instance id. The caller holds the lock of the name.
        """
        final = self.interpreters / prefix_name
        manifest = {
            "schema": SCHEMA,
            "name": prefix_name,
            "instance": os.urandom(16).hex(),
            **manifest,
        }
        with _storing(self.interpreters):
            self.interpreters.mkdir(parents=True, exist_ok=True)
            _write_manifest(staged / MANIFEST, manifest)
            if hasattr(os, "sync"):
                # Thousands of files: one sync costs less than an fsync of each, and the rename must not overtake them.
                os.sync()
            self._put(staged, final)
        committed = _read(final)
        assert committed is not None
        return committed

    def remove(self, interpreter: Interpreter) -> None:
        """Take an interpreter out of the store: first out of sight in one rename, then off the disk.

        Of an adopted one nothing but its registration is there, so nothing but that is removed.
        """
        with self.scratch() as scratch, _storing(interpreter.path):
            interpreter.path.rename(scratch / "removed")

    def _put(self, staged: Path, final: Path) -> None:
        if final.exists():
            aside = staged.parent / f"{os.urandom(16).hex()}.replaced"
            final.rename(aside)
            try:
                staged.rename(final)
            except OSError:
                aside.rename(final)
                raise
            _delete(aside)
        else:
            staged.rename(final)
        _fsync_folder(final.parent)


def _is_asked_for(interpreter: Interpreter, request: Request, digest: str) -> bool:
    source = interpreter.manifest.get("source", {})
    if not request.is_version:
        if digest:
            return bool(source.get("digest") == digest)
        return bool(interpreter.manifest.get("request") == request.shown)
    # A folder, a commit or an archive may call itself 3.15.2 and be anything: only who names it gets it.
    return source.get("kind", "release") == "release" and request.admits(interpreter.version)


def _preference(interpreter: Interpreter) -> tuple[Any, ...]:
    from packaging.version import Version

    return (
        Version(interpreter.version),
        -_PREFERRED_JIT.index(interpreter.variant.jit),
        -_PREFERRED_PROFILE.index(interpreter.variant.profile),
        not interpreter.adopted,
        str(interpreter.manifest.get("created", "")),
    )


def _read(folder: Path) -> Interpreter | None:
    """The interpreter in `folder`, or None when there is no manifest that this jitbuild can read."""
    try:
        manifest = tomllib.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if manifest["schema"] != SCHEMA:
            return None
        return Interpreter(
            name=manifest["name"],
            key=manifest["key"],
            instance=manifest["instance"],
            version=manifest["version"],
            variant=_variant(manifest["variant"]),
            path=folder,
            executable=folder / manifest["executable"],
            adopted=manifest["adopted"],
            manifest=manifest,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _variant(data: dict[str, Any]) -> Variant:
    if data["jit"] not in JITS or data["profile"] not in (*PROFILES, "unknown"):
        raise ValueError(data)
    return Variant(
        jit=data["jit"],
        profile=data["profile"],
        tail_call=data["tail_call"],
        free_threaded=data["free_threaded"],
        configure_args=tuple(data["configure_args"]),
        patches=tuple(Patch(path="", sha256=sha256) for sha256 in data["patches"]),
        includes=tuple(data.get("includes", ())),
    )


def _write_manifest(path: Path, manifest: dict[str, Any]) -> None:
    import tomli_w

    with path.open("wb") as file:
        tomli_w.dump(manifest, file)
        file.flush()
        os.fsync(file.fileno())


def _fsync_folder(folder: Path) -> None:
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _delete(folder: Path) -> None:
    """Remove a folder of ours, whatever the modes in it; what will not go is left for the next sweep."""
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
    if not folder.is_dir():
        return
    _open_up(folder)
    for place, folders, names in os.walk(folder):  # a folder is entered after its own mode was set
        for name in (*folders, *names):
            _open_up(Path(place, name))
    shutil.rmtree(folder, ignore_errors=True)


def _open_up(path: Path) -> None:
    if not path.is_symlink():  # what it leads to may not be ours
        with contextlib.suppress(OSError):
            path.chmod(0o700)


@contextlib.contextmanager
def _storing(path: Path) -> Iterator[None]:
    """Work on files under `path`: an OSError leaves the block as DiskFullError or StoreError."""
    try:
        yield
    except OSError as error:
        from jitbuild.system.files import as_store_error

        raise as_store_error(error, path) from error

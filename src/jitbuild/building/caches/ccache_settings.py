"""Make a build call ccache, and give ccache its settings.

The build meets it through PATH alone: a folder of links with the compilers' names comes first
there, ccache finds the real compiler behind it (ccache(1), RUN MODES), and CC stays `gcc`, in
sysconfig too. All settings are environment variables: no ccache.conf is read, neither the user's
nor one of a folder above (ccache(1), CONFIGURATION).
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild.building.caches.ccache import FOLDER
from jitbuild.errors import SettingsError
from jitbuild.system import files

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jitbuild.building.caches.ccache import Ccache

# For a step that is not cached, where a link to ccache comes first on the user's own PATH.
DISABLED: Mapping[str, str] = {"CCACHE_DISABLE": "1"}

_COMPILERS = ("cc", "gcc", "c++", "g++")
# A build takes about 20 MB of it. ccache's default of 5 GiB is for projects the size of LLVM.
_MAX_SIZE = "2Gi"
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):")
# Features that end in -storage and are no kind of storage.
_NO_SCHEMES = frozenset({"remote", "secondary"})
_USUAL_SCHEMES = "file, http"


def compiler_names(cc: str = "", *, stencils: bool) -> tuple[str, ...]:
    """Return the names that a build may call its compilers by: the usual ones, and that of `cc`.

    `cc` is the build's CC; its program counts when it is a bare name. `clang` is left out of a
    build with `stencils`: Tools/jit would take the link for the clang that compiles them, and
    their compilation is not for ccache.
    """
    program = shlex.split(cc)[:1]
    bare = [
        name
        for name in program
        if "/" not in name and not name.startswith("ccache") and not (stencils and name == "clang")
    ]
    return tuple(dict.fromkeys((*_COMPILERS, *bare)))


def link_compilers(
    ccache: Ccache, folder: Path, names: Iterable[str], *, path: str | None = None
) -> Path:
    """Fill `folder` with links to `ccache`, to come first on PATH, and return it.

    Each of `names` with a compiler on `path` (None: this process's own PATH) gets one. Without a
    compiler behind it, configure would find the link and fail. A compiler that is called by its
    path gets no link, since it would have no effect. Raises DiskFullError and StoreError.
    """
    path = os.environ.get("PATH", os.defpath) if path is None else path
    with files.store_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            if Path(name).name != name:  # a path, which might lead out of the folder
                continue
            link = folder / name
            link.unlink(missing_ok=True)
            if _has_compiler(name, path):
                link.symlink_to(ccache.program)
    return folder


def environment(
    ccache: Ccache, *, store: Path, scratch: Path, storage: str | None = None
) -> dict[str, str]:
    """Return the variables that hold all of ccache's settings for a build in `scratch`.

    Add them to an environment without CCACHE_ variables of the user's (`clean_environment`). Paths
    below `scratch` are compared relative to the folder in which the compiler runs, and that folder
    itself is not compared, so that a build in another scratch folder hits the same entries; debug
    information may then name an earlier build's folder. Raises SettingsError for a remote
    `storage` that this ccache does not support, because it would fail every call.
    """
    variables = {
        "CCACHE_CONFIGPATH": os.devnull,
        "CCACHE_DIR": str(store / FOLDER),
        # By default in the cache; where that is read-only, hits would fail too.
        "CCACHE_TEMPDIR": str(scratch / "ccache-tmp"),
        "CCACHE_BASEDIR": str(scratch),
        "CCACHE_NOHASHDIR": "1",
        # By default the compiler's size and time, and container images and Nix give all files one.
        "CCACHE_COMPILERCHECK": "content",
        "CCACHE_MAXSIZE": _MAX_SIZE,
        "CCACHE_STATSLOG": str(stats_log(scratch)),
    }
    if storage:
        _check_storage(ccache, storage)
        kind = "REMOTE" if ccache.version_number >= (4, 8) else "SECONDARY"
        variables[f"CCACHE_{kind}_STORAGE"] = storage
    return variables


def stats_log(scratch: Path) -> Path:
    """Return the file in which ccache records the result of each call of a build in `scratch`."""
    return scratch / "ccache.log"


def _has_compiler(name: str, path: str) -> bool:
    """Return whether `path` has a program `name` that is no link to ccache (/usr/lib/ccache)."""
    programs = (shutil.which(name, path=folder) for folder in path.split(os.pathsep) if folder)
    return any(
        program and not os.path.realpath(program).rpartition("/")[2].startswith("ccache")
        for program in programs
    )


def _check_storage(ccache: Ccache, storage: str) -> None:
    """Check that the ccache supports every URL; attributes such as `read-only` follow a URL.

    Messages repeat no more than a URL's scheme, since a URL may hold a password.
    """
    parts = storage.split()
    schemes = [match[1] for part in parts if (match := _SCHEME.match(part))]
    supported = _supported_schemes(ccache)
    if not parts or not _SCHEME.match(parts[0]):
        problem = "The remote storage for ccache does not begin with a URL."
    # ccache lists its features from 4.5 on.
    elif supported and (refused := [scheme for scheme in schemes if scheme not in supported]):
        problem = f"ccache {ccache.version} does not support {refused[0]} as a remote storage."
    else:
        return
    kinds = ", ".join(sorted(supported - _NO_SCHEMES)) or _USUAL_SCHEMES
    raise SettingsError(
        problem,
        remedy="Set ccache-storage (JITBUILD_CCACHE_STORAGE) to a URL of one of these kinds: "
        f"{kinds}.",
    )


def _supported_schemes(ccache: Ccache) -> set[str]:
    suffix = "-storage"
    return {name.removesuffix(suffix) for name in ccache.features if name.endswith(suffix)}

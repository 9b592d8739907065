"""Check that Visual Studio's C++ build tools are installed, by asking vswhere.

vswhere lists every installation of Visual Studio, no matter which installer created it
(https://github.com/microsoft/vswhere).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild.system import process
from jitbuild.toolchain.requirements import CheckedRequirement

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jitbuild.system.process import Runner
    from jitbuild.target import Target

_TIMEOUT_SECONDS = 20.0
# The variables whose values are the folders that may contain the installer.
_PROGRAM_FILES = ("ProgramFiles(x86)", "ProgramFiles")
_INSTALLER = r"\Microsoft Visual Studio\Installer"
_X64_TOOLS = "Microsoft.VisualStudio.Component.VC.Tools.x86.x64"
_ARM64_TOOLS = "Microsoft.VisualStudio.Component.VC.Tools.ARM64"


def check(target: Target, environ: Mapping[str, str], runner: Runner) -> CheckedRequirement:
    """Check that the MSVC that compiles for `target` is installed."""
    folders = [Path(environ.get(name, "") + _INSTALLER) for name in _PROGRAM_FILES]
    programs = [folder / "vswhere.exe" for folder in folders]
    vswhere = next((program for program in programs if program.is_file()), None)
    if vswhere is None:
        installation, problem = "", "no vswhere.exe: Visual Studio is not installed"
    else:
        tools = _X64_TOOLS if target.arch == "x86_64" else _ARM64_TOOLS
        installation = _find_installation(vswhere, tools, runner)
        problem = "no Visual Studio with the C++ build tools"
    return CheckedRequirement(
        name="compiler",
        ok=bool(installation),
        detail=installation or problem,
        why="PCbuild\\build.bat compiles with MSVC",
        remedy="Install Visual Studio Build Tools with the workload 'Desktop development with "
        "C++': winget install --id Microsoft.VisualStudio.2022.BuildTools --override "
        '"--passive --add Microsoft.VisualStudio.Workload.VCTools --includeRecommended"',
    )


def _find_installation(vswhere: Path, tools: str, runner: Runner) -> str:
    """Return the folder of the newest Visual Studio with the component `tools`, or ""."""
    query = ("-latest", "-products", "*", "-requires", tools, "-property", "installationPath")
    completed = process.run_if_available(
        [str(vswhere), *query], timeout=_TIMEOUT_SECONDS, runner=runner
    )
    return completed.stdout.strip() if completed else ""

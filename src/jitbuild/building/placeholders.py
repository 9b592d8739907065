"""Values of the placeholders in a plan's steps (planning/step.py explains the placeholders)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild.errors import BuildError, PreflightError
from jitbuild.system import process

if TYPE_CHECKING:
    from jitbuild.planning.plan import Plan
    from jitbuild.request import Patch
    from jitbuild.system.process import Runner

HOOKS = Path(__file__).with_name("hooks")


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildSite:
    """The folders and files that a build uses on this machine.

    `source` is the unpacked source tree, `scratch` a folder for temporary files, and `log` the file
    with the build's output. `prefix` is the final folder of the interpreter; it is first installed
    below `stage`. `llvm` is the root folder of the LLVM, which may not be provided yet; it is None
    if the plan needs no LLVM. `python` is a working Python, 3.11 or newer.
    """

    source: Path
    prefix: Path
    stage: Path
    scratch: Path
    log: Path
    python: Path
    llvm: Path | None = None

    @property
    def staged_prefix(self) -> Path:
        """The folder into which the install step installs.

        On POSIX, it is below `stage` (DESTDIR). On Windows, it is `stage` itself.
        """
        if not self.prefix.drive:
            return self.stage / self.prefix.relative_to(self.prefix.anchor)
        return self.stage


@dataclass(frozen=True, kw_only=True, slots=True)
class Placeholders:
    """The values of the placeholders of `plan` for a build at `site`."""

    plan: Plan
    site: BuildSite
    runner: Runner = field(default=process.run)

    def value(self, name: str, *, path: str, jobs: int) -> str:
        """Return the value of the placeholder `name`.

        `path` is the PATH of the step, and `jobs` the number of jobs that the step may run at once.
        Raises BuildError if the placeholder has no value on this machine, or if it stands for a
        patch that is gone or has changed. Raises PreflightError if `brew` or `xcrun` fails.
        """
        kind, _, argument = name.partition(":")
        if kind == "patch":
            patch = self.plan.variant.patches[int(argument) - 1]
            return str(_copied_patch(patch, self.site.scratch))
        if kind == "brew":
            return self._output("brew", "--prefix", argument)
        if name == "sdkroot":
            return self._output("xcrun", "--show-sdk-path")
        values = self._places() | {"path": path, "jobs": jobs, "jobs_beside": max(1, jobs - 1)}
        if name not in values:
            raise BuildError(
                f"The plan needs {{{name}}}, which has no value on this machine.",
                remedy="Run `jitbuild doctor`.",
            )
        return str(values[name])

    def _places(self) -> dict[str, object]:
        site = self.site
        places: dict[str, object] = {
            "source": site.source,
            "prefix": site.prefix,
            "stage": site.stage,
            "scratch": site.scratch,
            "hooks": HOOKS,
            "python": site.python,
        }
        if site.llvm is not None and self.plan.llvm is not None:
            places["llvm_root"] = site.llvm
            places["llvm"] = site.llvm / "bin"
            places["llvm_major"] = self.plan.llvm.major
        return places

    def _output(self, *argv: str) -> str:
        try:
            completed = self.runner(argv)
        except OSError:
            completed = None
        if completed is None or not completed.ok:
            raise PreflightError(
                f"`{' '.join(argv)}` failed.",
                remedy="Install Homebrew and the command line tools of Xcode.",
            )
        return completed.stdout.strip()


def _copied_patch(patch: Patch, scratch: Path) -> Path:
    """Copy `patch` into `scratch`, and return the path of the copy.

    Raises BuildError if the file is gone, or if its sha256 differs from the one in the plan.
    """
    try:
        content = Path(patch.path).read_bytes()
    except OSError as error:
        raise BuildError(
            f"The patch {patch.path} cannot be read: {error.strerror}.",
            remedy="Put the file back and run the command again.",
        ) from error
    if hashlib.sha256(content).hexdigest() != patch.sha256:
        raise BuildError(
            f"The patch {patch.path} has changed since the install began.",
            remedy="Run the command again.",
        )
    copy = scratch / f"{patch.sha256[:16]}.patch"
    copy.write_bytes(content)
    return copy

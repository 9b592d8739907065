"""The requirements of a build, the results of their checks, and errors for failed checks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jitbuild.errors import JitbuildError, LLVMError, PreflightError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LLVM_NAME = "LLVM"


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckedRequirement:
    """A requirement of a build, and the result of its check on this machine.

    `ok` is True if this machine meets the requirement. `detail` describes the result of the check,
    and `why` tells what the build needs the requirement for. `modules` are the stdlib modules that
    cannot be built without it. `packages` are the packages of this machine's package manager that
    provide it, and `remedy` tells what to do if packages cannot provide it.

    An install stops if a requirement with `required` True is not met. If the requirement has
    `modules`, the user can allow a build without them (--allow-missing).
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
class PreflightReport:
    """All checked requirements of a build.

    `install` is the install command of this machine's package manager, with the placeholder
    `{packages}`; it is empty if the package manager is unknown.
    """

    requirements: tuple[CheckedRequirement, ...]
    install: str = ""

    @property
    def missing(self) -> tuple[CheckedRequirement, ...]:
        """The requirements that are not met and therefore stop an install."""
        return tuple(one for one in self.requirements if one.required and not one.ok)

    @property
    def fatal(self) -> tuple[CheckedRequirement, ...]:
        """Those of the missing requirements without which nothing can be built."""
        return tuple(one for one in self.missing if not one.modules)

    @property
    def command(self) -> str:
        """The command that installs all missing requirements.

        It is empty if nothing is missing or packages cannot provide what is missing.
        """
        return self._command(self.missing)

    @property
    def full_command(self) -> str:
        """The command that installs everything that is missing, including optional requirements."""
        return self._command([one for one in self.requirements if not one.ok])

    @property
    def remedies(self) -> list[tuple[str, str]]:
        """The names and remedies of the missing requirements that `command` does not install."""
        return self._remedies(self.missing)

    def raise_for_missing(self, *, allow_missing: bool = False) -> None:
        """Raise LLVMError if only LLVM is missing, and PreflightError if anything else is missing.

        If `allow_missing` is True, ignore missing libraries that only some stdlib modules need.
        """
        missing = self.fatal if allow_missing else self.missing
        if missing:
            only_llvm = {requirement.name for requirement in missing} == {LLVM_NAME}
            kind: type[JitbuildError] = LLVMError if only_llvm else PreflightError
            raise kind(_problem(missing), remedy=self._remedy(missing, allow_missing=allow_missing))

    def _command(self, missing: Iterable[CheckedRequirement]) -> str:
        packages = dict.fromkeys(package for one in missing for package in one.packages)
        return self.install.format(packages=" ".join(packages)) if packages and self.install else ""

    def _remedies(self, missing: Sequence[CheckedRequirement]) -> list[tuple[str, str]]:
        return [
            (requirement.name, requirement.remedy)
            for requirement in missing
            if requirement.remedy and not (self.install and requirement.packages)
        ]

    def _remedy(self, missing: Sequence[CheckedRequirement], *, allow_missing: bool) -> str:
        lines = [remedy for _, remedy in self._remedies(missing)]
        command = self._command(missing)
        libraries = [one.name for one in missing if one.packages or one.modules]
        if command:
            lines.append(f"Install what is missing: {command}")
        elif libraries:
            lines.append(f"Install the development packages of: {', '.join(libraries)}.")
        flags = ["--install-deps to run this command"] if command else []
        if not allow_missing and any(requirement.modules for requirement in missing):
            flags.append("--allow-missing to build without those modules")
        if flags:
            lines.append(f"Use {', or '.join(flags)}.")
        return "\n".join(lines)


def _problem(missing: Sequence[CheckedRequirement]) -> str:
    if len(missing) == 1 and not missing[0].modules:
        detail = missing[0].detail.rstrip(".")
        return f"This machine lacks what the build needs. {missing[0].name}: {detail}."
    lines = [f"  {requirement.name}: {_detail(requirement)}" for requirement in missing]
    return "\n".join(["This machine lacks what the build needs.", *lines])


def _detail(requirement: CheckedRequirement) -> str:
    if not requirement.modules:
        return requirement.detail
    noun = "module" if len(requirement.modules) == 1 else "modules"
    return f"{requirement.detail} (needed by the {noun} {', '.join(requirement.modules)})"

"""A step of a build, and the placeholders that it may hold."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

Share = Literal["one", "make", "free"]
CachedBy = Literal["configure", "stencils", "compiler"]

# Filled in on the build machine:
#   {source}        the unpacked source tree
#   {prefix}        the interpreter's final folder
#   {stage}         the root that it is installed under first
#   {scratch}       a folder for temporary files
#   {jobs}          how many jobs the step may run at once
#   {jobs_beside}   one job less than {jobs}, and at least one
#   {hooks}         the folder of the sitecustomize.py for Pythons that run during the build
#   {llvm}          LLVM's bin folder
#   {llvm_root}     the folder above it
#   {llvm_major}    LLVM's major version
#   {python}        a working Python 3.11 or newer
#   {path}          PATH without version managers and virtual environments
#   {patch:N}       the path of the N-th --patch
#   {brew:FORMULA}  the prefix of a Homebrew formula
#   {sdkroot}       the macOS SDK
_PLACEHOLDER = re.compile(
    r"\{(source|prefix|stage|scratch|jobs|jobs_beside|hooks|llvm|llvm_root|llvm_major|python|path"
    r"|sdkroot|(?:patch|brew):[^}]+)\}"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One program that a build runs.

    `name` is used in messages; `env` is added to the clean environment.

    `share` says how many of jitbuild's jobs the step takes: `one`; `make`: one, and more as they
    become free, through make's jobserver; `free`: all that are free when the step begins, which is
    the number that `{jobs}` stands for.

    `cached_by` names the cache that can supply the step's result: configure's answers, the
    stencils, or the compiler cache. It does not change the result, so it is in neither the
    plan's JSON nor its key.
    """

    name: str
    argv: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = ()
    cwd: str = "{source}"
    share: Share = "one"
    cached_by: CachedBy | None = None

    def filled(self, value: Callable[[str], str]) -> Step:
        """Return the step with every placeholder replaced by `value(name)`."""

        def fill(text: str) -> str:
            return _PLACEHOLDER.sub(lambda match: value(match[1]), text)

        return replace(
            self,
            argv=tuple(map(fill, self.argv)),
            env=tuple((name, fill(text)) for name, text in self.env),
            cwd=fill(self.cwd),
        )


def placeholders(step: Step) -> set[str]:
    """Return the names of the placeholders that a step holds."""
    texts = (*step.argv, *(text for _, text in step.env), step.cwd)
    return {match[1] for text in texts for match in _PLACEHOLDER.finditer(text)}

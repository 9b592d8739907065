"""The steps of a build, and the placeholders that they may contain."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

Share = Literal["one", "make", "free"]
CachedBy = Literal["configure", "stencils", "compiler"]

# Placeholders, and their values on the build machine:
#   {source}        the unpacked source tree
#   {prefix}        the interpreter's final folder
#   {stage}         the staging folder into which the interpreter is first installed
#   {scratch}       a folder for temporary files
#   {jobs}          the number of jobs that the step may run at once
#   {jobs_beside}   one less than {jobs}, but at least 1
#   {hooks}         the folder building/hooks, whose sitecustomize.py changes the build's Pythons
#   {llvm}          LLVM's bin folder
#   {llvm_root}     the parent folder of {llvm}
#   {llvm_major}    LLVM's major version
#   {python}        a working Python 3.11 or newer
#   {path}          PATH without version managers and virtual environments
#   {patch:N}       the path of the N-th --patch
#   {brew:FORMULA}  the prefix of a Homebrew formula
#   {sdkroot}       the path of the macOS SDK
_PLACEHOLDER = re.compile(
    r"\{(source|prefix|stage|scratch|jobs|jobs_beside|hooks|llvm|llvm_root|llvm_major|python|path"
    r"|sdkroot|(?:patch|brew):[^}]+)\}"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One program that a build runs. `argv` is empty if jitbuild itself carries out the step.

    `name` is used in messages. The variables in `env` are added to the clean environment.

    `share` states how many of jitbuild's jobs the step takes. `one`: one job. `make`: one job and,
    through make's jobserver, further jobs as they become free. `free`: all jobs that are free when
    the step begins; their number replaces `{jobs}`.

    `cached_by` names the cache that can supply the step's result: `configure` (the answers of
    configure), `stencils` or `compiler`. A cache does not change the result, so `cached_by` is part
    of neither the plan's JSON nor its key.

    `dry_run` is a command that prints the commands of the step without running them, or empty.
    Progress is shown from the number of files that they compile, in each of the step's `passes`.
    These are not part of the plan's JSON or its key either.
    """

    name: str
    argv: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = ()
    cwd: str = "{source}"
    share: Share = "one"
    cached_by: CachedBy | None = None
    dry_run: tuple[str, ...] = ()
    passes: int = 1

    def filled(self, value: Callable[[str], str]) -> Step:
        """Return the step with every placeholder `{name}` replaced by `value(name)`."""

        def fill(text: str) -> str:
            return _PLACEHOLDER.sub(lambda match: value(match[1]), text)

        return replace(
            self,
            argv=tuple(map(fill, self.argv)),
            env=tuple((name, fill(text)) for name, text in self.env),
            cwd=fill(self.cwd),
            dry_run=tuple(map(fill, self.dry_run)),
        )


def placeholders(step: Step) -> set[str]:
    """Return the names of the placeholders in the step."""
    texts = (*step.argv, *(text for _, text in step.env), step.cwd)
    return {match[1] for text in texts for match in _PLACEHOLDER.finditer(text)}

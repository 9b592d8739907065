"""A step of a build, and the placeholders it may hold."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

Share = Literal["one", "make", "free"]
CachedBy = Literal["configure", "stencils", "compiler"]
# What a host fills in: {source} the unpacked tree, {prefix} where the interpreter will live, {stage} the root that it is
# installed under first, {scratch} a folder for leftovers, {jobs} and {jobs_beside} (one less, at least one),
# {hooks} the folder of jitbuild's sitecustomize.py for Pythons of a build, {llvm} the LLVM's bin folder, {llvm_root} the
# folder above it, {llvm_major}, {python} a Python >= 3.11 that runs, {path} the clean PATH, {patch:N} the person's Nth patch,
# {brew:FORMULA} a Homebrew prefix, {sdkroot} the macOS SDK.
_PLACEHOLDER = re.compile(
    r"\{(source|prefix|stage|scratch|jobs|jobs_beside|hooks|llvm|llvm_root|llvm_major|python|path|sdkroot|(?:patch|brew):[^}]+)\}"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One program to run: `name` is what it is called in messages, `env` is added to the clean environment.

    `share` is what it takes of the machine, counted in the jobs that may run at once: `one` of them; `make`: one, and as many
    more as are free at any moment, by make's jobserver; `free`: those that are free when it begins, which `{jobs}` then says.

    `cached_by` names the cache that can supply the step's result: configure's answers, the stencils, or the compiler's output
    (ccache or a precompiled header). It says nothing of the interpreter, so it is neither in the plan's JSON nor in its key.
    """

    name: str
    argv: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = ()
    cwd: str = "{source}"
    share: Share = "one"
    cached_by: CachedBy | None = None

    def filled(self, value: Callable[[str], str]) -> Step:
        """The step with every placeholder replaced by `value(name)`."""

        def fill(text: str) -> str:
            return _PLACEHOLDER.sub(lambda found: value(found[1]), text)

        return replace(
            self,
            argv=tuple(map(fill, self.argv)),
            env=tuple((name, fill(text)) for name, text in self.env),
            cwd=fill(self.cwd),
        )


def placeholders(step: Step) -> set[str]:
    """The names of the placeholders that a step holds."""
    texts = (*step.argv, *(text for _, text in step.env), step.cwd)
    return {found[1] for text in texts for found in _PLACEHOLDER.finditer(text)}

"""What each system's build consists of, as pure functions from recipes' rules to steps; nothing here runs anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitbuild.planning import posix, windows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jitbuild.planning.step import Step
    from jitbuild.recipes.schema import LLVMNeed, Rule
    from jitbuild.request import Variant
    from jitbuild.target import Target


def steps_for(
    target: Target, variant: Variant, rules: Sequence[Rule], llvm: LLVMNeed | None
) -> tuple[Step, ...]:
    """The steps that build `variant` for `target` under the rules that hold for it, with the LLVM it needs (None: none)."""
    if target.system == "windows":
        return windows.steps(target, variant, rules, llvm)
    return posix.steps(variant, rules, llvm)

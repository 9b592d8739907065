"""Linux and macOS: configure, make, and an install under a staging root."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitbuild.platforms.steps import Step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jitbuild.request import Variant
    from jitbuild.schema import LLVMNeed, Rule


def steps(variant: Variant, rules: Sequence[Rule], llvm: LLVMNeed | None) -> tuple[Step, ...]:
    """The steps of a configure-and-make build. DESTDIR keeps the install out of the final prefix until it is proven."""
    env = _environment(rules, llvm)
    flags = [arg for rule in rules for arg in rule.args]
    make = [arg for rule in rules for arg in rule.make]
    return (
        *_patches(variant),
        Step(name="configure", argv=("./configure", "--prefix={prefix}", *flags, *variant.configure_args), env=env),
        Step(name="make", argv=("make", "-j{jobs}", *make), env=env),
        Step(name="install", argv=("make", "altinstall", "DESTDIR={stage}", *make), env=env),
    )


def _environment(rules: Sequence[Rule], llvm: LLVMNeed | None) -> tuple[tuple[str, str], ...]:
    env = {
        # configure takes the first name it finds and does not check that it runs: a dead shim would fail minutes into make.
        "PYTHON_FOR_REGEN": "{python}",
        # Older releases count __pycache__ files into the stencils' digest.
        "PYTHONDONTWRITEBYTECODE": "1",
        "PATH": "{llvm}:{path}" if llvm else "{path}",
    }
    if llvm and llvm.handover == "configure":
        env |= {"LLVM_VERSION": "{llvm_major}", "LLVM_TOOLS_INSTALL_DIR": "{llvm_root}"}
    for rule in rules:
        env |= rule.env
    return tuple(sorted(env.items()))


def _patches(variant: Variant) -> tuple[Step, ...]:
    return tuple(
        Step(name=f"patch {number}", argv=("patch", "-p1", "--forward", "--batch", "--input", f"{{patch:{number}}}"))
        for number, _ in enumerate(variant.patches, start=1)
    )

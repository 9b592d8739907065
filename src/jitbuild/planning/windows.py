"""Windows: PCbuild\\build.bat, then PC\\layout copies what it built into a prefix. Tested as data (docs/platforms.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitbuild.errors import VariantError
from jitbuild.planning.step import Step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jitbuild.recipes.schema import LLVMNeed, Rule
    from jitbuild.request import Variant
    from jitbuild.target import Target

# build.bat's -p, the folder it builds into, and PC\layout's --arch (PCbuild/build.bat, PC/layout/main.py).
_NAMES = {"x86_64": ("x64", "amd64", "amd64"), "aarch64": ("ARM64", "arm64", "arm64")}


def steps(
    target: Target, variant: Variant, rules: Sequence[Rule], llvm: LLVMNeed | None
) -> tuple[Step, ...]:
    """The steps of a build.bat build. Raises VariantError for patches, which nothing there applies."""
    if variant.patches:
        raise VariantError(
            "--patch is not supported on Windows yet.",
            remedy="Patch a source folder and give its path instead.",
        )
    platform, folder, arch = _NAMES[target.arch]
    env = {"PYTHON": "{python}", "PYTHONDONTWRITEBYTECODE": "1"}
    if llvm:
        env["PATH"] = "{llvm};{path}"
    for rule in rules:
        env |= rule.env
    build = f"{{source}}\\PCbuild\\{folder}{'t' if variant.free_threaded else ''}"
    debug = variant.profile == "debug"
    flags = [arg for rule in rules for arg in rule.args]
    frozen = tuple(sorted(env.items()))
    return (
        Step(
            name="build.bat",
            argv=("{source}\\PCbuild\\build.bat", "-p", platform, *flags, *variant.configure_args),
            env=frozen,
            share="free",
        ),
        Step(
            name="layout",
            argv=(
                f"{build}\\python{'_d' if debug else ''}.exe",
                "{source}\\PC\\layout",
                *("--source", "{source}"),
                *("--build", build),
                *("--arch", arch),
                *("--temp", "{scratch}\\layout"),
                *("--copy", "{stage}"),
                "--preset-default",
                *(("--debug",) if debug else ()),
                *(("--include-freethreaded",) if variant.free_threaded else ()),
            ),
            env=frozen,
        ),
    )

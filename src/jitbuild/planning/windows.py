r"""Make the steps on Windows: PCbuild\build.bat builds, and PC\layout copies the result.

These steps have only been tested as data. docs/platforms.md lists the platforms on which builds
have been run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitbuild.errors import VariantError
from jitbuild.planning.step import Step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jitbuild.recipes.rules import Rule
    from jitbuild.recipes.series import SeriesLLVM
    from jitbuild.request import Variant
    from jitbuild.target import Target

# Maps each architecture to the value of build.bat's option -p, the folder into which build.bat
# builds, and the value of PC\layout's option --arch (PCbuild/build.bat, PC/layout/main.py).
_NAMES = {"x86_64": ("x64", "amd64", "amd64"), "aarch64": ("ARM64", "arm64", "arm64")}


def steps(
    target: Target, variant: Variant, rules: Sequence[Rule], llvm: SeriesLLVM | None
) -> tuple[Step, ...]:
    """Return the steps of a build with build.bat; `llvm` comes first on PATH unless it is None.

    Raises VariantError if the variant has patches, because Windows has no tool that applies them.
    """
    if variant.patches:
        raise VariantError(
            "--patch is not supported on Windows yet.",
            remedy="Apply the patch to a source folder, and request that folder.",
        )
    platform, folder, arch = _NAMES[target.arch]
    env = _environment(rules, llvm)
    build = f"{{source}}\\PCbuild\\{folder}{'t' if variant.free_threaded else ''}"
    flags = [arg for rule in rules for arg in rule.args]
    return (
        Step(
            name="build.bat",
            argv=("{source}\\PCbuild\\build.bat", "-p", platform, *flags, *variant.configure_args),
            env=env,
            share="free",
        ),
        _layout(variant, build, arch, env),
    )


def _layout(variant: Variant, build: str, arch: str, env: tuple[tuple[str, str], ...]) -> Step:
    debug = variant.profile == "debug"
    return Step(
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
        env=env,
    )


def _environment(rules: Sequence[Rule], llvm: SeriesLLVM | None) -> tuple[tuple[str, str], ...]:
    env = {"PYTHON": "{python}", "PYTHONDONTWRITEBYTECODE": "1"}
    if llvm:
        env["PATH"] = "{llvm};{path}"
    for rule in rules:
        env |= rule.env
    return tuple(sorted(env.items()))

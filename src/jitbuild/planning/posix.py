"""Make the steps on Linux and macOS: configure, make, and an install into a staging folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitbuild.planning.step import Step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jitbuild.planning.step import Share
    from jitbuild.recipes.rules import Rule
    from jitbuild.recipes.series import SeriesLLVM
    from jitbuild.request import Variant


# An argument of make, not an environment variable: the Makefile sets PYTHONPATH itself, which would
# override the environment.
_HOOKS = "PYTHONPATH={hooks}"
# Even with -n, make runs the lines of the Makefile that contain $(MAKE).
_DRY_RUN = ("make", "-n", "MAKE=:")


def steps(variant: Variant, rules: Sequence[Rule], llvm: SeriesLLVM | None) -> tuple[Step, ...]:
    """Return the steps of a build with configure and make.

    `llvm` is None if the build needs no LLVM. The install step writes into a staging folder
    (DESTDIR), not into the final prefix, because the interpreter is not proven yet.
    """
    env = _environment(rules, llvm)
    make = [arg for rule in rules for arg in rule.make]
    return (
        *_patches(variant),
        _configure(variant, rules, env),
        *_stencils(variant, env, make),
        _make(variant, env, make),
        _install(rules, env, make),
    )


def _patches(variant: Variant) -> tuple[Step, ...]:
    return tuple(
        Step(
            name=f"patch {number}",
            argv=("patch", "-p1", "--forward", "--batch", "--input", f"{{patch:{number}}}"),
        )
        for number, _ in enumerate(variant.patches, start=1)
    )


def _configure(variant: Variant, rules: Sequence[Rule], env: tuple[tuple[str, str], ...]) -> Step:
    flags = [arg for rule in rules for arg in rule.args]
    return Step(
        name="configure",
        argv=(
            "./configure",
            "--prefix={prefix}",
            "--config-cache",
            *flags,
            *variant.configure_args,
        ),
        env=env,
        cached_by="configure",
    )


def _stencils(
    variant: Variant, env: tuple[tuple[str, str], ...], make: Sequence[str]
) -> tuple[Step, ...]:
    """Return the step that makes the stencils, or no step if the variant has no stencils.

    The step makes `Python/jit.o`, which depends on the stencils in every version. It is separate
    from the make step so that it can be timed and its result can be taken from a cache.
    """
    if not variant.has_stencils:
        return ()
    # Tools/jit/_llvm.py runs os.cpu_count() clangs at once. The hooks make os.cpu_count() return
    # this number.
    limited = {**dict(env), "PYTHON_CPU_COUNT": "{jobs}"}
    return (
        Step(
            name="stencils",
            argv=("make", "Python/jit.o", _HOOKS, *make),
            env=tuple(sorted(limited.items())),
            share="free",
            cached_by="stencils",
        ),
    )


def _make(variant: Variant, env: tuple[tuple[str, str], ...], make: Sequence[str]) -> Step:
    """Return the step that compiles.

    make is run without -j, because it uses jitbuild's jobserver. The release profile is an
    exception: the training run of PGO is one job of make, but starts many processes. Therefore the
    step takes all free jobs when it begins, and make gets -j with their number.
    """
    share: Share = "make"
    jobs: tuple[str, ...] = ()
    if variant.profile == "release":
        share, jobs = "free", ("-j{jobs}",)
    pgo = variant.profile == "release" or "--enable-optimizations" in variant.configure_args
    return Step(
        name="make",
        argv=("make", *jobs, *make),
        env=env,
        share=share,
        cached_by="compiler",
        dry_run=(*_DRY_RUN, *make, *(["build_all"] if pgo else [])),
        passes=2 if pgo else 1,
    )


def _install(rules: Sequence[Rule], env: tuple[tuple[str, str], ...], make: Sequence[str]) -> Step:
    install = [arg for rule in rules for arg in rule.install]
    return Step(
        name="install",
        argv=("make", "altinstall", "DESTDIR={stage}", _HOOKS, *make, *install),
        env=tuple(sorted({**dict(env), "JITBUILD_HIDE": "{prefix}"}.items())),
        share="free",
    )


def _environment(rules: Sequence[Rule], llvm: SeriesLLVM | None) -> tuple[tuple[str, str], ...]:
    """Return the environment variables of all steps except patch.

    If several rules set the same variable, the last rule wins.
    """
    env = {
        # By default, configure takes the first Python on PATH without running it. If that is a
        # pyenv shim that does not work, the build fails minutes later, in make.
        "PYTHON_FOR_REGEN": "{python}",
        # Older releases include files in __pycache__ in the stencils' digest, so no such files may
        # be written.
        "PYTHONDONTWRITEBYTECODE": "1",
        "PATH": "{llvm}:{path}" if llvm else "{path}",
    }
    if llvm and llvm.handover == "configure":
        env |= {"LLVM_VERSION": "{llvm_major}", "LLVM_TOOLS_INSTALL_DIR": "{llvm_root}"}
    for rule in rules:
        env |= rule.env
    return tuple(sorted(env.items()))

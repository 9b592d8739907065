"""Linux and macOS: configure, make, and an install under a staging root."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitbuild.planning.step import Step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jitbuild.recipes.schema import LLVMNeed, Rule
    from jitbuild.request import Variant


# On the command line: a PYTHONPATH of the environment is replaced by the Makefile's own variable of that name.
_HOOKS = "PYTHONPATH={hooks}"


def steps(variant: Variant, rules: Sequence[Rule], llvm: LLVMNeed | None) -> tuple[Step, ...]:
    """The steps of a configure-and-make build. DESTDIR keeps the install out of the final prefix until it is proven.

    The stencils are a step of their own, so that they can be counted, timed and taken from a cache: `Python/jit.o` is what needs
    them in every version's Makefile.pre.in. make gets no -j: it is a client of the jobserver that jitbuild owns, save for PGO.
    """
    env = _environment(rules, llvm)
    flags = [arg for rule in rules for arg in rule.args]
    make = [arg for rule in rules for arg in rule.make]
    install = [arg for rule in rules for arg in rule.install]
    return (
        *_patches(variant),
        Step(
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
        ),
        *_stencils(variant, env, make),
        _make(variant, env, make),
        Step(
            name="install",
            argv=("make", "altinstall", "DESTDIR={stage}", _HOOKS, *make, *install),
            env=tuple(sorted({**dict(env), "JITBUILD_HIDE": "{prefix}"}.items())),
            share="free",
        ),
    )


def _make(variant: Variant, env: tuple[tuple[str, str], ...], make: Sequence[str]) -> Step:
    if variant.profile == "release":
        # The training run of PGO is one job of make's that has many of its own: all are taken at once.
        return Step(
            name="make",
            argv=("make", "-j{jobs}", *make),
            env=env,
            share="free",
            cached_by="compiler",
        )
    return Step(name="make", argv=("make", *make), env=env, share="make", cached_by="compiler")


def _stencils(
    variant: Variant, env: tuple[tuple[str, str], ...], make: Sequence[str]
) -> tuple[Step, ...]:
    if variant.jit not in {"yes", "yes-off"}:
        return ()
    # Tools/jit/_llvm.py starts a clang for each of os.cpu_count(), which the hooks limit.
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
        Step(
            name=f"patch {number}",
            argv=("patch", "-p1", "--forward", "--batch", "--input", f"{{patch:{number}}}"),
        )
        for number, _ in enumerate(variant.patches, start=1)
    )

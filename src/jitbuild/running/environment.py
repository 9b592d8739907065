"""Prepare the environment in which a command runs with an interpreter of the store."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from jitbuild import modes
from jitbuild.advice import advise_install
from jitbuild.request import Axes, parse
from jitbuild.store.launchers import launchers_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from jitbuild.modes import Mode
    from jitbuild.store.interpreter import Interpreter


_WITH_JIT = Axes(jit="yes-off")
# CPython switches the JIT off when one of these variables enables its support for perf. CPython
# 3.14 and later also print a warning.
PERF_VARIABLES = ("PYTHONPERFSUPPORT", "PYTHON_PERF_JIT_SUPPORT")


def command_environment(
    interpreter: Interpreter,
    mode: Mode | None,
    environ: Mapping[str, str],
    *,
    folders: Sequence[Path] | None = None,
    windows: bool = os.name == "nt",
) -> dict[str, str]:
    """Return `environ` with the interpreter's folders first on PATH and the variables of `mode`.

    PYTHONHOME is removed, since it would select another standard library. If `mode` is None, the
    variables of the JIT stay as they are. `folders` are the interpreter's folders; if they are
    None, they are determined by `program_folders`. Raises StoreError if the interpreter needs
    launchers that cannot be written or executed.
    """
    if folders is None:
        folders = program_folders(interpreter, windows=windows)
    path = os.pathsep.join([*map(str, folders), environ.get("PATH", os.defpath)])
    env = {**environ, "PATH": path}
    env.pop("PYTHONHOME", None)
    return env if mode is None else modes.environment(mode, env)


def program_folders(interpreter: Interpreter, *, windows: bool = os.name == "nt") -> list[Path]:
    """Return the folders of the interpreter's programs, in the order in which PATH has them.

    On POSIX, the folder of the launchers comes first, because the interpreter's own folder may
    contain another Python as `python3`. On Windows, it comes last: there, the interpreter's folder
    belongs to one Python only, and its python.exe starts faster than a launcher, which is a batch
    file. Only `python3` is missing in that folder, so the launcher is used for it. Raises the
    errors of `launchers_of`.
    """
    launchers = launchers_of(interpreter, windows=windows)
    folder = interpreter.executable.parent
    extra = [] if launchers is None else [launchers]
    # On Windows, the programs of packages are in the folder Scripts beside python.exe.
    return [folder, folder / "Scripts", *extra] if windows else [*extra, folder]


def check_requested_modes(spec: str, axes: Axes, chosen: Iterable[Mode]) -> None:
    """Raise VariantError if every interpreter that `spec` and `axes` mean would ignore a mode.

    So an interpreter that could not run in the mode is not installed first.
    """
    request = parse(spec)
    has_jit = not request.free_threaded and axes.jit != "no"
    lead = "Build an interpreter with the JIT"
    for mode in chosen:
        modes.check(
            mode,
            f"CPython {request.text}{f' with --jit {axes.jit}' if axes.jit else ''}",
            jit=has_jit,
            series=request.series,
            # The advice reads the recipes, so it is made only if it is needed.
            remedy="" if has_jit else advise_install(lead, request.value, _WITH_JIT),
        )


def check_mode(interpreter: Interpreter, mode: Mode) -> None:
    """Raise VariantError if `interpreter` would silently ignore `mode`."""
    major, minor = interpreter.version.split(".")[:2]
    has_jit = interpreter.variant.jit != "no"
    lead, series = "Build an interpreter with the JIT", f"{major}.{minor}"
    modes.check(
        mode,
        interpreter.name,
        jit=has_jit,
        series=(int(major), int(minor)),
        # The advice reads the recipes, so it is made only if it is needed.
        remedy="" if has_jit else advise_install(lead, series, _WITH_JIT),
    )

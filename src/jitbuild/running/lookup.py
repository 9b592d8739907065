"""Look up the interpreter or the program that a command line names.

`jitbuild which` and `jitbuild run` import this module, so anything heavy is imported inside
functions.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild.api import catalog, store
from jitbuild.errors import JitbuildError, NotInstalledError, RecipeError, RequestError
from jitbuild.request import Axes, Request, parse
from jitbuild.system.paths import expanded_path

if TYPE_CHECKING:
    from collections.abc import Callable

    from jitbuild.probing.verdict import Verdict
    from jitbuild.store.interpreter import Interpreter
    from jitbuild.store.store import Store
    from jitbuild.system.progress import Reporter

_NAME_PREFIX = "cpython-"
_SHOWN_NAMES = 5


def find_interpreter(
    spec: str,
    axes: Axes,
    *,
    machine_code: bool = False,
    probe: Callable[..., Verdict] | None = None,
    reporter: Callable[[], Reporter] | None = None,
) -> Interpreter:
    """Return the best interpreter in the store for `spec` and the stated axes.

    `spec` is a request, or the exact name of an interpreter as `jitbuild list` prints it. With
    `machine_code`, an interpreter that makes no machine code fits only if `axes` states its jit
    axis, or if the request is free-threaded. First, moved interpreters that fit are repaired, and
    adopted ones whose file has changed are checked again by `probe` (by default jitbuild's probe).
    `reporter` returns the reporter, and is called only if there is something to report.

    Raises NotInstalledError when no interpreter fits. If an interpreter that fits could not be
    repaired, or failed the probe, raises the error of the first such interpreter instead.
    """
    current_store = store()
    failures: list[tuple[Interpreter, JitbuildError]] = []

    def refresh(stale: Interpreter) -> None:
        from jitbuild.running.refreshing import try_refresh
        from jitbuild.system.progress import SilentReporter

        report = reporter() if reporter else SilentReporter()
        errors = try_refresh(current_store, stale, probe=probe, reporter=report)
        failures.extend((stale, error) for error in errors)

    interpreter = _by_name(spec, current_store, refresh)
    if interpreter is None and not failures:
        request = parse_spec(spec)
        axes = axes.wanting_machine_code(request) if machine_code else axes
        digest = local_digest(request, current_store)
        interpreter = current_store.find(request, axes, digest=digest, refresh=refresh)
    if interpreter is None:
        for stale, error in failures:
            if stale.name == spec or current_store.fitting(
                request, axes, digest=digest, among=[stale]
            ):
                raise error
    if failures and reporter:
        from jitbuild.running.refreshing import warn

        warn((error for _, error in failures), reporter())
    if interpreter is None:
        raise _not_installed(spec, axes, current_store)
    return interpreter


def parse_spec(spec: str) -> Request:
    """Return the request that `spec` states.

    Raises NotInstalledError when `spec` has the form of a name in `jitbuild list`: callers look up
    such names first. Raises RequestError when any other text is not a request.
    """
    try:
        return parse(spec)
    except RequestError as error:
        if spec.startswith(_NAME_PREFIX):
            raise NotInstalledError(
                f"The store has no interpreter named {spec}.",
                remedy="`jitbuild list` shows the interpreters in the store.",
            ) from error
        raise


def find_program(text: str) -> Path | None:
    """Return the program that `text` names, or None if PATH has no program of that name.

    Text that contains a path separator or names an existing file is returned as a path. The path
    need not exist.
    """
    path = expanded_path(text)
    if "/" in text or "\\" in text or path.is_file():
        return path
    import shutil

    program = shutil.which(text)
    return Path(program) if program else None


def local_digest(request: Request, store: Store) -> str:
    """Return the digest of the source tree or repository on this machine that `request` names.

    Return an empty string for versions and remote repositories. Such requests are matched by their
    text, without network access.
    """
    if not request.is_local:
        return ""
    from jitbuild.sources.resolve import describe

    return describe(request, cache=store.root, catalog=catalog()).source.digest


def _by_name(spec: str, store: Store, refresh: Callable[[Interpreter], None]) -> Interpreter | None:
    """Return the proven interpreter named `spec`, or None.

    If the interpreter is out of date, `refresh` is called with it first.
    """
    if "/" in spec or not spec.startswith(_NAME_PREFIX):
        return None
    interpreter = store.get(spec)
    if interpreter is not None and interpreter.outdated:
        refresh(interpreter)
        interpreter = store.get(spec)
    usable = interpreter is not None and interpreter.fresh and interpreter.proven
    return interpreter if usable else None


def _not_installed(spec: str, axes: Axes, store: Store) -> NotInstalledError:
    names = [interpreter.name for interpreter in store.installed()]
    more = ", ..." if len(names) > _SHOWN_NAMES else ""
    contents = f"It has: {', '.join(names[:_SHOWN_NAMES])}{more}." if names else "It is empty."
    return NotInstalledError(
        f"No interpreter in the store fits {spec}. {contents}", remedy=_how_to_install(spec, axes)
    )


def _how_to_install(spec: str, axes: Axes) -> str:
    """Return the command that builds an interpreter for `spec`, or the reason why none exists."""
    import shlex

    request = parse(spec)
    if request.is_version:
        try:
            catalog().newest(request)
        except RequestError as error:
            return str(error).replace("\n", " ")
        except RecipeError:
            pass  # `jitbuild install` reports it
    command = shlex.join(["jitbuild", "install", spec, *axis_options(axes)])
    return f"Build it: {command}"


def axis_options(axes: Axes) -> list[str]:
    """Return the stated axes as options of a command line."""
    stated = (("jit", axes.jit), ("profile", axes.profile))
    return [
        *(f"--{name}={value}" for name, value in stated if value),
        *["--tail-call"] * bool(axes.tail_call),
        *(f"--configure-arg={argument}" for argument in axes.configure_args),
        *(f"--patch={patch.path}" for patch in axes.patches),
        *(f"--include={part}" for part in axes.includes),
    ]

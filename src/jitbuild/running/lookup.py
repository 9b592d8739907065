"""Look up the interpreter or the program that a command line names.

`jitbuild which` and `jitbuild run` import this module, so anything heavy is imported inside
functions.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild.api import axes_with_settings, catalog, store
from jitbuild.errors import JitbuildError, NotInstalledError, RequestError
from jitbuild.request import Axes, Request, parse
from jitbuild.store.names import find_named
from jitbuild.system.paths import expanded_path
from jitbuild.system.urls import Address

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jitbuild.probing.verdict import Verdict
    from jitbuild.store.interpreter import Interpreter
    from jitbuild.store.store import Store
    from jitbuild.system.progress import Reporter

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

    `spec` is a request, a name as `jitbuild list` prints it, or an unambiguous prefix of one. With
    `machine_code`, an interpreter that makes no machine code fits only if it is named, if `axes`
    states its jit axis, or if the request is free-threaded. If several interpreters fit, the one
    that `jitbuild install` would reuse is preferred. First, moved interpreters that fit are
    repaired, and adopted ones whose file has changed are checked again by `probe` (by default
    jitbuild's probe). `reporter` returns the reporter, and is called only if there is something to
    report.

    Raises NotInstalledError, which states the reasons, when no interpreter fits. Raises UsageError
    when the named interpreter contradicts `axes`, or when several names begin with `spec`. If an
    interpreter that fits could not be repaired, or failed the probe, raises the error of the first
    such interpreter instead.
    """
    request, current_store = parse(spec), store()
    failures: list[tuple[Interpreter, JitbuildError]] = []

    def refresh(stale: Interpreter) -> None:
        from jitbuild.running.refreshing import try_refresh
        from jitbuild.system.progress import SilentReporter

        report = reporter() if reporter else SilentReporter()
        errors = try_refresh(current_store, stale, probe=probe, reporter=report)
        failures.extend((stale, error) for error in errors)

    if request.kind == "name":
        return _by_name(request.value, axes, current_store, refresh, failures)
    axes = axes.wanting_machine_code(request) if machine_code else axes
    digest = local_digest(request, current_store)
    prefer = partial(_axes_of_install, axes, request)
    interpreter = current_store.find(request, axes, digest=digest, refresh=refresh, prefer=prefer)
    if interpreter is None:
        for stale, error in failures:
            if current_store.fitting(request, axes, digest=digest, among=[stale]):
                raise error
    if failures and reporter:
        from jitbuild.running.refreshing import warn

        warn((error for _, error in failures), reporter())
    if interpreter is None:
        raise _not_installed(request, axes, current_store, digest)
    return interpreter


def without_secrets(spec: str) -> str:
    """Return `spec` as messages show it, without credentials; it need not be a valid request."""
    try:
        return parse(spec).text
    except RequestError:
        return str(Address(spec))


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


def _axes_of_install(axes: Axes, request: Request) -> Axes:
    """Return the axes of the interpreters that `jitbuild install` would reuse."""
    return axes_with_settings(axes, request).wanting_machine_code(request)


def _by_name(
    name: str,
    axes: Axes,
    store: Store,
    refresh: Callable[[Interpreter], None],
    failures: Sequence[tuple[Interpreter, JitbuildError]],
) -> Interpreter:
    """Return the usable interpreter that `name` means.

    If the interpreter is out of date, `refresh` is called with it first, and adds the errors to
    `failures`.
    """
    interpreter = find_named(store, name)
    if interpreter.outdated:
        refresh(interpreter)
        for _, error in failures:
            raise error
        interpreter = find_named(store, name)
    check_named(interpreter, axes)
    return interpreter


def check_named(interpreter: Interpreter, axes: Axes) -> None:
    """Raise an error if an interpreter that was named cannot be used.

    Raises UsageError if it contradicts `axes`, and NotInstalledError if it is not proven, or if its
    program no longer exists.
    """
    import shlex

    from jitbuild.store.mismatch import check_axes

    check_axes(interpreter, axes)
    if not interpreter.proven:
        raise NotInstalledError(
            f"{interpreter.name} is in the store, but it is not proven.",
            remedy=f"`jitbuild probe {shlex.quote(str(interpreter.executable))}` shows the reason.",
        )
    if not interpreter.fresh:
        raise NotInstalledError(
            f"{interpreter.name} cannot be used: {interpreter.executable} does not exist.",
            remedy="`jitbuild prune` removes it from the store.",
        )


def _not_installed(request: Request, axes: Axes, store: Store, digest: str) -> NotInstalledError:
    from jitbuild.advice import advise_install
    from jitbuild.store.mismatch import reasons

    installed = store.installed()
    names = [interpreter.name for interpreter in installed]
    more = ", ..." if len(names) > _SHOWN_NAMES else ""
    contents = f"The store has: {', '.join(names[:_SHOWN_NAMES])}{more}."
    if not names:
        contents = "The store is empty."
    why = reasons(installed, request, axes, digest=digest)
    lead = "Download it" if axes.provider == "prebuilt" else "Build it"
    remedy = advise_install(lead, request.text, axes)
    if not names and request.is_version and remedy.startswith(f"{lead}:"):
        remedy += ". Or register an interpreter that this machine has: jitbuild adopt PATH"
    return NotInstalledError(
        f"No interpreter in the store fits {request.text}. {why or contents}", remedy=remedy
    )

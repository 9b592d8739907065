"""Provide interpreters: probe those of a restored store, remove failing ones, add missing ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from jitbuild import api
from jitbuild.errors import InterpreterError
from jitbuild.probing.run_probe import probe
from jitbuild.request import Axes, parse
from jitbuild.running.lookup import without_secrets
from jitbuild.running.refreshing import try_refresh, warn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from jitbuild.probing.verdict import Verdict
    from jitbuild.store.interpreter import Interpreter
    from jitbuild.store.store import Store
    from jitbuild.system.progress import Reporter

    # Returns why an interpreter can no longer be used; an empty string if it can.
    Inspect = Callable[[Interpreter], str]
    Ensure = Callable[[str], Interpreter]


class ProvidedInterpreters(NamedTuple):
    """An interpreter for each request (without credentials), in the order of the requests.

    `built` is True if `provide` added any of them to the store.
    """

    interpreters: dict[str, Interpreter]
    built: bool


def inspect(interpreter: Interpreter, probe: Callable[..., Verdict] = probe) -> str:
    """Return the reason why an interpreter no longer passes its proof; "" if it still passes.

    `probe` runs the checks. A module that is missing now, but was present when the interpreter was
    proven, also fails the proof.
    """
    manifest = interpreter.manifest
    try:
        verdict = probe(
            interpreter.executable,
            expect=manifest.expect or interpreter.variant.jit,
            version=interpreter.version,
            free_threaded=interpreter.variant.free_threaded,
            modules=interpreter.recorded_missing is not None,
        )
    except InterpreterError as error:
        return error.what
    lost = set(verdict.missing or ()) - set(interpreter.recorded_missing or ())
    if lost:
        return f"It lacks the modules {', '.join(sorted(lost))}."
    return "" if verdict.ok else verdict.reason


def provide(
    specs: Iterable[str],
    store: Store,
    reporter: Reporter,
    ensure: Ensure,
    *,
    inspect: Inspect = inspect,
) -> ProvidedInterpreters:
    """Return an interpreter for each request.

    Interpreters in the store that `inspect` rejects are removed with a warning. `ensure` returns
    the interpreter for a request, and installs it if it is missing.
    """
    specs = list(specs)
    for spec in specs:
        _remove_failing(spec, store, reporter, inspect)
    before = {interpreter.instance for interpreter in store.installed()}
    interpreters = {without_secrets(spec): ensure(spec) for spec in specs}
    built = any(interpreter.instance not in before for interpreter in interpreters.values())
    return ProvidedInterpreters(interpreters, built)


def _remove_failing(spec: str, store: Store, reporter: Reporter, inspect: Inspect) -> None:
    """Remove the best interpreter for `spec` until the best one passes or none is left."""
    request = parse(spec)
    axes = api.axes_with_settings(Axes(), request) if request.is_version else Axes()
    axes = axes.wanting_machine_code(request)  # as api.ensure does

    def refresh(stale: Interpreter) -> None:
        warn(try_refresh(store, stale, reporter=reporter), reporter)

    while (interpreter := store.find(request, axes, refresh=refresh)) is not None:
        reason = inspect(interpreter)
        if not reason:
            reporter.note(f"{interpreter.name} passed the probe again.")
            return
        reporter.warn(
            f"{interpreter.name} is removed from the store, since it no longer passes the probe. "
            f"{reason}"
        )
        store.remove(interpreter)

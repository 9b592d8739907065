"""Bring interpreters of the store up to date, and find out whether they still run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitbuild.errors import InterpreterError
from jitbuild.probing import run_probe as probing
from jitbuild.probing.proof import lost_essentials
from jitbuild.providers import adopt
from jitbuild.providers.repair import Repairer
from jitbuild.system.progress import SilentReporter

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from jitbuild.probing.verdict import Verdict
    from jitbuild.store.interpreter import Interpreter
    from jitbuild.store.store import Store
    from jitbuild.system.progress import Reporter

_SILENT = SilentReporter()


def refresh(
    store: Store,
    stale: Interpreter,
    *,
    probe: Callable[..., Verdict] = probing.probe,
    repairer: Repairer | None = None,
    reporter: Reporter = _SILENT,
) -> None:
    """Repair `stale` if its folder was moved; if it was adopted and has changed, probe it again.

    Does nothing if the executable of `stale` does not exist. Raises InterpreterError, ProofError,
    VariantError or StoreError if `stale` remains unusable.
    """
    if stale.adopted:
        adopt.refresh(store, stale, probe=probe)
    elif stale.executable.exists():
        repair = (repairer or Repairer()).repair(store, stale)
        if repair is not None:
            reporter.note(f"{repair.name} was moved from {repair.origin}, and has been repaired.")


def decay(
    interpreter: Interpreter,
    missing_modules: Callable[[Path], Collection[str]] = probing.missing_modules,
    *,
    allow_missing: bool = False,
) -> str:
    """Return a sentence about what has stopped working since `interpreter` was proven, or "".

    The interpreter is started once, by `missing_modules`. If `allow_missing` is True, missing
    modules are accepted, and the interpreter must only run.
    """
    try:
        missing = missing_modules(interpreter.executable)
    except InterpreterError as error:
        return f"It no longer runs. {error.what}"
    lost = lost_essentials(missing, interpreter.recorded_missing)
    if not lost or allow_missing:
        return ""
    return (
        f"It can no longer import {', '.join(lost)}: a library with which it was built was removed "
        "or upgraded."
    )

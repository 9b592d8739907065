"""Refresh the outdated interpreters of a store, and report the ones that remain unusable.

A moved interpreter is repaired, and an adopted one whose file has changed is probed again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitbuild.errors import (
    InterpreterError,
    JitbuildError,
    ProofError,
    StoreError,
    VariantError,
)
from jitbuild.probing import run_probe
from jitbuild.providers.refresh import refresh
from jitbuild.system.progress import SilentReporter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from jitbuild.probing.verdict import Verdict
    from jitbuild.store.interpreter import Interpreter
    from jitbuild.store.store import Store
    from jitbuild.system.progress import Reporter

_SILENT = SilentReporter()


def try_refresh(
    store: Store,
    stale: Interpreter,
    *,
    probe: Callable[..., Verdict] | None = None,
    reporter: Reporter = _SILENT,
) -> list[JitbuildError]:
    """Refresh `stale`. Return [], or a list with the error if `stale` remains unusable.

    `probe` is by default jitbuild's probe.
    """
    try:
        refresh(store, stale, probe=probe or run_probe.probe, reporter=reporter)
    except (InterpreterError, ProofError, VariantError, StoreError) as error:
        return [error]
    return []


def warn(failures: Iterable[JitbuildError], reporter: Reporter) -> None:
    """Warn of the interpreters that remain unusable, and say what to do about them."""
    for error in failures:
        reporter.warn(f"{error.what} {error.remedy}")


def refresh_all(
    store: Store,
    stale: Iterable[Interpreter],
    reporter: Reporter,
    *,
    probe: Callable[..., Verdict] | None = None,
) -> list[Interpreter]:
    """Refresh the interpreters `stale`, and return all interpreters in `store`, sorted by name.

    Interpreters that remain unusable are included: their `state` says so, and a warning says why.
    """
    for interpreter in stale:
        warn(try_refresh(store, interpreter, probe=probe, reporter=reporter), reporter)
    return store.installed()

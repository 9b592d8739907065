"""Bring an interpreter of the store up to date: repair a moved one, probe a changed one again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitbuild.probing import run_probe as probing
from jitbuild.providers import adopt
from jitbuild.providers.repair import Repairer
from jitbuild.system.progress import SilentReporter

if TYPE_CHECKING:
    from collections.abc import Callable

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

    Does nothing if its executable does not exist. Raises InterpreterError, ProofError, VariantError
    or StoreError if `stale` remains unusable.
    """
    if stale.adopted:
        adopt.refresh(store, stale, probe=probe)
    elif stale.executable.exists():
        repair = (repairer or Repairer()).repair(store, stale)
        if repair is not None:
            reporter.note(f"{repair.name} was moved from {repair.origin}, and has been repaired.")

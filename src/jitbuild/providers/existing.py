"""Find an interpreter of the store that can be used in place of a new build."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jitbuild.errors import InterpreterError, ProofError, StoreError, VariantError
from jitbuild.probing.proof import lacks_essentials
from jitbuild.providers.refresh import decay, refresh
from jitbuild.store.mismatch import check_axes
from jitbuild.store.names import find_named

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from jitbuild.options import BuildOptions
    from jitbuild.planning.plan import Plan
    from jitbuild.probing.verdict import Verdict
    from jitbuild.providers.repair import Repairer
    from jitbuild.request import Axes, Request
    from jitbuild.store.interpreter import Interpreter
    from jitbuild.store.store import Store
    from jitbuild.system.progress import Reporter


@dataclass(frozen=True, kw_only=True, slots=True)
class ExistingInterpreters:
    """The interpreters of `store`, which are examined before one is used.

    `probe` probes an adopted interpreter whose file has changed, `missing_modules` lists the
    essential modules that an interpreter cannot import, and `repairer` rewrites an interpreter
    whose folder was moved. `warned` holds the warnings that were given: an interpreter may be
    examined again under its lock.
    """

    store: Store
    options: BuildOptions
    reporter: Reporter
    probe: Callable[..., Verdict]
    missing_modules: Callable[[Path], Collection[str]]
    repairer: Repairer
    warned: set[str]

    def find(self, request: Request, axes: Axes) -> Interpreter | None:
        """Return the preferred interpreter in the store that fits a version request, or None."""
        options = self.options
        # --sha256 pins the archive, so an interpreter must have been built from that archive.
        if not request.is_version or options.upgrade or options.reinstall or options.sha256:
            return None
        wanted = axes.wanting_machine_code(request)
        interpreter = self.store.find(request, wanted, refresh=self._refresh)
        return self._if_complete(interpreter)

    def ready(self, plan: Plan, *, repair: bool = False) -> Interpreter | None:
        """Return the interpreter that `plan` describes; None if the store has no usable one.

        With `repair`, an interpreter whose folder was moved is repaired first.
        """
        if repair:
            self._repair(plan)
        interpreter = self.store.get(plan.prefix_name)
        if interpreter is None or interpreter.key != plan.key:
            return None
        return self.if_usable(interpreter)

    def named(self, name: str, axes: Axes) -> Interpreter:
        """Return the interpreter that `name` means, after it was brought up to date if needed.

        Raises NotInstalledError if there is none, and UsageError if `name` is ambiguous, or if the
        interpreter contradicts `axes`.
        """
        interpreter = find_named(self.store, name)
        check_axes(interpreter, axes)
        if interpreter.outdated and not self.options.reinstall:
            self._refresh(interpreter)
            interpreter = find_named(self.store, name)
        return interpreter

    def if_usable(self, interpreter: Interpreter) -> Interpreter | None:
        """Return `interpreter` if it can be used as it is, else None."""
        usable = interpreter.proven and interpreter.fresh
        return self._if_complete(interpreter) if usable else None

    def _if_complete(self, interpreter: Interpreter | None) -> Interpreter | None:
        """Return `interpreter` if it can be used, else None.

        It must have the essential modules, unless --allow-missing accepts missing modules. It must
        also start: an upgrade of the system may have removed a library that it needs.
        """
        if interpreter is None:
            return None
        if lacks_recorded_essentials(interpreter) and not self.options.allow_missing:
            return None
        if reason := decay(
            interpreter, self.missing_modules, allow_missing=self.options.allow_missing
        ):
            self._warn_once(f"{interpreter.name} is not used. {reason}")
            return None
        self.reporter.note(f"{interpreter.name} is already in the store.")
        return interpreter

    def _warn_once(self, text: str) -> None:
        if text not in self.warned:
            self.warned.add(text)
            self.reporter.warn(text)

    def _refresh(self, stale: Interpreter) -> None:
        try:
            refresh(
                self.store,
                stale,
                probe=self.probe,
                repairer=self.repairer,
                reporter=self.reporter,
            )
        except (InterpreterError, ProofError, VariantError, StoreError) as error:
            changed = f"{stale.name} has changed and is not used. {error.what}"
            self.reporter.warn(changed if stale.adopted else f"{error.what} {error.remedy}")

    def _repair(self, plan: Plan) -> None:
        """Repair the interpreter of `plan` if its folder was moved."""
        interpreter = self.store.get(plan.prefix_name)
        if interpreter is not None and interpreter.moved_from is not None:
            self._refresh(interpreter)


def lacks_recorded_essentials(interpreter: Interpreter) -> bool:
    """Return True if the interpreter was built and its record says that it lacks essential modules.

    `install` then builds it again. An adopted interpreter is used as it is.
    """
    return not interpreter.adopted and lacks_essentials(interpreter.recorded_missing or ())

"""Prove that a built interpreter is the one that its plan describes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitbuild.advice import advise_install
from jitbuild.errors import InterpreterError, ProofError
from jitbuild.probing import run_probe as probing
from jitbuild.request import Axes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from jitbuild.planning.plan import Plan
    from jitbuild.probing.verdict import Verdict
    from jitbuild.system.progress import Reporter

# An interpreter without one of these modules cannot even install packages.
ESSENTIAL_MODULES = frozenset({"ssl", "zlib", "ctypes", "sqlite3"})

_NOT_ADDED = "The interpreter was not added to the store. "


def lacks_essentials(missing: Collection[str]) -> bool:
    """Return True if at least one of the modules in `missing` is essential."""
    return not ESSENTIAL_MODULES.isdisjoint(missing)


def lost_essentials(missing: Collection[str], before: Collection[str] | None) -> tuple[str, ...]:
    """Return the essential modules in `missing` that are not in `before`, sorted.

    `before` are the modules that were missing earlier; None if they were not recorded. In that case
    no module counts as lost, and the result is ().
    """
    return () if before is None else tuple(sorted(ESSENTIAL_MODULES & {*missing} - {*before}))


def prove(  # noqa: PLR0913
    plan: Plan,
    program: Path,
    *,
    logs: Path,
    pulled: bool = False,
    allow_missing: bool = False,
    reporter: Reporter,
    probe: Callable[..., Verdict] = probing.probe,
) -> Verdict:
    """Probe `program`, and return the verdict if it is the interpreter that `plan` describes.

    `logs` is the folder that contains the build's log; the remedy names it. `pulled` is True if the
    interpreter comes from a registry, so that it was not built here. Raises ProofError if
    `program` does not run or differs from the plan's description; if a prebuilt interpreter does
    not run, raises InterpreterError. Unless `allow_missing` is True, also raises ProofError if an
    essential module is missing.
    """
    made, remedy = _origin(plan, logs, pulled=pulled)
    with reporter.stage(f"{plan.name}: probe"):
        try:
            verdict = probe(
                program,
                expect=plan.variant.jit,
                version=plan.version,
                free_threaded=plan.variant.free_threaded,
                modules=True,
            )
        except InterpreterError as error:
            kind = InterpreterError if plan.prebuilt else ProofError
            raise kind(f"{made}, but does not run. {error.what}", remedy=remedy) from error
    if not verdict.ok and verdict.memory_denied:
        raise ProofError(
            f"{made}, but its JIT cannot run here. {verdict.reason}",
            remedy=f"{_NOT_ADDED}Build it on a machine that allows this, or with --jit interpreter "
            "or --jit no.",
        )
    if not verdict.ok:
        # The advice of a failed check is to install a CPython with the JIT, which this should be.
        reason = verdict.failure if plan.prebuilt else verdict.reason
        raise ProofError(f"{made}, but is not what was requested. {reason}", remedy=remedy)
    _check_modules(plan, verdict.missing or (), reporter, allow_missing=allow_missing)
    return verdict


def _origin(plan: Plan, logs: Path, *, pulled: bool) -> tuple[str, str]:
    """Return how the interpreter was obtained, and the remedy if it is not as planned."""
    if plan.prebuilt:
        advice = advise_install("Compile it instead", plan.version, Axes(provider="source"))
    elif pulled:
        advice = (
            "Build it on this machine with `jitbuild install`, or push one that was built on a"
            " machine like this one."
        )
    else:
        advice = f"Please report this, with the newest log in {logs}."
    verb = "pulled" if pulled else "downloaded" if plan.prebuilt else "built"
    return f"{plan.name} was {verb}", _NOT_ADDED + advice


def _check_modules(
    plan: Plan, missing: Collection[str], reporter: Reporter, *, allow_missing: bool
) -> None:
    if missing:
        reporter.warn(f"{plan.name} lacks the modules {', '.join(missing)}.")
    if lacks_essentials(missing) and not allow_missing:
        essential = ", ".join(sorted(ESSENTIAL_MODULES.intersection(missing)))
        raise ProofError(
            f"{plan.name} lacks {essential}, without which packages cannot be installed or run.",
            remedy="Install the headers that `jitbuild doctor` names, or accept the interpreter "
            "with --allow-missing.",
        )

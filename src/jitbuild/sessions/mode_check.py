"""Set a mode in the environment of a session, and check that it takes effect there."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from jitbuild.errors import ProofError
from jitbuild.modes import FIRST_WITH_STRESS, JIT_MODES, environment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from jitbuild.modes import Mode
    from jitbuild.probing.facts import ProbeFacts
    from jitbuild.sessions.shims import SessionInterpreter

    CollectFacts = Callable[[Path, Mapping[str, str]], ProbeFacts]


def environment_changes(mode: Mode, environ: Mapping[str, str]) -> dict[str, str | None]:
    """Return the changes that put `environ` into `mode`.

    A value is the text to set a variable to, or None if the variable must be removed.

    Variables to set are included even if `environ` already has their values, because nox may drop
    the outer environment.
    """
    wanted = environment(mode, environ)
    removed: dict[str, str | None] = {name: None for name in environ if name not in wanted}
    return removed | dict(environment(mode, {}))


def check_effective_mode(
    python: Path,
    mode: Mode,
    interpreter: SessionInterpreter,
    environ: Mapping[str, str],
    collect_facts: CollectFacts,
) -> ProbeFacts:
    """Probe `python` with `environ`, and return the observed facts.

    Raise ProofError if `python` does not run `interpreter`, or if the mode has no effect.
    """
    facts = collect_facts(python, environ)
    if reason := mode_failure(facts, mode, interpreter):
        raise ProofError(
            f"The mode {mode} has no effect in {python}. {reason}",
            remedy=f"Inspect it with: jitbuild probe {shlex.quote(str(python))}",
        )
    return facts


def mode_failure(facts: ProbeFacts, mode: Mode, interpreter: SessionInterpreter) -> str:
    """Return the reason why `mode` has no effect, as a sentence; "" if it has an effect.

    `facts` were observed in a run in `mode`.
    """
    if facts.version != interpreter.version:
        return f"It is Python {facts.version}, but {interpreter.name} was provided."
    if facts.ignores_environment:
        return "It is started with -E or -I, so it ignores PYTHON_JIT."
    if interpreter.jit != "no" and not facts.tier2:
        return "The JIT was not compiled in, so PYTHON_JIT is silently ignored."
    if mode == "off" and (facts.machine_code_bytes or facts.executors or facts.enabled):
        size = facts.machine_code_bytes
        return (
            f"PYTHON_JIT=0 does not switch the JIT off: a hot loop has {size} bytes of "
            "machine code."
        )
    if mode in JIT_MODES:
        return _missing_code(facts, mode, interpreter)
    return ""


def _missing_code(facts: ProbeFacts, mode: Mode, interpreter: SessionInterpreter) -> str:
    if interpreter.jit == "no":
        return "It was built with --jit no, as the session or the setting `jit` says."
    if not facts.machine_code_bytes and interpreter.jit != "interpreter":
        tracers = f" ({', '.join(facts.tracers)} is set)" if facts.tracers else ""
        return f"With PYTHON_JIT=1 a hot loop has no machine code{tracers}."
    if mode == "stress" and facts.release < FIRST_WITH_STRESS:
        return f"CPython {facts.series} has no PYTHON_JIT_STRESS, which came with 3.15."
    return ""

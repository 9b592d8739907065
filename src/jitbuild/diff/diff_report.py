"""The result of a comparison as data. docs/design.md documents the shape of its JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jitbuild.running.intervals import MINIMUM_ROUNDS
from jitbuild.running.witness_verdict import NothingCompiled, nothing_compiled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jitbuild.diff.command_run import CommandRun
    from jitbuild.diff.compare_runs import DiffFindings
    from jitbuild.modes import Mode
    from jitbuild.running.tally import ModeTally


@dataclass(frozen=True, kw_only=True, slots=True)
class DiffReport:
    """The result of comparing `command` in `modes` on one interpreter.

    `interpreter` is the name of the interpreter in the store. `executable` is the Python that ran,
    which may be that of a virtual environment. `jit` is a sentence about its JIT according to the
    probe, and `proven` is True if the probe observed machine code. `witness` has, for each mode,
    the counts of the processes that testified. `notes` are caveats about the runs.
    """

    interpreter: str
    version: str
    executable: str
    command: tuple[str, ...]
    modes: tuple[Mode, ...]
    baseline: Mode
    repeats: int
    proven: bool
    jit: str
    runs: tuple[CommandRun, ...]
    findings: DiffFindings
    witness: tuple[ModeTally, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def different(self) -> bool:
        """True if anything differs with the JIT; flaky outcomes and times do not count."""
        return bool(self.findings.differences)

    @property
    def nothing_compiled(self) -> NothingCompiled | None:
        """Why no process had machine code although the JIT was on; None if a process had some."""
        return nothing_compiled(self.witness)

    def to_json(self) -> dict[str, Any]:
        """Return the report as `jitbuild diff --json` prints it."""
        return {
            "interpreter": self.interpreter,
            "version": self.version,
            "executable": self.executable,
            "command": list(self.command),
            "modes": list(self.modes),
            "baseline": self.baseline,
            "repeats": self.repeats,
            "jit": {"proven": self.proven, "detail": self.jit},
            "witness": {tally.mode: tally.to_json() for tally in self.witness},
            "nothing_compiled": nothing.reason if (nothing := self.nothing_compiled) else None,
            "different": self.different,
            "differences": [difference.to_json() for difference in self.findings.differences],
            "flaky": [flaky.to_json() for flaky in self.findings.flaky],
            "timings": [timing.to_json() for timing in self.findings.timings],
            "runs": [run.to_json() for run in self.runs],
            "notes": list(self.notes),
        }


def caveats(runs: Sequence[CommandRun], repeats: int) -> tuple[str, ...]:
    """Return the caveats about `runs` as sentences."""
    notes = []
    if repeats == 1:
        notes.append("One repeat cannot distinguish flakiness from differences. Use --repeat 3.")
    elif repeats < MINIMUM_ROUNDS:
        notes.append(f"Times are compared only if there are at least {MINIMUM_ROUNDS} repeats.")
    endings = {run.ending for run in runs}
    if len(endings) == 1 and not runs[0].ok:
        output = f" Its last output: {runs[0].tail[-1]}" if runs[0].tail else ""
        notes.append(f"The command failed in every run: {endings.pop()}.{output}")
    return tuple(notes)

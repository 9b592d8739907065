"""Everything that a comparison has to say, as data. docs/design.md has the shape of its JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jitbuild.diff.compare import Findings
    from jitbuild.diff.runs import Run
    from jitbuild.modes import Mode


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """`interpreter` is its name in the store, `executable` the program that ran (of an environment, where there is one).

    `jit` is a sentence that says what the probe saw of its JIT, `proven` whether that was machine code; `notes` are sentences
    on what the person should know to read the rest.
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
    runs: tuple[Run, ...]
    findings: Findings
    notes: tuple[str, ...] = ()

    @property
    def different(self) -> bool:
        """Whether anything differs with the JIT. What is flaky, or takes another time, is not that."""
        return bool(self.findings.differences)

    def to_json(self) -> dict[str, Any]:
        return {
            "interpreter": self.interpreter,
            "version": self.version,
            "executable": self.executable,
            "command": list(self.command),
            "modes": list(self.modes),
            "baseline": self.baseline,
            "repeats": self.repeats,
            "jit": {"proven": self.proven, "detail": self.jit},
            "different": self.different,
            "differences": [found.to_json() for found in self.findings.differences],
            "flaky": [found.to_json() for found in self.findings.flaky],
            "timings": [timing.to_json() for timing in self.findings.timings],
            "runs": [run.to_json() for run in self.runs],
            "notes": list(self.notes),
        }


def notes(runs: tuple[Run, ...], repeats: int) -> tuple[str, ...]:
    """What limits what the runs can say."""
    found = []
    if repeats == 1:
        found.append(
            "With one repeat, what is flaky cannot be told from what differs. Use --repeat 3."
        )
    elif repeats < 3:
        found.append("Times are compared from 3 repeats on.")
    endings = {run.ending for run in runs}
    if len(endings) == 1 and not runs[0].ok:
        said = f" It last said: {runs[0].tail[-1]}" if runs[0].tail else ""
        found.append(f"The command ended alike in every run, and not well: {endings.pop()}.{said}")
    return tuple(found)

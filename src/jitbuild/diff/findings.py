"""The result of comparing the outcomes of several modes, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from jitbuild.diff.compare_times import ModeTiming
    from jitbuild.modes import Mode

COMMAND = "the command"
DifferenceKind = Literal["test", "ending", "crash"]
# The known outcomes of a subject in every repeat, by mode.
Outcomes = dict["Mode", tuple[str, ...]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """A subject whose outcome in `modes` differs from its outcome in the baseline.

    `subject` is the id of a test, or `the command`. `detail` is the message of the test, the trace
    of the crash, or the last lines of the output. `log` is the file with the whole output, and
    `repeat` is a command line that reproduces the outcome.
    """

    subject: str
    kind: DifferenceKind
    modes: tuple[Mode, ...]
    outcomes: Outcomes
    detail: tuple[str, ...]
    log: str | None
    repeat: str

    def to_json(self) -> dict[str, Any]:
        """Return the difference as an element of `differences` in the JSON report."""
        return {
            "subject": self.subject,
            "kind": self.kind,
            "modes": list(self.modes),
            "outcomes": _outcomes_to_json(self.outcomes),
            "detail": list(self.detail),
            "log": self.log,
            "repeat": self.repeat,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Flaky:
    """A subject whose outcome differs between repeats of one mode."""

    subject: str
    outcomes: Outcomes

    def to_json(self) -> dict[str, Any]:
        """Return the subject as an element of `flaky` in the JSON report."""
        return {"subject": self.subject, "outcomes": _outcomes_to_json(self.outcomes)}


@dataclass(frozen=True, kw_only=True, slots=True)
class DiffFindings:
    """The result of a comparison, in the order in which the subjects ran."""

    differences: tuple[Difference, ...]
    flaky: tuple[Flaky, ...]
    timings: tuple[ModeTiming, ...]


def _outcomes_to_json(outcomes: Outcomes) -> dict[str, list[str]]:
    return {mode: list(repeats) for mode, repeats in outcomes.items()}

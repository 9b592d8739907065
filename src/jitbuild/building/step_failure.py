"""Turn a failed step into an error that shows the relevant lines of the step's output."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jitbuild.errors import BuildError, DiskFullError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from jitbuild.planning.step import Step
    from jitbuild.recipes.rules import Advice

_TAIL_LINES = 400
_KEPT_ERRORS = 200
_SHOWN_LINES = 12
_LINE_LENGTH = 300
_MENTIONS_AN_ERROR = re.compile(
    r"(\berror\b[: ]|Error: |Error \d+|\*\*\*|undefined reference|No such file"
    r"|No space left|Can't find|^\w+(Error|Exception|Interrupt)$)",
    re.IGNORECASE,
)
# compileall prints one of these lines for every file and folder of the library.
_PROGRESS = re.compile(r"(Compiling|Listing) '")


@dataclass(slots=True)
class StepOutput:
    """The lines of a step's output that may explain its failure.

    These are the last lines, preceded by earlier lines that mention an error. Such lines are kept
    because another job of make may print thousands of lines after the error.
    """

    _errors: deque[str] = field(default_factory=lambda: deque(maxlen=_KEPT_ERRORS))
    _tail: deque[str] = field(default_factory=lambda: deque(maxlen=_TAIL_LINES))

    def add(self, line: str) -> None:
        """Add the next line of the output."""
        if len(self._tail) == _TAIL_LINES and _mentions_an_error(self._tail[0]):
            self._errors.append(self._tail[0])
        self._tail.append(line)

    @property
    def lines(self) -> list[str]:
        """The lines that were kept, in their order in the output."""
        return [*self._errors, *self._tail]


def step_failure(
    step: Step, code: int, lines: Sequence[str], *, log: Path, advice: Iterable[Advice]
) -> BuildError | DiskFullError:
    """Return the error for a step that ended with `code`, or that a signal ended (-`code`).

    `lines` is the end of the step's output, and `log` the file with all of it. If `lines` match
    known failures, the remedy is the `advice` of the recipes; otherwise it refers to the log.
    """
    ending = f"was ended by signal {-code}" if code < 0 else f"failed with exit code {code}"
    shown = "\n".join(f"  {line}" for line in relevant_lines(lines))
    remedies = [
        known.advice for known in advice if any(re.search(known.pattern, line) for line in lines)
    ]
    remedy = " ".join(remedies) or "Read the log, or check this machine with `jitbuild doctor`."
    full = any("No space left on device" in line for line in lines)
    kind = DiskFullError if full else BuildError
    return kind(
        f"The step {step.name} {ending}. From the log:\n{shown}",
        remedy=f"{remedy}\nThe whole log: {log}",
    )


def relevant_lines(lines: Sequence[str]) -> list[str]:
    """Return those of `lines` that mention an error, or all lines if there are none.

    Only the last 12 lines of the result are returned, and long lines are cut off.
    """
    errors = [line for line in lines if _mentions_an_error(line)]
    return [line[:_LINE_LENGTH] for line in (errors or lines)[-_SHOWN_LINES:]]


def _mentions_an_error(line: str) -> bool:
    return _MENTIONS_AN_ERROR.search(line) is not None and not _PROGRESS.match(line)

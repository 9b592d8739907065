"""The result of a comparison as data. docs/design.md documents the shape of its JSON."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jitbuild.diff.package_usage import PackageNotCompiled, package_not_compiled
from jitbuild.running.intervals import MARGIN
from jitbuild.running.witness_verdict import NothingCompiled, nothing_compiled
from jitbuild.system.formatting import count_noun

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jitbuild.diff.command_run import CommandRun
    from jitbuild.diff.findings import DiffFindings
    from jitbuild.diff.package_usage import ModeUsage
    from jitbuild.modes import Mode
    from jitbuild.recipes.bugs import KnownBug
    from jitbuild.running.tally import ModeTally


_SHOWN_TESTS = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class DiffReport:
    """The result of comparing `command` in `modes` on one interpreter.

    `interpreter` is the name of the interpreter in the store. `executable` is the Python that ran,
    which may be that of a virtual environment. `jit` is a sentence about its JIT according to the
    probe, and `proven` is True if the probe observed machine code. `witness` has, for each mode,
    the counts of the processes that testified, and `usage`, for each mode in which pytest ran, the
    compiled code of the packages under test. `notes` are caveats about the runs, and
    `known_bugs` the known JIT bugs of the interpreter.
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
    usage: tuple[ModeUsage, ...] = ()
    notes: tuple[str, ...] = ()
    known_bugs: tuple[KnownBug, ...] = ()

    @property
    def different(self) -> bool:
        """True if anything differs with the JIT; flaky outcomes and times do not count."""
        return bool(self.findings.differences)

    @property
    def nothing_compiled(self) -> NothingCompiled | None:
        """Why no process had machine code although the JIT was on; None if a process had some."""
        return nothing_compiled(self.witness)

    @property
    def package_not_compiled(self) -> PackageNotCompiled | None:
        """Why no code of the packages under test was compiled although the JIT was on, or None."""
        return package_not_compiled(self.usage, self.version)

    @property
    def meaningless(self) -> str:
        """A sentence that says why the comparison may say nothing about the JIT; "" if it may."""
        reason = self.nothing_compiled or self.package_not_compiled
        return reason.sentence if reason else ""

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
            "packages": {usage.mode: usage.to_json() for usage in self.usage},
            "package_not_compiled": package.reason
            if (package := self.package_not_compiled)
            else None,
            "different": self.different,
            "differences": [difference.to_json() for difference in self.findings.differences],
            "flaky": [flaky.to_json() for flaky in self.findings.flaky],
            "timings": [timing.to_json() for timing in self.findings.timings],
            "runs": [run.to_json() for run in self.runs],
            "notes": list(self.notes),
            "known_bugs": [bug.to_json() for bug in self.known_bugs],
        }


def caveats(runs: Sequence[CommandRun], repeats: int) -> tuple[str, ...]:
    """Return the caveats about `runs` as sentences."""
    notes = list(_interruption_notes(runs))
    if repeats == 1:
        notes.append("One repeat cannot distinguish flakiness from differences. Use --repeat 3.")
    observed = max((run.observed_share for run in runs), default=0.0)
    if observed > MARGIN:
        notes.append(
            f"The observation of the processes took up to {observed:.0%} of the time of a run, "
            "because the program often calls functions that are audited, such as id. A difference "
            "between the modes is larger than these times say; `jitbuild bench` measures a command "
            "without observation."
        )
    endings = {run.ending for run in runs}
    if len(endings) == 1 and not runs[0].ok and not runs[0].interruptions:
        output = f" Its last output: {runs[0].tail[-1]}" if runs[0].tail else ""
        notes.append(f"The command failed in every run: {endings.pop()}.{output}")
    return tuple(notes)


def _interruption_notes(runs: Sequence[CommandRun]) -> Iterator[str]:
    """Yield a note for each mode in which tests ended the process of pytest."""
    for mode in dict.fromkeys(run.mode for run in runs):
        own = [run for run in runs if run.mode == mode]
        interruptions = [each for run in own for each in run.interruptions]
        if not interruptions:
            continue
        tests = Counter(f"{each.test} ({each.ending})" for each in interruptions)
        named = ", ".join(
            test if count == len(own) else f"{test} in {count} of {len(own)} runs"
            for test, count in tests.items()
        )
        yield (
            f"In mode {mode}, these tests ended the process of pytest: {named}. The tests after "
            "each of them ran in a new process, without what earlier tests leave behind."
        )
        ends = Counter(run.rest.ending for run in own if run.rest and not run.rest.exited)
        for ending, count in ends.items():
            yield (
                f"In mode {mode}, such a new process ended outside a test in {count} of "
                f"{count_noun(len(own), 'run')}: {ending}."
            )
        not_run = max((run.not_run for run in own), key=len)
        if not_run:
            yield (
                f"In mode {mode}, {count_noun(len(not_run), 'test')} did not run, because "
                f"the processes ended before: {_shortened(not_run)}."
            )


def _shortened(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN_TESTS} more" if len(names) > _SHOWN_TESTS else ""
    return f"{', '.join(names[:_SHOWN_TESTS])}{more}"

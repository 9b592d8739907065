"""Judge if a comparison is possible, given the processes that testified. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from jitbuild.modes import JIT_MODES
from jitbuild.running.coverage_advice import without_settrace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jitbuild.running.escape_reasons import EscapeReason
    from jitbuild.running.tally import ModeTally

_SHOWN_COMMANDS = 3
THRESHOLD = "a Python loop is compiled after about 4000 iterations in one process"


class Refusal(NamedTuple):
    """The reason why there is no verdict, and the remedy."""

    what: str
    remedy: str


class NothingCompiled(NamedTuple):
    """The likely reason why there was no machine code.

    `certain` is False if some processes did not report: they may have had machine code.
    """

    reason: str
    certain: bool

    @property
    def sentence(self) -> str:
        """The fact, its meaning and the reason, as one sentence."""
        fact = "No machine code was left at the end" if self.certain else "No machine code was seen"
        return f"{fact}, so this may say nothing about the JIT: {self.reason}."


def refusal(tally: ModeTally, reason: EscapeReason) -> Refusal | None:
    """Return the reason why the runs of a mode allow no verdict; None if they allow one.

    `reason` is the likely reason if the interpreter or the mode did not reach the processes.
    """
    if not tally.processes:
        return Refusal(
            f"In mode {tally.mode}, the command ran no process of Python {tally.version} that can "
            f"be observed, so there is no verdict. {_others_ran(tally)}{reason.fact}",
            reason.remedy,
        )
    if not tally.in_mode:
        state = "on" if tally.enabled else "off"
        stress = " without PYTHON_JIT_STRESS" if tally.mode == "stress" and tally.enabled else ""
        return Refusal(
            f"The mode {tally.mode} did not reach the command, so there is no verdict: in all its "
            f"processes of Python {tally.version} ({tally.processes}), the JIT was "
            f"{state}{stress}. {reason.fact}",
            reason.remedy,
        )
    return None


def caveats(tallies: Sequence[ModeTally], hiding: Sequence[str] = ()) -> Iterator[str]:
    """Yield a caveat for each kind of process that limits what the modes can show.

    `hiding` has sentences about Pythons that the command seems to start, but that cannot be
    observed.
    """
    others = {other.title: None for tally in tallies for other in tally.others}
    if others:
        counts = ", ".join(
            f"{tally.total - tally.processes} of {tally.total} in mode {tally.mode}"
            for tally in tallies
        )
        yield (
            f"Some processes were of another Python, which runs the same in every mode: "
            f"{', '.join(others)} ({counts})."
        )
    unseen = list(dict.fromkeys(command for tally in tallies for command in tally.unseen))
    if unseen:
        more = " and others" if len(unseen) > _SHOWN_COMMANDS else ""
        yield (
            "Nothing is known about Pythons that were started with an environment of their own, or "
            f"with -I, -E or -S: {', '.join(unseen[:_SHOWN_COMMANDS])}{more}."
        )
    for fact in hiding:
        yield f"{fact} Nothing is known about Pythons that are started in this way."
    for tally in tallies:
        if tally.left_out:
            yield (
                f"In mode {tally.mode}, {tally.left_out} more processes testified, but were not "
                "counted: the reports of at most 10000 are read after each run."
            )
        missed = tally.processes - tally.in_mode
        if missed:
            yield (
                f"The mode {tally.mode} did not reach {missed} of {tally.processes} processes of "
                f"Python {tally.version}: they had another PYTHON_JIT."
            )
    yield from _cut_off_caveat(tallies)


def _cut_off_caveat(tallies: Sequence[ModeTally]) -> Iterator[str]:
    """Yield a caveat if more processes were cut off in some modes than in others.

    The process that started a process that crashed may have ignored the crash.
    """
    if len({tally.cut_off for tally in tallies}) < 2 or any(tally.left_out for tally in tallies):
        return
    counts = ", ".join(f"{tally.cut_off or 'none'} in mode {tally.mode}" for tally in tallies)
    yield (
        "The modes differ in the number of processes that did not end by themselves, for example "
        f"because they crashed: {counts}."
    )


def nothing_compiled(tallies: Sequence[ModeTally]) -> NothingCompiled | None:
    """Return the reason why nothing was compiled, or None.

    None means that a process in the mode `on` or `stress` had machine code, or that there was no
    such mode.
    """
    compiling = [tally for tally in tallies if tally.mode in JIT_MODES]
    if not compiling or any(tally.compiled for tally in compiling):
        return None
    unknown = sum(tally.unknown for tally in compiling)
    tracers = sorted({tracer for tally in compiling for tracer in tally.tracers})
    if tracers:
        return NothingCompiled(tracer_reason(tracers, compiling[0].version), certain=not unknown)
    if unknown:
        processes = "process" if unknown == 1 else "processes"
        return NothingCompiled(
            f"{unknown} {processes} ended before the machine code could be counted", certain=False
        )
    return NothingCompiled(THRESHOLD, certain=True)


def tracer_reason(tracers: Sequence[str], version: str) -> str:
    """Return the clause that says that `tracers` kept code out of the JIT of Python `version`."""
    return (
        f"{' and '.join(tracers)} was set, and while it is set, no code runs in the JIT "
        f"(for coverage, {without_settrace(version)})"
    )


def _others_ran(tally: ModeTally) -> str:
    if not tally.others:
        return ""
    pythons = ", ".join(f"{other.title}: {other.processes}" for other in tally.others)
    return f"Processes of other Pythons ran: {pythons}. "

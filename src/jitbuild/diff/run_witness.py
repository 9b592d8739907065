"""Observe the Python processes of all runs; refuse a comparison if they make it meaningless."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from jitbuild.errors import ComparisonError
from jitbuild.running.escape_reasons import EscapingCommand, escape_reason, hiding_facts
from jitbuild.running.tally import tally
from jitbuild.running.witness_hook import WitnessHook
from jitbuild.running.witness_verdict import caveats, refusal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from jitbuild.diff.command_run import CommandRun
    from jitbuild.modes import Mode
    from jitbuild.running.tally import InterpreterIdentity, ModeTally
    from jitbuild.running.testimony import Testimony


@dataclass(frozen=True, slots=True)
class RunWitness:
    """Collects the testimonies of the runs of a command.

    `identity` is that of the interpreter. `command` is examined for the likely reason if the
    interpreter or a mode did not reach the processes. `hooks` has the hook of each mode.
    """

    identity: InterpreterIdentity
    command: EscapingCommand
    hooks: Mapping[Mode, WitnessHook]

    @classmethod
    def install(
        cls,
        identity: InterpreterIdentity,
        command: EscapingCommand,
        modes: Sequence[Mode],
        scratch: Path,
    ) -> RunWitness:
        """Return a witness with a hook for each mode, in the folder `scratch`."""
        # The paths have the same length in every mode, since the size of the environment can change
        # the speed of a program.
        hooks = {
            mode: WitnessHook.install(scratch / "witness" / str(number))
            for number, mode in enumerate(modes)
        }
        return cls(identity, command, hooks)

    def environment(self, mode: Mode, env: Mapping[str, str]) -> dict[str, str]:
        """Return `env`, changed so that the Python processes of a run in `mode` testify."""
        return self.hooks[mode].environment(env)

    def collect(self, mode: Mode) -> tuple[Testimony, ...]:
        """Return the testimonies of the run in `mode` that has just ended."""
        return self.hooks[mode].collect()

    def tallies(self, runs: Sequence[CommandRun]) -> tuple[ModeTally, ...]:
        """Return the tally of each mode in `runs`."""
        return tuple(
            msgspec.structs.replace(
                tally(
                    mode,
                    [one for run in runs if run.mode == mode for one in run.testimonies],
                    self.identity,
                ),
                left_out=hook.left_out,
            )
            for mode, hook in self.hooks.items()
        )

    def caveats(self, tallies: Sequence[ModeTally]) -> tuple[str, ...]:
        """Return the caveats about the processes of the runs."""
        return tuple(caveats(tallies, hiding_facts(self.command)))

    def check(self, runs: Sequence[CommandRun]) -> None:
        """Raise ComparisonError if, in a mode, no process was of the interpreter and in that mode.

        A mode in which all runs crashed is not checked if the interpreter was observed in any mode:
        the process may have crashed before it could testify, and the crash must be reported.
        """
        tallies = self.tallies(runs)
        for mode_tally in tallies:
            crashed = all(run.crashed for run in runs if run.mode == mode_tally.mode)
            if crashed and any(other.processes for other in tallies):
                continue
            refused = refusal(mode_tally, escape_reason(self.command))
            if refused is not None:
                raise ComparisonError(refused.what, remedy=refused.remedy)

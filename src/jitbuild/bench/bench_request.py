"""The request of `jitbuild bench` as one value, and the command lines that repeat it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from jitbuild.bench import plan
from jitbuild.bench.stopping import StoppingRule
from jitbuild.options import axis_options
from jitbuild.running.intervals import MARGIN
from jitbuild.running.venvs import Requirements

if TYPE_CHECKING:
    from pathlib import Path

    from jitbuild.bench.plan import Arm, Kind
    from jitbuild.request import Axes

Suite = Literal["quick", "pyperformance"]


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchRequest:
    """A request to measure something on the interpreter that fits `spec` and `axes`.

    `command` holds the words after `--`; it is None if there is no `--`. Without a command or
    `stmt`, a suite is measured (`quick` by default), or only the suite's `benchmarks` if any are
    named. With `pytest_benchmark`, each test of the command is measured. With `off_against_off`,
    the JIT is off in both arms, to measure the noise of the machine. `requirements` are installed
    in an environment of the interpreter. `rounds` and `values` replace the defaults of the
    benchmark's kind. If `rounds` is stated, exactly that number of rounds is measured. Otherwise
    the measurement continues until its results are decided, or until `max_time` seconds have
    passed. Differences up to the share `margin` do not count. `timeout` is in seconds, per process.
    With `resume`, an earlier measurement is continued, and its results are kept. With
    `profile_hot`, hot functions without machine code are searched for. pyperf's files are written
    to the folder `output`, or into the store if it is None. `html` and `svg` are the files that the
    caller writes with the report; they are repeated in the command lines.
    """

    spec: str
    axes: Axes
    command: tuple[str, ...] | None = None
    stmt: str | None = None
    setup: str | None = None
    suite: Suite | None = None
    benchmarks: tuple[str, ...] = ()
    pytest_benchmark: bool = False
    off_against_off: bool = False
    requirements: Requirements = Requirements()  # noqa: RUF009 # it is immutable
    rounds: int | None = None
    values: int | None = None
    max_time: float | None = None
    margin: float | None = None
    timeout: float | None = None
    resume: bool = False
    profile_hot: bool = False
    output: Path | None = None
    html: str | None = None
    svg: str | None = None

    @property
    def arms(self) -> tuple[Arm, Arm]:
        """The two arms to compare."""
        return plan.OFF_AND_OFF if self.off_against_off else plan.OFF_AND_ON

    def stopping_rule(self, kind: Kind) -> StoppingRule:
        """Return the rule that says when a measurement of benchmarks of this kind ends."""
        margin = MARGIN if self.margin is None else self.margin
        if self.rounds is not None:
            return StoppingRule(margin=margin)
        return StoppingRule(
            until_decided=True,
            seconds=self.max_time or plan.DEFAULT_MAX_SECONDS[kind],
            strict=self.max_time is not None,
            margin=margin,
        )

    def repeat_command(
        self, *, resume: bool = False, max_time: float | None = None, files: bool = True
    ) -> str:
        """Return the command line that repeats the measurement or, with `resume`, continues it.

        `max_time` replaces the limit of the request. Unless `files` is False, the command line
        writes the same files as the request.
        """
        seconds = max_time or self.max_time
        options = [
            *["--resume"] * resume,
            *["--aa"] * self.off_against_off,
            *(["--suite", self.suite] if self.suite else []),
            *["--pytest-benchmark"] * self.pytest_benchmark,
            *([f"--benchmarks={','.join(self.benchmarks)}"] if self.benchmarks else []),
            *(["--stmt", self.stmt] if self.stmt else []),
            *(["--setup", self.setup] if self.setup else []),
            *(["--rounds", str(self.rounds)] if self.rounds else []),
            *(["--values", str(self.values)] if self.values else []),
            *(["--max-time", f"{seconds:g}"] if seconds else []),
            *(["--margin", f"{100 * self.margin:g}"] if self.margin else []),
            *(["--timeout", f"{self.timeout:g}"] if self.timeout else []),
            *["--inspect"] * self.profile_hot,
            *(self._file_options() if files else []),
        ]
        command = ["--", *self.command] if self.command else []
        return shlex.join(["jitbuild", "bench", *self._subject(), *options, *command])

    def _file_options(self) -> list[str]:
        """Return the command-line words that name the files to write."""
        files = {"--output": self.output, "--html": self.html, "--svg": self.svg}
        return [word for option, file in files.items() if file for word in (option, str(file))]

    def diff_command(self) -> str:
        """Return the `jitbuild diff` command line that shows how the modes differ."""
        command = self.command or ()
        return shlex.join(["jitbuild", "diff", *self._subject(), "--", *command])

    def _subject(self) -> list[str]:
        """Return the command-line words that select the interpreter and the packages."""
        return [self.spec, *axis_options(self.axes), *self.requirements.options()]

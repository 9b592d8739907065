"""Run the steps of a plan in order, with help from the caches."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild.building.build_log import BuildLog
from jitbuild.building.step_failure import StepOutput, step_failure
from jitbuild.building.step_progress import StepProgress, count_files
from jitbuild.errors import BuildError
from jitbuild.system import process
from jitbuild.system.files import as_store_error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from jitbuild.building.caches.step_cache import StepCache, StepInputs
    from jitbuild.building.placeholders import BuildSite, Placeholders
    from jitbuild.planning.step import Step
    from jitbuild.recipes.rules import Advice
    from jitbuild.system.jobserver import JobBudget, JobShare
    from jitbuild.system.process import Runner, Streamer
    from jitbuild.system.progress import Reporter, Stage
    from jitbuild.system.urls import Address

# A shorter wait for jobs is not reported.
_NOTABLE_WAIT_SECONDS = 0.5
# `make -n` takes 0.06 s.
_DRY_RUN_SECONDS = 10.0


@dataclass(kw_only=True, slots=True)
class StepRunner:
    """Runs the steps of one plan.

    `name` identifies the build in messages. `environ` is the clean environment of the build
    (building/build_environment.py). `caches` are asked for help in the given order. `advice` is the
    recipes' advice on known failures. `runner` runs the dry run of a step, which tells how many
    files the step compiles. `addresses` are addresses whose secrets the programs of the build know;
    they do not appear in the log.
    """

    name: str
    site: BuildSite
    placeholders: Placeholders
    environ: Mapping[str, str]
    budget: JobBudget
    reporter: Reporter
    caches: Sequence[StepCache] = ()
    advice: Sequence[Advice] = ()
    addresses: Sequence[Address] = ()
    streamer: Streamer = process.stream
    runner: Runner = process.run
    clock: Callable[[], float] = time.monotonic
    _waited: float = field(default=0.0, init=False)

    def run(self, steps: Sequence[Step]) -> dict[str, float]:
        """Run each step as soon as the budget has a job for it; return the seconds of each step.

        The times do not include waiting for jobs. If the steps together waited for half a second or
        longer, the entry `waiting` of the result is their total waiting time. Raises BuildError
        with the relevant lines of the log and a remedy, or DiskFullError if the disk is full.
        """
        times: dict[str, float] = {}
        with self.site.log.open("ab") as file:
            log = BuildLog(file, self.addresses)
            for step in steps:
                begun, waited = self.clock(), self._waited
                with self.reporter.stage(f"{self.name}: {step.name}") as stage:
                    self._run_with_caches(step, log, stage)
                # Waiting for other builds to return their jobs does not count.
                times[step.name] = round(self.clock() - begun - (self._waited - waited), 2)
        if self._waited >= _NOTABLE_WAIT_SECONDS:
            times["waiting"] = round(self._waited, 2)
        return times

    def _run_with_caches(self, step: Step, log: BuildLog, stage: Stage) -> None:
        """Run one step with the help of the caches.

        If the step fails, let a cache withdraw its help and run the step again, until no help is
        left. Raises the last BuildError if the step still fails.
        """
        inputs = [cache.prepare(step) for cache in self.caches]
        while True:
            try:
                self._run_once(step, inputs, log, stage)
                break
            except BuildError as error:
                if not self._withdraw(step, error, inputs):
                    raise
        for cache in self.caches:
            cache.record(step)

    def _withdraw(self, step: Step, error: BuildError, inputs: list[StepInputs]) -> bool:
        """Let the first cache that can do so withdraw its help; put its new inputs into `inputs`.

        Return False if no cache can withdraw help.
        """
        for number, cache in enumerate(self.caches):
            withdrawn = cache.withdraw(step, error)
            if withdrawn is not None:
                inputs[number] = withdrawn
                return True
        return False

    def _run_once(
        self, step: Step, inputs: Sequence[StepInputs], log: BuildLog, stage: Stage
    ) -> None:
        asked = self.clock()
        wanted = self.budget.jobs if step.share == "free" else 1
        folders = [str(folder) for given in inputs for folder in given.path]
        path = os.pathsep.join([*folders, self.environ["PATH"]])
        with self.budget.share(wanted) as share:
            self._waited += self.clock() - asked
            filled = step.filled(
                functools.partial(self.placeholders.value, path=path, jobs=share.jobs)
            )
            header = f"\n$ {' '.join(filled.argv)}\n# in {filled.cwd}, with {dict(filled.env)}\n"
            log.write(header.encode("utf-8", "surrogateescape"))
            log.flush()
            output = StepOutput()
            env = dict(self.environ)
            for given in inputs:
                env |= given.environment
            env |= dict(filled.env)
            progress = self._progress(filled, env, stage)
            code = self._stream(filled, env, share, log, _follow(output, progress))
        if code:
            raise step_failure(step, code, output.lines, log=self.site.log, advice=self.advice)

    def _progress(self, step: Step, env: Mapping[str, str], stage: Stage) -> StepProgress:
        """Return the progress of `step`, with the number of files that it will compile.

        If the number cannot be found out, the progress shows neither a fraction nor the time left.
        """
        files = 0
        if step.dry_run:
            with contextlib.suppress(OSError):
                commands = self.runner(
                    step.dry_run, env=env, cwd=Path(step.cwd), timeout=_DRY_RUN_SECONDS
                )
                files = count_files(commands.stdout.splitlines()) if commands.ok else 0
        return StepProgress(stage, files=files, passes=step.passes, clock=self.clock)

    def _stream(
        self,
        step: Step,
        env: dict[str, str],
        share: JobShare,
        log: BuildLog,
        on_line: Callable[[str], None],
    ) -> int:
        pass_fds: Sequence[int] = ()
        if step.share == "make":
            env |= share.make_environment()
            pass_fds = share.pass_fds
        cwd = Path(step.cwd)
        try:
            return self.streamer(
                step.argv, env=env, cwd=cwd, log=log, on_line=on_line, pass_fds=pass_fds
            )
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise as_store_error(error, cwd) from error
            raise BuildError(
                f"{step.argv[0]} cannot be started: {error.strerror}.",
                remedy="Run `jitbuild doctor`.",
            ) from error


def _follow(output: StepOutput, progress: StepProgress) -> Callable[[str], None]:
    """Return a function that adds a line to `output` and shows it by `progress`."""

    def follow(line: str) -> None:
        if line.strip():
            output.add(line)
            progress.line(line)

    return follow

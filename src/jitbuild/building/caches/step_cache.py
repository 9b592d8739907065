"""The protocol between the step runner and the caches that help its steps.

`building.step_runner` runs every step in this way::

    inputs = [cache.prepare(step) for cache in caches]
    while True:
        try:
            run(step, inputs)
            break
        except BuildError as error:
            # The first cache whose help may have caused the failure withdraws it, and the step
            # runs again. If there is no such cache, the error is raised.
            ...
    for cache in caches:
        cache.record(step)

A cache helps either all steps, or only those whose `cached_by` names it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from jitbuild.errors import BuildError
    from jitbuild.planning.step import Step


@dataclass(frozen=True, kw_only=True, slots=True)
class StepInputs:
    """Variables that a cache adds to a step's environment, and folders to put first on PATH."""

    environment: Mapping[str, str] = field(default_factory=dict)
    path: tuple[Path, ...] = ()


class StepCache(Protocol):
    """A cache at work in one build. Its methods are called in one thread, step by step.

    A cache must never fail a build: if the cache cannot read or write something, that is a miss.
    """

    def prepare(self, step: Step) -> StepInputs:
        """Before `step` runs, put everything in place that the cache holds for it."""

    def withdraw(self, step: Step, error: BuildError) -> StepInputs | None:
        """Withdraw help that may have made `step` fail; return the inputs for another attempt.

        Return None if there is nothing left to withdraw. A cache withdraws each kind of help at
        most once, so the number of attempts is limited. Raises BuildError, with the message of
        `error`, if the step needs something that cannot be provided.
        """

    def record(self, step: Step) -> None:
        """Store what `step` produced, after it succeeded."""

    def report(self) -> Mapping[str, Any]:
        """Return the cache's outcome in this build, as entries of the manifest's table `caches`."""

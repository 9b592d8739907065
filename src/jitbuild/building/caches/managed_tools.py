"""Replace managed tools, such as LLVM, if their files are damaged and a step failed with them.

Files can be damaged without a change of their size: by a failing disk, or by a person. A step that
uses them then fails for a reason that nothing in its output names.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jitbuild.building.caches.step_cache import StepInputs
from jitbuild.errors import BuildError, JitbuildError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from jitbuild.planning.step import Step


@dataclass(kw_only=True, slots=True)
class ManagedTools:
    """The managed tools of one build. Each of `renewals` replaces tools if they are damaged.

    A renewal returns True if it has replaced tools, and raises a JitbuildError if that fails.
    """

    renewals: Sequence[Callable[[], bool]]
    _checked: bool = field(default=False, init=False)

    def prepare(self, step: Step) -> StepInputs:
        """Do nothing: the tools are already in place."""
        return StepInputs()

    def withdraw(self, step: Step, error: BuildError) -> StepInputs | None:
        """Replace damaged tools, and let the step run again; return None if none is damaged.

        The files are compared with their hashes once in a build. Raises BuildError, with the
        messages of both errors, if damaged tools cannot be replaced.
        """
        if self._checked:
            return None
        self._checked = True
        try:
            renewed = [renew() for renew in self.renewals]
        except JitbuildError as failed:
            raise BuildError(
                f"{error.what}\n{failed.what}", remedy=f"{error.remedy}\n{failed.remedy}"
            ) from error
        return StepInputs() if any(renewed) else None

    def record(self, step: Step) -> None:
        """Do nothing."""

    def report(self) -> Mapping[str, Any]:
        """Return {}: the manifest does not record damage."""
        return {}

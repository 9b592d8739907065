"""Give make the stencils of an earlier build or, if there are none, an LLVM to make them with.

LLVM is provided only if stencils must be made. They are then made with precompiled headers of
CPython (hooks/stencil_headers.py) or, if that fails, without precompiled headers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jitbuild.building.caches.stencil_key import stencil_key
from jitbuild.building.caches.stencil_store import is_unchanged, mark_up_to_date
from jitbuild.building.caches.step_cache import StepInputs
from jitbuild.errors import BuildError, LLVMError
from jitbuild.system import files

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from jitbuild.building.caches.entry_store import CacheEntry
    from jitbuild.building.caches.stencil_store import StencilStore
    from jitbuild.planning.plan import Plan
    from jitbuild.planning.step import Step
    from jitbuild.system.progress import Reporter
    from jitbuild.toolchain.llvm import DeferredLLVM


@dataclass(kw_only=True, slots=True)
class StencilCache:
    """The stencil cache at work in one build, for the source tree `tree`.

    `forecast` is the build's `forecast_key`. `llvm` provides an LLVM when stencils must be made.
    """

    store: StencilStore
    tree: Path
    scratch: Path
    llvm_major: int
    libc: str
    forecast: str
    llvm: DeferredLLVM
    reporter: Reporter
    llvm_version: str = field(init=False, default="")
    """The version of the LLVM that made the stencils; "" before they are made or if unknown."""
    _key: str = field(init=False, default="")
    _entry: CacheEntry | None = field(init=False, default=None)
    _making: bool = field(init=False, default=False)
    _headers: Path | None = field(init=False, default=None)
    _outcome: dict[str, str] = field(init=False, default_factory=dict)

    def prepare(self, step: Step) -> StepInputs:
        """Restore the stencils, or provide an LLVM. Raises LLVMError if no LLVM can be provided."""
        if step.cached_by != "stencils":
            return StepInputs()
        self._key = stencil_key(
            self.tree,
            llvm_major=self.llvm_major,
            libc=self.libc,
            ignored_folders=[self.scratch],
        )
        self._entry = self.store.restore(self.tree, self._key)
        return StepInputs() if self._entry else self._provide_llvm()

    def withdraw(self, step: Step, error: BuildError) -> StepInputs | None:
        """Replace restored stencils by an LLVM, or else stop using precompiled headers.

        Return None if neither was in use. Raises BuildError, with the messages of `error` and of
        the LLVMError, if an LLVM is needed and cannot be provided.
        """
        if step.cached_by != "stencils":
            return None
        if not self._making:
            try:
                return self._provide_llvm()
            except LLVMError as missing:
                raise BuildError(
                    f"{error.what}\n{missing.what}", remedy=f"{error.remedy}\n{missing.remedy}"
                ) from error
        if self._headers is not None and any(self._headers.glob("*.pch")):
            self._headers = None
            return StepInputs()
        return None

    def record(self, step: Step) -> None:
        """Keep the stencils, and count a hit or a miss.

        It is a hit if make left the restored stencils as they were.
        """
        if step.cached_by != "stencils":
            return
        hit = self._entry is not None and is_unchanged(self.tree, self._entry)
        if hit and self._entry:
            mark_up_to_date(self.tree)
            self.llvm_version = self._entry.facts.get("llvm", "")
        else:
            self.llvm_version = self._version_of_llvm()
        # Necessary after a hit too, because this forecast may not be in the index yet.
        self.store.put(self.tree, self._key, self.forecast, {"llvm": self.llvm_version})
        self.store.entries.record_lookup(hit=hit)
        self._outcome["stencils"] = "hit" if hit else "miss"

    def report(self) -> Mapping[str, str]:
        """Return {"stencils": "hit"} or {"stencils": "miss"}; {} before make has run."""
        return self._outcome

    def _version_of_llvm(self) -> str:
        """Return the version of the LLVM; "" if jitbuild cannot provide the LLVM of build.py."""
        try:
            installation = self.llvm.provide(self.reporter)
        except LLVMError:
            return ""
        return installation.version if installation else ""

    def _provide_llvm(self) -> StepInputs:
        """Provide the LLVM, and return the variable that makes build.py use precompiled headers.

        Raises LLVMError if no LLVM can be provided.
        """
        self._making = True
        self.llvm.provide(self.reporter)
        self._headers = self.scratch / "headers"
        with files.store_errors(self._headers):
            self._headers.mkdir(parents=True, exist_ok=True)
        return StepInputs(environment={"JITBUILD_STENCILS": str(self._headers)})


def is_hit_expected(plan: Plan, store: StencilStore, forecast: str) -> bool:
    """Return True if cached stencils will probably make LLVM unnecessary in a build of `plan`.

    Return False if the build gets no LLVM from jitbuild (`plan.llvm` is None or bundled). Also
    return False for two kinds of builds that need LLVM even if their stencils are cached. Builds of
    the tail-calling interpreter compile CPython itself with clang. Release builds use PGO; before
    3.13.15 and 3.14.3, the `make clean` between the two passes of PGO removed the stencils
    (gh-141808).
    """
    needs_llvm = plan.variant.tail_call or plan.variant.profile == "release"
    if plan.llvm is None or plan.llvm.bundled or needs_llvm:
        return False
    return store.predict(forecast) is not None

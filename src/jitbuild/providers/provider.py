"""The interface of providers, which turn a task into a staged interpreter."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from jitbuild.store.manifest import (
    UNSET,
    CachesRecord,
    ImportRecord,
    Manifest,
    PatchRecord,
    PrebuiltRecord,
    SourceRecord,
    ToolchainRecord,
    Unset,
    VariantRecord,
    VerdictRecord,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from jitbuild.options import BuildOptions
    from jitbuild.planning.plan import Plan
    from jitbuild.recipes.catalog import Catalog
    from jitbuild.request import Request
    from jitbuild.store.store import Store
    from jitbuild.system.jobserver import JobBudget
    from jitbuild.system.progress import Reporter


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderTask:
    """A plan to carry out for one store.

    `scratch` is a folder for temporary files, which the caller deletes afterwards.
    """

    plan: Plan
    store: Store
    catalog: Catalog
    options: BuildOptions
    scratch: Path
    budget: JobBudget
    reporter: Reporter


@dataclass(frozen=True, kw_only=True, slots=True)
class StagedInterpreter:
    """An interpreter in a scratch folder, which is complete but not proven yet.

    `prefix` is the interpreter's folder, and `program` its executable in that folder. `times` maps
    the name of each step to the seconds that it took. The fields after `times` belong to a build.
    """

    prefix: Path
    program: Path
    source: SourceRecord
    times: Mapping[str, float]
    toolchain: ToolchainRecord | Unset = UNSET
    caches: CachesRecord | Unset = UNSET
    missing_headers: tuple[str, ...] | Unset = UNSET
    imported: ImportRecord | Unset = UNSET

    def manifest(
        self,
        plan: Plan,
        request: Request,
        verdict: VerdictRecord,
        *,
        created: datetime,
        times: Mapping[str, float],
    ) -> Manifest:
        """Return the manifest of the interpreter once it is proven.

        `times` are added to the times of the steps.
        """
        return Manifest(
            key=plan.key,
            version=plan.version,
            adopted=False,
            created=created,
            request=request.shown,
            target=plan.target.name,
            executable=str(self.program.relative_to(self.prefix)),
            variant=VariantRecord.of(plan.variant),
            verdict=verdict,
            source=self.source,
            prebuilt=_prebuilt_record(plan),
            patches=tuple(
                PatchRecord(path=os.path.abspath(patch.path), sha256=patch.sha256)  # noqa: PTH100
                for patch in plan.variant.patches
            )
            or UNSET,
            toolchain=self.toolchain,
            times={**self.times, **times},
            caches=self.caches,
            missing_headers=self.missing_headers,
            imported=self.imported,
        )


def _prebuilt_record(plan: Plan) -> PrebuiltRecord | Unset:
    if plan.prebuilt is None:
        return UNSET
    return PrebuiltRecord(builder=plan.prebuilt.builder, build=plan.prebuilt.build)


class Provider(Protocol):
    """A source of interpreters."""

    def stage(self, task: ProviderTask) -> StagedInterpreter:
        """Carry out the task's plan below its scratch folder; return the staged interpreter.

        Raises a JitbuildError if that fails.
        """

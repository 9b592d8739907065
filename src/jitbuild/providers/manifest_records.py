"""Make the records of a build's source and LLVM, and list the paths to remove from its files."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from jitbuild.store.manifest import UNSET, LLVMRecord, SourceRecord, Unset

if TYPE_CHECKING:
    from jitbuild.building.placeholders import BuildSite
    from jitbuild.planning.plan import Plan
    from jitbuild.recipes.catalog import Catalog
    from jitbuild.sources.obtain_tree import SourceTree
    from jitbuild.toolchain.llvm import DeferredLLVM


def source_record(plan: Plan, tree: SourceTree, catalog: Catalog) -> SourceRecord:
    """Return the record of the plan's source, which was obtained as `tree`."""
    return SourceRecord(
        digest=plan.source.digest,
        kind=_source_kind(plan, catalog),
        location=plan.source.location,
        origin=tree.origin,
        verified=tree.verified,
        ref=plan.source.ref or UNSET,
    )


def _source_kind(plan: Plan, catalog: Catalog) -> str:
    """Return the kind of the source; `release` even for an archive file if a recipe pins it."""
    tag = catalog.tags().get(plan.version)
    pinned = tag is not None and plan.source.digest in {tag.tar_xz, tag.tgz}
    return "release" if plan.source.kind == "archive" and pinned else plan.source.kind


def llvm_record(llvm: DeferredLLVM, cached_version: str) -> LLVMRecord | Unset:
    """Return the record of the LLVM that was used, or UNSET if no LLVM was used.

    If the stencils came from the cache, the record names the version of the LLVM that made them,
    which is `cached_version`.
    """
    used = llvm.installation
    if used is not None:
        return LLVMRecord(version=used.version, origin=used.origin)
    if cached_version:
        return LLVMRecord(version=cached_version, origin="stencil cache")
    return UNSET


def temporary_paths(site: BuildSite, llvm: DeferredLLVM) -> dict[str, str]:
    """Return the temporary paths that an installed interpreter must not contain, with replacements.

    With --tail-call, clang compiled the interpreter. Its path in the build is replaced by the path
    of the installed clang. A managed clang may be removed at any time, so its path is replaced by
    its name.
    """
    paths = {str(site.source): "/build", str(site.scratch): "/build", sys.executable: "python3"}
    found = llvm.installation
    if site.llvm is None or found is None:
        return paths
    folder = site.llvm / "bin"
    if found.origin != "managed":
        paths |= {str(folder / name): str(path) for name, path in found.tools.items()}
    return paths | {str(site.llvm): "/usr", f"{folder}/": ""}

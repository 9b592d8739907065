"""Check that a release's source tree needs the LLVM that its plan provides."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from packaging.version import Version

from jitbuild.errors import LLVMError, SourceError
from jitbuild.sources.tree_facts import LLVM_SCRIPT, llvm_major
from jitbuild.system.files import store_errors

if TYPE_CHECKING:
    from jitbuild.planning.plan import Plan
    from jitbuild.recipes.catalog import Catalog
    from jitbuild.sources.obtain_tree import SourceTree


def check_llvm(plan: Plan, tree: SourceTree, catalog: Catalog) -> None:
    """Raise LLVMError if the release in `tree` needs another major version of LLVM than `plan`.

    The plan of a release is made from the recipes alone, so only its source can show that a recipe
    is wrong. make would fail minutes later. Raises SourceError if the release has no JIT.
    """
    if plan.source.kind != "release" or plan.llvm is None or not plan.variant.has_stencils:
        return
    recipe = catalog.for_version(Version(plan.version)).llvm
    if plan.llvm.bundled or recipe is None or recipe.overrides_tree:
        return
    script = tree.path / LLVM_SCRIPT
    if not script.is_file():
        raise SourceError(
            f"The source of CPython {plan.version} has no {LLVM_SCRIPT}, so it has no JIT.",
            remedy="Use --jit no, or request a newer release.",
        )
    with store_errors(script):
        needed = llvm_major(script.read_text(encoding="utf-8", errors="replace"))
    if needed not in {None, plan.llvm.major}:
        archive = shlex.quote(str(tree.archive))
        raise LLVMError(
            f"CPython {plan.version} needs LLVM {needed}, as its {LLVM_SCRIPT} states, but the "
            f"recipe says LLVM {plan.llvm.major}.",
            remedy="Install the archive itself, whose LLVM is read from its source: "
            f"jitbuild install {archive}. Or state the version in your own recipe (llvm-major in "
            "docs/recipes.md).",
        )

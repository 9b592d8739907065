"""Advise installs in messages, but only those that would work."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from jitbuild.errors import JitbuildError, RecipeError
from jitbuild.options import axis_options
from jitbuild.request import Axes, parse

if TYPE_CHECKING:
    from jitbuild.recipes.catalog import Catalog
    from jitbuild.target import Target


def advise_install(
    lead: str,
    spec: str,
    axes: Axes | None = None,
    *,
    catalog: Catalog | None = None,
    target: Target | None = None,
) -> str:
    """Return `lead`, a colon and the command that installs `spec` as `axes` state.

    If no such install is possible, because no recipe has a release for `spec`, or because the
    variant does not exist, return the reason instead. `catalog` and `target` are by default the
    recipes of the settings and this machine.
    """
    axes = axes or Axes()
    reason = _obstacle(spec, axes, catalog, target)
    return reason or f"{lead}: {shlex.join(['jitbuild', 'install', spec, *axis_options(axes)])}"


def _obstacle(spec: str, axes: Axes, catalog: Catalog | None, target: Target | None) -> str:
    """Return the reason why no plan can be made for a version; "" for other requests."""
    from jitbuild.planning.planner import make_plan, resolve_version
    from jitbuild.planning.prebuilt import stated_prebuilt_plan
    from jitbuild.recipe_folders import recipes_folder
    from jitbuild.recipes.catalog import load_catalog
    from jitbuild.target import host

    try:
        request = parse(spec)
        known = catalog or load_catalog(recipes_folder())
        machine = target or host().target
        if stated_prebuilt_plan(request, axes, machine, known) is None and request.is_version:
            make_plan(resolve_version(request, known), axes.variant(request), machine, known)
    except RecipeError:
        return ""  # `jitbuild install` reports it
    except JitbuildError as error:
        return str(error).replace("\n", " ")
    return ""

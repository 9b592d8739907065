"""Notes on interpreters in the store that `install` reuses instead of building."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from packaging.version import Version

from jitbuild import api, settings
from jitbuild.errors import JitbuildError
from jitbuild.options import axis_options
from jitbuild.planning.planner import make_plan, resolve_version
from jitbuild.providers.existing import lacks_recorded_essentials
from jitbuild.target import host

if TYPE_CHECKING:
    from jitbuild.planning.plan import Plan
    from jitbuild.request import Axes, Request
    from jitbuild.store.interpreter import Interpreter


def advise_upgrade(
    request: Request,
    axes: Axes,
    interpreter: Interpreter,
    recipes: str | None,
    *,
    command: str = "install",
) -> str | None:
    """Return a note if a release newer than `interpreter` fits `request` and can be built.

    `interpreter` is the one in the store that `install` uses for `request` and `axes`. `recipes` is
    the folder of recipes that the command line states, and `command` the command to name.
    """
    if request.kind not in {"series", "specifier"}:
        return None
    try:
        catalog = api.catalog(recipes)
        newest = resolve_version(request, catalog)
        make_plan(newest, axes.variant(request), host().target, catalog)
    except JitbuildError:
        return None
    if Version(newest.version) <= Version(interpreter.version):
        return None
    words = ["jitbuild", command, request.text, "--upgrade", *axis_options(axes)]
    if recipes:
        words += ["--recipes", recipes]
    note = f"{newest.version} is newer than {interpreter.name}."
    return f"{note} To {command} it: {shlex.join(words)}"


def is_locked(request: Request, registry: str | None) -> bool:
    """Return True if jitbuild.lock states for which release `request` stands.

    It does so only where a registry is set; `registry` is the one that the command line states.
    """
    if not settings.value("registry", registry):
        return False
    from jitbuild.registry.lock_file import find_lock_file, read_lock_file

    path = find_lock_file()
    return path is not None and read_lock_file(path).pinned(request, host().target.name) != request


def note_on_plan(request: Request, axes: Axes, plan: Plan) -> str | None:
    """Return a note if `install` would use an interpreter in the store and not carry out `plan`.

    `axes` are those that the command line states. The result is None for the plan of another
    platform. Nothing in the store is repaired or probed.
    """
    if not request.is_version or plan.target != host().target:
        return None
    wanted = api.axes_with_settings(axes, request).wanting_machine_code(request)
    try:
        found = api.store().find(request, wanted)
    except JitbuildError:
        return None
    if found is None or lacks_recorded_essentials(found):
        return None
    if found.key == plan.key:
        return f"{found.name} is already in the store, so `jitbuild install` builds nothing."
    used = f"{found.name} in the store fits {request.text}, so `jitbuild install` uses it."
    if plan.source.unpinned:
        return used
    return f"{used} It carries out this plan only with --upgrade."

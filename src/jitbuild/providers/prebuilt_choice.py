"""Choose between a prebuilt interpreter and a build on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jitbuild.errors import VariantError
from jitbuild.planning.prebuilt import faster_install, stated_prebuilt_plan, why_compiled
from jitbuild.sources.origin import ArchiveOrigin

if TYPE_CHECKING:
    from jitbuild.options import BuildOptions
    from jitbuild.planning.plan import Plan
    from jitbuild.recipes.catalog import Catalog
    from jitbuild.request import Axes, Request
    from jitbuild.target import Host


@dataclass(frozen=True, kw_only=True, slots=True)
class PrebuiltChoice:
    """The choice for the machine `host`, with the stated `options` and the recipes in `catalog`."""

    host: Host
    options: BuildOptions
    catalog: Catalog

    def plan(self, request: Request, axes: Axes) -> Plan | None:
        """Return the plan of a prebuilt interpreter if `axes` ask for one, and it fits, else None.

        Raises VariantError if it does not run with the C library of this machine, and the errors of
        `stated_prebuilt_plan`.
        """
        if axes.provider == "auto" and self._obstacle:
            return None
        target, sha256 = self.host.target, self.options.sha256
        plan = stated_prebuilt_plan(request, axes, target, self.catalog, sha256=sha256)
        if plan is not None and self._has_musl:
            raise VariantError(
                self._obstacle,
                remedy="The JIT has no target for musl. Use a system with glibc, such as a "
                "container of Debian, or compile without the JIT: --provider source --jit no",
            )
        return plan

    def why_compiled(self, request: Request, axes: Axes) -> str:
        """Return the sentence why the provider `auto` compiles; "" for other providers."""
        if axes.provider == "auto" and self._obstacle:
            return self._obstacle
        target, sha256 = self.host.target, self.options.sha256
        return why_compiled(request, axes, target, self.catalog, sha256=sha256)

    def faster_install(self, request: Request, axes: Axes) -> str:
        """Return a note that --prebuilt would take seconds; "" if it would not be possible."""
        if self.options.sha256 or self._obstacle:
            return ""
        return faster_install(request, axes, self.host.target, self.catalog)

    @property
    def _has_musl(self) -> bool:
        return self.host.libc.startswith("musl")

    @property
    def _obstacle(self) -> str:
        """The sentence why no prebuilt interpreter can be had here; "" if one can."""
        if self._has_musl:
            return "Prebuilt CPythons with the JIT need glibc, and this machine has musl."
        if ArchiveOrigin.parse(self.options.mirror).kind == "distro":
            return "The mirror `distro` has only sources."
        return ""

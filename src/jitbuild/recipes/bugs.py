"""Known JIT bugs: the entries `[[bug]]` of recipes/cpython-*.toml.

docs/recipes.md describes the keys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import field

from jitbuild.recipes import toml
from jitbuild.recipes.rules import Condition

if TYPE_CHECKING:
    from packaging.version import Version

    from jitbuild.request import Variant
    from jitbuild.target import Target

_ISSUES = "https://github.com/python/cpython/issues"


class KnownBug(toml.Table, frozen=True):
    """A bug of the JIT in releases of a series.

    `issue` is the number of CPython's issue (`gh-154701`), and `what` a sentence that states what
    happens. `when` are the builds that have the bug. If `at_least` is True, `when.versions` are
    only those versions that are known to have it: others may have it, too. `fixed_in` is the first
    release of the series without the bug; it is empty while no release has a fix.

    `snippet` is a script that exits with 1 if the bug shows, and with 0 if it does not, when it
    runs with the JIT on. If `snippet_ends` is False, a bug that shows makes the script crash or run
    forever. If `warn` is False, no program behaves differently with the bug; it is listed, but
    nothing warns of it.
    """

    issue: str
    what: str
    when: Condition = field(default_factory=Condition)
    at_least: bool = False
    fixed_in: str = ""
    snippet: str = ""
    snippet_ends: bool = True
    warn: bool = True

    @property
    def url(self) -> str:
        """The URL of CPython's issue."""
        return f"{_ISSUES}/{self.issue.removeprefix('gh-')}"

    def affects(self, version: Version, target: Target, variant: Variant) -> bool:
        """Return True if a build of `version` for `target` as `variant` has the bug."""
        return has_jit(variant) and self.when.holds(version, target, variant)

    def to_json(self) -> dict[str, Any]:
        """Return the bug as plans and reports have it; docs/design.md documents the shape."""
        return {
            "issue": self.issue,
            "url": self.url,
            "what": self.what,
            "versions": self.when.versions,
            "at_least": self.at_least,
            "fixed_in": self.fixed_in or None,
        }

    def to_full_json(self) -> dict[str, Any]:
        """Return the bug as `jitbuild bugs --json` prints it."""
        return {
            **self.to_json(),
            "targets": list(self.when.targets),
            "jit": list(self.when.jit),
            "assertions": self.when.assertions is True,
            "warn": self.warn,
            "snippet": self.snippet or None,
            "snippet_ends": self.snippet_ends if self.snippet else None,
        }


def has_jit(variant: Variant) -> bool:
    """Return True if a build as `variant` can run the JIT; free-threaded builds never do."""
    return variant.jit != "no" and not variant.free_threaded

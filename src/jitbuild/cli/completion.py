"""Complete the values of arguments in a shell.

Only argcomplete calls these functions. argcomplete hides errors, so these functions print nothing.
"""

from __future__ import annotations

from jitbuild import api


def known_requests(**_: object) -> list[str]:
    """Return every series and tag of the recipes."""
    catalog = api.catalog(None)
    return [*sorted(catalog.series), *catalog.tags()]


def installed_names(**_: object) -> list[str]:
    """Return the names, versions and series of the interpreters in the store."""
    names: set[str] = set()
    for interpreter in api.installed():
        series = interpreter.version.rpartition(".")[0]
        names |= {interpreter.name, interpreter.version, series}
    return sorted(names)


def moved_names(**_: object) -> list[str]:
    """Return the names of the interpreters that were moved."""
    return [each.name for each in api.installed() if each.moved_from is not None]


def cache_names(**_: object) -> list[str]:
    """Return the names of the caches."""
    from jitbuild.building.caches.inventory import NAMES

    return list(NAMES)


def dependency_groups(**_: object) -> list[str]:
    """Return the names of the dependency groups of the current project."""
    from jitbuild.running.dependency_groups import group_names

    return group_names()


def benchmark_names(*, parsed_args: object = None, **_: object) -> list[str]:
    """Return the names of the benchmarks of the suite that `parsed_args` selects.

    The names of pyperformance's benchmarks are known only if an environment in the store contains
    pyperformance.
    """
    if getattr(parsed_args, "suite", None) == "pyperformance":
        from jitbuild.bench import pyperformance

        return pyperformance.installed_names(api.store().cache("environments"))
    from jitbuild.bench.quick_suite import PROGRAMS

    return list(PROGRAMS)

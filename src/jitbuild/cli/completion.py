"""What the shell may offer for a SPEC. Called by argcomplete alone, which swallows errors, so nothing is said here."""

from __future__ import annotations

from jitbuild import api


def known_requests(**_: object) -> list[str]:
    """What can be installed: every series and tag of the recipes."""
    catalog = api.catalog(None)
    return [*sorted(catalog.series), *catalog.tags()]


def installed_names(**_: object) -> list[str]:
    """What the store has: names, versions and series."""
    words = [
        (found.name, found.version, found.version.rpartition(".")[0]) for found in api.installed()
    ]
    return sorted({word for each in words for word in each})


def cache_names(**_: object) -> list[str]:
    """The caches of the store, by the names of their folders."""
    from jitbuild.building.caches.inventory import NAMES

    return list(NAMES)


def benchmark_names(*, parsed_args: object = None, **_: object) -> list[str]:
    """The programs of `bench`'s suite: the quick one, or pyperformance, where an environment has it already."""
    if getattr(parsed_args, "suite", None) == "pyperformance":
        from jitbuild.bench import pyperformance as suite

        return suite.known(api.store().cache("environments"))
    from jitbuild.bench.quick_suite import PROGRAMS

    return list(PROGRAMS)

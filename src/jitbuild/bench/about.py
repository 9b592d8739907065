"""Say in a few lines what was measured: when, by which interpreter and on which machine. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jitbuild.system.formatting import count_noun

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from jitbuild.bench.report import BenchReport

# The metadata of each pyperf file that a comparison of files shows.
_SHOWN_METADATA = (
    *("date", "python_version", "python_implementation", "python_executable", "perf_version"),
    *("jitbuild_version", "jitbuild_mode", "jitbuild_interpreter", "jitbuild_profile"),
    "jitbuild_provider",
    *("cpu_model_name", "cpu_count", "platform", "jitbuild_system", "hostname"),
)
# If files differ in one of these facts, their machines or systems differ.
_MACHINE_METADATA = ("hostname", "cpu_model_name", "platform")


def period(dates: tuple[datetime, datetime] | None) -> str:
    """Return the time between two dates as text: to the minute, on one day without the end."""
    if dates is None:
        return ""
    begin, end = (f"{date:%Y-%m-%d %H:%M}" for date in dates)
    return begin if begin[:10] == end[:10] else f"{begin} to {end}"


def facts_of_file(side: str, metadata: Mapping[str, Any], date: str) -> dict[str, str]:
    """Return the facts about one of two compared files, with `side` (base or other) before each.

    `date` is the time of all runs, or "" if it is not known.
    """
    facts = {**metadata, "date": date}
    return {f"{side}_{name}": str(facts[name]) for name in _SHOWN_METADATA if facts.get(name)}


def facts_of_side(about: Mapping[str, str], side: str) -> dict[str, str]:
    """Return the facts about one of two compared files, without `side` before each."""
    prefix = f"{side}_"
    return {key.removeprefix(prefix): about[key] for key in about if key.startswith(prefix)}


def machine_differences(base: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Return how the machines or systems of two files differ: `host-a and host-b`; [] if equal."""
    return [
        f"{base[name]} and {other[name]}"
        for name in _MACHINE_METADATA
        if name in base and name in other and base[name] != other[name]
    ]


def lines(report: BenchReport) -> Iterator[str]:
    """Yield the lines of a report on what was measured; unknown facts are omitted."""
    about = report.about
    if report.comparison != "files":
        yield from _lines(_titled(about))
        return
    for side, name in (("base", report.base), ("other", report.other)):
        yield from _lines({name: _facts_of_file(facts_of_side(about, side))})


def _lines(titled: Mapping[str, Iterable[str]]) -> Iterator[str]:
    for title, facts in titled.items():
        known = ", ".join(filter(None, facts))
        if known:
            yield f"{title}: {known}"


def _titled(about: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Return the facts about a measurement, by the titles of their lines."""
    return {
        "interpreter": (
            _after("CPython ", about.get("version")),
            _after("profile ", about.get("profile")),
            _if_prebuilt(about.get("provider")),
            _after("JIT ", about.get("jit")),
        ),
        "machine": (
            about.get("processor", ""),
            count_noun(int(about["processors"]), "processor") if "processors" in about else "",
            about.get("system", ""),
            about.get("kernel", ""),
        ),
        "measured": (about.get("date", ""), *_tools(about.get("jitbuild"), about.get("pyperf"))),
    }


def _facts_of_file(facts: Mapping[str, str]) -> tuple[str, ...]:
    return (
        _after("Python ", facts.get("python_version")),
        _after("profile ", facts.get("jitbuild_profile")),
        _if_prebuilt(facts.get("jitbuild_provider")),
        _after("mode ", facts.get("jitbuild_mode")),
        facts.get("cpu_model_name", ""),
        facts.get("jitbuild_system", ""),
        facts.get("platform", ""),
        facts.get("date", ""),
        *_tools(facts.get("jitbuild_version"), facts.get("perf_version")),
    )


def _tools(jitbuild: str | None, pyperf: str | None) -> tuple[str, ...]:
    return _after("jitbuild ", jitbuild), _after("pyperf ", pyperf)


def _if_prebuilt(provider: str | None) -> str:
    return provider if provider and provider.startswith("prebuilt") else ""


def _after(title: str, fact: str | None) -> str:
    return f"{title}{fact}" if fact else ""

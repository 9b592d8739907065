"""Warn about builds and programs that make the result of a measurement doubtful."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from jitbuild.advice import advise_install
from jitbuild.request import Axes

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from jitbuild.bench.report import JITInspection
    from jitbuild.store.interpreter import Interpreter

_PROFILE_CAVEATS = {
    "fast": (
        "This is a `fast` build, without PGO and LTO. Its interpreter is slower than that of a "
        "release, so the gain is overstated. {release}"
    ),
    "debug": ("This is a debug build: its times do not represent a release. {another}"),
    "unknown": (
        "The build profile is unknown; without PGO and LTO the gain would be overstated. "
        "If you know the profile, record it: jitbuild adopt {executable} --profile release"
    ),
}


def build_caveats(interpreter: Interpreter, *, debug: bool = False) -> Iterator[str]:
    """Yield a caveat if the profile of an interpreter's build distorts the result.

    `debug` is True if the probe found a debug build.
    """
    profile = "debug" if debug else interpreter.variant.profile
    if profile in _PROFILE_CAVEATS:
        series, release = ".".join(interpreter.version.split(".")[:2]), Axes(profile="release")
        yield _PROFILE_CAVEATS[profile].format(
            release=advise_install("For reliable numbers", series, release),
            another=advise_install("Build another", series, release),
            executable=shlex.quote(str(interpreter.executable)),
        )


def uncompiled_caveats(
    inspections: Mapping[str, JITInspection], without_gain: Collection[str]
) -> Iterator[str]:
    """Yield a caveat that names the benchmarks in which nothing was compiled.

    The benchmarks in `without_gain` are not named, because no gain is expected in them.
    """
    names = [
        name
        for name, inspection in inspections.items()
        if not inspection.compiled and name not in without_gain
    ]
    if names:
        yield (
            f"The JIT made no machine code in {', '.join(names)}: "
            "a Python loop is compiled after about 4000 iterations in one process."
        )


def tracer_caveats(facts_by_benchmark: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield a caveat if a tracer prevented measured code from running in the JIT."""
    tracers = {
        tracer
        for facts in facts_by_benchmark.values()
        for tracer in facts.get("tracers", ())
        if "monitoring" not in tracer
    }
    if tracers:
        yield (
            f"{' and '.join(sorted(tracers))} is set in the measured program: "
            "while it is set, no code runs in the JIT."
        )

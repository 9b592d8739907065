"""Caveats about a measurement, from the build of the interpreter and from the measured programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from jitbuild.bench.report import JITInspection
    from jitbuild.store.interpreter import Interpreter

_PROFILE_CAVEATS = {
    "fast": (
        "This is a `fast` build, without PGO and LTO. Its interpreter is slower than that of a "
        "release, so the gain is overstated. "
        "For reliable numbers: jitbuild install {series} --profile release"
    ),
    "debug": (
        "This is a debug build: its times do not represent a release. "
        "Build another: jitbuild install {series} --profile release"
    ),
    "unknown": (
        "The build profile is unknown; without PGO and LTO the gain would be overstated. "
        "If you know the profile, record it: jitbuild adopt {executable} --profile release"
    ),
}


def build_caveats(interpreter: Interpreter, *, debug: bool = False) -> Iterator[str]:
    """Yield the caveat about how an interpreter was built; `debug` is what the probe found."""
    profile = "debug" if debug else interpreter.variant.profile
    if profile in _PROFILE_CAVEATS:
        series = ".".join(interpreter.version.split(".")[:2])
        yield _PROFILE_CAVEATS[profile].format(series=series, executable=interpreter.executable)


def uncompiled_caveats(
    inspections: Mapping[str, JITInspection], without_gain: Collection[str]
) -> Iterator[str]:
    """Yield a caveat if the JIT compiled nothing in a benchmark where it should have."""
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
    """Yield a caveat if a tracer kept the JIT out of the measured code."""
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

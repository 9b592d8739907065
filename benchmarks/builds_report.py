"""Print the measurements of builds.py, and write them as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ratios import results
from session import MIB

from jitbuild import target

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ratios import Measure
    from rivals import Bench
    from session import Session

_OTHERS = ("python-", "by ")


def report(session: Session, wanted: Iterable[Measure]) -> Iterator[str]:
    """Yield the lines of the report."""
    yield ""
    for name, stages in session.stages.items():
        yield f"{name}: {', '.join(f'{stage} {spent}' for stage, spent in stages.items())}"
    yield from _modules(session)
    yield ""
    yield from map(str, results(session.runs, wanted))
    yield _memory(session)
    for run in session.runs.get("four", ()):
        at_once = run.to_json()["at_once"]
        shown = _at_once(at_once) if at_once else "not measured"
        yield f"running or runnable at once with -j{session.bench.jobs}: {shown}"


def to_json(session: Session, wanted: Iterable[Measure]) -> dict[str, Any]:
    """Return all measurements."""
    return {
        "machine": machine(session.bench),
        "flags": session.flags,
        "ccache": session.ccache,
        "runs": {name: [run.to_json() for run in runs] for name, runs in session.runs.items()},
        "stages": session.stages,
        "modules": {
            kind: {side: names for side, names in sides.items() if side != "both"}
            for kind, sides in session.modules.items()
        },
        "ratios": [
            {
                "name": result.measure.name,
                "ratio": round(result.ratio, 4),
                "reach": result.measure.limit,
            }
            for result in results(session.runs, wanted)
        ],
    }


def machine(bench: Bench) -> str:
    """Return a line on the machine and on what both sides are given."""
    host = target.host()
    tools = ", ".join(sorted({str(folder) for folder in bench.tools.values()}))
    return f"{host.target}, {host.libc}, {host.cpus} processors, -j{bench.jobs}, LLVM in {tools}"


def _modules(session: Session) -> Iterator[str]:
    for kind, sides in session.modules.items():
        alone = [
            f"{side}: {', '.join(names) or 'none'}"
            for side, names in sides.items()
            if side != "both"
        ]
        yield f"modules {kind}: {len(sides['both'])} in both; {'; '.join(alone)}"


def _memory(session: Session) -> str:
    peaks = [
        run.peak_kib
        for name, runs in session.runs.items()
        if not name.startswith(_OTHERS)
        for run in runs
        if run.peak_kib is not None
    ]
    if not peaks:
        return "memory of jitbuild itself: not measured"
    return f"memory of jitbuild itself, peak: {max(peaks) / MIB:.1f} MiB (target: at most 60)"


def _at_once(kinds: Mapping[str, Mapping[str, int]]) -> str:
    return ", ".join(
        f"{kind} peak {counts['peak']} p99 {counts['p99']} median {counts['median']}"
        for kind, counts in kinds.items()
    )

"""Write one pyperf file per arm (side of a comparison), without outliers and with metadata."""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from jitbuild.bench import about, pyperf_files, session_results, stats
from jitbuild.bench.plan import INTERLEAVED_KINDS
from jitbuild.system.own_version import own_version

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from jitbuild.bench.plan import Arm, Benchmark, Kind
    from jitbuild.bench.session import MeasurementSession
    from jitbuild.bench.stats import Sample
    from jitbuild.probing.verdict import Verdict
    from jitbuild.running.tally import ModeTally
    from jitbuild.store.interpreter import Interpreter


@dataclass(frozen=True, kw_only=True, slots=True)
class ArmFiles:
    """The files and samples of both arms.

    `outliers` has the number of rounds that were left out, by benchmark. `period` is the time of
    the measurement as text; it is empty if the runs have no dates.
    """

    paths: Mapping[str, Path]
    base: Mapping[str, Sample]
    other: Mapping[str, Sample]
    outliers: Mapping[str, int]
    period: str = ""


def write_arm_files(
    session: MeasurementSession,
    interpreter: Interpreter,
    verdict: Verdict,
    tallies: Mapping[str, ModeTally],
    system: str = "",
) -> ArmFiles:
    """Join the results of each arm and write them to the session's folder, one file per arm.

    `tallies` are the counts of the observed processes, by arm; each file has those of its arm.
    `system` is the name of the operating system, or "" if it is not known.

    Rounds that are outliers are removed from both arms. If the processes were not interleaved, no
    round is removed, because then the usual activity of the machine can make the two processes of a
    round differ a lot.
    """
    shared = {"jitbuild_version": own_version()}
    if system:
        shared["jitbuild_system"] = system
    suites = [
        _join_arm(
            session, arm, shared | _metadata(interpreter, verdict, arm, tallies.get(arm.name))
        )
        for arm in session.arms
    ]
    base, other = map(pyperf_files.samples, suites)
    outliers = outlier_rounds(base, other, session.benchmarks[0].kind)
    suites = [pyperf_files.without_rounds(suite, outliers) for suite in suites]
    paths = {arm.name: session.folder / f"{arm.name}.json" for arm in session.arms}
    for suite, path in zip(suites, paths.values(), strict=True):
        pyperf_files.dump(suite, path)
    base, other = map(pyperf_files.samples, suites)
    counts = {name: len(outliers[name]) for name in base if name in outliers}
    period = about.period(pyperf_files.dates(suites[0]))
    return ArmFiles(paths=paths, base=base, other=other, outliers=counts, period=period)


def copy_arm_files(arms: ArmFiles, folder: Path) -> ArmFiles:
    """Copy the files of both arms to `folder`, and return `arms` with the paths of the copies.

    Raises OSError if the files cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = {arm: folder / path.name for arm, path in arms.paths.items()}
    for arm, path in paths.items():
        with contextlib.suppress(shutil.SameFileError):
            shutil.copyfile(arms.paths[arm], path)
    return replace(arms, paths=paths)


def outlier_rounds(
    base: Mapping[str, Sample], other: Mapping[str, Sample], kind: Kind
) -> dict[str, frozenset[int]]:
    """Return the rounds to leave out, counted from 0, by the name of the benchmark."""
    if kind not in INTERLEAVED_KINDS:
        return {}
    return {
        name: rounds
        for name in base.keys() & other.keys()
        if (rounds := stats.outliers(base[name], other[name]))
    }


def _join_arm(session: MeasurementSession, arm: Arm, arm_metadata: Mapping[str, Any]) -> Any:
    """Return everything that was measured in an arm, as one pyperf suite."""
    by_name = {benchmark.name: _suite_metadata(benchmark) for benchmark in session.benchmarks}
    by_path = {
        path: by_name[name]
        for name, paths in session_results.measured_files(session, arm).items()
        for path in paths
    }
    metadata = {
        **arm_metadata,
        "jitbuild_session": session_results.identity(session),
        "jitbuild_until_decided": int(session.stopping.until_decided),
    }
    suite = pyperf_files.join(by_path, metadata, by_path)
    assert suite is not None  # an interruption before anything was measured has been raised
    return suite


def _metadata(
    interpreter: Interpreter, verdict: Verdict, arm: Arm, processes: ModeTally | None
) -> dict[str, Any]:
    """Return the metadata of an arm. pyperf accepts strings and numbers, but no booleans."""
    return {
        "jitbuild_arm": arm.name,
        "jitbuild_mode": arm.mode,
        "jitbuild_interpreter": interpreter.name,
        "jitbuild_profile": "debug" if verdict.debug else interpreter.variant.profile,
        "jitbuild_provider": interpreter.provider_text,
        "jitbuild_jit": verdict.built,
        "jitbuild_probe": "ok" if verdict.ok else verdict.reason,
        "jitbuild_machine_code_bytes": verdict.machine_code_bytes,
        **({"jitbuild_witness": processes.sentence} if processes else {}),
    }


def _suite_metadata(benchmark: Benchmark) -> dict[str, Any]:
    """Return the metadata that pyperformance needs to compare files; {} for other kinds."""
    if benchmark.kind != "suite":
        return {}
    return {"performance_version": benchmark.version, "tags": list(benchmark.tags)}

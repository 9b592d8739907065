"""Why a program gains or not: which of its functions got machine code, and which hot ones did not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jitbuild.bench import scripts
from jitbuild.bench.report import CompiledFunction, HotFunction, JITInspection
from jitbuild.running import command as words
from jitbuild.system import process

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from jitbuild.bench.plan import Benchmark
    from jitbuild.modes import Mode

# Less of the time than this, and it does not matter to the whole.
_HOT = 0.05
_REPEATS = 50
# The folders of what measures: in a run of a suite's script it is in the profile, too.
_MEASURES = frozenset({"pyperf", "psutil"})


def compiled(facts: Mapping[str, Any]) -> JITInspection | None:
    """What a worker, or bench_inspect.py, saw; None where it could not see the program."""
    if "functions" not in facts:
        return None
    rows = facts["functions"]
    functions = (
        CompiledFunction(
            name=row["name"],
            file=row["file"],
            line=row["line"],
            executors=row["executors"],
            bytes=row["bytes"],
        )
        for row in rows
    )
    return JITInspection(compiled=tuple(sorted(functions, key=lambda each: -each.executors)))


def watched(
    benchmark: Benchmark,
    python: Path,
    scratch: Path,
    env: Callable[[Mode], Mapping[str, str]],
    *,
    timeout: float | None,
    recorder: process.Recorder = process.record,
) -> dict[str, Any]:
    """What the JIT makes of a command that is a Python program, in a run apart from what is measured; empty for any other."""
    found = (
        words.split_program(["python", *benchmark.words[1:]])
        if benchmark.words[:1] == (str(python),)
        else None
    )
    if found is None:
        return {}
    options, program = found
    return _run(
        [str(python), *options, str(scripts.INSPECT)],
        program,
        scratch / "watched",
        env("on"),
        timeout,
        recorder,
    )


def hot(
    benchmark: Benchmark,
    seen: JITInspection,
    python: Path,
    scratch: Path,
    env: Callable[[Mode], Mapping[str, str]],
    *,
    timeout: float | None,
    recorder: process.Recorder = process.record,
) -> JITInspection:
    """`seen`, with the functions that took a twentieth of the time (by cProfile, JIT off) and have no machine code.

    Not of pytest's tests: pytest itself, and pytest-benchmark's search for the number of rounds, would fill the profile.
    """
    if benchmark.kind == "pytest":
        return seen
    found = (
        words.split_program(["python", *benchmark.words[1:]])
        if benchmark.kind == "command"
        else ([], _repeated(benchmark))
    )
    if found is None:
        return seen
    options, program = found
    target = scratch / f"hot-{benchmark.name}"
    facts = _run(
        [str(python), *options, str(scripts.INSPECT)],
        ["--profile", *program],
        target,
        env("off"),
        timeout,
        recorder,
    )
    places = {(each.file, each.line) for each in seen.compiled}
    bare = (
        HotFunction(name=row["name"], file=row["file"], line=row["line"], share=row["share"])
        for row in facts.get("hot", ())
        if row["share"] >= _HOT
        and (row["file"], row["line"]) not in places
        and not _MEASURES & {*Path(row["file"]).parts}
    )
    return JITInspection(compiled=seen.compiled, uncompiled=tuple(bare))


def _repeated(benchmark: Benchmark) -> list[str]:
    if benchmark.kind == "suite":
        return list(benchmark.words)
    if benchmark.kind == "stmt":
        return [
            "-c",
            f"import timeit; timeit.Timer({benchmark.stmt!r}, {benchmark.setup!r}).autorange()",
        ]
    place = f"import sys; sys.dont_write_bytecode = True; sys.path.insert(0, {str(scripts.WORKER.parent)!r}); import bench_programs"
    return [
        "-c",
        f"{place}\nfor _ in range({_REPEATS}): bench_programs.PROGRAMS[{benchmark.name!r}]()",
    ]


def _run(
    start: Sequence[str],
    program: Sequence[str],
    target: Path,
    env: Mapping[str, str],
    timeout: float | None,
    recorder: process.Recorder,
) -> dict[str, Any]:
    target.unlink(missing_ok=True)
    argv = [*start, str(target), *program]
    with target.with_suffix(".log").open("wb") as log:
        recorder(argv, env=env, log=log, timeout=timeout)
    try:
        facts = json.loads(target.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}

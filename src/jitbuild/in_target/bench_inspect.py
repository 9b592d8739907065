"""Run a Python program; record its functions with executors, or those that take the most time.

    python bench_inspect.py FACTS [--profile] (-c CODE | -m MODULE | FILE) [ARGUMENT ...]

This script runs in the interpreter under test, and writes the facts as JSON to the file FACTS.
Executors can disappear while a program runs, and so can functions. A thread therefore samples the
functions every quarter of a second, and the samples are merged. With --profile, cProfile records
the functions that take the most time instead.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import CodeType

_FOLDER = os.path.dirname(os.path.abspath(__file__))
_INTERVAL_SECONDS = 0.25
_PROFILE_ROWS = 40


def main() -> None:
    """Run the program as the command line says; discard its output, which can be large."""
    target, *words = sys.argv[1:]
    null = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(null, descriptor)
    if words[:1] == ["--profile"]:
        _profile(target, words[1:])
    else:
        _watch(target, words)


def _sibling(name: str) -> Any:
    """Load a module of this folder so that the program can neither replace nor import it."""
    return SimpleNamespace(**runpy.run_path(os.path.join(_FOLDER, f"{name}.py")))


def _watch(target: str, words: list[str]) -> None:
    executors = _sibling("bench_executors")
    done = threading.Event()
    samples: list[dict[str, Any]] = []
    codes: list[CodeType] = []

    def watch() -> None:
        while not done.wait(_INTERVAL_SECONDS):
            samples.append(executors.facts(*codes))

    threading.Thread(target=watch, daemon=True).start()
    try:
        _run(words, codes)
    finally:
        samples.append(executors.facts(*codes))
        done.set()
        _write(target, unite(samples))


def unite(samples: list[dict[str, Any]]) -> dict[str, Any]:
    """Merge samples: return the last sample, with the tracers and functions of all samples.

    Each function has the largest numbers that any sample has for it.
    """
    functions: dict[tuple[str, str, int], dict[str, Any]] = {}
    for sample in samples:
        for row in sample["functions"]:
            key = (row["file"], row["name"], row["line"])
            before = functions.get(key, row)
            largest = {name: max(row[name], before[name]) for name in ("executors", "bytes")}
            functions[key] = {**row, **largest}
    tracers = sorted({tracer for sample in samples for tracer in sample["tracers"]})
    return {**samples[-1], "tracers": tracers, "functions": list(functions.values())}


def _profile(target: str, words: list[str]) -> None:
    import cProfile
    import pstats

    library_of = _sibling("bench_origin").library_of
    profiler = cProfile.Profile()
    try:
        profiler.runcall(_run, words, [])
    finally:
        stats: Any = pstats.Stats(profiler)
        total = stats.total_tt or 1.0
        hottest = sorted(stats.stats.items(), key=lambda item: -item[1][2])[:_PROFILE_ROWS]
        rows = [
            {
                "file": file,
                "line": line,
                "name": name,
                "library": library_of(file),
                "share": own / total,
            }
            for (file, line, name), (_, _, own, *_) in hottest
            if file not in {"~", __file__} and "importlib" not in file
        ]
        _write(target, {"hot": rows})


def _run(words: list[str], codes: list[CodeType]) -> None:
    """Run the program as `python WORDS` would.

    For a file or `-c CODE`, the code object of the top level is added to `codes`.
    """
    import __main__

    if not sys.flags.safe_path:
        # Replace this file's folder by the program's folder or, for -c and -m, by the current
        # folder.
        sys.path[0] = "" if words[0] in {"-c", "-m"} else os.path.dirname(os.path.abspath(words[0]))
    if words[0] == "-m":
        sys.argv = words[1:]
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
        return
    if words[0] == "-c":
        source, name, sys.argv = words[1].encode(), "<string>", ["-c", *words[2:]]
    else:
        with open(words[0], "rb") as file:
            source, name, sys.argv = file.read(), words[0], list(words)
    code = compile(source, name, "exec", dont_inherit=True)
    codes.append(code)
    __main__.__dict__["__file__"] = name
    exec(code, __main__.__dict__)  # noqa: S102  # nosec B102


def _write(target: str, facts: dict[str, Any]) -> None:
    with open(target, "w", encoding="utf-8") as file:
        json.dump(facts, file)


if __name__ == "__main__":
    main()

"""Runs a Python program and says what the JIT made of it: `python bench_inspect.py FACTS [--profile] (-c CODE | -m MODULE | FILE) ...`

Runs in the interpreter under test. Executors come and go, and a program that ends takes its functions along: so a thread looks
every now and then, and what it ever saw is united. With --profile nothing of that is done; cProfile then says where the time goes.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import sys
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import CodeType

_SECONDS = 0.25
_MOST = 40


def _seen() -> Any:
    """The module beside this file; no bytecode is written there."""
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        return importlib.import_module("bench_executors")
    finally:
        sys.dont_write_bytecode = before


def main() -> None:
    target, *words = sys.argv[1:]
    # It may print as much as it likes: nobody reads it here.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        os.dup2(nowhere, number)
    profile = words[:1] == ["--profile"]
    if profile:
        _profiled(target, words[1:])
    else:
        _watched(target, words)


def _watched(target: str, words: list[str]) -> None:
    # Now: afterwards this file's folder is no longer on sys.path.
    looking = _seen()
    done = threading.Event()
    seen: list[dict[str, Any]] = []
    codes: list[CodeType] = []

    def watch() -> None:
        while not done.wait(_SECONDS):
            seen.append(looking.facts(*codes))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        _run(words, codes)
    finally:
        seen.append(looking.facts(*codes))
        done.set()
        _write(target, _united(seen))


def _united(seen: list[dict[str, Any]]) -> dict[str, Any]:
    functions: dict[tuple[str, str, int], dict[str, Any]] = {}
    for facts in seen:
        for each in facts["functions"]:
            key = (each["file"], each["name"], each["line"])
            before = functions.get(key, each)
            functions[key] = {
                **each,
                **{what: max(each[what], before[what]) for what in ("executors", "bytes")},
            }
    tracers = sorted({tracer for facts in seen for tracer in facts["tracers"]})
    return {**seen[-1], "tracers": tracers, "functions": list(functions.values())}


def _profiled(target: str, words: list[str]) -> None:
    import cProfile
    import pstats

    profiler = cProfile.Profile()
    try:
        profiler.runcall(_run, words, [])
    finally:
        stats: Any = pstats.Stats(profiler)
        whole = stats.total_tt or 1.0
        hot = sorted(stats.stats.items(), key=lambda item: -item[1][2])[:_MOST]
        rows = [
            {"file": file, "line": line, "name": name, "share": own / whole}
            for (file, line, name), (_, _, own, *_) in hot
            if file not in {"~", __file__} and "importlib" not in file
        ]
        _write(target, {"hot": rows})


def _run(words: list[str], codes: list[CodeType]) -> None:
    """As `python WORDS` would, with `codes` holding the program's own top level."""
    import __main__

    # What is measured has the current folder, or its own, there; not this one.
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
    exec(code, __main__.__dict__)  # noqa: S102


def _write(target: str, facts: dict[str, Any]) -> None:
    with open(target, "w", encoding="utf-8") as file:
        json.dump(facts, file)


if __name__ == "__main__":
    main()

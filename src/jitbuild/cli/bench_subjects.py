"""What `jitbuild bench` measures: what the words ask for, and the environment in which it runs."""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild.bench import _programs, files, plan
from jitbuild.cli.run import command_environment, command_line
from jitbuild.diff import environments, words
from jitbuild.errors import UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from jitbuild.bench.plan import Benchmark, Counts
    from jitbuild.report import Reporter
    from jitbuild.store import Interpreter, Store

_DEFAULTS: dict[str, Counts] = {"quick": plan.QUICK, "stmt": plan.STMT, "command": plan.COMMAND}


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """What is measured: `benchmarks` as they run, `asked` as they were asked for, and the `python` of the environment with
    `packages` in which they do."""

    asked: tuple[Benchmark, ...]
    benchmarks: tuple[Benchmark, ...]
    python: Path
    packages: tuple[str, ...]


def asked(options: argparse.Namespace) -> tuple[Benchmark, ...]:
    """What the words of the command line ask for. Raises UsageError."""
    command = tuple(options.command or ())
    _check(options, command)
    if command:
        option = words.ignored_environment(command)
        if option is not None:
            raise UsageError(f"Under {option} no mode reaches the program.", remedy=f"Leave {option} out.")
        return (plan.Benchmark(kind="command", name="command", words=command),)
    if options.stmt is not None:
        return (plan.Benchmark(kind="stmt", name="stmt", stmt=options.stmt, setup=options.setup or "pass"),)
    return tuple(
        plan.Benchmark(kind="quick", name=name, gains=_programs.PROGRAMS[name].gains) for name in _chosen(options.benchmarks or "")
    )


@contextlib.contextmanager
def prepared(
    options: argparse.Namespace, wanted: tuple[Benchmark, ...], found: Interpreter, kept: Store, say: Reporter
) -> Iterator[Subject]:
    """What is asked for, where it can run: in an environment of `found`, which nobody else changes meanwhile."""
    packages = (f"pyperf=={files.VERSION}", *options.with_)
    lists = [Path(file) for file in options.requirements]
    with environments.prepared(kept, found, packages, lists, reporter=say) as python:
        under_test = found._replace(executable=python)
        located = tuple(_located(each, under_test) for each in wanted)
        yield Subject(asked=wanted, benchmarks=located, python=python, packages=packages)


def counts(options: argparse.Namespace, benchmark: Benchmark) -> Counts:
    """How much is measured of such a benchmark."""
    usual = _DEFAULTS[benchmark.kind]
    return replace(usual, rounds=options.rounds or usual.rounds, values=options.values or usual.values)


def _check(options: argparse.Namespace, command: tuple[str, ...]) -> None:
    """Refuse what contradicts itself."""
    if command and options.stmt:
        raise UsageError("--stmt and a command after `--` are both there.", remedy="Measure one at a time.")
    if options.stmt is None and options.setup is not None:
        raise UsageError("--setup stands without --stmt.", remedy="Say what is measured: --stmt CODE.")
    if options.benchmarks and (command or options.stmt):
        raise UsageError("--benchmarks chooses from the quick suite.", remedy="Leave it out, or measure the suite.")
    if options.command is not None and not command:
        raise UsageError("There is no command after `--`.", remedy="Say which: jitbuild bench 3.15 -- script.py")


def _chosen(text: str) -> list[str]:
    """Names of the quick suite, all without any. Raises UsageError."""
    named = [word.strip() for word in text.split(",") if word.strip()]
    for word in named:
        if word not in _programs.PROGRAMS:
            names = ", ".join(_programs.PROGRAMS)
            raise UsageError(f"{word!r} is no program of the quick suite.", remedy=f"There are: {names}.")
    return list(dict.fromkeys(named)) or list(_programs.PROGRAMS)


def _located(benchmark: Benchmark, under_test: Interpreter) -> Benchmark:
    """A command with the interpreter, or the program on its PATH, in place of the first word. Raises UsageError."""
    if benchmark.kind != "command":
        return benchmark
    argv = command_line(under_test, benchmark.words)
    path = shutil.which(argv[0], path=command_environment(under_test, None, os.environ)["PATH"])
    if path is None:
        raise UsageError(
            f"{argv[0]} cannot be run: there is no such program.",
            remedy="After -- comes a program on PATH, `python`, a .py file, or a flag for the interpreter; "
            "--with PKG installs what the interpreter lacks.",
        )
    return replace(benchmark, words=(path, *argv[1:]))

"""What `jitbuild bench` measures: what the words ask for, and the environment in which it runs."""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild import modes
from jitbuild.bench import plan, pyperf_files, quick_suite
from jitbuild.bench import pyperformance as suite
from jitbuild.errors import MeasurementError, UsageError
from jitbuild.running import command as words
from jitbuild.running import venvs
from jitbuild.running.command import command_line
from jitbuild.running.environment import command_environment
from jitbuild.system import process

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from jitbuild.bench.plan import Benchmark, SampleCounts
    from jitbuild.store.interpreter import Interpreter
    from jitbuild.store.store import Store
    from jitbuild.system.progress import Reporter

_DEFAULTS: dict[str, SampleCounts] = {
    "quick": plan.QUICK,
    "stmt": plan.STMT,
    "command": plan.COMMAND,
    "suite": plan.SUITE,
    "pytest": plan.PYTEST,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """What is measured: `benchmarks` as they run, `asked` as they were asked for, and the `python` of the environment with
    `packages` in which they do; `left_out` of a suite cannot be run by it, each with a line that says why."""

    asked: tuple[Benchmark, ...]
    benchmarks: tuple[Benchmark, ...]
    python: Path
    packages: tuple[str, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)


def asked(options: argparse.Namespace) -> tuple[Benchmark, ...]:
    """What the words of the command line ask for. Raises UsageError."""
    command = tuple(options.command or ())
    _check(options, command)
    if options.pytest_benchmark:
        return (plan.Benchmark(kind="pytest", name="pytest", words=command),)
    if command:
        return (plan.Benchmark(kind="command", name="command", words=command),)
    if options.stmt is not None:
        return (
            plan.Benchmark(
                kind="stmt", name="stmt", stmt=options.stmt, setup=options.setup or "pass"
            ),
        )
    if options.suite == suite.NAME:
        # What is in it, its own manifest says, when it is installed.
        return (
            plan.Benchmark(
                kind="suite",
                name=suite.NAME,
                words=suite.words_of(",".join(options.benchmarks or [])),
            ),
        )
    return tuple(
        plan.Benchmark(kind="quick", name=name, gains=name not in quick_suite.WITHOUT_GAIN)
        for name in _chosen(",".join(options.benchmarks or []))
    )


@contextlib.contextmanager
def prepared(
    options: argparse.Namespace,
    wanted: tuple[Benchmark, ...],
    found: Interpreter,
    kept: Store,
    say: Reporter,
) -> Iterator[Subject]:
    """What is asked for, where it can run: in an environment of `found`, which nobody else changes meanwhile."""
    packages = (
        *([] if options.pytest_benchmark else [f"pyperf=={pyperf_files.PYPERF_VERSION}"]),
        *options.with_,
    )
    lists = [Path(file) for file in options.requirements]
    with contextlib.ExitStack() as stack:

        def enter(packages: Sequence[str], lists: Sequence[Path]) -> Path:
            return stack.enter_context(
                venvs.prepare(kept, found, venvs.Requirements(packages, lists), reporter=say)
            )

        if wanted[0].kind == "suite":
            yield _of_suite(wanted[0].words, found, packages, lists, enter)
        else:
            if not packages and not lists:  # pytest, and nothing that it was to be installed by
                raise _lacking(_NEEDED)
            python = enter(packages, lists)
            if options.pytest_benchmark:
                _check_plugin(python)
            located = tuple(_located(each, found.with_executable(python)) for each in wanted)
            yield Subject(asked=wanted, benchmarks=located, python=python, packages=packages)


def counts(options: argparse.Namespace, benchmark: Benchmark) -> SampleCounts:
    """How much is measured of such a benchmark."""
    usual = _DEFAULTS[benchmark.kind]
    return replace(
        usual, rounds=options.rounds or usual.rounds, values=options.values or usual.values
    )


def _check(options: argparse.Namespace, command: tuple[str, ...]) -> None:
    """Refuse what contradicts itself."""
    if command and options.stmt:
        raise UsageError(
            "--stmt and a command after `--` are both there.", remedy="Measure one at a time."
        )
    if options.stmt is None and options.setup is not None:
        raise UsageError(
            "--setup stands without --stmt.", remedy="Say what is measured: --stmt CODE."
        )
    for what, said in (("--suite", options.suite), ("--benchmarks", options.benchmarks)):
        if said and (command or options.stmt):
            raise UsageError(
                f"{what} chooses from the suites.",
                remedy="Leave it out, or what else is to be measured.",
            )
    if options.pytest_benchmark:
        _check_pytest(options, command)
    if options.command is not None and not command:
        raise UsageError(
            "There is no command after `--`.", remedy="Say which: jitbuild bench 3.15 -- script.py"
        )
    option = words.option_without_jit(command)
    if option is not None:
        raise UsageError(
            f"Under {option} no mode reaches the program.", remedy=f"Leave {option} out."
        )


def _check_pytest(options: argparse.Namespace, command: tuple[str, ...]) -> None:
    if words.pytest_arguments_index(command) is None:
        raise UsageError(
            "--pytest-benchmark measures what pytest runs, and there is no command of pytest's after `--`.",
            remedy="Say which: jitbuild bench 3.15 --pytest-benchmark --with pytest-benchmark -- pytest benchmarks/",
        )
    if options.values:
        raise UsageError(
            "With --pytest-benchmark each process has one value of each test: the mean of its rounds.",
            remedy="Leave --values out; of rounds decide --benchmark-min-rounds and --benchmark-max-time, after `--`.",
        )
    if options.stmt or options.suite or options.benchmarks:
        raise UsageError(
            "--pytest-benchmark and another thing to measure are both there.",
            remedy="Measure one at a time.",
        )


def _chosen(text: str) -> list[str]:
    """Names of the quick suite, all without any. Raises UsageError."""
    named = [word.strip() for word in text.split(",") if word.strip()]
    for word in named:
        if word not in quick_suite.PROGRAMS:
            names = ", ".join(quick_suite.PROGRAMS)
            raise UsageError(
                f"{word!r} is no program of the quick suite.", remedy=f"There are: {names}."
            )
    return list(dict.fromkeys(named)) or list(quick_suite.PROGRAMS)


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


_NEEDED = ("pytest", "pytest_benchmark")
_LACKING = f"import importlib.util as i; print(*(name for name in {_NEEDED!r} if i.find_spec(name) is None))"


def _check_plugin(python: Path, runner: process.Runner = process.run) -> None:
    """Refuse an environment without pytest-benchmark, before anything is run."""
    lacking = runner([str(python), "-c", _LACKING]).stdout.split()
    if lacking:
        raise _lacking(lacking)


def _lacking(modules: Sequence[str]) -> UsageError:
    names = " and ".join(name.replace("_", "-") for name in modules)
    return UsageError(
        f"The environment has no {names}.",
        remedy="Add `--with pytest-benchmark`, or --requirements with a file that has it.",
    )


def _of_suite(
    chosen: Sequence[str],
    found: Interpreter,
    packages: tuple[str, ...],
    lists: Sequence[Path],
    enter: Callable[[Sequence[str], Sequence[Path]], Path],
) -> Subject:
    """What was chosen of pyperformance; what needs packages of its own in an environment that has these, too.

    Raises MeasurementError when nothing of it can be run.
    """
    python = enter((*packages, suite.REQUIREMENT), lists)
    env = modes.environment(
        "off", command_environment(found.with_executable(python), None, os.environ)
    )
    manifest = suite.listing(python, python.parents[1] / "pyperformance.json", env=env)
    entries = suite.chosen(manifest, chosen)
    benchmarks, left_out = suite.placed(
        entries,
        found.version,
        manifest.version,
        lambda requirements: enter(packages, [*lists, requirements]),
    )
    if not benchmarks:
        said = "\n".join(f"  {name}: {why}" for name, why in left_out.items())
        raise MeasurementError(
            f"Nothing of what was chosen can be run by {found.name}:\n{said}",
            remedy="Choose others.",
        )
    asked_for = tuple(entry.benchmark(manifest.version) for entry in entries)
    return Subject(
        asked=asked_for,
        benchmarks=benchmarks,
        python=python,
        packages=(*packages, suite.REQUIREMENT),
        left_out=left_out,
    )

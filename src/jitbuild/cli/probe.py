"""`jitbuild probe`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitbuild.cli.arguments import add_examples, add_expect, add_json, add_spec
from jitbuild.cli.output import print_json, reporter_for
from jitbuild.errors import RequestError
from jitbuild.probing.proof import ESSENTIAL_MODULES, lost_essentials
from jitbuild.probing.run_probe import probe
from jitbuild.request import Axes, parse
from jitbuild.running.known_bugs import bugs_of_probed
from jitbuild.running.lookup import find_interpreter, find_program, without_secrets
from jitbuild.system.paths import expanded_path

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Collection
    from pathlib import Path

    from jitbuild.probing.verdict import Verdict
    from jitbuild.recipes.known_bugs import KnownBugs
    from jitbuild.system.progress import Reporter


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `jitbuild probe`."""
    add_spec(
        parser,
        completer="programs_and_names",
        metavar="SPEC|NAME|PATH",
        help="an interpreter of the store, or any Python: a path, or a program on PATH",
    )
    add_expect(parser)
    add_json(parser, "the verdict")
    add_examples(
        parser, "jitbuild probe 3.15", "jitbuild probe /usr/bin/python3.15 --expect yes-off"
    )


def run(options: argparse.Namespace) -> int:
    """Print the verdict on an interpreter; return 1 if a check failed."""
    executable, required = _subject(options.spec, lambda: reporter_for(options))
    verdict = probe(executable, expect=options.expect, modules=True, required=required)
    bugs = bugs_of_probed(verdict)
    if options.json:
        print_json(verdict.to_json() | {"known_bugs": bugs.to_json()})
    else:
        print(as_text(verdict, bugs))
    return 0 if verdict.ok else 1


def _subject(spec: str, reporter: Callable[[], Reporter]) -> tuple[Path, Collection[str]]:
    """Return the executable that `spec` names, and the modules that it must have.

    `spec` is the path of a program, the name of a program on PATH such as `python3.15`, a request
    for an interpreter in the store, or the name of such an interpreter. An interpreter in the store
    must still have the essential modules that it had when it was proven.
    """
    program = find_program(spec)
    is_path = program == expanded_path(spec)
    if program is not None and (spec.startswith("python") or is_path):
        return program, ()
    try:
        parse(spec)
    except RequestError as error:
        if program is None:
            raise RequestError(
                f"There is no program {without_secrets(spec)!r} on PATH. {error.what}",
                remedy=f"Name the path of a Python, or write a request. {error.remedy}",
            ) from error
        return program, ()
    interpreter = find_interpreter(spec, Axes(), reporter=reporter)
    before = interpreter.recorded_missing
    return interpreter.executable, lost_essentials(ESSENTIAL_MODULES, before)


def as_text(verdict: Verdict, bugs: KnownBugs) -> str:
    """Return a verdict as text: the interpreter, every check, its bugs, and the conclusion."""
    threads = "t" if verdict.free_threaded else ""
    states = ", ".join(
        f"{'unset' if switch == 'default' else switch}: {'on' if enabled else 'off'}"
        for switch, enabled in verdict.enabled.items()
    )
    return "\n".join(
        [
            f"{verdict.implementation} {verdict.version}{threads}  {verdict.executable}",
            *(
                f"  {'ok  ' if check.ok else 'FAIL'}  {check.name}: {check.detail}"
                for check in verdict.checks
            ),
            f"  JIT built: {verdict.built}; by PYTHON_JIT {states}",
            *(f"  note: {warning}" for warning in bugs.warnings),
            verdict.reason or "The interpreter is as expected.",
        ]
    )

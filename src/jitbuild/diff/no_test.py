"""Detect runs of pytest that ran no test, and explain them. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jitbuild.diff.command_run import CommandRun

# pytest ends with this exit code if it stops because of errors during collection (ExitCode.
# INTERRUPTED in its config/__init__.py). Its report then has a test case for each such module.
_INTERRUPTED = "exit 2"
# Lines of pytest's output that state a reason, the most informative kind first.
_TELLING = tuple(
    map(
        re.compile,
        (
            r"(?:\S+: )?error: .+",
            r"E +\w*(?:Error|Exception)\b.*",
            r"(?:ERROR|E) .+",
            r".*No module named .+",
        ),
    )
)
_REMEDIES = (
    (
        re.compile(r"No module named '?pytest\b"),
        "Add `--with pytest` for an environment that has pytest.",
    ),
    (
        re.compile(r"unrecognized arguments: -n\b"),
        "Add `--with pytest-xdist` for the option -n.",
    ),
    (
        re.compile(r"unrecognized arguments: --cov\b"),
        "Add `--with pytest-cov` for the option --cov.",
    ),
    (
        re.compile(r"unrecognized arguments: "),
        "Correct the options of pytest, or add the plugin that has them: --with PLUGIN.",
    ),
    (
        re.compile(r"ModuleNotFoundError|ImportError|No module named"),
        "Install what is missing with --with PKG, and the package in this folder with `--with .`.",
    ),
)


def ran_no_test(run: CommandRun) -> bool:
    """Return True if pytest exited by itself and ran no test.

    This is also the case if pytest could not import a test module, and therefore stopped before the
    first test.
    """
    if not run.exited:
        return False
    outcomes = {test.outcome for test in (run.tests or {}).values()}
    return not outcomes or (run.ending == _INTERRUPTED and outcomes == {"error"})


def explain_no_test(tail: Sequence[str]) -> tuple[str, str]:
    """Return the most informative line of `tail`, the last lines of pytest's output, and a remedy.

    The line is empty if there is no output.
    """
    line = tail[-1].strip() if tail else ""
    for pattern in _TELLING:
        found = next((text.strip() for text in tail if pattern.match(text.strip())), None)
        if found is not None:
            line = found
            break
    remedies = (remedy for pattern, remedy in _REMEDIES if pattern.search(line))
    return line, next(remedies, "Correct the command.")

"""The option --workflow of `jitbuild matrix`: write a whole CI file."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild import settings
from jitbuild.ci.github_workflow import write_github_workflow
from jitbuild.ci.gitlab_pipeline import write_gitlab_pipeline
from jitbuild.ci.jitbuild_origin import JitbuildOrigin, action_of, find_origin, requirement_of
from jitbuild.errors import UsageError
from jitbuild.system.formatting import count_noun

if TYPE_CHECKING:
    import argparse

    from jitbuild.ci.matrix import CIMatrix
    from jitbuild.system.progress import Reporter

NOXFILE = "noxfile.py"
_COMMIT = re.compile(r"@[0-9a-f]{40}$")


def add_workflow(parser: argparse.ArgumentParser) -> None:
    """Add --workflow and the options that only it uses."""
    group = parser.add_argument_group("a whole file")
    group.add_argument(
        "--workflow",
        action="store_true",
        help="write a whole workflow file for GitHub (default) or, with --format gitlab, a whole "
        "pipeline file for GitLab",
    )
    group.add_argument("-o", "--output", metavar="FILE", help="the file to write (default: stdout)")
    group.add_argument("--force", action="store_true", help="overwrite FILE if it has other text")
    group.add_argument(
        "--action",
        metavar="OWNER/REPO@REF",
        help="GitHub: the repository of setup-jitbuild (default: that of this jitbuild, if known)",
    )
    group.add_argument(
        "--requirement",
        metavar="REQ",
        help="GitLab: the requirement of jitbuild for pip (default: this jitbuild, if known)",
    )


def check_workflow(options: argparse.Namespace) -> None:
    """Raise UsageError if options conflict, and choose the format if none is stated."""
    if not options.workflow:
        for option in ("output", "force", "action", "requirement"):
            if getattr(options, option):
                options.parser.error(f"argument --{option}: only allowed with --workflow")
        options.format = options.format or "json"
        return
    options.format = options.format or "github"
    if options.format == "json":
        options.parser.error("argument --workflow: a file is for github or gitlab, not for json")
    if options.format == "gitlab" and options.action:
        options.parser.error("argument --action: not allowed with --format gitlab")
    if options.format == "github" and options.requirement:
        options.parser.error("argument --requirement: only allowed with --format gitlab")
    if options.force and not options.output:
        options.parser.error("argument --force: only allowed with -o/--output")


def workflow_text(matrix: CIMatrix, options: argparse.Namespace, reporter: Reporter) -> str:
    """Return the text of the CI file for `matrix`, and warn of what its jobs lack."""
    _warn_of_missing_noxfile(options, reporter)
    _warn_of_local_settings(options, reporter)
    named = options.action or options.requirement
    origin = JitbuildOrigin() if named else find_origin()
    command = command_line(options)
    noxfile = None if options.from_nox in {None, NOXFILE} else options.from_nox
    if options.format == "gitlab":
        requirement = requirement_of(options.requirement, origin)
        return write_gitlab_pipeline(
            matrix, requirement=requirement, command=command, noxfile=noxfile
        )
    action = action_of(options.action, origin)
    if not _COMMIT.search(action):
        reporter.note(
            f"{action} is a tag or a branch, which can be moved. Pin a commit: --action "
            f"{action.partition('@')[0]}@COMMIT"
        )
    return write_github_workflow(matrix, action=action, command=command, noxfile=noxfile)


def command_line(options: argparse.Namespace) -> str:
    """Return the command line that writes the CI file again."""
    words = ["jitbuild", "matrix", "--workflow"]
    words += ["--format", "gitlab"] if options.format == "gitlab" else []
    if options.from_nox is not None:
        words += ["--from-nox", *([options.from_nox] if options.from_nox != NOXFILE else [])]
    lists = {"--pythons": options.pythons, "--modes": options.modes, "--os": options.os}
    for option, values in lists.items():
        words += [option, *values] if values and values != ["linux"] else []
    single = {
        "--session": options.session if options.session != "tests" else None,
        "--provider": options.provider,
        "--recipes": options.recipes,
        "--action": options.action,
        "--requirement": options.requirement,
    }
    words += [f"--runner={runner}" for runner in options.runner]
    for option, value in single.items():
        words += [option, value] if value else []
    return shlex.join(words)


def write_workflow(text: str, matrix: CIMatrix, options: argparse.Namespace) -> str:
    """Write `text` to --output, and return a sentence about it.

    Raise UsageError if the file has other text and --force is not given, or if it cannot be
    written.
    """
    file = Path(options.output)
    try:
        if file.exists() and file.read_bytes() == text.encode():
            return f"{file} is up to date."
        if file.exists() and not options.force:
            raise UsageError(
                f"{file} exists, and its text differs from the workflow that would be written.",
                remedy="Overwrite it with --force, or name another file.",
            )
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise UsageError(
            f"{file} cannot be written: {error.strerror or error}.",
            remedy="Check the path and its permissions, or name another file.",
        ) from error
    builds, tests = count_noun(len(matrix.build), "build"), count_noun(len(matrix.test), "test")
    return f"Wrote {file} with {builds} and {tests}."


def _warn_of_missing_noxfile(options: argparse.Namespace, reporter: Reporter) -> None:
    """Print a warning if the jobs would run nox without a noxfile."""
    if options.from_nox is None and not Path(NOXFILE).is_file():
        reporter.warn(
            f"The tests run `nox`, but this folder has no {NOXFILE}. Write one with a session "
            f"`{options.session}`, as docs/ci.md shows."
        )


def _warn_of_local_settings(options: argparse.Namespace, reporter: Reporter) -> None:
    """Print a warning for each setting that decides what is built here, but not in the jobs."""
    found = {name: settings.get(name) for name in ("jit", "profile")}
    found["recipes"] = settings.get("recipes", options.recipes)
    for name, setting in found.items():
        if setting is not None and not setting.origin.endswith("[tool.jitbuild]"):
            remedy = (
                f"Set {settings.variable_of(name)} in the file"
                if name == "recipes"
                else "Set it in [tool.jitbuild] of pyproject.toml"
            )
            reporter.warn(
                f"The jobs do not have the setting `{name}`, which {setting.origin} sets here. "
                f"{remedy}."
            )

"""`jitbuild matrix`: print the jobs of a CI pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild.ci.matrix import make_matrix, planner_of, states_provider
from jitbuild.ci.matrix_formats import as_github, as_gitlab
from jitbuild.ci.matrix_sessions import (
    product_of,
    requested_modes,
    requested_pythons,
    sessions_of_noxfile,
)
from jitbuild.ci.systems import SYSTEMS, choose_machines
from jitbuild.cli.arguments import (
    add_examples,
    add_list,
    add_modes,
    add_provider,
    add_pythons,
    add_recipes,
    complete_with,
)
from jitbuild.cli.noxfile_check import warn_of_other_sessions
from jitbuild.cli.output import print_json, reporter_for
from jitbuild.cli.workflow_file import (
    NOXFILE,
    add_workflow,
    check_workflow,
    workflow_text,
    write_workflow,
)

if TYPE_CHECKING:
    import argparse

    from jitbuild.ci.matrix_sessions import MatrixSession
    from jitbuild.ci.systems import Service


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `jitbuild matrix`."""
    parser.description = (
        "Print the jobs of a CI pipeline: a build for each interpreter on each OS, and a test for "
        "each session. With --workflow, write the whole file of the pipeline. The store is not "
        "read, so the output is the same on every machine. docs/ci.md explains the files."
    )
    _add_format(parser)
    add_pythons(parser)
    add_modes(parser, "default: the setting `modes`; if it is not set, off and on")
    _add_machines(parser)
    parser.add_argument(
        "--session",
        default="tests",
        metavar="NAME",
        help="the name of the nox session (default: tests)",
    )
    parser.add_argument(
        "--from-nox",
        nargs="?",
        const=NOXFILE,
        metavar="NOXFILE",
        help="read the sessions from a noxfile (without a value: noxfile.py)",
    )
    add_provider(parser, "the setting `provider`, else source")
    add_recipes(parser)
    add_workflow(parser)
    add_examples(
        parser,
        "jitbuild matrix --workflow --from-nox -o .github/workflows/jit.yml",
        "jitbuild matrix --workflow --from-nox --format gitlab -o .gitlab-ci.yml",
        "jitbuild matrix --pythons 3.14,3.15 --os linux,macos",
        "jitbuild matrix --workflow --prebuilt -o .github/workflows/jit.yml",
        "jitbuild matrix --from-nox --format github",
    )


def _add_format(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--format",
        choices=("github", "gitlab", "json"),
        help="lines for $GITHUB_OUTPUT, YAML for GitLab, or JSON (default); with --workflow, the "
        "service that reads the file",
    )
    parser.add_argument(
        "--json",
        action="store_const",
        const="json",
        dest="format",
        help="the same as --format json",
    )


def _add_machines(parser: argparse.ArgumentParser) -> None:
    add_list(
        parser,
        "--os",
        metavar="OS",
        default=["linux"],
        choices=tuple(SYSTEMS),
        help=f"{', '.join(SYSTEMS)} (default: linux)",
    )
    runner = parser.add_argument(
        "--runner",
        action="append",
        default=[],
        metavar="OS=LABEL",
        help="the label of the runner for an OS",
    )
    complete_with(runner, "runner_systems")


def run(options: argparse.Namespace) -> int:
    """Print the matrix or its file on stdout, and the sessions that are left out on stderr."""
    check_workflow(options)
    service: Service = "gitlab" if options.format == "gitlab" else "github"
    machines = choose_machines(options.os, options.runner, service=service)
    sessions, reporter = _sessions(options), reporter_for(options)
    matrix = make_matrix(
        sessions,
        machines,
        planner_of(options.recipes, options.provider),
        states_provider=states_provider(options.provider),
    )
    for exclusion in matrix.excluded:
        reporter.note(f"{exclusion.session} is left out on {exclusion.os}. {exclusion.reason}")
    if options.workflow:
        text = workflow_text(matrix, options, reporter)
        if options.from_nox is None:
            selected = bool(options.pythons or options.modes)
            warn_of_other_sessions(sessions, NOXFILE, reporter, selected=selected)
        if options.output:
            reporter.note(write_workflow(text, matrix, options))
        else:
            print(text, end="")
    elif options.format == "json":
        print_json(matrix.to_json())
    else:
        print(as_gitlab(matrix) if service == "gitlab" else as_github(matrix))
    return 0


def _sessions(options: argparse.Namespace) -> list[MatrixSession]:
    if options.from_nox is not None:
        return sessions_of_noxfile(options.from_nox, pythons=options.pythons, modes=options.modes)
    hint = " Those of your noxfile are read with --from-nox." if Path(NOXFILE).is_file() else ""
    pythons = requested_pythons(options.pythons, hint=hint)
    modes = requested_modes(options.modes)
    return product_of(pythons, modes, name=options.session)

"""Options that state the packages of an environment: --with, --requirements and --group.

`jitbuild run` imports this module, so anything heavy is imported inside functions.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild.cli.arguments import add_list, complete_with

if TYPE_CHECKING:
    import argparse

    from jitbuild.running.venvs import Requirements


def add_packages(parser: argparse._ActionsContainer, verb: str) -> None:
    """Add --with, --requirements and --group.

    `verb` begins their help texts, for example "run" in "run in an environment that has PKG".
    """
    add_list(
        parser,
        "--with",
        dest="with_",
        metavar="PKG",
        spaces=False,
        hyphens="-e",
        default=[],
        help=f"{verb} in an environment that has PKG",
    )
    add_list(
        parser,
        "--requirements",
        metavar="FILE",
        spaces=False,
        default=[],
        help=f"{verb} in an environment that has the requirements in FILE",
    )
    group = add_list(
        parser,
        "--group",
        metavar="GROUP",
        default=[],
        help=f"{verb} in an environment that has the dependency group GROUP of pyproject.toml",
    )
    complete_with(group, "dependency_groups")


def states_requirements(options: argparse.Namespace) -> bool:
    """Return True if the command line states any requirement."""
    return bool(options.with_ or options.requirements or options.group)


def stated_requirements(options: argparse.Namespace) -> Requirements:
    """Return the requirements that --with, --requirements and --group state.

    Raises UsageError when the current project does not have a group.
    """
    from jitbuild.running.dependency_groups import read_groups
    from jitbuild.running.venvs import Requirements

    return Requirements(
        options.with_,
        [Path(file) for file in options.requirements],
        read_groups(options.group),
    )

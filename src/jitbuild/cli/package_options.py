"""Options that state the packages of an environment: --with, --requirements and --group."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild.cli.arguments import add_list, complete_with
from jitbuild.running.dependency_groups import read_groups
from jitbuild.running.venvs import Requirements

if TYPE_CHECKING:
    import argparse


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


def stated_requirements(options: argparse.Namespace) -> Requirements:
    """Return the requirements that --with, --requirements and --group state.

    Raises UsageError when the current project does not have a group.
    """
    return Requirements(
        options.with_,
        [Path(file) for file in options.requirements],
        read_groups(options.group),
    )

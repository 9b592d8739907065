"""`jitbuild pull`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec.structs import replace

from jitbuild import api
from jitbuild.cli.arguments import (
    add_axes,
    add_examples,
    add_json,
    add_recipes,
    add_registry,
    add_signed_by,
    add_spec,
    stated_axes,
)
from jitbuild.cli.install import print_outcomes
from jitbuild.cli.list_options import WordsAction
from jitbuild.cli.output import reporter_for
from jitbuild.options import BuildOptions

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `jitbuild pull`."""
    parser.description = (
        "Get interpreters from a repository in an OCI registry, prove their JIT on this machine "
        "and add them to the store. Nothing is built: an interpreter that the registry does not "
        "have is an error. The digests in jitbuild.lock, if there is one, are binding."
    )
    add_spec(parser, completer="requests_and_names", nargs="+", action=WordsAction)
    add_registry(parser)
    add_signed_by(parser)
    add_axes(parser, several=True)
    add_recipes(parser)
    parser.add_argument(
        "--sha256", metavar="HASH", help="the sha256 of a release that no recipe pins yet"
    )
    parser.add_argument(
        "--upgrade",
        action="store_true",
        help="use the newest release that fits, even if the store has an older one",
    )
    parser.set_defaults(reinstall=False)  # `print_outcomes` reads it
    add_json(parser, "the interpreters, in the form of `list`,")
    add_examples(
        parser,
        "jitbuild pull 3.15 --registry ghcr.io/OWNER/jitbuild",
        "jitbuild pull 3.13.15 3.15 --profile release",
    )


def run(options: argparse.Namespace) -> int:
    """Get every requested interpreter in every stated variant; print their executables."""
    begun = datetime.now(UTC)
    outcomes = api.ensure_all(
        options.spec,
        [replace(stated_axes(options), jit=jit) for jit in dict.fromkeys(options.jit or [None])],
        options=BuildOptions(
            registry=options.registry,
            signed_by=options.signed_by,
            signed_by_issuer=options.signed_by_issuer,
            recipes=options.recipes,
            sha256=options.sha256,
            upgrade=options.upgrade,
            pull_only=True,
        ),
        reporter=reporter_for(options),
    )
    return print_outcomes(outcomes, options, begun)

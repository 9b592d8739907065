"""`jitbuild ci`: the steps of the setup-jitbuild action."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitbuild import api
from jitbuild.ci.action_steps import key_step, provide_step
from jitbuild.ci.matrix_sessions import requested_pythons
from jitbuild.cli.arguments import add_examples, add_pythons, add_sign
from jitbuild.cli.output import reporter_for
from jitbuild.options import BuildOptions

if TYPE_CHECKING:
    import argparse

    from jitbuild.store.interpreter import Interpreter


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `jitbuild ci`."""
    parser.description = (
        "Run a step of the setup-jitbuild action. `key` prints the key of the CI's cache for the "
        "interpreters, and the folders to cache. `provide` probes the interpreters in the store, "
        "removes those that fail, installs the missing ones, and adds all of them to PATH. "
        "The outputs are written to the files of GitHub Actions or, elsewhere, to stdout."
    )
    parser.add_argument("step", choices=("key", "provide"), metavar="STEP", help="key or provide")
    add_pythons(parser)
    parser.add_argument(
        "--install-deps",
        action="store_true",
        help="use this machine's package manager to install what a build needs",
    )
    parser.add_argument(
        "--push", action="store_true", help="upload what was built to the registry afterwards"
    )
    add_sign(parser)
    add_examples(parser, "jitbuild ci key --pythons 3.15", "jitbuild ci provide --pythons 3.15")


def run(options: argparse.Namespace) -> int:
    """Run the step, and print its outputs unless GitHub Actions reads them from a file."""
    # The action passes its input as --pythons, even if the input is empty.
    specs = requested_pythons(options.pythons)
    store, reporter = api.store(), reporter_for(options)

    def ensure(spec: str) -> Interpreter:
        build_options = BuildOptions(
            install_deps=options.install_deps, push=options.push, sign=options.sign
        )
        return api.ensure(spec, options=build_options, reporter=reporter)

    if options.step == "key":
        output = key_step(specs, store)
    else:
        output = provide_step(specs, store, reporter, ensure)
    print(output, end="")
    return 0

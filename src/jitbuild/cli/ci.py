"""`jitbuild ci`: the steps of the setup-jitbuild action."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild import api
from jitbuild import target as targets
from jitbuild.ci import github_action as steps
from jitbuild.ci.matrix import product
from jitbuild.cli.arguments import add_examples, add_pythons
from jitbuild.cli.matrix import planner, pythons
from jitbuild.cli.output import reporter_for

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `jitbuild ci`."""
    parser.description = (
        "Run a step of the setup-jitbuild action. `key` prints the key of the CI's cache for the "
        "interpreters, and the folders to cache. `provide` probes the interpreters in the store, "
        "removes those that fail, installs what is missing, and adds it to PATH. Under GitHub "
        "Actions the results go into its files, elsewhere to stdout."
    )
    parser.add_argument("step", choices=("key", "provide"), metavar="STEP", help="key or provide")
    add_pythons(parser)
    parser.add_argument(
        "--install-deps",
        action="store_true",
        help="install what a build needs with this machine's package manager",
    )
    add_examples(parser, "jitbuild ci key --pythons 3.15", "jitbuild ci provide --pythons 3.15")


def run(options: argparse.Namespace) -> int:
    """Do the step that was asked for."""
    # The action hands on an input that may be empty, or hold several requests.
    given = " ".join(options.pythons or []).split()
    specs = pythons(given or None)
    return _key(specs) if options.step == "key" else _provide(specs, options)


def _key(specs: list[str]) -> int:
    host, plan = targets.host(), planner()
    made = [plan(session, host.target) for session in product(specs, ["default"])]
    found = steps.key(made, api.store(), host)
    _hand_on({"key": found.key, "path": "\n".join(found.paths)})
    return 0


def _provide(specs: list[str], options: argparse.Namespace) -> int:
    say = reporter_for(options)
    provided = steps.provide(
        specs,
        api.store(),
        say,
        ensure=lambda spec: api.ensure(spec, install_deps=options.install_deps, reporter=say),
    )
    _hand_on(steps.outputs(provided))
    if path := os.environ.get("GITHUB_PATH"):
        folders = steps.folders(provided.interpreters.values())
        if temp := os.environ.get("RUNNER_TEMP"):
            folders.append(
                str(steps.programs(Path(sys.executable).parent, Path(temp) / "jitbuild-programs"))
            )
        steps.add_to_path(folders, Path(path))
    return 0


def _hand_on(facts: dict[str, str]) -> None:
    file = os.environ.get("GITHUB_OUTPUT")
    text = steps.write(facts, Path(file) if file else None)
    if not file:
        print(text, end="")

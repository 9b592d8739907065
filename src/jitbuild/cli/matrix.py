"""`jitbuild matrix`."""

from __future__ import annotations

import functools
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild import api, settings
from jitbuild.ci import matrix
from jitbuild.cli.arguments import add_examples, add_list, add_modes, add_pythons, add_recipes
from jitbuild.cli.output import print_json, reporter_for
from jitbuild.errors import RequestError, SettingsError, UsageError
from jitbuild.planning.planner import make_plan, resolve_version
from jitbuild.request import Axes, parse
from jitbuild.system import process

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from jitbuild.ci.matrix import Planner, Session
    from jitbuild.modes import Mode
    from jitbuild.planning.plan import Plan, ResolvedRequest
    from jitbuild.target import Target

_LISTING_SECONDS = 120.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `jitbuild matrix`."""
    parser.description = (
        "Print the jobs of a CI pipeline: each interpreter to build, once for each OS, and each "
        "session to test with it. The store is not read, so the output is the same on every "
        "machine. docs/ci.md shows the workflows."
    )
    parser.add_argument(
        "--format",
        choices=("github", "gitlab", "json"),
        default="json",
        help="lines for $GITHUB_OUTPUT, YAML for GitLab, or JSON (default)",
    )
    add_pythons(parser)
    add_modes(parser, "default: the setting `modes`, else off and on")
    add_list(
        parser,
        "--os",
        metavar="OS",
        default=["linux"],
        choices=tuple(matrix.SYSTEMS),
        help=f"{', '.join(matrix.SYSTEMS)} (default: linux)",
    )
    parser.add_argument(
        "--runner",
        action="append",
        default=[],
        metavar="OS=LABEL",
        help="the runner for an OS",
    )
    parser.add_argument(
        "--session",
        default="tests",
        metavar="NAME",
        help="the name of the nox session (default: tests)",
    )
    parser.add_argument(
        "--from-nox",
        nargs="?",
        const="noxfile.py",
        metavar="NOXFILE",
        help="take the sessions of a noxfile (default: noxfile.py)",
    )
    add_recipes(parser)
    add_examples(
        parser,
        "jitbuild matrix --pythons 3.14,3.15 --os linux,macos",
        "jitbuild matrix --from-nox --format github",
    )


def run(options: argparse.Namespace) -> int:
    """Print the matrix as CI reads it; what was left out is said on stderr."""
    service: matrix.Service = "gitlab" if options.format == "gitlab" else "github"
    machines = matrix.machines(_words(options.os), options.runner, service=service)
    made = matrix.make(_sessions(options), machines, planner(options.recipes))
    say = reporter_for(options)
    for each in made.excluded:
        say.note(f"{each.session} is left out on {each.os}. {each.reason}")
    if options.format == "json":
        print_json(made.to_json())
    else:
        print(matrix.as_gitlab(made) if service == "gitlab" else matrix.as_github(made))
    return 0


def planner(recipes: str | None = None) -> Planner:
    """Plans as `jitbuild install` makes them. Every request is resolved once, so that a branch is one commit on all systems."""
    known = api.catalog(recipes)

    @functools.cache
    def subject(spec: str) -> ResolvedRequest:
        request = parse(spec)
        if request.is_version:
            return resolve_version(request, known)
        from jitbuild.sources.resolve import describe

        return describe(request, cache=api.store().root, catalog=known)

    def plan(session: Session, target: Target) -> Plan:
        request = parse(session.python)
        axes = api.defaulted(Axes(jit=session.jit, profile=session.profile), request)
        return make_plan(subject(session.python), axes.variant(request), target, known)

    return plan


def pythons(given: Sequence[str] | None) -> list[str]:
    """The requests of the command line, else of the settings. Raises UsageError when neither says."""
    found = settings.many("pythons", " ".join(given) if given else None)
    if not found:
        raise UsageError(
            "Nothing says which Pythons.",
            remedy='Give --pythons 3.14 3.15, or write them into pyproject.toml: [tool.jitbuild] pythons = ["3.14", "3.15"].',
        )
    for spec in found:
        parse(spec)
    return found


def _sessions(options: argparse.Namespace) -> list[Session]:
    if options.from_nox is None:
        return matrix.product(
            pythons(options.pythons), _modes(options) or ["off", "on"], name=options.session
        )
    sessions = matrix.from_listing(listing(options.from_nox))
    if not sessions:
        raise UsageError(
            f"{options.from_nox} has no session made by jitbuild.nox.",
            remedy="Write one with `@jit.session(...)`: docs/ci.md shows how. `nox --list --tags jit` shows those there are.",
        )
    # With a noxfile the flags choose among its sessions; what the settings say it has heeded itself.
    modes = _modes(options) if options.modes else None
    asked = options.pythons and pythons(options.pythons)
    chosen = [
        each
        for each in sessions
        if each.mode in (modes or [each.mode]) and each.python in (asked or [each.python])
    ]
    for python in asked or []:
        if python not in {each.python for each in sessions}:
            there = ", ".join(dict.fromkeys(each.python for each in sessions))
            raise RequestError(
                f"{options.from_nox} has no session for {python}.",
                remedy=f"It has some for: {there}.",
            )
    return chosen


def _modes(options: argparse.Namespace) -> list[Mode] | None:
    found = settings.get("modes", " ".join(options.modes) if options.modes else None)
    return matrix.parse_modes(_words([found.value]), origin=found.origin) if found else None


def _words(given: Sequence[str]) -> list[str]:
    """Words with spaces or commas between them."""
    return [word for text in given for word in re.split(r"[\s,]+", text) if word]


def listing(noxfile: str, *, runner: process.Runner = process.run) -> str:
    """What nox says of the JIT sessions of `noxfile`. Raises SettingsError with nox's own words when it cannot load it."""
    if not Path(noxfile).is_file():
        raise UsageError(
            f"There is no noxfile {noxfile}.", remedy="Give its path: --from-nox NOXFILE"
        )
    argv = [
        sys.executable,
        "-m",
        "nox",
        "--noxfile",
        noxfile,
        "--list-sessions",
        "--json",
        "--tags",
        "jit",
    ]
    done = runner(argv, timeout=_LISTING_SECONDS)
    if done.timed_out:
        raise SettingsError(
            f"nox did not list the sessions of {noxfile} within {_LISTING_SECONDS:.0f} seconds.",
            remedy="See what the noxfile waits for when it is imported: nox --list",
        )
    if "caused no sessions" in done.stderr:
        return "[]"
    if not done.ok:
        said = "\n".join(
            f"  {line}" for line in f"{done.stderr}{done.stdout}".strip().splitlines()[-12:]
        )
        raise SettingsError(
            f"nox cannot load {noxfile}. It says:\n{said}",
            remedy=f"Correct it until this works: nox -f {noxfile} --list",
        )
    return done.stdout

"""`jitbuild uninstall`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitbuild.api import store
from jitbuild.cli.arguments import add_axes, add_examples, add_spec, stated_axes
from jitbuild.cli.list_options import WordsAction
from jitbuild.cli.output import reporter_for
from jitbuild.errors import NotInstalledError, UsageError
from jitbuild.request import Axes
from jitbuild.running.lookup import local_digest, parse_spec

if TYPE_CHECKING:
    import argparse

    from jitbuild.store.interpreter import Interpreter
    from jitbuild.store.store import Store


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `jitbuild uninstall`."""
    add_spec(
        parser,
        nargs="+",
        action=WordsAction,
        metavar="SPEC|NAME",
        help="a name from `jitbuild list`, or a request that fits exactly one interpreter",
    )
    add_axes(parser, lookup=True)
    parser.add_argument("--all", action="store_true", help="remove every interpreter that fits")
    add_examples(
        parser,
        "jitbuild uninstall cpython-3.15.2-jit-fast-93a23b85",
        "jitbuild uninstall 3.13 --all",
    )


def run(options: argparse.Namespace) -> int:
    """Remove interpreters. Nothing is removed if one of them is not in the store."""
    current_store, reporter = store(), reporter_for(options)
    axes = stated_axes(options)
    interpreters = {
        interpreter.name: interpreter
        for spec in options.spec
        for interpreter in _matching(current_store, spec, axes, every=options.all)
    }
    for interpreter in interpreters.values():
        remove(current_store, interpreter)
        verb = "unregistered" if interpreter.adopted else "removed"
        reporter.note(f"{verb} {interpreter.name}")
    return 0


def remove(current_store: Store, interpreter: Interpreter) -> None:
    """Remove `interpreter`, unless another process has removed or replaced it meanwhile."""
    with current_store.lock(interpreter.name):
        present = current_store.get(interpreter.name)
        if present is not None and present.instance == interpreter.instance:
            current_store.remove(present)


def _matching(current_store: Store, spec: str, axes: Axes, *, every: bool) -> list[Interpreter]:
    """Return the interpreters that fit `spec` and `axes`.

    Raises NotInstalledError when none fits, and UsageError when several fit and `every` (--all) is
    False.
    """
    installed = {interpreter.name: interpreter for interpreter in current_store.installed()}
    if spec in installed:
        return [installed[spec]]
    request = parse_spec(spec)
    digest = local_digest(request, current_store)
    candidates = [axes]
    if every and axes == Axes():
        # With --all, variants with extra configure arguments, parts or patches are included. Such
        # variants do not fit axes that state no arguments, parts and patches.
        candidates = list({_extras(interpreter): None for interpreter in installed.values()})
    fitting = [
        interpreter
        for extras in candidates
        for interpreter in current_store.fitting(request, extras, digest=digest)
    ]
    if not fitting:
        raise NotInstalledError(
            f"No interpreter in the store fits {spec}.",
            remedy="`jitbuild list` shows the interpreters in the store.",
        )
    if len(fitting) > 1 and not every:
        names = ", ".join(interpreter.name for interpreter in fitting)
        raise UsageError(
            f"{spec} fits {len(fitting)} interpreters: {names}.",
            remedy="Name one of them, or remove all of them with --all.",
        )
    return fitting


def _extras(interpreter: Interpreter) -> Axes:
    """Return the axes that a request must state to fit the interpreter."""
    variant = interpreter.variant
    return Axes(
        configure_args=variant.configure_args, patches=variant.patches, includes=variant.includes
    )

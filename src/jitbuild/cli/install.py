"""`jitbuild install`."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec.structs import replace

from jitbuild import api
from jitbuild.cli.arguments import (
    add_axes,
    add_examples,
    add_json,
    add_llvm,
    add_registry,
    add_sign,
    add_signed_by,
    add_sources,
    add_spec,
    stated_axes,
)
from jitbuild.cli.list_options import WordsAction
from jitbuild.cli.numbers import positive_integer
from jitbuild.cli.output import print_json, print_path, reporter_for
from jitbuild.cli.proof_text import proof_of
from jitbuild.cli.store_answers import advise_upgrade, is_locked
from jitbuild.options import CCACHE_MODES, BuildOptions
from jitbuild.system.formatting import format_date, format_duration
from jitbuild.system.urls import Address

if TYPE_CHECKING:
    from jitbuild.provision_many import Outcome
    from jitbuild.store.interpreter import Interpreter
    from jitbuild.store.manifest import CachesRecord, Manifest


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `jitbuild install`."""
    parser.description = (
        "Build interpreters, or download prebuilt ones (--prebuilt), prove their JIT and add them "
        "to the store. An interpreter in the store that fits is reused, even if a newer release "
        "fits, too; --upgrade installs the newest."
    )
    add_spec(parser, completer="requests_and_names", nargs="+", action=WordsAction)
    add_axes(parser, several=True)
    add_sources(parser)
    _add_build_options(parser)
    _add_registry_options(parser)
    _add_permissions(parser)
    add_json(parser, "the interpreters, in the form of `list`,")
    add_examples(
        parser,
        "jitbuild install 3.15",
        "jitbuild install 3.15 --prebuilt",
        "jitbuild install 3.13.15 3.14 --jit yes-off,no --profile release",
        "jitbuild install 3.15 --upgrade",
    )


def _add_build_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("build")
    add_llvm(group)
    group.add_argument(
        "--ccache",
        choices=CCACHE_MODES,
        help="the compiler cache: from PATH (auto, default), from a wheel, or none",
    )
    group.add_argument(
        "--no-caches",
        action="store_true",
        help="do not use the stencil, configure and compiler caches",
    )
    group.add_argument(
        "-j",
        "--jobs",
        type=positive_integer,
        metavar="N",
        help="concurrent jobs, for all builds together (default: the number of processors)",
    )
    group.add_argument(
        "--keep-going",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="if one of several builds fails, finish the others (default), or stop them",
    )


def _add_registry_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("registry")
    add_registry(group)
    add_signed_by(group)
    group.add_argument(
        "--push", action="store_true", help="upload what was built to the registry afterwards"
    )
    add_sign(group)


def _add_permissions(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what install may do")
    group.add_argument(
        "--verify",
        action="store_true",
        help="download a prebuilt interpreter only if GitHub attests who built it, or if the "
        "release manager signed it (needs jitbuild[verify])",
    )
    group.add_argument(
        "--upgrade",
        action="store_true",
        help="use the newest release that fits, even if the store has an older one",
    )
    group.add_argument(
        "--reinstall", action="store_true", help="build even interpreters already in the store"
    )
    group.add_argument(
        "--install-deps",
        action="store_true",
        help="use this machine's package manager to install what the build needs",
    )
    group.add_argument(
        "--allow-missing",
        action="store_true",
        help="build even if headers are missing, and accept an interpreter that lacks modules",
    )


def run(options: argparse.Namespace) -> int:
    """Provide every requested interpreter in every stated variant; print their executables.

    With --json, print their full records. Raises the error of the first build that failed.
    """
    begun = datetime.now(UTC)
    outcomes = api.ensure_all(
        options.spec,
        [replace(stated_axes(options), jit=jit) for jit in dict.fromkeys(options.jit or [None])],
        keep_going=options.keep_going,
        options=_build_options(options),
        reporter=reporter_for(options),
    )
    return print_outcomes(outcomes, options, begun)


def print_outcomes(outcomes: list[Outcome], options: argparse.Namespace, begun: datetime) -> int:
    """Print the executables, or the records with --json, of an install that began at `begun`.

    Raises the error of the first request that failed.
    """
    interpreters = [outcome.interpreter for outcome in outcomes if outcome.interpreter]
    for outcome in outcomes:
        if not (interpreter := outcome.interpreter):
            continue
        if not options.quiet:
            print(summary(interpreter, begun), file=sys.stderr)
            _note_newer_release(outcome, interpreter, options, begun)
        if not options.json:
            print_path(interpreter.executable)
    if options.json:
        print_json([interpreter.to_json() for interpreter in interpreters])
    _raise_first_failure(outcomes)
    return 0


def _note_newer_release(
    outcome: Outcome, interpreter: Interpreter, options: argparse.Namespace, begun: datetime
) -> None:
    """Print a note if a newer release fits, but `interpreter` was in the store and was used."""
    if options.upgrade or options.reinstall or interpreter.created >= begun:
        return
    if is_locked(outcome.request, options.registry):
        return
    if note := advise_upgrade(
        outcome.request, outcome.axes, interpreter, options.recipes, command=options.name
    ):
        print(note, file=sys.stderr)


def _build_options(options: argparse.Namespace) -> BuildOptions:
    return BuildOptions(
        mirror=Address(options.mirror) if options.mirror else None,
        sha256=options.sha256,
        recipes=options.recipes,
        registry=options.registry,
        signed_by=options.signed_by,
        signed_by_issuer=options.signed_by_issuer,
        llvm=options.llvm,
        jobs=options.jobs,
        ccache=options.ccache,
        caches=not options.no_caches,
        upgrade=options.upgrade,
        reinstall=options.reinstall,
        push=options.push,
        sign=options.sign,
        install_deps=options.install_deps,
        verify=options.verify,
        allow_missing=options.allow_missing,
    )


def _raise_first_failure(outcomes: list[Outcome]) -> None:
    """Raise the first error, if any.

    If there are several outcomes, all errors were reported as warnings when they occurred. Then
    raise an error of the same class that names the failed requests.
    """
    failed = [(outcome.name, outcome.error) for outcome in outcomes if outcome.error]
    if not failed:
        return
    first = failed[0][1]
    if len(outcomes) == 1:
        raise first
    names = ", ".join(name for name, _ in failed)
    raise type(first)(
        f"{len(failed)} of {len(outcomes)} failed: {names}.",
        remedy="The warnings above give the reasons.",
    ) from first


def summary(interpreter: Interpreter, begun: datetime | None = None) -> str:
    """Return a line with the proof, the time of each step, and the hits of the caches.

    If the interpreter was already in the store at the time `begun`, when the command began, the
    line has the date since when it has been there.
    """
    manifest, proof = interpreter.manifest, proof_of(interpreter)
    times = manifest.times or {}
    made = _made(manifest)
    total = format_duration(times["total"]) if times else ""
    if begun is not None and interpreter.created < begun:
        built = f", {made.lower()} in {total}" if total else ""
        since = format_date(interpreter.created.astimezone(), begun.astimezone())
        return f"{interpreter.name}: {proof}. In the store since {since}{built}."
    if not total:
        return f"{interpreter.name}: {proof}."
    steps = ", ".join(
        f"{name} {format_duration(value)}{_cached(name, manifest.caches or None)}"
        for name, value in times.items()
        if name != "total"
    )
    return f"{interpreter.name}: {proof}. {made} in {total} ({steps})."


def _made(manifest: Manifest) -> str:
    """Return the verb for the way in which the interpreter came into the store."""
    if manifest.prebuilt:
        return "Installed"
    return "Pulled" if "download" in (manifest.times or {}) else "Built"


def _cached(step: str, caches: CachesRecord | None) -> str:
    """Return the cache hits of a step as text such as ` [cached]`; "" if it has no cache hit."""
    if caches is None:
        return ""
    if step == "make" and (counts := caches.compiler):
        return f" [{counts.hits} of {counts.hits + counts.misses} files cached]"
    return " [cached]" if getattr(caches, step, None) == "hit" else ""

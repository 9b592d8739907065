"""`jitbuild push`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitbuild import settings
from jitbuild.api import store
from jitbuild.cli.arguments import (
    add_axes,
    add_examples,
    add_json,
    add_sign,
    add_spec,
    stated_axes,
)
from jitbuild.cli.list_options import WordsAction
from jitbuild.cli.output import print_json, reporter_for
from jitbuild.errors import UsageError
from jitbuild.request import Axes
from jitbuild.running.matching import matching
from jitbuild.system.formatting import format_size

if TYPE_CHECKING:
    import argparse

    from jitbuild.providers.push import Pushed
    from jitbuild.registry.repository import Repository

_REMEDY = "Name one of them."
_SOURCES = (".", "/", "~", "git+")  # the beginnings of requests that may contain a slash


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `jitbuild push`."""
    parser.description = (
        "Upload interpreters of the store, or the stencils in its cache, to a repository in an OCI "
        "registry. `jitbuild pull` and the setting `registry` get them from there. Credentials are "
        "taken from Docker's config.json, or from JITBUILD_REGISTRY_USER and "
        "JITBUILD_REGISTRY_PASSWORD."
    )
    add_spec(
        parser,
        nargs="*",
        action=WordsAction,
        metavar="SPEC|NAME|REPOSITORY",
        help="interpreters of the store and, as the last word, the repository: HOST/NAME (default: "
        "the setting registry)",
    )
    add_axes(parser, lookup=True)
    parser.add_argument(
        "--stencils", action="store_true", help="upload all stencils in the cache of the store"
    )
    add_sign(parser)
    add_json(parser, "what was uploaded")
    add_examples(
        parser,
        "jitbuild push 3.15 ghcr.io/OWNER/jitbuild",
        "jitbuild push --stencils ghcr.io/OWNER/jitbuild",
        "jitbuild push --sign 3.15 ghcr.io/OWNER/jitbuild",
    )


def run(options: argparse.Namespace) -> int:
    """Upload interpreters or stencils, and sign them if asked; print the digest of each."""
    from jitbuild.building.caches.stencil_store import StencilStore
    from jitbuild.providers.push import push_all_stencils, push_interpreter, sign_pushed
    from jitbuild.registry.client import connect
    from jitbuild.system.http.client import effects_with
    from jitbuild.system.signing import StatementSigner

    current_store, reporter = store(), reporter_for(options)
    specs, repository = _repository(options.spec)
    axes = stated_axes(options)
    if not specs:
        _check_stencils(options, axes)
    found = {
        interpreter.name: interpreter
        for spec in specs
        for interpreter in matching(current_store, spec, axes, every=False, remedy=_REMEDY)
    }
    signer = StatementSigner() if options.sign else None
    if signer:
        signer.require_identity()  # before anything is pushed
    effects = effects_with(settings.number("min-speed", least=0))
    with connect(repository, effects=effects, reporter=reporter) as client:
        pushed = [
            push_interpreter(interpreter, client, current_store, reporter)
            for interpreter in found.values()
        ]
        if options.stencils:
            pushed += push_all_stencils(StencilStore.below(current_store.root), client)
        _print(pushed, options, repository)
        signers = [
            sign_pushed(each, client, signer.sign, reporter).identity if signer else ""
            for each in pushed
        ]
    if options.json:
        entries = zip(pushed, signers, strict=True)
        print_json([_to_json(each, repository, identity) for each, identity in entries])
    return 0


def _check_stencils(options: argparse.Namespace, axes: Axes) -> None:
    """Raise UsageError unless `options`, which name no interpreter, ask for all stencils."""
    if not options.stencils:
        raise UsageError(
            "No interpreter is named.", remedy="Name one of `jitbuild list`, or use --stencils."
        )
    if axes != Axes():
        raise UsageError(
            "A variant is stated, but no interpreter.",
            remedy="Name the interpreter, too, or omit the variant: --stencils uploads all "
            "stencils in the cache.",
        )


def _print(pushed: list[Pushed], options: argparse.Namespace, repository: Repository) -> None:
    reporter = reporter_for(options)
    for each in pushed:
        reporter.note(f"pushed {repository}:{each.tags[0]} ({format_size(each.size)})")
        if not options.json:
            print(f"{repository}@{each.digest}", flush=True)
    if not pushed:
        reporter.note("There are no stencils in the cache.")


def _repository(words: list[str]) -> tuple[list[str], Repository]:
    """Return the specs in `words`, and the repository: the last word, or the setting `registry`."""
    from jitbuild.registry.repository import parse_repository

    if words and ("/" in words[-1] or ":" in words[-1]) and not words[-1].startswith(_SOURCES):
        return words[:-1], parse_repository(words[-1])
    setting = settings.value("registry")
    if setting:
        return words, parse_repository(setting)
    raise UsageError(
        "No repository is named.",
        remedy="Name it as the last word, such as ghcr.io/OWNER/jitbuild, or set "
        "JITBUILD_REGISTRY.",
    )


def _to_json(pushed: Pushed, repository: Repository, signed_by: str) -> dict[str, object]:
    return {
        "repository": str(repository),
        "tags": list(pushed.tags),
        "digest": pushed.digest,
        "size": pushed.size,
        "signed_by": signed_by,
    }

"""`jitbuild lock`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild import api, setting_lists, settings
from jitbuild.cli.arguments import (
    add_axes,
    add_examples,
    add_json,
    add_recipes,
    add_registry,
    add_signed_by,
    add_spec,
    requested_plan,
    stated_axes,
)
from jitbuild.cli.list_options import WordsAction
from jitbuild.cli.output import print_json, reporter_for
from jitbuild.errors import MissingError, UsageError, VariantError
from jitbuild.options import BuildOptions
from jitbuild.request import Axes, parse
from jitbuild.target import TARGETS

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from jitbuild.registry.client import RegistryClient
    from jitbuild.registry.lock_file import LockedInterpreter, LockFile


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `jitbuild lock`."""
    parser.description = (
        "Write jitbuild.lock: the digest of each requested interpreter in a registry, for every "
        "target that the registry has. `install` and `pull` then accept no other from a registry. "
        "Commit the file. Without requests, the digests in the file are renewed. With --signed-by, "
        "all of them must be signed."
    )
    add_spec(
        parser,
        completer="known_requests",
        nargs="*",
        action=WordsAction,
        help="requests, such as 3.15 (default: those in the file or, without a file, the setting "
        "pythons)",
    )
    add_registry(parser)
    add_signed_by(parser)
    add_axes(parser)
    add_recipes(parser)
    parser.add_argument(
        "--sha256", metavar="HASH", help="the sha256 of a release that no recipe pins yet"
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing; exit 1 if the file would change",
    )
    add_json(parser, "the locked interpreters")
    add_examples(
        parser,
        "jitbuild lock 3.14 3.15 --registry ghcr.io/OWNER/jitbuild",
        "jitbuild lock --check --registry ghcr.io/OWNER/jitbuild",
    )


def run(options: argparse.Namespace) -> int:
    """Write the lock file: the nearest one, else beside the nearest pyproject.toml."""
    from jitbuild.registry.client import connect
    from jitbuild.registry.lock_file import LockFile, write_lock_file
    from jitbuild.registry.repository import parse_repository

    path = _place()
    old = _read(path)
    # Not the registry in the file: whoever wrote the file would get the credentials of the user.
    registry = settings.value("registry", options.registry)
    specs = options.spec or ([] if old else _pythons())
    if not registry or not (specs or old):
        what = "request" if registry else "registry"
        raise UsageError(
            f"No {what} is named.",
            remedy="For example: jitbuild lock 3.15 --registry ghcr.io/OWNER/jitbuild",
        )
    if not specs:
        _check_renewal(options)
    repository = parse_repository(registry)
    with connect(repository, reporter=reporter_for(options)) as client:
        if specs:
            found = {each for spec in specs for each in _locked(spec, options, client)}
        else:
            found = {renewed(each, client) for each in old.interpreter} if old else set()
        _check_signatures(found, options, client)
    lock = LockFile(registry=str(repository), interpreter=tuple(sorted(found)))
    changed = lock != old
    if changed and not options.check:
        write_lock_file(path, lock)
    _print(options, path, lock, _state(old, lock, check=options.check))
    return int(changed and options.check)


def _check_renewal(options: argparse.Namespace) -> None:
    """Raise UsageError if a variant is stated: the interpreters in the file have theirs."""
    if options.sha256 or stated_axes(options) != Axes():
        raise UsageError(
            "A variant or a sha256 is stated, but no request.",
            remedy="Name the request, too, such as `jitbuild lock 3.15 --profile release`. Without "
            "requests, the digests of the interpreters in the file are renewed.",
        )


def _state(old: LockFile | None, lock: LockFile, *, check: bool) -> str:
    """Return what to say of the lock file whose content was `old` and should be `lock`."""
    if lock == old:
        return "is up to date"
    if not check:
        return "was written"
    return "differs from the registry" if old else "does not exist"


def _print(options: argparse.Namespace, path: Path, lock: LockFile, state: str) -> None:
    reporter_for(options).note(f"{path} {state}. Interpreters: {len(lock.interpreter)}.")
    if options.json:
        import msgspec

        print_json(msgspec.to_builtins(lock.interpreter))


def _pythons() -> list[str]:
    return [each.text for each in setting_lists.pythons() or ()]


def renewed(locked: LockedInterpreter, client: RegistryClient) -> LockedInterpreter:
    """Return `locked` with the digest that the registry has now. Raises MissingError for none."""
    import msgspec

    from jitbuild.registry.interpreters import key_tag

    try:
        _, digest = client.get(key_tag(locked.key))
    except MissingError as error:
        raise MissingError(
            f"{client.repository} has no {locked.version} for {locked.target} with the key"
            f" {locked.key[:8]}, which jitbuild.lock states for {locked.request}.",
            remedy="Upload it with `jitbuild push` from a store that has it, or name the requests"
            " to write the file anew: jitbuild lock SPEC",
        ) from error
    return msgspec.structs.replace(locked, digest=digest)


def _check_signatures(
    locked: Iterable[LockedInterpreter], options: argparse.Namespace, client: RegistryClient
) -> None:
    """Raise SignatureError unless the expected identity, if one is stated, signed all of them.

    Raises MissingExtraError if the package that verifies signatures is not installed.
    """
    import tempfile

    from jitbuild.registry.signatures import require_signature
    from jitbuild.registry.signers import signer_of
    from jitbuild.system.signatures import require_package

    stated = BuildOptions(signed_by=options.signed_by, signed_by_issuer=options.signed_by_issuer)
    signer = signer_of(stated.with_settings())
    if signer is None:
        return
    require_package()  # even if nothing is signed
    for digest in sorted({each.digest for each in locked}):
        with tempfile.TemporaryDirectory() as folder:
            require_signature(client, digest, signer, Path(folder))


def _locked(
    spec: str, options: argparse.Namespace, client: RegistryClient
) -> list[LockedInterpreter]:
    """Return the interpreters in the registry for `spec`, one for each target that it has.

    Raises UsageError if `spec` is the name of an interpreter in the store, MissingError if the
    registry has none, and RequestError if the sha256 of the release is not known.
    """
    from jitbuild.registry.interpreters import key_tag
    from jitbuild.registry.lock_file import LockedInterpreter

    if parse(spec).kind == "name":
        raise UsageError(
            f"{spec} is the name of an interpreter in a store, which other machines may not have.",
            remedy="Name a request, such as 3.15, and the variant: --profile release",
        )
    found, name = [], ""
    for target in TARGETS:
        try:
            plan = requested_plan(options, spec, platform=target)
        except VariantError:  # this target has no such build
            continue
        if not plan.key:
            catalog = api.catalog(options.recipes)
            raise catalog.unpinned_release(plan.version, plan.source.unpinned)
        name = plan.name
        try:
            _, digest = client.get(key_tag(plan.key))
        except MissingError:
            continue
        found.append(
            LockedInterpreter(
                request=spec, version=plan.version, target=target, key=plan.key, digest=digest
            )
        )
    if not found:
        raise MissingError(
            f"{client.repository} has no {name or spec} for any target.",
            remedy="Upload it with `jitbuild push` from a store that has it, or build it with"
            " `jitbuild install --push`.",
        )
    return found


def _place() -> Path:
    from jitbuild.registry.lock_file import FILE, find_lock_file

    project = settings.project_file(None)
    return find_lock_file() or (project.parent if project else Path.cwd()) / FILE


def _read(path: Path) -> LockFile | None:
    from jitbuild.registry.lock_file import read_lock_file

    return read_lock_file(path) if path.is_file() else None

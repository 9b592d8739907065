"""Read the manifest of an archive that archive_writer.py wrote, before the rest is unpacked.

Nothing in the archive is trusted: it may come from anywhere.
"""

from __future__ import annotations

import os
import re
from pathlib import PurePath
from typing import TYPE_CHECKING

from jitbuild.advice import advise_install
from jitbuild.errors import ArchiveError, VariantError
from jitbuild.store import manifest as manifests
from jitbuild.store.manifest_check import defect
from jitbuild.system.archives.archive_errors import archive_errors, open_archive
from jitbuild.system.archives.tar_archive import read_tar_files

if TYPE_CHECKING:
    from pathlib import Path

    from jitbuild.store.manifest import Manifest
    from jitbuild.target import Target

_MAX_MANIFEST_BYTES = 1 << 20
# The name becomes that of a folder, and of a lock.
_NAME = re.compile(r"cpython-[0-9][0-9A-Za-z.+_-]{0,120}-(?P<key>[0-9a-f]{8})")


def read_manifest(archive: Path) -> Manifest:
    """Return the manifest in the file `archive`.

    Only the beginning of the file is read. Raises ArchiveError if the file is damaged, if it is not
    an archive of an interpreter, or if its manifest is not valid.
    """
    with open_archive(archive) as file, archive_errors(archive, archive):
        files = read_tar_files(archive, file)
        name, open_member = next(files, ("", None))
        if not name.endswith(f"/{manifests.FILE}") or open_member is None:
            raise ArchiveError(
                f"{archive} is not an archive of an interpreter: its first file is not a manifest "
                f"of jitbuild ({manifests.FILE}).",
                remedy="Name a file that `jitbuild export` wrote.",
            )
        with open_member() as member:
            content = member.read(_MAX_MANIFEST_BYTES + 1)
        del files  # closes the archive
    try:
        return _checked(content, name.removesuffix(f"/{manifests.FILE}"))
    except ValueError as error:
        raise ArchiveError(
            f"{archive} cannot be imported: its manifest is not valid ({error}).",
            remedy="Export the interpreter again, with a jitbuild of the same version.",
        ) from error


def _checked(content: bytes, folder: str) -> Manifest:
    """Return the manifest of the folder `folder`. Raises ValueError if it is not valid."""
    if len(content) > _MAX_MANIFEST_BYTES:
        raise ValueError("it is too large")
    manifest = manifests.parse(content)
    if reason := defect(manifest, folder) or _contradiction(manifest):
        raise ValueError(reason)
    return manifest


def check_target(manifest: Manifest, target: Target, archive: Path) -> None:
    """Raise VariantError if `archive`, whose manifest is given, is not for `target`."""
    if manifest.target != target.name:
        raise VariantError(
            f"{archive} is for {manifest.target or 'an unknown platform'}, and this machine is "
            f"{target.name}.",
            remedy=f"Import an interpreter that was exported on {target.name}. "
            + advise_install("Or build one here", manifest.version),
        )


def origin_of(manifest: Manifest) -> PurePath:
    """Return the folder in which the exported interpreter was installed."""
    recorded = manifest.verdict.executable or ""
    return PurePath(recorded.removesuffix(manifest.executable))


def _contradiction(manifest: Manifest) -> str:
    """Return what contradicts that `manifest` is that of an exported interpreter, or ""."""
    variant = manifest.variant
    name = _NAME.fullmatch(manifest.name)
    threads = "t" * variant.free_threaded
    stem = f"cpython-{manifest.version}{threads}-{variant.to_variant().slug}-"
    if name is None or not manifest.name.startswith(stem):
        return f"its name {manifest.name!r} does not fit its version and variant"
    if name["key"] != manifest.key[:8]:
        return f"its key is not that of {manifest.name}"
    if manifest.adopted or not manifest.verdict.ok:
        return "it is that of an interpreter that was adopted or not proven"
    origin = origin_of(manifest)
    # The path of this folder is replaced in all files, so it must not be a short one.
    if not os.path.isabs(origin) or origin.name != manifest.name:  # noqa: PTH117
        return "it does not say in which folder the interpreter was installed"
    return ""

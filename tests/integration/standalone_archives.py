"""Archives in the layout of python-build-standalone, made from real interpreters on this machine.

The folder at the top is `python`. The records of the build name /install as the prefix, and the
compilers in /tools, which only the builder's machine has. Scripts start the Python beside them by
/bin/sh. In contrast to a real archive, the interpreter may be a `fast` build, and uses the
libraries of this machine.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tarfile
from pathlib import Path
from typing import Any

from jitbuild.building import relocation
from jitbuild.building.installed_prefix import build_records
from jitbuild.store import manifest

BUILD = "20261110"
TARGET = "x86_64-linux-gnu"
_SHEBANG = re.compile(rb"#!/install/bin/(python[\w.]+)\n")


def from_store(interpreter: Path, folder: Path, *, tests: Path | None = None) -> Path:
    """Return the archive of the built interpreter in the folder `interpreter` of a store.

    `tests` is the folder Lib/test of its source tree, which is added if it is given.
    """
    with_manifest = manifest.load(interpreter)
    tree = folder / "made" / "python"
    shutil.copytree(interpreter, tree, symlinks=True)
    (tree / manifest.FILE).unlink()
    recorded = Path(str(with_manifest.verdict.executable)).parents[1]
    relocation.relocate(tree, recorded, Path("/install"))
    if tests is not None:
        series = with_manifest.version.rpartition(".")[0]
        shutil.copytree(tests, tree / f"lib/python{series}/test", dirs_exist_ok=True)
    return _packed(tree, with_manifest.version, folder)


def from_debian(program: Path, version: str, folder: Path) -> Path:
    """Return the archive of an interpreter from Debian's packages, without headers and pip."""
    series, root = program.name.removeprefix("python"), program.parents[1]
    tree = folder / "made" / "python"
    library = tree / f"lib/python{series}"
    shutil.copytree(root / f"lib/python{series}", library, symlinks=True)
    for name in ("sitecustomize.py", "EXTERNALLY-MANAGED"):
        (library / name).unlink(missing_ok=True)
    (tree / "bin").mkdir()
    shutil.copy2(program, tree / "bin")
    (tree / "bin/python3").symlink_to(program.name)
    for record in build_records(tree):
        if not record.is_symlink():
            record.write_bytes(
                re.sub(rb"(?<=['\"=I ])/usr(?=[/'\" ])", b"/install", record.read_bytes())
            )
    return _packed(tree, version, folder)


def _packed(tree: Path, version: str, folder: Path) -> Path:
    for record in build_records(tree):
        if not record.is_symlink():
            record.write_bytes(_built_elsewhere(record.read_bytes()))
    for script in (tree / "bin").iterdir():
        if not script.is_symlink() and (match := _SHEBANG.match(content := script.read_bytes())):
            script.write_bytes(
                b'#!/bin/sh\n\'\'\'exec\' "$(dirname -- "$(realpath -- "$0")")/%s" "$0" "$@"\n'
                b"' '''\n%s" % (match[1], content[match.end() :])
            )
    name = f"cpython-{version}+{BUILD}-x86_64-unknown-linux-gnu-install_only_stripped.tar.gz"
    return pack(tree, folder / name)


def _built_elsewhere(record: bytes) -> bytes:
    """Return a record in which the compilers are those of the builder."""
    record = re.sub(rb"(?<=[\"'= ])(?:[\w-]+-)?gcc(?= |')", b"/tools/llvm/bin/clang", record)
    return re.sub(rb"(?<=')(?:[\w-]+-)?(?:gcc-)?ar(?=')", b"/tools/llvm/bin/llvm-ar", record)


def pack(tree: Path, archive: Path, *, level: int = 6) -> Path:
    """Pack the folder `tree`, which is named `python`, into `archive`, and return the latter."""
    with tarfile.open(archive, "w:gz", compresslevel=level, format=tarfile.GNU_FORMAT) as tar:
        tar.add(tree, tree.name)
    return archive


def recipe(folder: Path, *archives: dict[str, Any]) -> Path:
    """Write prebuilt.toml, which pins `archives`, into `folder`, and return the folder.

    Each of them has a `url` and a `sha256`; the other keys have defaults.
    """
    folder.mkdir(exist_ok=True)
    defaults = {"builder": "python-build-standalone", "target": TARGET, "build": BUILD}
    entries = [
        "\n".join(
            ["[[archive]]", *(f'{key} = "{text}"' for key, text in (defaults | each).items())]
        )
        for each in archives
    ]
    (folder / "prebuilt.toml").write_text("\n\n".join(entries) + "\n")
    return folder


def pin(archive: Path, url: str, **keys: str) -> dict[str, str]:
    """Return the entry of a recipe for `archive`, which is served below `url`."""
    version = archive.name.split("+")[0].removeprefix("cpython-")
    return {
        "version": version,
        "url": f"{url}/{BUILD}/{archive.name.replace('+', '%2B')}",
        "sha256": hashlib.sha256(archive.read_bytes()).hexdigest(),
        **keys,
    }

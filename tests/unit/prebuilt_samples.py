"""Archives in the layout of python-build-standalone, with a Python that the fakes understand."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from dataclasses import replace

from jitbuild.recipes.catalog import load_catalog
from jitbuild.recipes.prebuilt import PrebuiltArchive, PrebuiltRecipe

CATALOG = load_catalog()
URL = "https://example.org/20261110/cpython-3.15.2%2B20261110-x86_64.tar.gz"
NAME = "cpython-3.15.2+20261110-x86_64.tar.gz"
SYSCONFIG = "lib/python3.15/_sysconfigdata__linux.py"


def tar(files, *, top="python", links=()):
    """Return a .tar.gz with `files` (path: text) below `top`, and with symbolic `links`."""
    stream = io.BytesIO()
    # With the date 0, two archives with the same files are equal.
    with (
        gzip.GzipFile(fileobj=stream, mode="wb", mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w") as archive,
    ):
        for path, text in files.items():
            member = tarfile.TarInfo(f"{top}/{path}")
            member.size, member.mode = len(text), 0o755
            archive.addfile(member, io.BytesIO(text.encode()))
        for path, target in links:
            member = tarfile.TarInfo(f"{top}/{path}")
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)
    return stream.getvalue()


def layout(program="3.15.2 yes-off"):
    """Return an archive in the layout of python-build-standalone, whose Python is `program`."""
    files = {
        "bin/python3.15": program,
        "bin/pip3.15": "#!/install/bin/python3.15\n",
        SYSCONFIG: "build_time_vars = {'CC': '/tools/llvm/bin/clang', 'prefix': '/install'}\n",
    }
    return tar(files, links=[("bin/python3", "python3.15")])


def catalog_with(content, **fields):
    """Return the catalog, with one archive that has the sha256 of `content`."""
    sha256 = hashlib.sha256(content).hexdigest()
    archive = PrebuiltArchive(
        **{
            "builder": "python-build-standalone",
            "version": "3.15.2",
            "target": "x86_64-linux-gnu",
            "url": URL,
            "sha256": sha256,
            "build": "20261110",
            **fields,
        }
    )
    recipe = PrebuiltRecipe(builder=CATALOG.prebuilt.builder, archive=(archive,))
    return replace(CATALOG, load_prebuilt=lambda: recipe)

"""Sources from the origins that one machine has: apt, HTTP servers, file URLs and archives."""

from __future__ import annotations

import functools
import hashlib
import http.server
import shutil
import subprocess
import tarfile
import threading
from pathlib import Path

import pytest
import releases
from source_fixtures import CATALOG, state

from jitbuild.errors import DownloadError, IntegrityError, MissingError
from jitbuild.planning.plan import Source
from jitbuild.sources.origin import ArchiveOrigin

pytestmark = pytest.mark.integration

APT = Path("/etc/apt")
needs_apt = pytest.mark.skipif(shutil.which("apt-get") is None, reason="needs apt")


class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        self.server.paths.append(self.path)
        super().do_GET()

    def log_message(self, *_):
        pass


@pytest.fixture
def mirror(tmp_path):
    """A mirror on this machine: its folder, its origin and the paths that were requested."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Handler, directory=folder)
    ) as server:
        server.paths = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder, ArchiveOrigin.parse(f"http://127.0.0.1:{server.server_port}/"), server.paths
        server.shutdown()


@pytest.fixture
def release(tmp_path, mini_cpython):
    """A release of a small tree, and its archive."""
    tree = mini_cpython(tmp_path / "made/Python-3.15.0", version="3.15.0")
    archive = tmp_path / "made/Python-3.15.0.tar.xz"
    with tarfile.open(archive, "w:xz") as tar:
        tar.add(tree, tree.name)
    sha256 = hashlib.sha256(archive.read_bytes()).hexdigest()
    location = "https://www.python.org/ftp/python/3.15.0/Python-3.15.0.tar.xz"
    return Source(
        kind="release", digest=sha256, location=location, files=((archive.name, sha256),)
    ), archive


@needs_apt
def test_the_archive_of_the_distribution_is_that_of_python_org(tmp_path):
    """In a folder with a space; the system's own lists and settings are not changed."""
    system = [
        folder for folder in (APT, Path("/var/lib/apt"), Path("/var/cache/apt")) if folder.is_dir()
    ]
    before = [state(folder) for folder in system]
    cache, failures = tmp_path / "a cache", []
    for version in releases.VERSIONS:
        try:
            archive = releases.fetched(version, cache, ArchiveOrigin(kind="distro"))
            break
        except DownloadError as error:
            failures.append(str(error))
    else:
        pytest.fail("\n".join(failures))
    pins = CATALOG.tags()[version]
    assert hashlib.sha256(archive.read_bytes()).hexdigest() == pins.tar_xz
    assert archive.stat().st_size == pins.size
    assert [state(folder) for folder in system] == before


@needs_apt
def test_a_version_that_the_distribution_lacks_is_an_error(obtained):
    source = Source(
        kind="release",
        digest="0" * 64,
        location="https://www.python.org/ftp/python/3.13.99/Python-3.13.99.tar.xz",
        files=(("Python-3.13.99.tar.xz", "0" * 64),),
        distro_package="python3.13",
    )
    with pytest.raises(DownloadError, match=r"has no python3\.13 3\.13\.99; it has .*3\.13\."):
        obtained(source, ArchiveOrigin(kind="distro"))


@needs_apt
def test_an_archive_without_the_pinned_bytes_is_refused(obtained, cpython_archive):
    version = cpython_archive.name.removeprefix("Python-").removesuffix(".tar.xz")
    source = Source(
        kind="release",
        digest="0" * 64,
        location=f"https://www.python.org/ftp/python/{version}/{cpython_archive.name}",
        files=((cpython_archive.name, "0" * 64),),
        distro_package="python3.13",
    )
    with pytest.raises(IntegrityError, match="is not the pinned one"):
        obtained(source, ArchiveOrigin(kind="distro"))


@pytest.mark.parametrize("layout", ["3.15.0", "."])
def test_a_mirror_is_read_over_http(mirror, release, obtained, layout):
    folder, origin, paths = mirror
    source, archive = release
    (folder / layout).mkdir(exist_ok=True)
    shutil.copy(archive, folder / layout)
    tree = obtained(source, origin)
    assert (tree.path / "Include/patchlevel.h").is_file()
    assert tree.origin == f"{str(origin.place).rstrip('/')}{paths[-1]}"
    assert obtained(source, origin).origin == "cache"


def test_after_wrong_bytes_nothing_else_is_requested_from_a_mirror(
    mirror, release, obtained, tmp_path
):
    """Nor is its flat layout, which has the right bytes; and the cache stays empty."""
    folder, origin, paths = mirror
    source, archive = release
    (folder / "3.15.0").mkdir()
    (folder / "3.15.0" / archive.name).write_bytes(b"other bytes")
    shutil.copy(archive, folder)
    with pytest.raises(IntegrityError):
        obtained(source, origin)
    assert paths == [f"/3.15.0/{archive.name}"]
    assert not [
        path
        for path in (tmp_path / "cache").rglob("*")
        if path.is_file() and path.suffix != ".lock"
    ]


def test_both_layouts_of_a_mirror_are_requested(mirror, release, obtained):
    _, origin, paths = mirror
    with pytest.raises(MissingError):
        obtained(release[0], origin)
    assert paths == ["/3.15.0/Python-3.15.0.tar.xz", "/Python-3.15.0.tar.xz"]


def test_a_mirror_that_cannot_be_reached_is_named(release, obtained):
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1:9/"):
        obtained(release[0], ArchiveOrigin.parse("http://127.0.0.1:9/"))


def test_a_file_url_may_have_spaces(release, obtained, tmp_path):
    folder = tmp_path / "a mirror of mine"
    folder.mkdir()
    shutil.copy(release[1], folder)
    assert obtained(release[0], ArchiveOrigin.parse(folder.as_uri())).origin == str(
        folder / "Python-3.15.0.tar.xz"
    )


def test_a_real_archive_is_described_and_unpacked(cpython_archive, described, obtained):
    resolved = described(cpython_archive)
    assert cpython_archive.name == f"Python-{resolved.version}.tar.xz"
    assert (resolved.llvm_major, resolved.llvm_tools) == (18, ("clang", "llvm-readobj"))
    tree = obtained(resolved.source)
    assert tree.path.name == f"Python-{resolved.version}"
    again = described(tree.path)
    assert again.version == resolved.version
    assert (again.llvm_major, again.llvm_tools) == (18, ("clang", "llvm-readobj"))
    # The copy of the folder is complete.
    copied = obtained(again.source)
    assert subprocess.run(["diff", "-r", tree.path, copied.path], check=False).returncode == 0

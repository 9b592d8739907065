"""Sources by every origin available on one machine: apt, HTTP servers, file URLs, archives, folders and git repositories."""

from __future__ import annotations

import functools
import hashlib
import http.server
import os
import shutil
import subprocess
import tarfile
import threading
from pathlib import Path

import pytest
import releases

from jitbuild import request
from jitbuild.errors import DownloadError, IntegrityError, MissingError, SourceError
from jitbuild.planning.plan import Source
from jitbuild.recipes.catalog import load_catalog
from jitbuild.sources.obtain import obtain
from jitbuild.sources.origin import ArchiveOrigin
from jitbuild.sources.resolve import describe

pytestmark = pytest.mark.integration

CATALOG = load_catalog()
APT = Path("/etc/apt")
needs_apt = pytest.mark.skipif(shutil.which("apt-get") is None, reason="needs apt")


class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        super().do_GET()

    def log_message(self, *_):
        pass


@pytest.fixture
def mirror(tmp_path):
    """A mirror on this machine: its folder, its origin and the paths that it was asked for."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Handler, directory=folder)
    ) as server:
        server.asked = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder, ArchiveOrigin.parse(f"http://127.0.0.1:{server.server_port}/"), server.asked
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


def git(folder, *words, **env):
    names = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b"}
    names |= {"GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b", **env}
    done = subprocess.run(
        ["git", *words],
        cwd=folder,
        env={**os.environ, **names},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path, mini_cpython):
    """A repository with two commits on main, the first one tagged v3.15.0a1, and what could lead a careless reader astray."""
    tree = mini_cpython(tmp_path / "my cpython", version="3.15.0a1", llvm="_LLVM_VERSION = 19")
    (tree / ".gitignore").write_text("*.o\nMakefile\n")
    (tree / ".gitattributes").write_text("Lib/kept.py export-ignore\n*.bat text eol=crlf\n")
    (tree / "Lib/kept.py").write_text("kept = True\n")
    (tree / "build.bat").write_text("@echo off\n")
    (tree / "Lib/link.py").symlink_to("os.py")
    git(tree, "init", "--quiet", "--initial-branch=main")
    git(tree, "add", ".")
    git(tree, "commit", "--quiet", "-m", "first")
    git(tree, "tag", "-a", "v3.15.0a1", "-m", "tag")
    mini_cpython(tree, version="3.15.0a2+")
    git(tree, "commit", "--quiet", "-am", "second")
    return tree


@pytest.fixture
def asked(tmp_path):
    """Describes what a person typed."""

    def describe_it(text, **options):
        return describe(
            request.parse(str(text)), cache=tmp_path / "cache", catalog=CATALOG, **options
        )

    return describe_it


@pytest.fixture
def have(tmp_path):
    def obtained(source, origin=None):
        dest = tmp_path / f"dest {len(list(tmp_path.glob('dest*')))}"
        return obtain(source, dest, origin=origin or ArchiveOrigin(), cache=tmp_path / "cache")

    return obtained


def state(folder):
    return {
        (str(path), path.lstat().st_mtime_ns, path.lstat().st_size) for path in folder.rglob("*")
    }


# ---- the distribution


@needs_apt
def test_the_distributions_archive_is_python_orgs(tmp_path):
    """In a folder with a space, by the first version that comes; the system's own lists and settings stay as they are."""
    system = [
        folder for folder in (APT, Path("/var/lib/apt"), Path("/var/cache/apt")) if folder.is_dir()
    ]
    before = [state(folder) for folder in system]
    cache, failures = tmp_path / "a cache", []
    for version in releases.VERSIONS:
        try:
            found = releases.fetched(version, cache, ArchiveOrigin(kind="distro"))
            break
        except DownloadError as error:
            failures.append(str(error))
    else:
        pytest.fail("\n".join(failures))
    pins = CATALOG.tags()[version]
    assert hashlib.sha256(found.read_bytes()).hexdigest() == pins.tar_xz
    assert found.stat().st_size == pins.size
    assert [state(folder) for folder in system] == before


@needs_apt
def test_a_version_that_the_distribution_does_not_have(have):
    source = Source(
        kind="release",
        digest="0" * 64,
        location="https://www.python.org/ftp/python/3.13.99/Python-3.13.99.tar.xz",
        files=(("Python-3.13.99.tar.xz", "0" * 64),),
        distro_package="python3.13",
    )
    with pytest.raises(DownloadError, match=r"has no python3\.13 3\.13\.99; it has .*3\.13\."):
        have(source, ArchiveOrigin(kind="distro"))


@needs_apt
def test_a_pin_that_the_distribution_does_not_meet(have, cpython_archive):
    version = cpython_archive.name.removeprefix("Python-").removesuffix(".tar.xz")
    source = Source(
        kind="release",
        digest="0" * 64,
        location=f"https://www.python.org/ftp/python/{version}/{cpython_archive.name}",
        files=((cpython_archive.name, "0" * 64),),
        distro_package="python3.13",
    )
    with pytest.raises(IntegrityError, match="is not the pinned one"):
        have(source, ArchiveOrigin(kind="distro"))


# ---- mirrors


@pytest.mark.parametrize("layout", ["3.15.0", "."])
def test_a_mirror_over_http(mirror, release, have, layout):
    folder, origin, paths = mirror
    source, archive = release
    (folder / layout).mkdir(exist_ok=True)
    shutil.copy(archive, folder / layout)
    found = have(source, origin)
    assert (found.path / "Include/patchlevel.h").is_file()
    assert found.origin == f"{origin.place.rstrip('/')}{paths[-1]}"
    assert have(source, origin).origin == "cache"


def test_a_mirror_with_other_bytes_is_not_asked_again(mirror, release, have, tmp_path):
    """Nor is its flat place, which has the right ones; and nothing of it stays."""
    folder, origin, paths = mirror
    source, archive = release
    (folder / "3.15.0").mkdir()
    (folder / "3.15.0" / archive.name).write_bytes(b"other bytes")
    shutil.copy(archive, folder)
    with pytest.raises(IntegrityError):
        have(source, origin)
    assert paths == [f"/3.15.0/{archive.name}"]
    assert not [
        path
        for path in (tmp_path / "cache").rglob("*")
        if path.is_file() and path.suffix != ".lock"
    ]


def test_a_mirror_without_it(mirror, release, have):
    _, origin, paths = mirror
    with pytest.raises(MissingError):
        have(release[0], origin)
    assert paths == ["/3.15.0/Python-3.15.0.tar.xz", "/Python-3.15.0.tar.xz"]


def test_a_mirror_that_is_not_up(release, have):
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1:9/"):
        have(release[0], ArchiveOrigin.parse("http://127.0.0.1:9/"))


def test_a_file_url_with_spaces(release, have, tmp_path):
    folder = tmp_path / "a mirror of mine"
    folder.mkdir()
    shutil.copy(release[1], folder)
    assert have(release[0], ArchiveOrigin.parse(folder.as_uri())).origin == str(
        folder / "Python-3.15.0.tar.xz"
    )


# ---- a real archive


def test_a_real_archive_by_its_path(cpython_archive, asked, have):
    subject = asked(cpython_archive)
    assert cpython_archive.name == f"Python-{subject.version}.tar.xz"
    assert subject.llvm_major == 18
    found = have(subject.source)
    assert found.path.name == f"Python-{subject.version}"
    again = asked(found.path)
    assert (again.version, again.llvm_major) == (subject.version, 18)
    # What the folder origin copies is all of it.
    copied = have(again.source)
    assert subprocess.run(["diff", "-r", found.path, copied.path], check=False).returncode == 0


# ---- git


@pytest.mark.parametrize(
    ("ref", "version", "major"),
    [
        ("v3.15.0a1", "3.15.0a1", 19),
        ("HEAD~1", "3.15.0a1", 19),
        ("main", "3.15.0a2", 21),
        ("", "3.15.0a2", 21),
    ],
)
def test_a_checkout_at_a_reference(checkout, asked, have, ref, version, major):
    git(checkout, "config", "core.autocrlf", "true")
    (checkout / "Lib/os.py").write_text("changed and not committed\n")
    (checkout / "Lib/new.py").touch()
    before = state(checkout)
    subject = asked(f"{checkout}@{ref}")
    assert (subject.version, subject.llvm_major) == (version, major)
    assert subject.source.digest == git(checkout, "rev-parse", f"{ref or 'HEAD'}^{{commit}}")
    found = have(subject.source)
    assert state(checkout) == before
    assert (found.origin, found.verified) == ("git", "commit")
    assert (found.path / "Lib/os.py").read_text() == "name = 'posix'\n"
    assert (found.path / "Lib/kept.py").is_file()
    assert (found.path / "Lib/link.py").is_symlink()
    assert (found.path / "build.bat").read_bytes() == b"@echo off\r\n"
    assert os.access(found.path / "configure", os.X_OK)
    assert not (found.path / "Lib/new.py").exists()
    assert [path.name for path in found.path.parent.iterdir()] == ["tree"]


def test_hooks_and_sparse_checkouts_have_no_say(checkout, asked, have, tmp_path):
    for name in ("post-checkout", "post-index-change", "reference-transaction"):
        hook = checkout / ".git/hooks" / name
        hook.write_text(f"#!/bin/sh\ntouch '{tmp_path}/ran-{name}'\n")
        hook.chmod(0o755)
    git(checkout, "sparse-checkout", "set", "Lib")
    for ran in tmp_path.glob("ran-*"):
        ran.unlink()
    found = have(asked(f"{checkout}@main").source)
    assert (found.path / "Include/patchlevel.h").is_file()
    assert not list(tmp_path.glob("ran-*"))


def test_a_linked_worktree(checkout, asked, have, tmp_path):
    git(checkout, "worktree", "add", "--quiet", tmp_path / "old", "v3.15.0a1")
    assert asked(f"{tmp_path / 'old'}@HEAD").version == "3.15.0a1"
    assert (have(asked(f"{tmp_path / 'old'}@main").source).path / "configure").is_file()
    assert asked(tmp_path / "old").version == "3.15.0a1"


def test_from_within_a_hook_of_another_repository(checkout, asked, have, monkeypatch, tmp_path):
    """git tells its hooks where they are by variables that would lead every other git there."""
    (tmp_path / "other").mkdir()
    git(tmp_path / "other", "init", "--quiet")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other/.git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "other/.git/index"))
    assert (have(asked(f"{checkout}@v3.15.0a1").source).path / "configure").is_file()
    assert asked(checkout).version == "3.15.0a2"


@pytest.mark.parametrize("ref", ["nope", "refs/heads/nope", "v3.15.0a1:configure"])
def test_references_that_are_not_there(checkout, asked, ref):
    wanted = request.Request(text="x", kind="git", value=str(checkout), ref=ref)
    with pytest.raises(SourceError, match="no commit named"):
        describe(wanted, cache=checkout.parent / "cache", catalog=CATALOG)


def test_a_folder_that_is_no_repository(tmp_path, asked):
    with pytest.raises(SourceError, match="not a git repository"):
        asked(f"{tmp_path}@main")


def test_a_repository_of_something_else(tmp_path, asked):
    git(tmp_path, "init", "--quiet", "other")
    git(tmp_path / "other", "commit", "--quiet", "--allow-empty", "-m", "nothing")
    with pytest.raises(SourceError, match="is not a CPython source tree"):
        asked(f"{tmp_path / 'other'}@HEAD")


def test_a_dirty_checkout_as_a_folder(checkout, asked, have):
    clean = asked(checkout).source.digest
    (checkout / "Makefile").touch()
    (checkout / "Lib/os.o").touch()
    assert asked(checkout).source.digest == clean
    (checkout / "Lib/os.py").write_text("changed and not committed\n")
    (checkout / "Lib/new ü.py").touch()
    (checkout / "Lib/kept.py").unlink()
    before = state(checkout)
    subject = asked(checkout)
    assert subject.source.digest != clean
    found = have(subject.source)
    assert (found.path / "Lib/os.py").read_text() == "changed and not committed\n"
    assert (found.path / "Lib/new ü.py").is_file()
    assert not {"Makefile", ".git"} & {path.name for path in found.path.iterdir()}
    assert not (found.path / "Lib/kept.py").exists()
    assert state(checkout) == before


@pytest.mark.parametrize("ref", ["main", "v3.15.0a1", "commit", "short"])
def test_a_repository_behind_a_url(checkout, asked, have, ref):
    first = git(checkout, "rev-parse", "HEAD~1")
    wanted = {"commit": first, "short": first[:9]}.get(ref, ref)
    subject = asked(f"git+{checkout.as_uri()}@{wanted}")
    assert subject.version == ("3.15.0a2" if ref == "main" else "3.15.0a1")
    assert subject.source.location == checkout.as_uri()
    found = have(subject.source)
    assert found.origin == checkout.as_uri()
    assert (found.path / "Lib/kept.py").is_file()


def test_a_branch_that_moves_is_fetched_again_and_a_commit_is_not(
    checkout, asked, have, mini_cpython
):
    url = f"git+{checkout.as_uri()}"
    first = asked(f"{url}@main").source
    mini_cpython(checkout, version="3.15.0a3")
    git(checkout, "commit", "--quiet", "-am", "third")
    assert asked(f"{url}@main").version == "3.15.0a3"
    (checkout / ".git").rename(checkout / "gone")
    assert asked(f"{url}@{first.digest}").version == "3.15.0a2"
    assert (have(first).path / "configure").is_file()
    with pytest.raises(DownloadError, match="could not fetch main"):
        asked(f"{url}@main")


def test_a_short_commit_is_found_after_a_shallow_fetch(checkout, asked):
    url = f"git+{checkout.as_uri()}"
    asked(f"{url}@main")
    first = git(checkout, "rev-parse", "HEAD~1")
    assert asked(f"{url}@{first[:8]}").source.digest == first


def test_a_fetch_that_was_killed_does_not_stand_in_the_way(checkout, asked, tmp_path):
    url = f"git+{checkout.as_uri()}"
    asked(f"{url}@main")
    (mirror,) = (path for path in (tmp_path / "cache/git").iterdir() if path.is_dir())
    (mirror / "shallow.lock").touch()
    assert asked(f"{url}@v3.15.0a1").version == "3.15.0a1"


def test_a_url_cannot_run_a_program(asked, tmp_path):
    with pytest.raises(SourceError):
        asked(f"git+ext::sh -c touch% {tmp_path}/ran%/x@main")
    assert not (tmp_path / "ran").exists()

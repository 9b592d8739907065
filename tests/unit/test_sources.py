"""Describing and obtaining source trees, with fakes where the world would be asked."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
from typing import TYPE_CHECKING

import pytest

from jitbuild import request
from jitbuild.errors import (
    ArchiveError,
    DownloadError,
    IntegrityError,
    MissingError,
    SourceError,
    TruncatedError,
    UsageError,
)
from jitbuild.planning.plan import Source
from jitbuild.recipes import catalog as recipes
from jitbuild.sources.obtain import obtain
from jitbuild.sources.origin import ArchiveOrigin
from jitbuild.sources.resolve import describe
from jitbuild.system.process import Completed

if TYPE_CHECKING:
    from pathlib import Path

CATALOG = recipes.load()
HOME = "https://www.python.org/ftp/python/3.15.0"
FLAT = ArchiveOrigin(kind="mirror", place="https://mirror.example/py")


class Recorder:
    """A reporter that keeps what it was told."""

    def __init__(self):
        self.warnings = []

    def __getattr__(self, name):
        from jitbuild.system.progress import SilentReporter

        return getattr(SilentReporter(), name)

    def warn(self, text):
        self.warnings.append(text)


class Places:
    """Stands for download.download: addresses with bytes or an error; it verifies as the real one does."""

    def __init__(self, **_):
        self.content = {}
        self.asked = []

    def __call__(self, url, dest, *, sha256, reporter):
        self.asked.append(url)
        found = self.content.get(url, MissingError(f"{url} is not there.", remedy="Look."))
        if isinstance(found, Exception):
            raise found
        if hashlib.sha256(found).hexdigest() != sha256:
            raise IntegrityError(f"{url} is other bytes.", remedy="Look.")
        dest.parent.mkdir(parents=True, exist_ok=True)
        dest.write_bytes(found)
        return dest


def no_process(argv, **_):
    raise AssertionError(f"{argv} would be run")


def packed(tree: Path, archive: Path) -> Path:
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive, "w:xz" if archive.suffix == ".xz" else "w:gz") as tar:
        tar.add(tree, tree.name)
    return archive


def sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def archives(tmp_path, mini_cpython):
    """A release's two archives, as files."""
    tree = mini_cpython(tmp_path / "made/Python-3.15.0", version="3.15.0")
    return [
        packed(tree, tmp_path / "made" / f"Python-3.15.0.{suffix}") for suffix in ("tar.xz", "tgz")
    ]


@pytest.fixture
def release(archives):
    return Source(
        kind="release",
        digest=sha(archives[0]),
        location=f"{HOME}/Python-3.15.0.tar.xz",
        files=tuple((path.name, sha(path)) for path in archives),
        distro_package="python3.15",
    )


@pytest.fixture
def have(tmp_path, release):
    """Obtains the release (or another source) into a new folder, from `places` or whatever the origin is."""

    def obtained(source=release, *, origin=FLAT, places=None, **options):
        dest = tmp_path / f"dest{len(list(tmp_path.glob('dest*')))}"
        options = {"runner": no_process, **options}
        return obtain(
            source,
            dest,
            origin=origin,
            cache=tmp_path / "cache",
            downloader=places or Places(),
            **options,
        )

    return obtained


def described(text, tmp_path, **options):
    return describe(
        request.parse(str(text)),
        cache=tmp_path / "cache",
        catalog=CATALOG,
        **{"runner": no_process, **options},
    )


# ---- the origin


@pytest.mark.parametrize("text", [None, "", "  "])
def test_no_mirror_means_python_org(text):
    assert ArchiveOrigin.parse(text) == ArchiveOrigin(kind="python.org")


@pytest.mark.parametrize(
    "text",
    [
        "https://mirror.example/python",
        "http://127.0.0.1:8000",
        "HTTPS://u:p@mirror.example/x?sig=1",
    ],
)
def test_a_url_is_a_mirror(text):
    assert ArchiveOrigin.parse(text) == ArchiveOrigin(kind="mirror", place=text)


def test_the_distribution_is_a_word():
    assert (
        ArchiveOrigin.parse("distro")
        == ArchiveOrigin.parse("Distro")
        == ArchiveOrigin(kind="distro")
    )


def test_a_folder_and_its_file_url_are_the_same_origin(tmp_path, monkeypatch):
    folder = tmp_path / "my mirror"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    origins = {
        ArchiveOrigin.parse(text)
        for text in (str(folder), "my mirror", "./my mirror", folder.as_uri())
    }
    assert origins == {ArchiveOrigin(kind="folder", place=str(folder))}


@pytest.mark.parametrize(
    "text",
    [
        "ftp://mirror.example",
        "https://",
        "https://[bad",
        "nowhere",
        "/no/such/folder",
        "file:///no/such",
        "file://other/x",
    ],
)
def test_nonsense_is_refused(text):
    with pytest.raises(UsageError):
        ArchiveOrigin.parse(text)


def test_a_file_url_of_nothing_is_not_called_something_else():
    with pytest.raises(UsageError, match="file:///no/such is not an existing folder"):
        ArchiveOrigin.parse("file:///no/such")


def test_a_slip_in_the_word_is_seen():
    with pytest.raises(UsageError, match="Did you mean distro"):
        ArchiveOrigin.parse("distor")


def test_a_password_is_not_repeated():
    with pytest.raises(UsageError) as raised:
        ArchiveOrigin.parse("ftp://me:secret@mirror.example")
    assert "secret" not in str(raised.value)


# ---- releases


def test_a_mirror_in_python_orgs_layout(have, release, archives):
    places = Places()
    places.content["https://mirror.example/py/3.15.0/Python-3.15.0.tar.xz"] = archives[
        0
    ].read_bytes()
    found = have(places=places)
    assert (found.path / "Include/patchlevel.h").is_file()
    assert found.path.name == "Python-3.15.0"
    assert found.origin == "https://mirror.example/py/3.15.0/Python-3.15.0.tar.xz"
    assert found.verified == "sha256 pin in a recipe"
    assert os.access(found.path / "configure", os.X_OK)


def test_a_prerelease_lies_in_the_folder_of_its_version(have, release, archives):
    source = Source(
        kind="release",
        digest=release.digest,
        location="https://www.python.org/ftp/python/3.15.0/Python-3.15.0b2.tar.xz",
        files=(("Python-3.15.0b2.tar.xz", release.digest),),
    )
    places = Places()
    with pytest.raises(MissingError):
        have(source, places=places)
    assert places.asked == [
        "https://mirror.example/py/3.15.0/Python-3.15.0b2.tar.xz",
        "https://mirror.example/py/Python-3.15.0b2.tar.xz",
    ]


def test_the_places_of_a_mirror_are_asked_in_order(have, release, archives):
    places = Places()
    places.content["https://mirror.example/py/Python-3.15.0.tgz"] = archives[1].read_bytes()
    found = have(places=places, pinned_by_user=True)
    assert found.origin.endswith("/Python-3.15.0.tgz")
    assert found.verified == "sha256 given by hand"
    below = [url.removeprefix("https://mirror.example/py/") for url in places.asked]
    assert below == [
        "3.15.0/Python-3.15.0.tar.xz",
        "Python-3.15.0.tar.xz",
        "3.15.0/Python-3.15.0.tgz",
        "Python-3.15.0.tgz",
    ]


def test_wrong_bytes_end_it(have, archives):
    """The right ones at the next place, and in the other archive, are not asked for."""
    places = Places()
    places.content["https://mirror.example/py/3.15.0/Python-3.15.0.tar.xz"] = b"a login page"
    places.content["https://mirror.example/py/Python-3.15.0.tar.xz"] = archives[0].read_bytes()
    with pytest.raises(IntegrityError):
        have(places=places)
    assert len(places.asked) == 1


@pytest.mark.parametrize("kind", [DownloadError, TruncatedError])
def test_only_a_missing_file_is_looked_for_elsewhere(have, archives, kind):
    places = Places()
    places.content["https://mirror.example/py/3.15.0/Python-3.15.0.tar.xz"] = kind(
        "Broken.", remedy="Look."
    )
    places.content["https://mirror.example/py/Python-3.15.0.tar.xz"] = archives[0].read_bytes()
    with pytest.raises(kind):
        have(places=places)
    assert len(places.asked) == 1


def test_what_a_mirror_lacks_is_not_asked_of_another(have):
    places = Places()
    with pytest.raises(
        MissingError, match=r"mirror\.example/py/3\.15\.0/Python-3\.15\.0\.tar\.xz"
    ) as raised:
        have(places=places)
    assert all(url.startswith("https://mirror.example/") for url in places.asked)
    assert "--mirror" in raised.value.remedy


def test_a_mirrors_query_is_kept_and_its_secrets_are_not_shown(have, archives):
    places = Places()
    places.content["https://me:pw@mirror.example/3.15.0/Python-3.15.0.tar.xz?sig=abc"] = archives[
        0
    ].read_bytes()
    found = have(origin=ArchiveOrigin.parse("https://me:pw@mirror.example/?sig=abc"), places=places)
    assert found.origin == "https://***@mirror.example/3.15.0/Python-3.15.0.tar.xz?***"


def test_the_second_time_it_comes_from_the_cache(have, archives):
    places = Places()
    places.content["https://mirror.example/py/Python-3.15.0.tar.xz"] = archives[0].read_bytes()
    have(places=places)
    asked = len(places.asked)
    assert have(places=places).origin == "cache"
    assert have(places=places, origin=ArchiveOrigin()).origin == "cache"
    assert len(places.asked) == asked


def test_a_damaged_file_in_the_cache_is_fetched_again(have, archives, tmp_path):
    places = Places()
    places.content["https://mirror.example/py/Python-3.15.0.tar.xz"] = archives[0].read_bytes()
    have(places=places)
    (kept,) = (tmp_path / "cache").rglob("*.tar.xz")
    kept.write_bytes(b"rot")
    assert have(places=places).origin != "cache"
    assert have(places=places).origin == "cache"


def test_two_archives_of_one_name_do_not_meet_in_the_cache(have, release, archives, tmp_path):
    other = packed(archives[0].parent / "Python-3.15.0/Lib", tmp_path / "other" / archives[0].name)
    own = Source(
        kind="release",
        digest=sha(other),
        location=release.location,
        files=((other.name, sha(other)),),
    )
    assert (
        have(origin=ArchiveOrigin(kind="folder", place=str(archives[0].parent))).origin != "cache"
    )
    assert have(own, origin=ArchiveOrigin(kind="folder", place=str(other.parent))).origin != "cache"
    assert have().origin == have(own).origin == "cache"


@pytest.mark.parametrize("layout", ["", "3.15.0"])
def test_a_folder_as_a_mirror(have, archives, tmp_path, layout):
    mirror = tmp_path / "a mirror"
    (mirror / layout).mkdir(parents=True)
    shutil.copy(archives[1], mirror / layout)
    found = have(origin=ArchiveOrigin.parse(mirror.as_uri()))
    assert found.origin == str(mirror / layout / "Python-3.15.0.tgz")
    assert found.path.is_dir()


def test_wrong_bytes_in_a_folder_end_it(have, archives, tmp_path):
    mirror = tmp_path / "mirror"
    (mirror / "3.15.0").mkdir(parents=True)
    (mirror / "3.15.0/Python-3.15.0.tar.xz").write_bytes(b"other")
    shutil.copy(archives[0], mirror)
    with pytest.raises(IntegrityError):
        have(origin=ArchiveOrigin.parse(str(mirror)))


def test_a_folder_that_lacks_it(have, tmp_path):
    with pytest.raises(MissingError, match=r"3\.15\.0.Python-3\.15\.0\.tgz"):
        have(origin=ArchiveOrigin.parse(str(tmp_path)))


def test_python_org_has_its_own_layout_only(have, archives):
    places = Places()
    places.content[f"{HOME}/Python-3.15.0.tgz"] = archives[1].read_bytes()
    assert have(origin=ArchiveOrigin(), places=places).origin == f"{HOME}/Python-3.15.0.tgz"
    assert places.asked == [f"{HOME}/Python-3.15.0.tar.xz", f"{HOME}/Python-3.15.0.tgz"]


@pytest.mark.parametrize("kind", [DownloadError, TruncatedError, MissingError])
def test_without_python_org_the_alternatives_are_named(have, kind):
    places = Places()
    places.content[f"{HOME}/Python-3.15.0.tar.xz"] = kind("No.", remedy="Look.")
    with pytest.raises(kind) as raised:
        have(origin=ArchiveOrigin(), places=places)
    assert type(raised.value) is kind
    for origin in (
        "--mirror URL|FOLDER",
        "--mirror distro",
        "jitbuild install ./Python-3.15.0.tar.xz",
    ):
        assert origin in raised.value.remedy


# ---- archives


def test_an_archive_is_read_and_unpacked(have, archives, tmp_path):
    subject = described(archives[0], tmp_path)
    assert (subject.version, subject.llvm_major) == ("3.15.0", 21)
    assert subject.source == Source(
        kind="archive",
        digest=sha(archives[0]),
        location=str(archives[0]),
        files=((archives[0].name, sha(archives[0])),),
    )
    found = have(subject.source, origin=ArchiveOrigin())
    assert (found.path / "Lib/os.py").is_file()
    assert (found.origin, found.verified) == ("archive", "sha256 of the file as given")


def test_an_archive_must_have_the_sha256_that_was_given(archives, tmp_path):
    assert described(archives[0], tmp_path, sha256=sha(archives[0]).upper())
    with pytest.raises(IntegrityError, match="expected sha256 0000"):
        described(archives[0], tmp_path, sha256="0" * 64)


def test_an_archive_that_changes_is_refused(have, archives, tmp_path):
    source = described(archives[0], tmp_path).source
    archives[0].write_bytes(archives[0].read_bytes() + b"\0")
    with pytest.raises(IntegrityError, match="changed"):
        have(source)


def test_rubbish_is_no_archive(tmp_path):
    (tmp_path / "x.tar.xz").write_bytes(b"rubbish")
    with pytest.raises(ArchiveError):
        described(tmp_path / "x.tar.xz", tmp_path)


@pytest.mark.parametrize("text", ["/no/such.tar.xz", "/no/such/folder"])
def test_what_is_not_there(tmp_path, text):
    with pytest.raises(SourceError, match="does not exist"):
        described(text, tmp_path)


def test_an_archive_behind_an_address_has_no_pin(tmp_path):
    with pytest.raises(SourceError, match="is a URL") as raised:
        described("https://me:pw@www.python.org/x/Python-3.15.0.tar.xz", tmp_path)
    assert "--sha256" in raised.value.remedy
    assert "pw" not in str(raised.value)


def test_a_folder_with_an_archives_name(tmp_path, mini_cpython):
    with pytest.raises(SourceError, match="is not a file"):
        described(mini_cpython(tmp_path / "x.zip"), tmp_path)


def test_a_file_without_an_archives_name(tmp_path):
    (tmp_path / "x.rpm").touch()
    with pytest.raises(SourceError, match="neither a folder nor a file"):
        described(tmp_path / "x.rpm", tmp_path)


@pytest.mark.parametrize(
    "name", ["python", "python3.13", "python3.14t", "python3.15d", "python.exe"]
)
def test_an_interpreter_in_place_of_its_sources(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(SourceError, match="is an interpreter") as raised:
        described(tmp_path / name, tmp_path)
    assert "jitbuild adopt" in raised.value.remedy


# ---- what a tree says


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("3.15.0a0+", "3.15.0a0"),
        ("3.13.15", "3.13.15"),
        ("3.16.0a3+dev", "3.16.0a3"),
        ("3.14.0rc1", "3.14.0rc1"),
    ],
)
def test_the_version_of_a_tree(tmp_path, mini_cpython, said, version):
    assert described(mini_cpython(tmp_path / "cpython", version=said), tmp_path).version == version


@pytest.mark.parametrize(
    ("llvm", "major"),
    [("_LLVM_VERSION = 18", 18), ('_LLVM_VERSION = "21"', 21), ("_VERSIONS = {}", None)],
)
def test_the_llvm_of_a_tree(tmp_path, mini_cpython, llvm, major):
    assert described(mini_cpython(tmp_path / "cpython", llvm=llvm), tmp_path).llvm_major == major


def test_a_version_before_the_jit(tmp_path, mini_cpython):
    with pytest.raises(SourceError, match=r"3\.12\.4, and the JIT came with 3\.13"):
        described(mini_cpython(tmp_path / "cpython", version="3.12.4"), tmp_path)


def test_a_main_that_lost_the_jit(tmp_path, mini_cpython):
    tree = mini_cpython(tmp_path / "cpython", version="3.17.0a0")
    (tree / "Tools/jit/_llvm.py").unlink()
    with pytest.raises(SourceError, match=r"without the JIT: Tools/jit/_llvm\.py"):
        described(tree, tmp_path)
    with pytest.raises(SourceError, match=r"without the JIT"):
        described(mini_cpython(tmp_path / "another", option="optimizations"), tmp_path)


@pytest.mark.parametrize("lost", ["configure", "Include/patchlevel.h"])
def test_what_is_no_cpython(tmp_path, mini_cpython, lost):
    tree = mini_cpython(tmp_path / "cpython")
    (tree / lost).unlink()
    with pytest.raises(SourceError, match="is not a CPython source tree"):
        described(tree, tmp_path)


def test_a_version_that_is_none(tmp_path, mini_cpython):
    with pytest.raises(SourceError, match="'three', which is not a valid version"):
        described(mini_cpython(tmp_path / "cpython", version="three"), tmp_path)


# ---- folders


def test_a_folder_is_copied_and_not_written(have, tmp_path, mini_cpython):
    tree = mini_cpython(tmp_path / "my cpython")
    (tree / "Lib/link.py").symlink_to("os.py")
    (tree / "Lib/folder").symlink_to("../Include")
    (tree / "Lib/__pycache__").mkdir()
    (tree / "Lib/__pycache__/os.pyc").touch()
    os.utime(tree / "configure", (1_000_000_000, 1_000_000_000))
    subject = described(tree, tmp_path)
    assert (subject.source.kind, subject.source.location) == ("folder", str(tree))
    found = have(subject.source)
    assert (found.origin, found.verified) == ("folder", "tree hash")
    assert sorted(
        str(path.relative_to(found.path)) for path in found.path.rglob("*") if not path.is_dir()
    ) == [
        "Include/patchlevel.h",
        "Lib/link.py",
        "Lib/os.py",
        "Tools/jit/_llvm.py",
        "configure",
    ]
    assert str((found.path / "Lib/folder").readlink()) == "../Include"
    assert (found.path / "Lib/link.py").is_symlink()
    assert (found.path / "configure").stat().st_mtime == 1_000_000_000
    assert os.access(found.path / "configure", os.X_OK)


def test_a_trees_hash_is_of_names_bits_and_content(tmp_path, mini_cpython):
    tree = mini_cpython(tmp_path / "cpython")

    def digest():
        return described(tree, tmp_path).source.digest

    seen = [digest()]
    os.utime(tree / "configure", (1, 1))
    assert digest() == seen[0]
    assert (
        described(shutil.copytree(tree, tmp_path / "elsewhere"), tmp_path).source.digest == seen[0]
    )
    (tree / "Lib/os.py").chmod(0o755)
    seen.append(digest())
    (tree / "Lib/os.py").rename(tree / "Lib/so.py")
    seen.append(digest())
    (tree / "Lib/so.py").write_text("")
    seen.append(digest())
    (tree / "Lib/link").symlink_to("so.py")
    seen.append(digest())
    assert len(set(seen)) == len(seen)


def test_the_tree_hash_stays_what_it_was(tmp_path, mini_cpython):
    """It is in the key of what was built: a change makes every interpreter built from a folder a stranger."""
    tree = mini_cpython(tmp_path / "cpython")
    assert (
        described(tree, tmp_path).source.digest
        == "a06f795d13951d3a6af11d88abbf557a4af0f5e2fba1ce67d88e7aa09936e802"
    )


def test_a_folder_that_changes_is_refused(have, tmp_path, mini_cpython):
    tree = mini_cpython(tmp_path / "cpython")
    source = described(tree, tmp_path).source
    (tree / "Lib/os.py").write_text("changed = True\n")
    with pytest.raises(IntegrityError, match="changed while"):
        have(source)


@pytest.mark.parametrize("left", ["Makefile", "config.status"])
def test_a_folder_that_was_built_in_is_refused(tmp_path, mini_cpython, left):
    tree = mini_cpython(tmp_path / "cpython")
    (tree / left).touch()
    with pytest.raises(SourceError, match=left) as raised:
        described(tree, tmp_path)
    assert "make distclean" in raised.value.remedy


def test_a_link_out_of_the_tree_is_refused(tmp_path, mini_cpython):
    tree = mini_cpython(tmp_path / "cpython")
    (tree / "Lib/out.py").symlink_to("../../elsewhere.py")
    with pytest.raises(SourceError, match="leads out of the tree"):
        described(tree, tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_a_pipe_is_refused(tmp_path, mini_cpython):
    tree = mini_cpython(tmp_path / "cpython")
    os.mkfifo(tree / "pipe")
    with pytest.raises(SourceError, match="neither a file nor a link"):
        described(tree, tmp_path)


def test_in_a_checkout_git_says_what_counts(tmp_path, mini_cpython):
    tree = mini_cpython(tmp_path / "cpython")
    plain = described(tree, tmp_path).source.digest
    (tree / ".git").mkdir()
    (tree / "Makefile").touch()
    (tree / "python").touch()
    names = [
        "configure",
        "Include/patchlevel.h",
        "Lib/os.py",
        "Lib/deleted.py",
        "Tools/jit/_llvm.py",
        "configure",
        "",
    ]

    def git(argv, *, cwd, env):
        assert argv[0] == "git"
        assert "ls-files" in argv
        assert cwd == tree
        return Completed(argv=tuple(argv), returncode=0, stdout="\0".join(names))

    assert described(tree, tmp_path, runner=git).source.digest == plain


# ---- git


class Git:
    """Stands for git with one commit; keeps what it was asked."""

    def __init__(self, *, fails=(), stderr="fatal: no", commit="c" * 40):
        self.asked, self.envs, self.fails, self.stderr, self.commit = [], [], fails, stderr, commit

    def __call__(self, argv, *, cwd, env):
        words = [
            word
            for position, word in enumerate(argv)
            if word != "-c" and argv[position - 1] != "-c"
        ][1:]
        self.asked.append(words)
        self.envs.append(env)
        failed = words[0] in self.fails or words[:3] == ["rev-parse", "--verify", "--quiet"]
        return Completed(
            argv=tuple(argv),
            returncode=int(failed),
            stdout="" if failed else self._answer(words),
            stderr=self.stderr,
        )

    def _answer(self, words):
        if words[0] == "rev-parse":
            return f"{self.commit}\n"
        if words[0] == "ls-tree":
            return "\0".join([*words[words.index("--") + 1 :], ""])
        if words[0] == "cat-file":
            texts = {
                "patchlevel.h": '#define PY_VERSION "3.16.0a0+"\n',
                "_llvm.py": "_LLVM_VERSION = 21\n",
            }
            return texts.get(words[2].rpartition("/")[2], "--enable-experimental-jit")
        return ""


def test_main_is_the_recipes_repository(tmp_path):
    git = Git()
    subject = described("main", tmp_path, runner=git)
    assert (subject.version, subject.llvm_major) == ("3.16.0a0", 21)
    assert subject.source == Source(
        kind="git", digest="c" * 40, location="https://github.com/python/cpython", ref="main"
    )
    (fetch,) = [words for words in git.asked if words[0] == "fetch"]
    assert fetch[-2:] == ["https://github.com/python/cpython", "main"]
    assert "--depth=1" in fetch


def test_a_password_in_a_url_is_used_and_not_written_down(tmp_path):
    git = Git()
    url = "https://me:pw@host.example/cpython"
    subject = described(f"git+{url}@v1", tmp_path, runner=git)
    assert subject.source.location == "https://host.example/cpython"
    assert any(url in words for words in git.asked)


def test_git_is_kept_from_asking_and_from_other_repositories(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_DIR", "/elsewhere/.git")
    monkeypatch.setenv("GIT_INDEX_FILE", "/elsewhere/index")
    git = Git()
    described("main", tmp_path, runner=git)
    for env in git.envs:
        assert (env["GIT_TERMINAL_PROMPT"], env["GIT_ASKPASS"]) == ("0", "")
        assert "ext" not in env["GIT_ALLOW_PROTOCOL"].split(":")
        assert not {"GIT_DIR", "GIT_INDEX_FILE"} & set(env)


@pytest.mark.parametrize(
    "place", ["ext::sh -c date/x", "ftp://host.example/x", "--upload-pack=/bin/sh/x", "fd::17/x"]
)
def test_places_that_git_is_not_sent_to(tmp_path, place):
    with pytest.raises(SourceError):
        described(f"git+{place}@main", tmp_path)


@pytest.mark.parametrize(
    "ref", ["-x", "--upload-pack=date", "a:b", "+main", "main^", "a b", "x..y", "@{-1}", "a\nb"]
)
def test_references_that_are_not_asked_for_at_a_url(tmp_path, ref):
    asked = request.Request(text="x", kind="git", value="https://host.example/cpython", ref=ref)
    with pytest.raises(SourceError):
        describe(asked, cache=tmp_path, catalog=CATALOG, runner=no_process)


def test_a_reference_is_no_option_of_git(tmp_path):
    with pytest.raises(SourceError, match="not a git reference"):
        described(f"{tmp_path}@-x", tmp_path)


def test_git_is_not_installed(tmp_path):
    def missing(argv, **_):
        raise FileNotFoundError(2, "No such file or directory", "git")

    with pytest.raises(SourceError, match="git cannot be started") as raised:
        described(f"{tmp_path}@HEAD", tmp_path, runner=missing)
    assert "apt-get" in raised.value.remedy


def test_what_git_cannot_fetch(tmp_path):
    git = Git(
        fails=("fetch",), stderr="fatal: could not read from https://me:pw@host.example/cpython"
    )
    with pytest.raises(DownloadError, match="could not read") as raised:
        described("git+https://me:pw@host.example/cpython@main", tmp_path, runner=git)
    assert "./cpython@REF" in raised.value.remedy
    assert "pw" not in str(raised.value)


def test_an_unencrypted_address_is_warned_of(tmp_path):
    reporter = Recorder()
    described("git+http://host.example/cpython@main", tmp_path, runner=Git(), reporter=reporter)
    assert "not encrypted" in reporter.warnings[0]
    reporter = Recorder()
    described(
        f"git+http://host.example/cpython@{'c' * 40}", tmp_path, runner=Git(), reporter=reporter
    )
    assert reporter.warnings == []


def test_an_unknown_commit(tmp_path):
    with pytest.raises(SourceError, match="no commit called 'nope'"):
        described(f"{tmp_path}@nope", tmp_path, runner=Git(fails=("rev-parse",)))


def test_a_repository_that_is_no_folder(tmp_path):
    with pytest.raises(SourceError, match="is not a folder"):
        described(tmp_path / "gone@main", tmp_path)

"""Source trees from real git repositories: checkouts, worktrees and repositories behind URLs."""

from __future__ import annotations

import os
import subprocess

import pytest
from source_fixtures import CATALOG, state

from jitbuild import request
from jitbuild.errors import DownloadError, SourceError
from jitbuild.sources.resolve import describe

pytestmark = pytest.mark.integration


def git(folder, *arguments, **env):
    names = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b"}
    names |= {"GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b", **env}
    completed = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env={**os.environ, **names},
        check=True,
        capture_output=True,
        text=True,
    )
    return completed.stdout.strip()


@pytest.fixture
def checkout(tmp_path, mini_cpython):
    """A repository with two commits on main, the first tagged v3.15.0a1, and special files."""
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


@pytest.mark.parametrize(
    ("ref", "version", "major"),
    [
        ("v3.15.0a1", "3.15.0a1", 19),
        ("HEAD~1", "3.15.0a1", 19),
        ("main", "3.15.0a2", 21),
        ("", "3.15.0a2", 21),
    ],
)
def test_a_reference_of_a_checkout_is_read_without_changing_it(
    checkout, described, obtained, ref, version, major
):
    git(checkout, "config", "core.autocrlf", "true")
    (checkout / "Lib/os.py").write_text("changed and not committed\n")
    (checkout / "Lib/new.py").touch()
    before = state(checkout)
    resolved = described(f"{checkout}@{ref}")
    assert (resolved.version, resolved.llvm_major) == (version, major)
    assert resolved.source.digest == git(checkout, "rev-parse", f"{ref or 'HEAD'}^{{commit}}")
    tree = obtained(resolved.source)
    assert state(checkout) == before
    assert (tree.origin, tree.verified) == ("git", "commit")
    assert (tree.path / "Lib/os.py").read_text() == "name = 'posix'\n"
    assert (tree.path / "Lib/kept.py").is_file()
    assert (tree.path / "Lib/link.py").is_symlink()
    assert (tree.path / "build.bat").read_bytes() == b"@echo off\r\n"
    assert os.access(tree.path / "configure", os.X_OK)
    assert not (tree.path / "Lib/new.py").exists()
    assert [path.name for path in tree.path.parent.iterdir()] == ["tree"]


def test_hooks_and_sparse_checkouts_have_no_effect(checkout, described, obtained, tmp_path):
    for name in ("post-checkout", "post-index-change", "reference-transaction"):
        hook = checkout / ".git/hooks" / name
        hook.write_text(f"#!/bin/sh\ntouch '{tmp_path}/ran-{name}'\n")
        hook.chmod(0o755)
    git(checkout, "sparse-checkout", "set", "Lib")
    for ran in tmp_path.glob("ran-*"):
        ran.unlink()
    tree = obtained(described(f"{checkout}@main").source)
    assert (tree.path / "Include/patchlevel.h").is_file()
    assert not list(tmp_path.glob("ran-*"))


def test_a_linked_worktree_is_a_repository_too(checkout, described, obtained, tmp_path):
    git(checkout, "worktree", "add", "--quiet", tmp_path / "old", "v3.15.0a1")
    assert described(f"{tmp_path / 'old'}@HEAD").version == "3.15.0a1"
    assert (obtained(described(f"{tmp_path / 'old'}@main").source).path / "configure").is_file()
    assert described(tmp_path / "old").version == "3.15.0a1"


def test_the_variables_of_a_hook_of_another_repository_have_no_effect(
    checkout, described, obtained, monkeypatch, tmp_path
):
    """git sets variables for its hooks that would redirect any other git to that repository."""
    (tmp_path / "other").mkdir()
    git(tmp_path / "other", "init", "--quiet")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other/.git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "other/.git/index"))
    assert (obtained(described(f"{checkout}@v3.15.0a1").source).path / "configure").is_file()
    assert described(checkout).version == "3.15.0a2"


@pytest.mark.parametrize("ref", ["nope", "refs/heads/nope", "v3.15.0a1:configure"])
def test_references_that_do_not_exist_are_refused(checkout, described, ref):
    wanted = request.Request(text="x", kind="git", value=str(checkout), ref=ref)
    with pytest.raises(SourceError, match="no commit named"):
        describe(wanted, cache=checkout.parent / "cache", catalog=CATALOG)


def test_a_folder_that_is_not_a_repository_is_refused(tmp_path, described):
    with pytest.raises(SourceError, match="not a git repository"):
        described(f"{tmp_path}@main")


def test_a_repository_without_cpython_is_refused(tmp_path, described):
    git(tmp_path, "init", "--quiet", "other")
    git(tmp_path / "other", "commit", "--quiet", "--allow-empty", "-m", "nothing")
    with pytest.raises(SourceError, match="is not a CPython source tree"):
        described(f"{tmp_path / 'other'}@HEAD")


def test_a_checkout_as_a_folder_includes_its_changes(checkout, described, obtained):
    clean = described(checkout).source.digest
    (checkout / "Makefile").touch()
    (checkout / "Lib/os.o").touch()
    assert described(checkout).source.digest == clean
    (checkout / "Lib/os.py").write_text("changed and not committed\n")
    (checkout / "Lib/new ü.py").touch()
    (checkout / "Lib/kept.py").unlink()
    before = state(checkout)
    resolved = described(checkout)
    assert resolved.source.digest != clean
    tree = obtained(resolved.source)
    assert (tree.path / "Lib/os.py").read_text() == "changed and not committed\n"
    assert (tree.path / "Lib/new ü.py").is_file()
    assert not {"Makefile", ".git"} & {path.name for path in tree.path.iterdir()}
    assert not (tree.path / "Lib/kept.py").exists()
    assert state(checkout) == before


@pytest.mark.parametrize("ref", ["main", "v3.15.0a1", "commit", "short"])
def test_a_repository_behind_a_url_is_fetched(checkout, described, obtained, ref):
    first = git(checkout, "rev-parse", "HEAD~1")
    wanted = {"commit": first, "short": first[:9]}.get(ref, ref)
    resolved = described(f"git+{checkout.as_uri()}@{wanted}")
    assert resolved.version == ("3.15.0a2" if ref == "main" else "3.15.0a1")
    assert resolved.source.location == checkout.as_uri()
    tree = obtained(resolved.source)
    assert tree.origin == checkout.as_uri()
    assert (tree.path / "Lib/kept.py").is_file()


def test_a_branch_that_moves_is_fetched_again_and_a_commit_is_not(
    checkout, described, obtained, mini_cpython
):
    url = f"git+{checkout.as_uri()}"
    first = described(f"{url}@main").source
    mini_cpython(checkout, version="3.15.0a3")
    git(checkout, "commit", "--quiet", "-am", "third")
    assert described(f"{url}@main").version == "3.15.0a3"
    (checkout / ".git").rename(checkout / "gone")
    assert described(f"{url}@{first.digest}").version == "3.15.0a2"
    assert (obtained(first).path / "configure").is_file()
    with pytest.raises(DownloadError, match="could not fetch main"):
        described(f"{url}@main")


def test_an_abbreviated_commit_is_found_after_a_shallow_fetch(checkout, described):
    url = f"git+{checkout.as_uri()}"
    described(f"{url}@main")
    first = git(checkout, "rev-parse", "HEAD~1")
    assert described(f"{url}@{first[:8]}").source.digest == first


def test_the_lock_of_a_killed_fetch_does_not_block(checkout, described, tmp_path):
    url = f"git+{checkout.as_uri()}"
    described(f"{url}@main")
    (mirror,) = (path for path in (tmp_path / "cache/git").iterdir() if path.is_dir())
    (mirror / "shallow.lock").touch()
    assert described(f"{url}@v3.15.0a1").version == "3.15.0a1"


def test_a_url_cannot_run_a_program(described, tmp_path):
    with pytest.raises(SourceError):
        described(f"git+ext::sh -c touch% {tmp_path}/ran%/x@main")
    assert not (tmp_path / "ran").exists()

"""Checkouts whose configuration names programs: real git reads them, and no program runs."""

from __future__ import annotations

import os
import subprocess

import pytest

from jitbuild.errors import DownloadError, SourceError
from jitbuild.sources.git import list_files

pytestmark = pytest.mark.integration

_AUTHOR = ("-c", "user.name=a", "-c", "user.email=a@b.example")
# The keys of git's configuration whose value is a program or, with the prefix "!", a shell command.
_PROGRAM_KEYS = (
    "core.fsmonitor",
    "core.sshCommand",
    "core.pager",
    "core.editor",
    "core.askPass",
    "core.gitProxy",
    "core.alternateRefsCommand",
    "credential.helper",
    "diff.external",
    "diff.evil.textconv",
    "diff.evil.command",
    "filter.evil.clean",
    "filter.evil.smudge",
    "filter.evil.process",
    "gpg.program",
    "merge.evil.driver",
    "pager.branch",
    "pager.config",
    "remote.origin.uploadpack",
    "uploadpack.packObjectsHook",
)
_COMMANDS = ("cat-file", "ls-files", "ls-tree", "read-tree", "rev-parse", "init", "upload-pack")
_HOOKS = ("post-checkout", "post-index-change", "reference-transaction", "fsmonitor-watchman")


def git(folder, *arguments):
    argv = ["git", *_AUTHOR, "-c", "protocol.file.allow=always", *arguments]
    env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull}
    return subprocess.run(
        argv, cwd=folder, env=env, check=True, capture_output=True, text=True
    ).stdout.strip()


class Hostile:
    """A checkout whose configuration names the program `canary`, which writes the file `ran`."""

    def __init__(self, folder, tree):
        self.tree = tree
        self.ran = folder / "ran"
        self.canary = folder / "canary"
        self.canary.write_text(f'#!/bin/sh\necho "$0 $*" >> "{self.ran}"\nexec cat\n')
        self.canary.chmod(0o755)

    def configure(self, key, value):
        git(self.tree, "config", key, value)

    def commit(self):
        git(self.tree, "add", "--all")
        git(self.tree, "commit", "--quiet", "-m", "files")

    def name_programs(self):
        """Name the canary in the configuration, the attributes, aliases and the hooks."""
        hooks = self.tree / ".git/hooks"
        hooks.mkdir(exist_ok=True)
        for name in _HOOKS:
            (hooks / name).symlink_to(self.canary)
        info = self.tree / ".git/info"
        info.mkdir(exist_ok=True)
        (info / "attributes").write_text("* filter=evil diff=evil merge=evil\n")
        for command in _COMMANDS:
            self.configure(f"alias.{command}", f"!{self.canary}")
        for key in _PROGRAM_KEYS:
            self.configure(key, str(self.canary))
        self.configure("core.hooksPath", str(hooks))

    def name_promisor(self, url):
        """Make the repository a partial clone of `url` whose files are missing."""
        self.configure("core.repositoryFormatVersion", "1")
        self.configure("extensions.partialClone", "origin")
        self.configure("remote.origin.promisor", "true")
        self.configure("remote.origin.url", url)
        for pack in (self.tree / ".git/objects").glob("[0-9a-f][0-9a-f]/*"):
            if git(self.tree, "cat-file", "-t", pack.parent.name + pack.name) == "blob":
                pack.unlink()


@pytest.fixture
def hostile(tmp_path, mini_cpython):
    tree = mini_cpython(tmp_path / "hostile", version="3.15.0a1", llvm="_LLVM_VERSION = 19")
    (tree / ".gitattributes").write_text(
        "*.py filter=evil diff=evil\nsubst.txt export-subst ident\n"
        "utf16.txt text working-tree-encoding=UTF-16LE\nREADME* export-ignore\n"
    )
    (tree / "subst.txt").write_text("$Format:%H$ $Id$\n")
    (tree / "utf16.txt").write_bytes("text\n".encode("utf-16-le"))
    git(tree, "init", "--quiet", "--initial-branch=main")
    checkout = Hostile(tmp_path, tree)
    checkout.commit()
    return checkout


def test_a_checkout_that_names_programs_is_read_and_none_runs(hostile, described, obtained):
    expected = (hostile.tree / "configure").read_bytes()
    hostile.name_programs()
    resolved = described(f"{hostile.tree}@HEAD")
    tree = obtained(resolved.source)
    assert (resolved.version, (tree.path / "configure").read_bytes()) == ("3.15.0a1", expected)
    assert not hostile.ran.exists()


def test_a_checkout_that_names_another_work_tree_is_listed_itself(hostile, described, tmp_path):
    digest = described(hostile.tree).source.digest
    (tmp_path / "other").mkdir()
    hostile.configure("core.worktree", str(tmp_path / "other"))
    assert described(hostile.tree).source.digest == digest


def test_the_canary_would_show_that_a_program_ran(hostile, tmp_path):
    hostile.name_programs()
    (tmp_path / "new").mkdir()
    git(hostile.tree, f"--work-tree={tmp_path / 'new'}", "checkout", "--force", "HEAD", "--", ".")
    assert str(hostile.canary) in hostile.ran.read_text()


def test_a_folder_that_names_programs_is_copied_and_none_runs(hostile, described, obtained):
    hostile.name_programs()
    tree = obtained(described(hostile.tree).source)
    assert (tree.path / "configure").is_file()
    assert not hostile.ran.exists()


@pytest.mark.parametrize(
    "url", ["{tree}", "file://{tree}", "ssh://host.invalid/x", "ext::{canary}", "canary::x"]
)
def test_missing_objects_of_a_partial_clone_are_not_fetched(hostile, described, url):
    hostile.name_programs()
    hostile.name_promisor(url.format(tree=hostile.tree, canary=hostile.canary))
    with pytest.raises(SourceError, match="git cat-file failed"):
        described(f"{hostile.tree}@HEAD")
    assert not hostile.ran.exists()


def test_missing_objects_of_a_commit_are_not_fetched(hostile, described, obtained):
    source = described(f"{hostile.tree}@HEAD").source
    hostile.name_programs()
    hostile.name_promisor(f"file://{hostile.tree}")
    with pytest.raises(SourceError, match="git read-tree failed"):
        obtained(source)
    assert not hostile.ran.exists()


def test_a_missing_commit_is_not_fetched(hostile, described):
    hostile.name_programs()
    hostile.name_promisor(f"file://{hostile.tree}")
    with pytest.raises(SourceError, match="git knows no commit"):
        described(f"{hostile.tree}@{'1' * 40}")
    assert not hostile.ran.exists()


def test_a_partial_clone_behind_a_file_url_runs_no_program(hostile, described):
    hostile.name_programs()
    hostile.name_promisor(f"file://{hostile.tree}")
    with pytest.raises(DownloadError, match=r"lazy fetching disabled|unable to read"):
        described(f"git+file://{hostile.tree}@main")
    assert not hostile.ran.exists()


def test_a_filter_of_the_users_own_configuration_does_not_run(
    hostile, described, obtained, tmp_path, monkeypatch
):
    settings = f'[filter "evil"]\nsmudge = {hostile.canary}\nrequired = true\n'
    (tmp_path / ".gitconfig").write_text(settings)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / ".gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "filter.evil.smudge")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", str(hostile.canary))
    obtained(described(f"{hostile.tree}@HEAD").source)
    assert not hostile.ran.exists()


def test_attributes_change_no_file_of_a_checkout(hostile, described, obtained):
    tree = obtained(described(f"{hostile.tree}@HEAD").source).path
    assert "$Format:%H$" in (tree / "subst.txt").read_text()
    assert (tree / "utf16.txt").read_bytes() == "text\n".encode("utf-16-le")


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "Lib/../../outside"])
def test_a_commit_with_a_link_out_of_the_tree_is_refused(hostile, described, obtained, target):
    (hostile.tree / "configure.ac").unlink(missing_ok=True)
    (hostile.tree / "configure.ac").symlink_to(target)
    hostile.commit()
    with pytest.raises(SourceError, match="leads out of the tree"):
        obtained(described(f"{hostile.tree}@HEAD").source)


def test_a_submodule_is_not_fetched(hostile, described, obtained):
    (hostile.tree / ".gitmodules").write_text(
        f'[submodule "sub"]\n\tpath = sub\n\turl = ext::{hostile.canary}\n\tupdate = !touch\n'
    )
    head = git(hostile.tree, "rev-parse", "HEAD")
    git(hostile.tree, "update-index", "--add", "--cacheinfo", f"160000,{head},sub")
    git(hostile.tree, "add", ".gitmodules")
    git(hostile.tree, "commit", "--quiet", "-m", "submodule")
    hostile.configure("submodule.recurse", "true")
    hostile.configure("submodule.sub.update", f"!{hostile.canary}")
    tree = obtained(described(f"{hostile.tree}@HEAD").source).path
    assert list((tree / "sub").iterdir()) == []
    assert not hostile.ran.exists()


def test_a_work_tree_elsewhere_leaks_no_file(hostile, described, tmp_path):
    (tmp_path / "private").mkdir()
    (tmp_path / "private/secret").write_text("secret")
    hostile.configure("core.worktree", str(tmp_path / "private"))
    resolved = described(hostile.tree)
    assert resolved.version == "3.15.0a1"


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="needs another owner")
def test_a_checkout_of_another_user_is_refused_with_the_remedy(hostile, described, monkeypatch):
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for path in (hostile.tree, hostile.tree / ".git"):
        os.chown(path, 12345, 12345)
    with pytest.raises(SourceError, match="belongs to another user") as raised:
        described(f"{hostile.tree}@HEAD")
    assert "safe.directory" in raised.value.remedy


def test_a_named_pipe_that_git_reads_does_not_keep_jitbuild_waiting(hostile):
    os.mkfifo(hostile.tree / "Lib/.gitignore")
    with pytest.raises(SourceError, match="git ls-files did not end within 1 s") as raised:
        list_files(hostile.tree, timeout=1)
    assert ".gitignore, are plain files" in raised.value.remedy


def commit_with(hostile, entry):
    """Commit the files of HEAD and `entry`, a line of `git mktree`; return the commit."""
    listing = git(hostile.tree, "ls-tree", "HEAD")
    tree = make_tree(hostile, f"{listing}\n{entry}\n")
    return git(hostile.tree, "commit-tree", "-m", "bomb", tree)


def make_tree(hostile, entries):
    return subprocess.run(
        ["git", "mktree"],
        cwd=hostile.tree,
        input=entries,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


@pytest.mark.parametrize(
    ("size", "levels", "message"),
    [(1_000_000, 2, r"have 10\.0 GB, far more than"), (1, 5, "printed more than 64")],
)
def test_a_small_commit_with_huge_content_is_refused(
    hostile, described, obtained, tmp_path, size, levels, message
):
    (tmp_path / "blob").write_bytes(bytes(size))
    content = git(hostile.tree, "hash-object", "-w", str(tmp_path / "blob"))
    kind = "100644 blob"
    for _ in range(levels):
        lines = "".join(f"{kind} {content}\t{number:0200}\n" for number in range(100))
        kind, content = "040000 tree", make_tree(hostile, lines)
    source = described(f"{hostile.tree}@{commit_with(hostile, f'{kind} {content}	bomb')}").source
    with pytest.raises(SourceError, match=message):
        obtained(source)

"""Source folders: their files, their digest and their copy."""

from __future__ import annotations

import os
import shutil

import pytest
from source_fakes import FakeGit, described

from jitbuild.errors import IntegrityError, SourceError, StoreError
from jitbuild.system.process import Completed


def test_a_folder_is_copied_with_times_and_links(obtained, tmp_path, mini_cpython):
    tree = mini_cpython(tmp_path / "my cpython")
    (tree / "Lib/link.py").symlink_to("os.py")
    (tree / "Lib/folder").symlink_to("../Include")
    (tree / "Lib/__pycache__").mkdir()
    (tree / "Lib/__pycache__/os.pyc").touch()
    os.utime(tree / "configure", (1_000_000_000, 1_000_000_000))
    resolved = described(tree, tmp_path)
    assert (resolved.source.kind, resolved.source.location) == ("folder", str(tree))
    copy = obtained(resolved.source)
    assert (copy.origin, copy.verified) == ("folder", "tree hash")
    assert sorted(
        str(path.relative_to(copy.path)) for path in copy.path.rglob("*") if not path.is_dir()
    ) == [
        "Include/patchlevel.h",
        "Lib/link.py",
        "Lib/os.py",
        "Tools/jit/_llvm.py",
        "configure",
    ]
    assert str((copy.path / "Lib/folder").readlink()) == "../Include"
    assert (copy.path / "Lib/link.py").is_symlink()
    assert (copy.path / "configure").stat().st_mtime == 1_000_000_000
    assert os.access(copy.path / "configure", os.X_OK)


def test_the_digest_covers_names_modes_and_content(tmp_path, mini_cpython):
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


def test_the_digest_of_a_given_tree_never_changes(tmp_path, mini_cpython):
    """It is in the keys of interpreters: a change would orphan every one built from a folder."""
    tree = mini_cpython(tmp_path / "cpython")
    assert (
        described(tree, tmp_path).source.digest
        == "a06f795d13951d3a6af11d88abbf557a4af0f5e2fba1ce67d88e7aa09936e802"
    )


def test_a_folder_that_changes_afterwards_is_refused(obtained, tmp_path, mini_cpython):
    tree = mini_cpython(tmp_path / "cpython")
    source = described(tree, tmp_path).source
    (tree / "Lib/os.py").write_text("changed = True\n")
    with pytest.raises(IntegrityError, match="changed while"):
        obtained(source)


@pytest.mark.parametrize("left", ["Makefile", "config.status"])
def test_a_folder_with_build_output_is_refused(tmp_path, mini_cpython, left):
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


def test_in_a_checkout_only_files_known_to_git_count(tmp_path, mini_cpython):
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

    def git(argv, *, cwd, env, timeout):
        assert argv[0] == "git"
        assert "ls-files" in argv
        assert cwd == tree
        return Completed(argv=tuple(argv), returncode=0, stdout="\0".join(names))

    assert described(tree, tmp_path, runner=git).source.digest == plain


@pytest.mark.parametrize("checkout", [False, True])
def test_very_many_folders_inside_each_other_are_refused(tmp_path, mini_cpython, checkout):
    tree = mini_cpython(tmp_path / "cpython")
    deepest = "a/" * 101
    (tree / deepest).mkdir(parents=True)
    (tree / deepest / "file").touch()
    if checkout:
        (tree / ".git").mkdir()
    with pytest.raises(SourceError, match="more than 100 folders inside each other"):
        described(tree, tmp_path, runner=FakeGit(files=[f"{deepest}file"]))


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may list everything")
def test_a_folder_that_cannot_be_listed_is_an_error(tmp_path, mini_cpython):
    tree = mini_cpython(tmp_path / "cpython")
    (tree / "Lib").chmod(0)
    with pytest.raises(StoreError, match="Permission denied"):
        described(tree, tmp_path)
    (tree / "Lib").chmod(0o755)

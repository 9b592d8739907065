"""The folder that gathers an LLVM's tools for a build."""

from __future__ import annotations

import os

import pytest
from fake_llvm import READOBJ, FakeTools, make_llvm, make_tool

from jitbuild.errors import LLVMError
from jitbuild.toolchain.llvm_folder import check_clang, gather


def tools_in(folder, suffix=""):
    return {name: folder / f"{name}{suffix}" for name in ("clang", "llvm-readobj")}


def links_in(root):
    return {path.name: path.readlink() for path in (root / "bin").iterdir()}


@pytest.mark.parametrize("suffix", ["", "-18"])
def test_tools_are_linked_under_their_plain_names(tmp_path, suffix):
    tools = tools_in(make_llvm(tmp_path / "lib", suffix=suffix), suffix)
    make_tool(tmp_path / "lib", "ld")
    for _ in range(2):
        assert gather(tools, tmp_path / "root") == tmp_path / "root"
        assert links_in(tmp_path / "root") == tools


def test_tools_of_two_folders_are_linked_in_one(tmp_path):
    tools = tools_in(make_llvm(tmp_path / "bin"))
    tools["llvm-readobj"] = make_tool(
        tmp_path / "other" / "bin", "llvm-readobj", READOBJ.format("18.1.8")
    )
    assert links_in(gather(tools, tmp_path / "root")) == tools


def test_programs_beside_the_real_clang_that_configure_looks_for_are_linked(tmp_path):
    folder = make_llvm(tmp_path / "llvm-18" / "bin")
    make_tool(folder, "llvm-ar")
    (tmp_path / "usr").mkdir()
    tools = tools_in(tmp_path / "usr", "-18")
    for name, path in tools.items():
        path.symlink_to(folder / name)
    assert links_in(gather(tools, tmp_path / "root")) == {**tools, "llvm-ar": folder / "llvm-ar"}


def test_tools_without_a_clang_have_nothing_beside_them(tmp_path):
    reader = make_tool(tmp_path / "bin", "llvm-readobj")
    make_tool(tmp_path / "bin", "llvm-ar")
    assert links_in(gather({"llvm-readobj": reader}, tmp_path / "root")) == {"llvm-readobj": reader}


def test_windows_uses_the_llvms_own_root_without_links(tmp_path, monkeypatch):
    tools = tools_in(make_llvm(tmp_path / "llvm" / "bin"))
    monkeypatch.setattr(os, "name", "nt")
    assert gather(tools, tmp_path / "root") == tmp_path / "llvm"
    assert not (tmp_path / "root").exists()


def test_a_clang_that_compiles_is_accepted_and_leaves_no_file(tmp_path):
    tools = tools_in(make_llvm(tmp_path / "bin"))
    check_clang(tools, tmp_path, FakeTools())
    check_clang({"clang": tools["clang"]}, tmp_path, FakeTools(readobj="nothing"))
    assert [path.name for path in tmp_path.iterdir()] == ["bin"]


@pytest.mark.parametrize(
    ("runner", "problem"),
    [
        (FakeTools(compile_error="no assert.h"), "clang cannot compile: no assert.h"),
        (FakeTools(readobj="Format: unknown"), "cannot read a file that clang compiled: F"),
    ],
)
def test_a_clang_that_does_not_work_is_refused(tmp_path, runner, problem):
    tools = tools_in(make_llvm(tmp_path / "bin"))
    with pytest.raises(LLVMError, match=problem):
        check_clang(tools, tmp_path, runner)

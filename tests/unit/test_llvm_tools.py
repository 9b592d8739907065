"""The search for LLVM's tools in the folders of a machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from fake_llvm import CLANG, READOBJ, WANT, FakeTools, make_llvm, make_tool

from jitbuild.target import TARGETS
from jitbuild.toolchain import llvm_tools
from jitbuild.toolchain.llvm_tools import LLVMSurvey


def survey(*path: Path, usual_folders=(), runner=None) -> LLVMSurvey:
    environ = {"PATH": os.pathsep.join(map(str, path))}
    return llvm_tools.survey_system(WANT, environ, usual_folders, runner or FakeTools())


@pytest.mark.parametrize(
    ("text", "version"),
    [
        (CLANG.format("18.1.8"), "18.1.8"),
        (READOBJ.format("19.1.7"), "19.1.7"),
        ("clang version 20.1.8git (https://github.com/llvm/llvm-project)\n", "20.1.8"),
        ("clang version 18.1.8", "18.1.8"),
        ("Apple clang version 16.0.0 (clang-1600.0.26.6)\n", ""),
        ("Apple LLVM version 10.0.1 (clang-1001.0.46.4)\n", ""),
        ("gcc (Debian 12.2.0-14) 12.2.0\n", ""),
        ("broken", ""),
        ("not a program", ""),
    ],
)
def test_a_version_is_read_as_cpython_reads_it(tmp_path, text, version):
    clang = make_tool(tmp_path, "clang", text)
    assert llvm_tools.version_of(clang, runner=FakeTools()) == version


@pytest.mark.parametrize("suffix", ["", "-18", "18"])
def test_tools_on_path_are_found_with_and_without_a_version_in_their_names(tmp_path, suffix):
    folder = make_llvm(tmp_path / "bin", suffix=suffix)
    found = survey(tmp_path / "nothing", folder)
    assert (found.version, found.missing) == ("18.1.8", [])
    assert found.tools == {
        "clang": folder / f"clang{suffix}",
        "llvm-readobj": folder / f"llvm-readobj{suffix}",
    }


def test_another_major_version_is_ignored_for_the_right_one_in_the_same_folder(tmp_path):
    folder = make_llvm(tmp_path / "bin", "14.0.6")
    make_llvm(folder, "18.1.3", suffix="-18")
    assert survey(folder).tools["clang"] == folder / "clang-18"


def test_another_major_version_is_ignored_for_the_right_one_further_along_path(tmp_path):
    first, second = make_llvm(tmp_path / "a", "14.0.6"), make_llvm(tmp_path / "b")
    assert survey(first, second).tools["clang"] == second / "clang"


def test_a_folder_with_all_tools_is_preferred_to_several_with_some(tmp_path):
    make_tool(tmp_path / "some", "clang", CLANG.format("18.1.3"))
    whole = make_llvm(tmp_path / "all")
    assert {path.parent for path in survey(tmp_path / "some", whole).tools.values()} == {whole}


def test_tools_of_several_folders_are_combined_when_none_has_all(tmp_path):
    make_tool(tmp_path / "some", "clang", CLANG.format("18.1.3"))
    make_tool(tmp_path / "rest", "llvm-readobj-18", READOBJ.format("18.1.8"))
    found = survey(tmp_path / "some", tmp_path / "rest")
    assert [path.parent.name for path in found.tools.values()] == ["some", "rest"]
    assert found.version == "18.1.3"


def test_a_link_to_a_compiler_cache_is_no_clang(tmp_path):
    ccache = make_tool(tmp_path / "usr", "ccache", CLANG.format("18.1.8"))
    links = tmp_path / "masquerade"
    links.mkdir()
    (links / "clang").symlink_to(ccache)
    make_tool(links, "llvm-readobj", READOBJ.format("18.1.8"))
    real = make_llvm(tmp_path / "real")
    assert survey(links, real).tools["clang"] == real / "clang"


def test_folders_that_installers_use_are_searched(tmp_path):
    usual = [f"{tmp_path}/llvm-{{major}}/bin"]
    assert survey(usual_folders=usual).missing == ["clang", "llvm-readobj"]
    folder = make_llvm(tmp_path / "llvm-18" / "bin")
    assert survey(usual_folders=usual).tools["clang"] == folder / "clang"


@pytest.mark.parametrize("name", TARGETS)
def test_every_system_has_usual_folders(name):
    assert llvm_tools.USUAL_FOLDERS[TARGETS[name].system]


@pytest.mark.parametrize("program", ["llvm-config-18", "brew"])
def test_llvm_config_and_homebrew_are_run_when_nothing_else_helps(tmp_path, program):
    folder = make_llvm(tmp_path / "far" / "bin")
    make_tool(tmp_path / "path", program)
    outputs = {"llvm-config-18": f"{folder}\n", "brew": f"{folder.parent}\n"}
    assert survey(tmp_path / "path", runner=FakeTools(**outputs)).tools["clang"].parent == folder
    near, runner = make_llvm(tmp_path / "near"), FakeTools(**outputs)
    assert survey(tmp_path / "path", near, runner=runner).tools["clang"].parent == near
    assert {argv[1] for argv in runner.commands} == {"--version"}


def test_a_folder_is_searched_once_under_all_its_names(tmp_path):
    folder, runner = make_llvm(tmp_path / "usr" / "bin", "14.0.6"), FakeTools()
    (tmp_path / "bin").symlink_to(folder)
    survey(tmp_path / "bin", folder, runner=runner)
    assert len(runner.commands) == len(WANT.tools)


def test_a_survey_describes_what_is_there_and_what_is_not(tmp_path):
    folder = tmp_path / "bin"
    make_tool(folder, "clang", CLANG.format("14.0.6"))
    assert survey(folder).describe() == (
        f"clang 14.0.6 is at {folder}/clang; llvm-readobj was not found"
    )
    make_tool(folder, "clang-18", CLANG.format("18.1.8"))
    make_tool(folder, "llvm-readobj", "broken")
    assert survey(folder).describe() == (
        f"clang 18.1.8 is at {folder}/clang-18; llvm-readobj at {folder}/llvm-readobj does not run"
    )
    assert survey(tmp_path / "nothing").describe() == "clang and llvm-readobj were not found"

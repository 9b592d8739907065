"""The pytest plugin in environments without jitbuild: its files, and what they import."""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder
from importlib.metadata import distributions
from pathlib import Path

import pytest
from test_layers import imports_of, modules_of

import jitbuild
from jitbuild.running.plugin_provision import PLUGIN_FILES, provide_pytest_plugin


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    (tmp_path / "venv/lib/python3.15/site-packages").mkdir(parents=True)
    return tmp_path / "venv"


def plugin_folder(venv: Path) -> Path:
    """Return the folder that the .pth file of the environment names."""
    (pth,) = venv.glob("lib/python3.15/site-packages/*.pth")
    (line,) = pth.read_text().splitlines()
    return Path(line)


def test_the_files_are_the_plugin_and_everything_that_it_imports():
    root = Path(jitbuild.__file__).parent
    modules = modules_of(root)
    wanted, found = ["pytest_plugin"], set()
    while wanted:
        name = wanted.pop()
        if name in found:
            continue
        found.add(name)
        parents = {name.rpartition(".")[0]} - {""}
        wanted += [*imports_of(modules[name], modules)[0], *parents]
    assert {modules[name].relative_to(root).as_posix() for name in found} == set(PLUGIN_FILES)


def test_pytest_finds_the_plugin_by_its_entry_point(venv: Path):
    provide_pytest_plugin(venv, "3.15.2")
    (distribution,) = distributions(path=[str(plugin_folder(venv))])
    assert distribution.metadata["Name"] == "jitbuild-pytest-plugin"
    (entry,) = distribution.entry_points
    assert (entry.group, entry.name) == ("pytest11", "jitbuild.pytest_plugin")
    assert entry.value == "jitbuild.pytest_plugin"


def test_a_jitbuild_that_is_installed_takes_precedence(venv: Path):
    provide_pytest_plugin(venv, "3.15.2")
    folder = str(plugin_folder(venv))
    alone = PathFinder.find_spec("jitbuild", [folder])
    assert (alone.origin, list(alone.submodule_search_locations)) == (None, [f"{folder}/jitbuild"])
    source = str(Path(jitbuild.__file__).parents[1])
    for path in ([folder, source], [source, folder]):
        assert PathFinder.find_spec("jitbuild", path).origin == jitbuild.__file__


def test_files_that_are_up_to_date_are_not_written_again(venv: Path):
    provide_pytest_plugin(venv, "3.15.2")
    files = [path for path in venv.rglob("*") if path.is_file()]
    before = {path: path.stat().st_ino for path in files}
    changed = plugin_folder(venv) / "jitbuild/pytest_plugin.py"
    changed.write_text("an older version")
    provide_pytest_plugin(venv, "3.15.2")
    assert "an older version" not in changed.read_text()
    assert {path: path.stat().st_ino for path in files if path != changed} == {
        path: number for path, number in before.items() if path != changed
    }


def test_a_python_that_the_plugin_does_not_support_gets_nothing(venv: Path):
    provide_pytest_plugin(venv, "3.10.13")
    assert [path.name for path in venv.iterdir()] == ["lib"]


@pytest.mark.skipif(sys.platform == "win32", reason="the folder has another name")
def test_the_folder_of_packages_on_windows_is_found_too(tmp_path: Path):
    (tmp_path / "Lib/site-packages").mkdir(parents=True)
    provide_pytest_plugin(tmp_path, "3.15.2")
    assert (tmp_path / "Lib/site-packages/jitbuild-pytest-plugin.pth").is_file()

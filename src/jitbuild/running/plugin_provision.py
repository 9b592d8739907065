"""Provide the pytest plugin to a virtual environment in which jitbuild is not installed.

The environment gets a folder that contains only the plugin, the modules that the plugin imports,
and the metadata by which pytest finds it. A .pth file puts the folder at the end of sys.path.
Nothing that the tests import changes. In the folder, `jitbuild` is a namespace package, so a
jitbuild that is installed in the environment takes precedence, wherever it is on sys.path. The
plugin needs only pytest, so none of jitbuild's dependencies have to be installed.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild.system.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterator

_PACKAGE = Path(__file__).parents[1]
# The plugin, and the modules that it imports.
PLUGIN_FILES = (
    "pytest_plugin.py",
    "in_target/__init__.py",
    "in_target/executors.py",
    "in_target/jit_facts.py",
    "in_target/jit_report.py",
    "in_target/jit_sampler.py",
    "in_target/jit_usage.py",
    "in_target/probe.py",
    "in_target/tested_packages.py",
)
# The name of the entry point is that of jitbuild's own, so that pytest loads only one of the two.
_ENTRY_POINTS = "[pytest11]\njitbuild.pytest_plugin = jitbuild.pytest_plugin\n"
_DISTRIBUTION = "jitbuild-pytest-plugin"
_OLDEST_PYTHON = (3, 11)


def provide_pytest_plugin(venv: Path, python_version: str) -> None:
    """Make pytest find jitbuild's plugin in the virtual environment `venv`.

    `python_version` is the version of the environment's Python. Nothing is done if the plugin does
    not support it. Files that are up to date are not written again. Raises OSError if a file cannot
    be written.
    """
    series = tuple(int(part) for part in python_version.split(".")[:2])
    if series < _OLDEST_PYTHON:
        return
    folder = venv / _DISTRIBUTION
    for name, text in _contents():
        _write(folder / name, text)
    for site_packages in (*venv.glob("lib/*/site-packages"), *venv.glob("Lib/site-packages")):
        _write(site_packages / f"{_DISTRIBUTION}.pth", f"{folder.absolute()}\n")


def _contents() -> Iterator[tuple[str, str]]:
    """Yield the names of the files in the folder of the plugin, with their contents."""
    for name in PLUGIN_FILES:
        yield f"jitbuild/{name}", (_PACKAGE / name).read_text(encoding="utf-8")
    release = version("jitbuild")
    metadata = f"{_DISTRIBUTION.replace('-', '_')}-{release}.dist-info"
    yield f"{metadata}/entry_points.txt", _ENTRY_POINTS
    yield (
        f"{metadata}/METADATA",
        f"Metadata-Version: 2.1\nName: {_DISTRIBUTION}\nVersion: {release}\n",
    )


def _write(path: Path, text: str) -> None:
    try:
        if path.read_text(encoding="utf-8") == text:
            return
    except (OSError, UnicodeDecodeError):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, text)

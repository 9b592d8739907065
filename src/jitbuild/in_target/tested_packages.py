"""Find the names of the packages under test. PYTEST_DONT_REWRITE

These are the packages of the project at pytest's rootdir, and of every project installed in
editable mode, because such a project is under development. Packages are identified by name and not
by path, because tests may run against an installed copy of the project.

The packages of a project are those in its folder `src` or, if `src` contains none, those in the
folder of the project itself. In the latter folder, names that setuptools' automatic discovery
ignores are ignored too (tests, documentation, tools, and so on).
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from importlib.metadata import Distribution

# The names that FlatLayoutPackageFinder and FlatLayoutModuleFinder of setuptools.discovery ignore.
_NOT_TESTED = frozenset({
    *("ci", "bin", "debian", "doc", "docs", "documentation", "manpages", "news", "newsfragments"),
    *("changelog", "htmlcov", "test", "tests", "unit_test", "unit_tests", "example", "examples"),
    *("benchmark", "benchmarks", "exercise", "exercises", "scripts", "tools", "util", "utils"),
    *("python", "build", "dist", "tasks", "fabfile", "site_scons", "setup", "manage", "conftest"),
    *("toxfile", "noxfile", "pavement", "dodo", "conanfile", "SConstruct", "SConscript", "venv"),
    "node_modules",
})  # fmt: skip
# A folder without __init__.py is a namespace package if it contains a module, directly or in
# subfolders. This is the number of levels that are searched for a module.
_DEPTH = 3


def packages_under_test(
    rootdir: Path, distributions: Iterable[Distribution] | None = None
) -> tuple[str, ...]:
    """Return the sorted top-level names of the packages under test.

    By default, `distributions` are those installed for this interpreter.
    """
    if distributions is None:
        from importlib.metadata import distributions as installed

        distributions = installed()
    projects = {rootdir, *_editable_projects(distributions)}
    return tuple(sorted({name for project in projects for name in packages_of(project)}))


def packages_of(project: Path) -> set[str]:
    """Return the names of the packages and modules of the project in the folder `project`."""
    # Everything in src is meant to be imported, whatever its name.
    return set(_importable(project / "src")) or {
        name
        for name in _importable(project)
        if name not in _NOT_TESTED and not name.startswith("test_")
    }


def _importable(folder: Path) -> Iterator[str]:
    """Yield the names of the public packages and modules in a folder."""
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return
    namespaces = folder.name == "src"
    for entry in entries:
        name = entry.stem if entry.suffix == ".py" else entry.name
        is_public = name.isidentifier() and not name.startswith("_") and name != "conftest"
        if is_public and _holds_code(entry, namespaces=namespaces):
            yield name


def _holds_code(entry: Path, *, namespaces: bool) -> bool:
    """Return True if `entry` is a module or a package.

    With `namespaces`, a folder without __init__.py can be a package too.
    """
    if entry.suffix == ".py":
        return entry.is_file()
    if not namespaces:
        return (entry / "__init__.py").is_file()
    return any(next(entry.glob("*/" * depth + "*.py"), None) is not None for depth in range(_DEPTH))


def _editable_projects(distributions: Iterable[Distribution]) -> Iterator[Path]:
    """Yield the folders of projects installed in editable mode (PEP 660, direct_url.json)."""
    for distribution in distributions:
        text = distribution.read_text("direct_url.json")
        # Few distributions have this file, and even fewer are editable. Only the files that may
        # belong to an editable distribution are parsed.
        if text and '"editable"' in text:
            folder = _editable_folder(text)
            if folder is not None:
                yield folder


def _editable_folder(direct_url: str) -> Path | None:
    from urllib.parse import unquote, urlsplit

    try:
        direct = json.loads(direct_url)
        url = urlsplit(str(direct["url"]))
        editable = direct["dir_info"]["editable"] is True and url.scheme == "file"
    except (ValueError, KeyError, TypeError):
        return None
    if not editable:
        return None
    # On Windows the path of a URL is `/C:/folder`.
    return Path(unquote(url.path).removeprefix("/" if os.name == "nt" else ""))

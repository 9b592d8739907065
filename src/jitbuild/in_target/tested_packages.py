"""Which packages a test run is about. PYTEST_DONT_REWRITE

Those of the project at pytest's rootdir, and those of every project that is installed in editable mode: whoever installs one
so is working on it. By name and not by place, since the suite of a project may well run against the project installed.

The packages of a project are what it holds in `src`, else what it holds itself, except for what setuptools leaves out too when
it looks for packages on its own (tests, documentation, tools, and so on).
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from importlib.metadata import Distribution

# setuptools.discovery, FlatLayoutPackageFinder and FlatLayoutModuleFinder.
_NOT_UNDER_TEST = (
    *(
        "ci",
        "bin",
        "debian",
        "doc",
        "docs",
        "documentation",
        "manpages",
        "news",
        "newsfragments",
        "changelog",
        "htmlcov",
    ),
    *(
        "test",
        "tests",
        "unit_test",
        "unit_tests",
        "example",
        "examples",
        "benchmark",
        "benchmarks",
        "exercise",
        "exercises",
    ),
    *(
        "scripts",
        "tools",
        "util",
        "utils",
        "python",
        "build",
        "dist",
        "tasks",
        "fabfile",
        "site_scons",
        "setup",
        "manage",
    ),
    *(
        "conftest",
        "toxfile",
        "noxfile",
        "pavement",
        "dodo",
        "conanfile",
        "SConstruct",
        "SConscript",
        "venv",
        "node_modules",
    ),
)
# A folder without __init__.py is a namespace: look this deep for a module in it.
_DEPTH = 3


def names(rootdir: Path, distributions: Iterable[Distribution] | None = None) -> tuple[str, ...]:
    """The top-level names of the packages under test, sorted; `distributions` are those of this interpreter unless given."""
    if distributions is None:
        from importlib.metadata import distributions as installed

        distributions = installed()
    projects = {rootdir, *_editable(distributions)}
    return tuple(sorted({name for project in projects for name in of_project(project)}))


def of_project(project: Path) -> set[str]:
    """The names of the packages and modules that the project in this folder holds."""
    # What lies in src is there to be imported, whatever it is called.
    return set(_importable(project / "src")) or {
        name
        for name in _importable(project)
        if name not in _NOT_UNDER_TEST and not name.startswith("test_")
    }


def _importable(folder: Path) -> Iterator[str]:
    """The names that `import` would find in a folder; in `src` itself, and in a folder of another kind, perhaps none."""
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return
    for entry in entries:
        name = entry.stem if entry.suffix == ".py" else entry.name
        if (
            name.isidentifier()
            and not name.startswith("_")
            and name != "conftest"
            and _holds_code(entry, folder.name == "src")
        ):
            yield name


def _holds_code(entry: Path, namespaces: bool) -> bool:
    """Whether this is a module or a package. Only in `src` is a folder without __init__.py a package too."""
    if entry.suffix == ".py":
        return entry.is_file()
    if not namespaces:
        return (entry / "__init__.py").is_file()
    return any(next(entry.glob("*/" * depth + "*.py"), None) is not None for depth in range(_DEPTH))


def _editable(distributions: Iterable[Distribution]) -> Iterator[Path]:
    """The folders of the projects that are installed in editable mode (PEP 660, direct_url.json)."""
    for distribution in distributions:
        text = distribution.read_text("direct_url.json")
        # Most have none, and few of those that do are editable: reading JSON and URLs is left for those.
        if text and '"editable"' in text:
            folder = _folder(text)
            if folder is not None:
                yield folder


def _folder(text: str) -> Path | None:
    from urllib.parse import unquote, urlsplit

    try:
        direct = json.loads(text)
        url = urlsplit(str(direct["url"]))
        editable = direct["dir_info"]["editable"] is True and url.scheme == "file"
    except (ValueError, KeyError, TypeError):
        return None
    # On Windows the path of a URL is `/C:/folder`.
    return (
        Path(unquote(url.path).removeprefix("/" if os.name == "nt" else "")) if editable else None
    )

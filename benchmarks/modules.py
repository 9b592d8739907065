"""Prints, as JSON, which modules of the standard library the Python that runs this has, less its tests. Standard library alone.

`imported`: the names of sys.stdlib_module_names whose import works. `present`: every module and submodule that has a file.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import sys
import sysconfig
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# CPython's tests and what only they import; the examples of extension modules are tests too (--disable-test-modules).
_TESTS = {
    "test",
    "tests",
    "idle_test",
    "xxlimited",
    "xxlimited_35",
    "xxsubtype",
    "_xxtestfuzz",
    "_ctypes_test",
}
_OPENS_A_BROWSER = {"antigravity"}


def is_test(name: str) -> bool:
    """Whether the dotted `name` is a test or a module for tests alone."""
    return any(part in _TESTS or part.startswith("_test") for part in name.split("."))


def imported() -> Iterator[str]:
    """The public and private modules of the standard library that can be imported."""
    for name in sorted(sys.stdlib_module_names - _OPENS_A_BROWSER):
        if not is_test(name):
            with contextlib.suppress(Exception):
                importlib.import_module(name)
                yield name


def present() -> Iterator[str]:
    """The modules that have a file, and those that are built in."""
    yield from (name for name in sys.builtin_module_names if not is_test(name))
    for folder in {sysconfig.get_path("stdlib"), sysconfig.get_config_var("DESTSHARED")}:
        for place, folders, files in os.walk(folder):
            folders[:] = [
                each
                for each in folders
                if each not in {"site-packages", "__pycache__", "lib-dynload"}
            ]
            for file in files:
                if file.endswith((".py", ".so", ".pyd")):
                    stem = Path(place, file).relative_to(folder).with_name(file.partition(".")[0])
                    name = ".".join(stem.parts).removesuffix(".__init__")
                    if not is_test(name):
                        yield name


def main() -> None:
    warnings.simplefilter("ignore")
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        found = {"imported": sorted(imported()), "present": sorted(set(present()))}
    print(json.dumps(found))


if __name__ == "__main__":
    main()

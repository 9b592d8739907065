"""Print, as JSON, the standard library modules of the Python that runs this, except its tests.

`imported` are the names of sys.stdlib_module_names that can be imported; `present` are all modules
and submodules that have a file. Uses the standard library only.
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

# CPython's tests and modules for tests only; --disable-test-modules leaves out the examples of
# extension modules too.
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
_SKIPPED_FOLDERS = {"site-packages", "__pycache__", "lib-dynload"}


def is_test(name: str) -> bool:
    """Return whether the dotted `name` is a test, or a module for tests only."""
    return any(part in _TESTS or part.startswith("_test") for part in name.split("."))


def imported() -> Iterator[str]:
    """Yield the top-level modules of the standard library that can be imported."""
    for name in sorted(sys.stdlib_module_names - _OPENS_A_BROWSER):
        if not is_test(name):
            with contextlib.suppress(Exception):
                importlib.import_module(name)
                yield name


def present() -> Iterator[str]:
    """Yield the modules that have a file or are built in; a name may be repeated."""
    names = [*sys.builtin_module_names]
    for folder in {sysconfig.get_path("stdlib"), sysconfig.get_config_var("DESTSHARED")}:
        names += _modules_below(folder)
    yield from (name for name in names if not is_test(name))


def _modules_below(root: str) -> Iterator[str]:
    for folder, subfolders, files in os.walk(root):
        subfolders[:] = [name for name in subfolders if name not in _SKIPPED_FOLDERS]
        for file in files:
            if file.endswith((".py", ".so", ".pyd")):
                stem = Path(folder, file).relative_to(root).with_name(file.partition(".")[0])
                yield ".".join(stem.parts).removesuffix(".__init__")


def main() -> None:
    """Print the modules."""
    warnings.simplefilter("ignore")
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        modules = {"imported": sorted(imported()), "present": sorted(set(present()))}
    print(json.dumps(modules))


if __name__ == "__main__":
    main()

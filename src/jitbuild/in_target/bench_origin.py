"""Tell the code of a program from the code of libraries. PYTEST_DONT_REWRITE

This module runs in the interpreter under test and uses only the standard library.
"""

from __future__ import annotations

import os
import sys

# The name under which all modules of the standard library are counted.
STANDARD_LIBRARY = "the standard library"
_PACKAGE_FOLDERS = frozenset({"site-packages", "dist-packages"})
# The programs of the suites are in these packages.
_PACKAGES_OF_PROGRAMS = frozenset({"jitbuild", "pyperformance"})
_STDLIB_FOLDER = os.path.dirname(os.path.abspath(os.__file__))


def library_of(file: str, module: str = "", *, stdlib: str = _STDLIB_FOLDER) -> str:
    """Return the library whose code is in `file`; "" for the code of the program itself.

    The name of a library is STANDARD_LIBRARY, or that of an installed package. Code that was
    compiled from a string, such as the argument of -c and the methods of data classes, has no file
    but a name such as `<string>`; then `module`, the name of its module, counts. `stdlib` is the
    folder of the standard library.
    """
    if file.startswith("<"):
        top = module.partition(".")[0]
        is_stdlib = file.startswith("<frozen ") or (
            top != "__main__" and top in sys.stdlib_module_names
        )
        return STANDARD_LIBRARY if is_stdlib else ""
    path = os.path.abspath(file)
    parts = path.replace(os.sep, "/").split("/")
    for index in range(len(parts) - 2, -1, -1):
        if parts[index] in _PACKAGE_FOLDERS:
            package = parts[index + 1].partition(".")[0]
            return "" if package in _PACKAGES_OF_PROGRAMS else package
    return STANDARD_LIBRARY if path.startswith(stdlib + os.sep) else ""

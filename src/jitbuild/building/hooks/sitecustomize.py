"""Changes to the Pythons that a build runs.

Steps that need the changes have this folder on PYTHONPATH (planning/posix.py). jitbuild itself
never imports this module. It runs in any Python >= 3.11, and in the interpreter that is being
built.
"""

import os
import sys

# Tools/jit/_llvm.py runs as many clangs at once as os.cpu_count() returns. Python 3.13 and later
# read this variable themselves.
if (_count := os.environ.get("PYTHON_CPU_COUNT", "")).isdecimal():
    os.cpu_count = lambda: int(_count)

# Tools/jit/build.py compiles the stencils.
if (_folder := os.environ.get("JITBUILD_STENCILS")) and any(
    arg.endswith("Tools/jit/build.py") for arg in sys.orig_argv
):
    import stencil_headers  # type: ignore[import-not-found]

    stencil_headers.install(_folder)

# ensurepip installs no pip if it can already import one. Two folders may have one: the prefix of
# the interpreter that is being replaced, which the variable names, and the user's own packages.
if _hidden := os.environ.get("JITBUILD_HIDE"):
    import site

    _folders = tuple(
        os.path.join(folder, "") for folder in (_hidden, site.USER_SITE or "") if folder
    )
    sys.path[:] = [path for path in sys.path if not os.path.join(path, "").startswith(_folders)]

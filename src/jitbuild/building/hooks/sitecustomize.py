"""Changes to every Python that certain build steps run.

The steps that need these changes put this folder on PYTHONPATH (planning/posix.py). jitbuild itself
never imports this module. It must run in any Python from 3.11 on, including the interpreter that is
being built.
"""

import os
import sys

# Tools/jit/_llvm.py runs os.cpu_count() clangs at once. Python 3.13 and later read PYTHON_CPU_COUNT
# themselves.
if (_count := os.environ.get("PYTHON_CPU_COUNT", "")).isdecimal():
    os.cpu_count = lambda: int(_count)

# Tools/jit/build.py compiles the stencils.
if (_folder := os.environ.get("JITBUILD_STENCILS")) and any(
    arg.endswith("Tools/jit/build.py") for arg in sys.orig_argv
):
    import stencil_headers  # type: ignore[import-not-found]

    stencil_headers.install(_folder)

# ensurepip installs no pip if it can already import a pip. Two folders may contain a pip: the
# prefix of the interpreter that is being replaced (JITBUILD_HIDE), and the user's site-packages.
if _hidden := os.environ.get("JITBUILD_HIDE"):
    import site

    _folders = tuple(
        os.path.join(folder, "") for folder in (_hidden, site.USER_SITE or "") if folder
    )
    sys.path[:] = [path for path in sys.path if not os.path.join(path, "").startswith(_folders)]

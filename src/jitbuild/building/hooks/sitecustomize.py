"""What the Pythons that a build runs are told. Its folder is put on PYTHONPATH in single steps: see platforms/posix.py.

Never imported by jitbuild itself; runs in any Python >= 3.11, and in the one that is being built.
"""

import os
import sys

# Tools/jit/_llvm.py starts as many clangs at once as os.cpu_count() says. Python 3.13+ heeds the variable of itself.
if (_count := os.environ.get("PYTHON_CPU_COUNT", "")).isdecimal():
    os.cpu_count = lambda: int(_count)

# Tools/jit/build.py compiles the stencils.
if (_folder := os.environ.get("JITBUILD_STENCILS")) and any(
    word.endswith("Tools/jit/build.py") for word in sys.orig_argv
):
    import quick_stencils  # type: ignore[import-not-found]

    quick_stencils.install(_folder)

# A pip of the interpreter that this one will replace, or of the person's own packages, is seen by ensurepip, which takes it for
# installed.
if _hidden := os.environ.get("JITBUILD_HIDE"):
    import site

    _places = tuple(os.path.join(place, "") for place in (_hidden, site.USER_SITE or "") if place)
    sys.path[:] = [path for path in sys.path if not os.path.join(path, "").startswith(_places)]

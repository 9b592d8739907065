"""Start witness.py in this process, and then import the next `sitecustomize` on sys.path.

The host copies this file as sitecustomize.py. It must be valid in any Python, even in Python 2. The
program must not notice the witness, so the folder is removed from sys.path, and both modules from
sys.modules.
"""

import os
import sys

if __name__ == "sitecustomize":
    _folder = os.path.dirname(os.path.abspath(__file__))
    try:
        if sys.version_info >= (3, 8):
            # Write the module's bytecode into its folder, so that it is compiled only once,
            # whatever the user's settings for bytecode are.
            _bytecode = sys.dont_write_bytecode, sys.pycache_prefix
            sys.dont_write_bytecode, sys.pycache_prefix = False, None
            try:
                import jitbuild_witness  # type: ignore[import-not-found]
            finally:
                sys.dont_write_bytecode, sys.pycache_prefix = _bytecode
            jitbuild_witness.testify(_folder)
    except Exception:  # nosec B110
        pass
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != _folder]
    sys.path_importer_cache.pop(_folder, None)
    sys.modules.pop("jitbuild_witness", None)
    _this_module = sys.modules.pop("sitecustomize")  # Python 2 clears a module nobody refers to

    # If there is no other sitecustomize, this raises the ImportError that `site` expects and
    # ignores.
    import sitecustomize  # type: ignore[import-not-found] # noqa: F401

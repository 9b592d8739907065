"""Adapting an archive of python-build-standalone to its folder, with files of that layout."""

from __future__ import annotations

import ast
import json
import os

import pytest

from jitbuild.building.standalone import adapt, adapted_record

FINAL = b"/store/cpython-3.13.15-jit-release-0123abcd"
VARIABLES = {
    "AR": "/tools/llvm/bin/llvm-ar",
    "BINDIR": "/install/bin",
    "BLDSHARED": "clang -pthread -shared -Wl,--exclude-libs,ALL",
    "CC": "clang -pthread",
    "CFLAGS": "-fno-strict-overflow -I/tools/deps/include/ncursesw -O3 -I/install/include",
    "CONFIG_ARGS": "'--prefix=/install' '--with-openssl=/tools/deps' 'CC=clang'",
    "CXX": "clang++ -pthread",
    "DESTDIRS": "/install /install/lib",
    "INSTALL": "/usr/bin/install -c",
    "LDFLAGS": "-L/tools/deps/lib -Wl,-rpath,/install/lib -L/install/lib",
    "LDSHARED": "clang -pthread -shared -isysroot /Applications/Xcode.app/MacOSX14.2.sdk",
    "LLVM_PROFDATA": "/tools/llvm/bin/llvm-profdata",
    "SIZEOF_LONG": 8,
    "WASM_ASSETS_DIR": "./install",
    "WHEEL": "pip/_internal/commands/install.py",
    "abs_srcdir": "/build/Python-3.13.15",
    "prefix": "/install",
}
NEW = FINAL.decode()
EXPECTED = VARIABLES | {
    "AR": "ar",
    "BINDIR": f"{NEW}/bin",
    "BLDSHARED": "cc -pthread -shared -Wl,--exclude-libs,ALL",
    "CC": "cc -pthread",
    "CFLAGS": f"-fno-strict-overflow -O3 -I{NEW}/include",
    "CONFIG_ARGS": f"'--prefix={NEW}' '--with-openssl=/build' 'CC=clang'",
    "CXX": "c++ -pthread",
    "DESTDIRS": f"{NEW} {NEW}/lib",
    "LDFLAGS": f" -Wl,-rpath,{NEW}/lib -L{NEW}/lib",
    "LDSHARED": "cc -pthread -shared",
    "LLVM_PROFDATA": "llvm-profdata",
    "WASM_ASSETS_DIR": f".{NEW}",
    "abs_srcdir": "/build",
    "prefix": NEW,
}
MAKEFILE = """\
prefix=\t\t/install
abs_srcdir=\t/build/Python-3.13.15
CC=\t\t/usr/bin/aarch64-linux-gnu-gcc
CXX=\t\t/usr/bin/aarch64-linux-gnu-g++
LINKCC=\t\t$(PURIFY) $(CC)
AR=\t\t/tools/llvm/bin/llvm-ar
INSTALL=\t/usr/bin/install -c
LDSHARED=\t$(CC) -shared $(PY_LDFLAGS)
"""
# The builder of today writes the second form, and that of earlier releases the third.
SCRIPTS = [
    "#!/install/bin/python3.13\n",
    """#!/bin/sh
'''exec' "$(dirname -- "$(realpath -- "$0")")/python3.13" "$0" "$@"
' '''
""",
    '#!/bin/sh\n"exec" "$(dirname $0)/python3.13" "$0" "$@"\n',
]


def variables(text: bytes) -> object:
    return ast.literal_eval(text.decode().partition("=")[2].strip())


@pytest.mark.parametrize("form", ["json", "pprint"])
def test_sysconfig_names_the_new_folder_and_no_folder_of_the_builder(form):
    text = (
        json.dumps(VARIABLES, indent=4)
        if form == "json"
        else "\n ".join(f"{key!r}: {value!r}," for key, value in VARIABLES.items()).join("{}")
    )
    adapted = adapted_record(f"build_time_vars = {text}\n".encode(), FINAL)
    assert variables(adapted) == EXPECTED
    for gone in (b"/tools", b"/install ", b"/install/", b"/build/", b"Xcode"):
        assert gone not in adapted.replace(FINAL, b"").replace(b"/usr/bin/install", b"")


def test_the_makefile_names_tools_that_every_system_has():
    assert adapted_record(MAKEFILE.encode(), FINAL).decode().splitlines() == [
        f"prefix=\t\t{NEW}",
        "abs_srcdir=\t/build",
        "CC=\t\tcc",
        "CXX=\t\tc++",
        "LINKCC=\t\t$(PURIFY) $(CC)",
        "AR=\t\tar",
        "INSTALL=\t/usr/bin/install -c",
        "LDSHARED=\t$(CC) -shared $(PY_LDFLAGS)",
    ]


def test_a_store_in_a_folder_named_as_one_of_the_builder_keeps_its_path():
    for folder in (b"/build/store", b"/tools/bin", b"/install"):
        assert adapted_record(b"prefix=/install\n", folder) == b"prefix=%s\n" % folder


@pytest.fixture
def unpacked(tmp_path):
    """The folder `python` of an archive of the flavour install_only, with text files only."""
    prefix = tmp_path / "python"
    library = prefix / "lib/python3.13"
    files = {
        "lib/pkgconfig/python-3.13.pc": "prefix=/install\nlibdir=${exec_prefix}/lib\n",
        "lib/python3.13/_sysconfigdata__linux_.py": f"build_time_vars = {json.dumps(VARIABLES)}\n",
        "lib/python3.13/__pycache__/_sysconfigdata__linux_.cpython-313.pyc": "old",
        "lib/python3.13/config-3.13-x86_64-linux-gnu/Makefile": MAKEFILE,
        "lib/python3.13/site-packages/pip/notes.txt": "see /install/docs\n",
        "bin/python3.13-config": '#!/bin/sh\nprefix_build="/install"\n',
        "bin/python3.13": "\x7fELF\0/install",
        **{f"bin/script{number}": f"{head}import sys\n" for number, head in enumerate(SCRIPTS)},
    }
    library.mkdir(parents=True)
    for name, text in files.items():
        (prefix / name).parent.mkdir(parents=True, exist_ok=True)
        (prefix / name).write_text(text)
        (prefix / name).chmod(0o755)
    (prefix / "bin/python3").symlink_to("python3.13")
    return prefix


def names(prefix, paths):
    return [path.relative_to(prefix).as_posix() for path in paths]


def test_records_and_scripts_are_adapted_and_nothing_else(unpacked, tmp_path):
    final = tmp_path / "store" / "cpython-3.13.15"
    before = {path: path.read_bytes() for path in unpacked.rglob("*") if path.is_file()}
    changed = adapt(unpacked, final)
    assert names(unpacked, changed) == [
        "bin/python3.13-config",
        "bin/script0",
        "bin/script1",
        "bin/script2",
        "lib/pkgconfig/python-3.13.pc",
        "lib/python3.13/_sysconfigdata__linux_.py",
        "lib/python3.13/config-3.13-x86_64-linux-gnu/Makefile",
    ]
    after = {path: path.read_bytes() for path in unpacked.rglob("*") if path.is_file()}
    bytecode = [path for path in before if path.suffix == ".pyc"]
    assert before.keys() - after.keys() == {*bytecode}
    assert {path for path in after if after[path] != before[path]} == {*changed}
    for number in range(len(SCRIPTS)):
        text = (unpacked / f"bin/script{number}").read_text()
        assert text == f"#!{final}/bin/python3.13\nimport sys\n"
    assert f'prefix_build="{final}"' in (unpacked / "bin/python3.13-config").read_text()
    assert (unpacked / "lib/pkgconfig/python-3.13.pc").read_text().startswith(f"prefix={final}\n")
    assert adapt(unpacked, final) == []


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such permissions")
def test_scripts_stay_executable(unpacked):
    adapt(unpacked)
    assert os.access(unpacked / "bin/script0", os.X_OK)


def test_a_path_that_no_shebang_can_name_is_started_by_sh(unpacked, tmp_path):
    adapt(unpacked, tmp_path / "with space")
    text = (unpacked / "bin/script1").read_text()
    assert text.startswith(f"#!/bin/sh\n'''exec' '{tmp_path}/with space/bin/python3.13' \"$0\"")

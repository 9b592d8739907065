"""Adapt an unpacked archive of python-build-standalone to its folder in the store.

Its builder installs Python into /install, with tools in /tools and the sources in /build
(python-build-standalone, cpython-unix/build-cpython.sh). Python finds its library in any folder.
But sysconfig, from which pip and setuptools learn how to build an extension module, names these
folders, and compilers such as /tools/llvm/bin/clang, which other machines do not have. uv adapts
sysconfig and pkg-config, too (crates/uv-python/src/sysconfig).

/install is too short to be replaced wherever it occurs, as relocation.py does with the folder of an
interpreter in a store: `pip/_internal/commands/install.py` contains it, too. So only the records of
the build and the scripts in bin/ are rewritten. Libraries of macOS keep their install names, which
only programs that embed Python use.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from jitbuild.building.installed_prefix import build_records
from jitbuild.building.relocation import replace_file, working_shebang

if TYPE_CHECKING:
    from pathlib import Path

# A path begins a word, or follows a flag such as -I or characters such as `=`, `:` and `,`.
# WASM_ASSETS_DIR is `.` followed by the prefix.
_BEGIN = rb"(?:(?<=-[BFILR])|(?<=[\s'\"=]\.)|(?<![\w./$)}-]))"
_INSTALL = re.compile(_BEGIN + rb"/install(?![\w.-])")
_WORD = rb"[^\s'\",;:)]*"
_BUILDER = _BEGIN + rb"/(?:tools|build)(?![\w.-])"
# Flags with folders that exist only on the builder's machine.
_FLAGS = re.compile(rb" ?-(?:isysroot\s+[^\s'\"]+|[IL]/(?:tools|build)/%s)" % _WORD)
# A tool in a folder of the builder, or GCC for another machine: /usr/bin/aarch64-linux-gnu-gcc.
_TOOLS = re.compile(rb"(?:%s%s/bin|(?<![\w.])/usr/bin)/([\w.+-]+)" % (_BUILDER, _WORD))
_COMPILERS = rb"CC|CXX|CPP|LINKCC|BLDSHARED|LDSHARED|LDCXXSHARED|MAINCC|AR"
# The first word of a compiler's variable, in a dict of Python or JSON, or in a Makefile.
_VARIABLES = re.compile(
    rb"""^(\s*\{?\s*(?P<quote>['"])(?:%s)(?P=quote):\s*f?['"]|(?:%s)=[ \t]*)([\w.+-]+)"""
    % (_COMPILERS, _COMPILERS),
    re.MULTILINE,
)
_GENERIC_NAMES = re.compile(
    rb"(?P<cxx>(?:[\w-]+-)?(?:clang|g)\+\+)|(?P<cc>(?:[\w-]+-)?(?:clang|gcc))"
    rb"|(?:llvm|gcc|[\w-]+-linux-\w+)-(?P<tool>ar|nm|ranlib|strip|objcopy|readelf)"
)
# The beginning of a script: a shebang, or lines by which /bin/sh starts the Python beside it.
_SCRIPT = re.compile(
    rb"#!/\S*/(?P<named>python[\w.]*)(?P<options>[^\n]*)\n"
    rb"|#!/bin/sh\n(?:'''exec'|\"exec\") \"[^\n]*/(?P<beside>python[\w.]*)\" \"\$0\" \"\$@\"\n"
    rb"(?:' '''\n)?"
)


def adapt(prefix: Path, final: Path | None = None) -> list[Path]:
    """Adapt the Python that was unpacked into `prefix` to the path `final`.

    `final` is the folder that `prefix` will have later; None if it is `prefix`. /install becomes
    that path, tools of the builder become `cc`, `c++`, `ar` and so on, and flags with folders of
    the builder are removed. Other paths of the builder become /build, as in interpreters that
    jitbuild compiles. Scripts start the Python in `final`.

    Returns the files that changed, sorted. Raises OSError if a file cannot be read or written.
    """
    new = os.fsencode(final or prefix)
    changed = []
    records = build_records(prefix)
    scripts = [path for path in (prefix / "bin").glob("*") if path.is_file()]
    for path in {*records, *scripts}:
        if path.is_symlink() or b"\0" in (content := path.read_bytes()):
            continue
        text = _adapted_script(content, new)
        if path in records:
            text = adapted_record(text, new)
        if text != content:
            replace_file(path, text)
            changed.append(path)
    return sorted(changed)


def adapted_record(text: bytes, prefix: bytes) -> bytes:
    """Return a record of the build, such as sysconfig's, as `adapt` changes it for `prefix`."""
    text = _FLAGS.sub(b"", text)
    text = _TOOLS.sub(_tool_name, text)
    text = _VARIABLES.sub(lambda match: match[1] + _generic(match[3]), text)
    text = re.sub(_BUILDER + _WORD, b"/build", text)
    return _INSTALL.sub(lambda _: prefix, text)


def _adapted_script(script: bytes, prefix: bytes) -> bytes:
    match = _SCRIPT.match(script)
    if match is None:
        return script
    name, options = match["named"] or match["beside"], match["options"] or b""
    head = b"#!%s/bin/%s%s\n" % (prefix, name, options)
    return working_shebang(head + script[match.end() :], prefix)


def _tool_name(match: re.Match[bytes]) -> bytes:
    """Return the name of a tool without its folder; a tool of this system keeps its path."""
    name = match[1]
    generic = _generic(name)
    return match[0] if match[0].startswith(b"/usr/bin/") and generic == name else generic


def _generic(name: bytes) -> bytes:
    """Return the name that every system has for a compiler or another tool: `cc` for `clang`."""
    match = _GENERIC_NAMES.fullmatch(name)
    if match is None:
        return name
    return b"c++" if match["cxx"] else b"cc" if match["cc"] else match["tool"]

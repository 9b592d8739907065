"""The hook for Tools/jit/build.py: one precompiled header for all micro-ops, and nothing else."""

from __future__ import annotations

import asyncio
import importlib.util
from pathlib import Path

import pytest

import jitbuild

_spec = importlib.util.spec_from_file_location(
    "stencil_headers", Path(jitbuild.__file__).parent / "building" / "hooks" / "stencil_headers.py"
)
hook = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(hook)

GUARDED = """\
/* A comment
   of two lines. */
// Another.
#ifndef Py_THING_H
#define Py_THING_H
int thing;
#endif
"""


class FakeClang:
    """Stands for asyncio.create_subprocess_exec: the process exits with `code`."""

    def __init__(self, code=0):
        self.code, self.started = code, []

    async def __call__(self, program, *args):
        self.started.append((program, *args))
        await asyncio.sleep(0)
        return self

    async def wait(self):
        return self.code


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "Include").mkdir()
    for name in ("Python.h", "pycore_long.h"):
        (tmp_path / "Include" / name).write_text(GUARDED)
    (tmp_path / "Include" / "ceval_macros.h").write_text(
        "#define ONE 1\n#ifndef X\n#define X\n#endif\nstatic int one(void);\n"
    )
    (tmp_path / "op.c").write_text(
        '#include "Python.h"\n\n#include "pycore_long.h"\n#include "ceval_macros.h"\nint x;\n'
    )
    return tmp_path


def arguments(tree, opname="_NOP", *more):
    include = f"-I{tree / 'Include'}"
    return (
        f"-D_JIT_OPCODE={opname}",
        "-DNDEBUG",
        include,
        "-O3",
        "-c",
        "-S",
        "-o",
        f"{opname}.s",
        str(tree / "op.c"),
        *more,
    )


def added_to(headers, *commands):
    async def gather():
        return await asyncio.gather(*(headers.add_to("clang", args) for args in commands))

    return asyncio.run(gather())


def test_the_headers_are_compiled_once_with_the_flags_of_the_micro_ops(tree):
    clang = FakeClang()
    commands = [arguments(tree, name) for name in ("_NOP", "_POP_TOP", "_COPY")]
    pch = f"{tree}/headers-0.pch"
    # The first command may be the only one.
    assert added_to(hook.PrecompiledHeaders(str(tree), clang), *commands) == [
        commands[0],
        *(("-include-pch", pch, *command) for command in commands[1:]),
    ]
    header = f"{tree}/headers-0.h"
    assert clang.started == [
        ("clang", "-DNDEBUG", f"-I{tree / 'Include'}", "-O3", "-x", "c-header", header, "-o", pch),
    ]
    # ceval_macros.h has no include guard, so the source includes it itself.
    assert Path(header).read_text() == '#include "Python.h"\n#include "pycore_long.h"\n'


def test_other_flags_have_their_own_header(tree):
    clang = FakeClang()
    added_to(
        hook.PrecompiledHeaders(str(tree), clang),
        *[arguments(tree)] * 2,
        *[arguments(tree, "_NOP", "-fpic")] * 2,
    )
    assert len(clang.started) == 2


def test_headers_that_cannot_be_compiled_are_tried_once(tree, capsys):
    clang = FakeClang(code=1)
    commands = [arguments(tree, name) for name in ("_NOP", "_POP_TOP", "_COPY")]
    assert added_to(hook.PrecompiledHeaders(str(tree), clang), *commands) == commands
    assert len(clang.started) == 1
    assert "clang reads them for each micro-op" in capsys.readouterr().err


@pytest.mark.parametrize(
    "args",
    [
        ("--version",),
        ("-c", "-o", "a.o", "a.s"),
        ("-D_JIT_OPCODE=_NOP", "-Wno-unused-command-line-argument", "-o", "a.o", "a.ll"),
        ("-D_JIT_OPCODE=_NOP", "gone.c"),
    ],
)
def test_commands_that_compile_no_micro_op_are_unchanged(tree, args):
    clang = FakeClang()
    assert added_to(hook.PrecompiledHeaders(str(tree), clang), args) == [args]
    assert not clang.started


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('#include "Python.h"\n#include "gone.h"\n#include "pycore_long.h"\n', ["Python.h"]),
        ('#ifdef A\n#include "Python.h"\n#endif\n', []),
        ('#include <stdio.h>\n#include "Python.h"\n', []),
        ('#include "ceval_macros.h"\n#include "Python.h"\n', []),
        ('#include "Python.h"\n#define A 1\n#include "pycore_long.h"\n', ["Python.h"]),
    ],
)
def test_leading_headers_are_those_before_other_code_with_an_include_guard(tree, text, names):
    assert hook.leading_headers(text, [str(tree / "Include")]) == names

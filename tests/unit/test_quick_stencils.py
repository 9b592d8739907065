"""What hooks/quick_stencils.py makes of the commands of Tools/jit/build.py: a header once for all micro-ops, and nothing else."""

from __future__ import annotations

import asyncio
import importlib.util
from pathlib import Path

import pytest

import jitbuild

_spec = importlib.util.spec_from_file_location(
    "quick", Path(jitbuild.__file__).parent / "building" / "hooks" / "quick_stencils.py"
)
quick = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(quick)

GUARDED = "/* What it is\n   for. */\n// Yes.\n#ifndef Py_THING_H\n#define Py_THING_H\nint thing;\n#endif\n"


class Tools:
    """Stands for asyncio's way to start a program: clang makes what it is asked for, or fails."""

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


def words(tree, opname="_NOP", *further):
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
        *further,
    )


def added(headers, *commands):
    async def all_of_them():
        return await asyncio.gather(*(headers.added("clang", args) for args in commands))

    return asyncio.run(all_of_them())


def test_the_headers_are_compiled_once_with_the_flags_of_the_micro_ops(tree):
    tools = Tools()
    commands = [words(tree, name) for name in ("_NOP", "_POP_TOP", "_COPY")]
    pch = f"{tree}/headers-0.pch"
    # The first may be the only one.
    assert added(quick.Headers(str(tree), tools), *commands) == [
        commands[0],
        *(("-include-pch", pch, *command) for command in commands[1:]),
    ]
    header = f"{tree}/headers-0.h"
    assert tools.started == [
        ("clang", "-DNDEBUG", f"-I{tree / 'Include'}", "-O3", "-x", "c-header", header, "-o", pch),
    ]
    # The last one may not be read twice, and the source reads it again.
    assert Path(header).read_text() == '#include "Python.h"\n#include "pycore_long.h"\n'


def test_other_flags_are_another_header(tree):
    tools = Tools()
    added(quick.Headers(str(tree), tools), *[words(tree)] * 2, *[words(tree, "_NOP", "-fpic")] * 2)
    assert len(tools.started) == 2


def test_a_header_that_cannot_be_made_is_tried_once_and_left_out(tree, capsys):
    tools = Tools(code=1)
    commands = [words(tree, name) for name in ("_NOP", "_POP_TOP", "_COPY")]
    assert added(quick.Headers(str(tree), tools), *commands) == commands
    assert len(tools.started) == 1
    assert "each micro-op's clang reads them" in capsys.readouterr().err


@pytest.mark.parametrize(
    "args",
    [
        ("--version",),
        ("-c", "-o", "a.o", "a.s"),
        ("-D_JIT_OPCODE=_NOP", "-Wno-unused-command-line-argument", "-o", "a.o", "a.ll"),
        ("-D_JIT_OPCODE=_NOP", "gone.c"),
    ],
)
def test_what_compiles_no_micro_op_is_left_alone(tree, args):
    tools = Tools()
    assert added(quick.Headers(str(tree), tools), args) == [args]
    assert not tools.started


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
def test_only_what_stands_first_and_may_be_read_twice(tree, text, names):
    assert quick.leading(text, [str(tree / "Include")]) == names

"""The stencils are the same bytes, however they are made: CPython's own Tools/jit with a real LLVM, with and without our hook."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from jitbuild.building import runner as build
from jitbuild.planning import planner
from jitbuild.planning.plan import Plan
from jitbuild.recipes.catalog import load_catalog
from jitbuild.request import Variant, parse
from jitbuild.system import archive
from jitbuild.system.progress import SilentReporter
from jitbuild.target import host
from jitbuild.toolchain import llvm
from jitbuild.toolchain.llvm_folder import gather

pytestmark = [
    pytest.mark.integration,
    pytest.mark.xdist_group("stencils"),
    pytest.mark.skipif(
        host().target.name != "x86_64-linux-gnu", reason="the pinned LLVMs are for x86-64 Linux"
    ),
]

CATALOG = load_catalog()
HOOKS = Path(build.__file__).parent / "hooks"
TRIPLE = "x86_64-pc-linux-gnu"


@pytest.fixture(scope="module")
def plan(cpython_archive: Path) -> Plan:
    request = parse(cpython_archive.name.removeprefix("Python-").removesuffix(".tar.xz"))
    return planner.make_plan(
        planner.resolve_version(request, CATALOG), Variant(), host().target, CATALOG
    )


@pytest.fixture(scope="module")
def source(cpython_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Configured."""
    tree = archive.unpack(cpython_archive, tmp_path_factory.mktemp("source") / "source")
    env = {**build.clean_environment(os.environ), "PYTHON_FOR_REGEN": sys.executable}
    words = ["./configure", "-q", "--enable-experimental-jit=yes-off"]
    subprocess.run(words, cwd=tree, env=env, check=True, capture_output=True)
    return tree


@pytest.fixture(scope="module")
def tree(source: Path, plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the edits of the recipe."""
    tree = tmp_path_factory.mktemp("tree") / "source"
    shutil.copytree(source, tree, symlinks=True)
    build.edit(plan, tree, SilentReporter())
    return tree


@pytest.fixture(scope="module")
def few(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Without the edits, as a debug build is, and with thirty of the micro-ops: each reads all the others, which takes long."""
    tree = tmp_path_factory.mktemp("few") / "source"
    shutil.copytree(source, tree, symlinks=True)
    cases = tree / "Python" / "executor_cases.c.h"
    text = cases.read_text(encoding="utf-8")
    found = list(re.finditer(r"^ {8}case \w+: \{\n.*?^ {8}\}\n", text, re.DOTALL | re.MULTILINE))
    cases.write_text(text[: found[30].start()] + text[found[-1].end() :], encoding="utf-8")
    return tree


@pytest.fixture(scope="module")
def environment(
    plan: Plan, cache_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """What build.py runs in, with the LLVM that the recipe pins."""
    finder = llvm.LLVMFinder(
        want=plan.llvm, mode="managed", host=host(), catalog=CATALOG, cache=cache_folder
    )
    root = gather(finder.provide().tools, tmp_path_factory.mktemp("llvm"))
    clean = build.clean_environment(os.environ)
    return {
        **clean,
        "PATH": f"{root / 'bin'}{os.pathsep}{clean['PATH']}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": str(HOOKS),
    }


def made(
    tree: Path, environment: dict[str, str], *flags: str, headers: Path | None = None
) -> tuple[bytes, str]:
    """What build.py writes, but for the line with its own command, and what it says."""
    env = {**environment, **({"JITBUILD_STENCILS": str(headers)} if headers else {})}
    # As the Makefile calls it; `python PATH/Tools/jit/build.py`.
    argv = [sys.executable, str(tree / "Tools/jit/build.py"), TRIPLE, "--force", *flags]
    done = subprocess.run(argv, cwd=tree, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    (written,) = tree.glob("jit_stencils*.h")
    lines = written.read_bytes().splitlines(keepends=True)
    assert len(lines) > 500
    return b"".join(line for line in lines if not line.startswith(b"// $ ")), done.stderr


def test_precompiled_headers_change_no_byte(tree, environment, tmp_path):
    compare(tree, environment, tmp_path)


def test_nor_do_they_in_a_debug_build_whose_assertions_name_files(few, environment, tmp_path):
    compare(few, environment, tmp_path, "--debug")


def compare(tree: Path, environment: dict[str, str], headers: Path, *flags: str) -> None:
    plain, _ = made(tree, environment, *flags)
    quick, said = made(tree, environment, *flags, headers=headers)
    assert said == ""
    assert list(headers.glob("*.pch")), "else this compares a thing with itself"
    assert quick == plain


def test_a_clang_that_cannot_precompile_makes_the_same(few, environment, tmp_path):
    clang = next(
        Path(folder) / "clang"
        for folder in environment["PATH"].split(os.pathsep)
        if (Path(folder) / "clang").exists()
    )
    (tmp_path / "bin").mkdir()
    wrapper = tmp_path / "bin" / "clang"
    wrapper.write_text(f'#!/bin/sh\ncase "$*" in *c-header*) exit 1;; esac\nexec {clang} "$@"\n')
    wrapper.chmod(0o755)
    crippled = {**environment, "PATH": f"{wrapper.parent}{os.pathsep}{environment['PATH']}"}
    quick, said = made(few, crippled, headers=tmp_path)
    assert said.count("cannot be precompiled") == 1, "it is tried once"
    assert quick == made(few, environment)[0]


def test_an_edited_template_compiles_one_case_for_each_micro_op(tree, plan):
    """The recipe's edit still fits this release: else stencils would only be slower, and nobody would notice."""
    edited = [edit for edit in plan.edits if edit.file == "Tools/jit/_targets.py"]
    assert edited
    assert all(edit.replace in (tree / edit.file).read_text(encoding="utf-8") for edit in edited)

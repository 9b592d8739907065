"""CPython's Tools/jit and a real LLVM make the same stencils with and without the hook."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import jitbuild
from jitbuild.building.build_environment import clean_environment
from jitbuild.building.source_edits import apply_edits
from jitbuild.planning import planner
from jitbuild.planning.plan import Plan
from jitbuild.recipes.catalog import load_catalog
from jitbuild.request import Variant, parse
from jitbuild.system.archives import archive
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
HOOKS = Path(jitbuild.__file__).parent / "building" / "hooks"
TRIPLE = "x86_64-pc-linux-gnu"


@pytest.fixture(scope="module")
def plan(cpython_version: str) -> Plan:
    request = parse(cpython_version)
    return planner.make_plan(
        planner.resolve_version(request, CATALOG), Variant(), host().target, CATALOG
    )


@pytest.fixture(scope="module")
def source(cpython_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unpack and configure CPython."""
    tree = archive.unpack(cpython_archive, tmp_path_factory.mktemp("source") / "source")
    env = {**clean_environment(os.environ), "PYTHON_FOR_REGEN": sys.executable}
    argv = ["./configure", "-q", "--enable-experimental-jit=yes-off"]
    subprocess.run(argv, cwd=tree, env=env, check=True, capture_output=True)
    return tree


@pytest.fixture(scope="module")
def tree(source: Path, plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the source and apply the recipe's edits."""
    tree = tmp_path_factory.mktemp("tree") / "source"
    shutil.copytree(source, tree, symlinks=True)
    apply_edits(plan, tree, SilentReporter())
    return tree


@pytest.fixture(scope="module")
def few(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the source without the edits, as for a debug build, and with only 30 micro-ops.

    Without the edits each micro-op reads all others, which takes long.
    """
    tree = tmp_path_factory.mktemp("few") / "source"
    shutil.copytree(source, tree, symlinks=True)
    cases = tree / "Python" / "executor_cases.c.h"
    text = cases.read_text(encoding="utf-8")
    matches = list(re.finditer(r"^ {8}case \w+: \{\n.*?^ {8}\}\n", text, re.DOTALL | re.MULTILINE))
    cases.write_text(text[: matches[30].start()] + text[matches[-1].end() :], encoding="utf-8")
    return tree


@pytest.fixture(scope="module")
def environment(
    plan: Plan, cache_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """Return the variables of build.py, with the pinned LLVM on PATH."""
    finder = llvm.LLVMFinder(
        want=plan.llvm, mode="managed", host=host(), catalog=CATALOG, cache=cache_folder
    )
    root = gather(finder.provide().tools, tmp_path_factory.mktemp("llvm"))
    clean = clean_environment(os.environ)
    return {
        **clean,
        "PATH": f"{root / 'bin'}{os.pathsep}{clean['PATH']}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": str(HOOKS),
    }


def make_stencils(
    tree: Path, environment: dict[str, str], *flags: str, headers: Path | None = None
) -> tuple[bytes, str]:
    """Run build.py; return its stencils without the line with its command, and its stderr."""
    env = {**environment, **({"JITBUILD_STENCILS": str(headers)} if headers else {})}
    # The command of the Makefile.
    argv = [sys.executable, str(tree / "Tools/jit/build.py"), TRIPLE, "--force", *flags]
    completed = subprocess.run(argv, cwd=tree, env=env, capture_output=True, text=True, check=False)
    assert completed.returncode == 0, completed.stderr[-3000:]
    (written,) = tree.glob("jit_stencils*.h")
    lines = written.read_bytes().splitlines(keepends=True)
    assert len(lines) > 500
    return b"".join(line for line in lines if not line.startswith(b"// $ ")), completed.stderr


def test_precompiled_headers_change_no_byte_of_the_stencils(tree, environment, tmp_path):
    compare(tree, environment, tmp_path)


def test_precompiled_headers_change_no_byte_in_a_debug_build(few, environment, tmp_path):
    compare(few, environment, tmp_path, "--debug")


def compare(tree: Path, environment: dict[str, str], headers: Path, *flags: str) -> None:
    plain, _ = make_stencils(tree, environment, *flags)
    quick, messages = make_stencils(tree, environment, *flags, headers=headers)
    assert messages == ""
    assert list(headers.glob("*.pch")), "a header was precompiled"
    assert quick == plain


def test_a_clang_that_cannot_precompile_makes_the_same_stencils(few, environment, tmp_path):
    clang = next(
        Path(folder) / "clang"
        for folder in environment["PATH"].split(os.pathsep)
        if (Path(folder) / "clang").exists()
    )
    (tmp_path / "bin").mkdir()
    wrapper = tmp_path / "bin" / "clang"
    wrapper.write_text(f'#!/bin/sh\ncase "$*" in *c-header*) exit 1;; esac\nexec {clang} "$@"\n')
    wrapper.chmod(0o755)
    without_headers = {**environment, "PATH": f"{wrapper.parent}{os.pathsep}{environment['PATH']}"}
    quick, messages = make_stencils(few, without_headers, headers=tmp_path)
    assert messages.count("cannot be precompiled") == 1, "it is tried once"
    assert quick == make_stencils(few, environment)[0]


def test_an_edited_template_compiles_one_case_for_each_micro_op(tree, plan):
    """Without the recipe's edit, which is optional, stencils are only made more slowly."""
    edited = [edit for edit in plan.edits if edit.file == "Tools/jit/_targets.py"]
    assert edited
    assert all(edit.replace in (tree / edit.file).read_text(encoding="utf-8") for edit in edited)

"""The C compiler that configure will choose, and what identifies it in cache keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from jitbuild.planning import planner
from jitbuild.recipes.catalog import load_catalog
from jitbuild.request import Variant, parse
from jitbuild.system.process import Completed
from jitbuild.target import TARGETS, Host
from jitbuild.toolchain.compiler import compiler_of, libc_of

CATALOG = load_catalog()
LINUX = TARGETS["x86_64-linux-gnu"]


def plan(**variant):
    subject = planner.resolve_version(parse("3.13.15"), CATALOG)
    return planner.make_plan(subject, Variant(**variant), LINUX, CATALOG)


def printing(text: str):
    """Return a runner whose programs print `text`."""
    return lambda argv, **_: Completed(argv=tuple(argv), returncode=0, stdout=text)


def program(folder: Path, name: str) -> Path:
    (folder / name).write_text("#!/bin/sh\n")
    (folder / name).chmod(0o755)
    return folder / name


@pytest.mark.parametrize(
    ("present", "chosen"),
    [
        (("clang", "cc", "gcc"), "gcc"),
        (("clang", "cc"), "cc"),
        (("clang",), "clang"),
        ((), "cc"),
    ],
)
def test_the_first_compiler_that_configure_looks_for_is_chosen(tmp_path, present, chosen):
    for name in present:
        program(tmp_path, name)
    compiler = compiler_of(plan(), None, {"PATH": str(tmp_path)}, runner=printing("1"))
    assert compiler.argv == (chosen,)


def test_the_compiler_that_a_plan_names_is_chosen():
    named = plan(configure_args=("CC=gcc", "CC=clang-19 -m64"))
    compiler = compiler_of(named, None, {"PATH": "/none"}, runner=printing("clang 19\n"))
    assert compiler.argv == ("clang-19", "-m64")
    assert compiler.version == "clang 19"


def test_a_tail_calling_interpreter_is_compiled_with_the_clang_of_its_llvm(tmp_path):
    subject = planner.resolve_version(parse("3.14.0"), CATALOG)
    tail_call = planner.make_plan(subject, Variant(tail_call=True), LINUX, CATALOG)
    compiler = compiler_of(tail_call, tmp_path, {"PATH": "/none"}, runner=printing("clang 19\n"))
    assert compiler.argv == (str(tmp_path / "bin" / "clang"),)


def test_a_compiler_is_identified_by_its_version_location_and_size(tmp_path):
    gcc = program(tmp_path, "gcc")
    output = printing("gcc (Test) 12.2.0\nCopyright\n")
    before = compiler_of(plan(), None, {"PATH": str(tmp_path)}, runner=output)
    assert before.version == "gcc (Test) 12.2.0"
    assert str(gcc) in before.text
    gcc.write_text("#!/bin/sh\n# An update that kept its version.\n")
    after = compiler_of(plan(), None, {"PATH": str(tmp_path)}, runner=output)
    assert after.text != before.text


def test_a_compiler_that_does_not_run_has_an_unknown_version():
    def missing(*_, **__):
        raise FileNotFoundError("cc")

    assert compiler_of(plan(), None, {"PATH": "/none"}, runner=missing).version == "unknown"


def test_the_c_library_is_identified_by_the_kernel_where_it_comes_with_the_system():
    linux = Host(target=LINUX, libc="glibc 2.36", distro=(), distro_name="", cpus=1, kernel="6.1")
    macos = Host(
        target=TARGETS["aarch64-macos"], libc="", distro=(), distro_name="", cpus=1, kernel="24.1"
    )
    assert libc_of(linux) == "glibc 2.36"
    assert libc_of(macos) == "24.1"

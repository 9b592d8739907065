"""Facts read from the files of a CPython tree."""

from __future__ import annotations

import pytest
from source_fakes import described, packed

from jitbuild.errors import SourceError
from jitbuild.planning import planner
from jitbuild.recipes.catalog import load_catalog
from jitbuild.request import Variant
from jitbuild.sources.tree_facts import llvm_major, llvm_tools
from jitbuild.target import TARGETS


@pytest.mark.parametrize(
    ("text", "major"),
    [
        ("import typing\n\n_LLVM_VERSION = 18\n_LLVM_VERSION_PATTERN = re.compile(\n", 18),
        ('_LLVM_VERSION = 19\n_EXTERNALS_LLVM_TAG = "llvm-19.1.7.0"\n', 19),
        ('_LLVM_VERSION = "21"\n_EXTERNALS_LLVM_TAG = "llvm-21.1.4.0"\n', 21),
        ('_LLVM_VERSION = os.getenv("LLVM_VERSION", "21")\n', 21),
        ('_LLVM_VERSION = os.environ.get("X86_LLVM", 22)\n', 22),
        ("_LLVM_VERSION: int = 18  # see gh-12345\n", 18),
        ("_LLVM_VERSION_PATTERN = 5\n# _LLVM_VERSION = 4\n", None),
        ("_LLVM_VERSION = read()\n", None),
        ("", None),
    ],
)
def test_the_llvm_major_is_the_last_number_of_the_assignment(text, major):
    assert llvm_major(text) == major


@pytest.mark.parametrize(
    ("py_version", "version"),
    [
        ("3.15.0a0+", "3.15.0a0"),
        ("3.13.15", "3.13.15"),
        ("3.16.0a3+dev", "3.16.0a3"),
        ("3.14.0rc1", "3.14.0rc1"),
    ],
)
def test_the_version_is_that_of_patchlevel_h(tmp_path, mini_cpython, py_version, version):
    assert (
        described(mini_cpython(tmp_path / "cpython", version=py_version), tmp_path).version
        == version
    )


@pytest.mark.parametrize(
    ("llvm", "major"),
    [("_LLVM_VERSION = 18", 18), ('_LLVM_VERSION = "21"', 21), ("_VERSIONS = {}", None)],
)
def test_the_llvm_major_is_that_of_the_tree(tmp_path, mini_cpython, llvm, major):
    assert described(mini_cpython(tmp_path / "cpython", llvm=llvm), tmp_path).llvm_major == major


# The calls of LLVM's tools in Tools/jit, in the shape of each series.
CALLS_313 = """\
listing = await _llvm.maybe_run("llvm-objdump", options)
text = await _llvm.run("llvm-readobj", options)
await _llvm.run("clang", options)
"""
CALLS_315 = """\
listing = await _llvm.maybe_run(
    "llvm-objdump", options
)
text = await _llvm.run(
    "llvm-readobj",
    options,
)
await _llvm.run("clang", options, llvm_version=version)
"""
UNWIND_315 = """\
code = await self.llvm_run(
    "llvm-objdump",
    options,
)
frames = await self.llvm_run('llvm-dwarfdump', options)
"""
TREES = {
    "3.13.15": ("_LLVM_VERSION = 18", {"_targets.py": CALLS_313}),
    "3.14.0rc1": ("_LLVM_VERSION = 19", {"_targets.py": CALLS_313}),
    # A tree of May 2025: LLVM 19, and only the tools of 3.14.
    "3.15.0a0": ("_LLVM_VERSION = 19", {"_targets.py": CALLS_313}),
    "3.15.0b2": ('_LLVM_VERSION = "21"', {"_targets.py": CALLS_315, "_dwarf.py": UNWIND_315}),
}
TOOLS = {
    "3.13.15": (18, ("clang", "llvm-readobj")),
    "3.14.0rc1": (19, ("clang", "llvm-readobj")),
    "3.15.0a0": (19, ("clang", "llvm-readobj")),
    "3.15.0b2": (21, ("clang", "llvm-readobj", "llvm-objdump", "llvm-dwarfdump")),
}


@pytest.mark.parametrize("version", TREES)
@pytest.mark.parametrize("archive", [False, True])
def test_a_tree_needs_the_llvm_that_its_own_scripts_call(tmp_path, mini_cpython, version, archive):
    llvm, scripts = TREES[version]
    tree = mini_cpython(tmp_path / "cpython", version=version, llvm=llvm, scripts=scripts)
    resolved = described(packed(tree, tmp_path / "x.tar.xz") if archive else tree, tmp_path)
    plan = planner.make_plan(resolved, Variant(), TARGETS["x86_64-linux-gnu"], load_catalog())
    assert (plan.llvm.major, plan.llvm.tools) == TOOLS[version]


@pytest.mark.parametrize(
    "text", ["", "await _llvm.run(tool, args)", 'await _llvm.run("llvm-readobj", args)', "clang"]
)
def test_calls_in_an_unknown_form_leave_the_tools_to_the_recipe(text):
    assert llvm_tools({"Tools/jit/_targets.py": text, "configure": '_llvm.run("clang")'}) == ()


def test_a_version_before_3_13_is_refused(tmp_path, mini_cpython):
    with pytest.raises(SourceError, match=r"3\.12\.4, but the JIT came with 3\.13"):
        described(mini_cpython(tmp_path / "cpython", version="3.12.4"), tmp_path)


def test_a_tree_without_the_jit_is_refused(tmp_path, mini_cpython):
    tree = mini_cpython(tmp_path / "cpython", version="3.17.0a0")
    (tree / "Tools/jit/_llvm.py").unlink()
    with pytest.raises(SourceError, match=r"without the JIT: Tools/jit/_llvm\.py"):
        described(tree, tmp_path)
    with pytest.raises(SourceError, match=r"without the JIT"):
        described(mini_cpython(tmp_path / "another", option="optimizations"), tmp_path)


@pytest.mark.parametrize("lost", ["configure", "Include/patchlevel.h"])
def test_a_folder_without_the_files_of_cpython_is_refused(tmp_path, mini_cpython, lost):
    tree = mini_cpython(tmp_path / "cpython")
    (tree / lost).unlink()
    with pytest.raises(SourceError, match="is not a CPython source tree"):
        described(tree, tmp_path)


@pytest.mark.parametrize("version", ["three", "3.15", "1!3.15.0", "3.15.0.dev1", "3.15.0/../x"])
def test_an_invalid_version_is_refused(tmp_path, mini_cpython, version):
    with pytest.raises(SourceError, match=f"'{version}', which is not valid"):
        described(mini_cpython(tmp_path / "cpython", version=version), tmp_path)

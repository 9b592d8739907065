"""Restored stencils, judged by CPython's own Makefile and Tools/jit/build.py.

No LLVM is needed: a header with the digest that build.py computes stands for stencils.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from configured_trees import ENVIRON, ConfiguredTree

from jitbuild.building.caches.configure_answers import AnswerStore
from jitbuild.building.caches.stencil_key import stencil_key
from jitbuild.building.caches.stencil_store import StencilStore, is_unchanged, mark_up_to_date
from jitbuild.target import host

pytestmark = [
    pytest.mark.integration,
    pytest.mark.xdist_group("caches"),
    pytest.mark.skipif(os.name != "posix", reason="configure is for POSIX"),
]
FORECAST = "f" * 64

# Prints the digest that build.py computes in the working folder, for the triple argv[1].
DIGEST = """
import pathlib, sys
sys.path.insert(0, "Tools/jit")
import _targets
target = _targets.get_target(sys.argv[1])
target.debug = False
print(target._compute_digest(pathlib.Path.cwd()))
"""


@dataclass
class TreeWithoutLLVM:
    """A tree in which make can run build.py, which finds no LLVM: PATH has only make."""

    tree: ConfiguredTree

    @property
    def env(self) -> dict[str, str]:
        tools = self.tree.folder / "tools"
        tools.mkdir(exist_ok=True)
        if not (tools / "make").exists():
            (tools / "make").symlink_to(shutil.which("make", path=ENVIRON["PATH"]))
        return {
            "PATH": str(tools),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHON_FOR_REGEN": sys.executable,
            "LC_ALL": "C.UTF-8",
        }

    def make(self, *flags: str) -> subprocess.CompletedProcess[str]:
        """Run make for the stencils."""
        env = self.env
        return subprocess.run(
            [f"{env['PATH']}/make", *flags, "jit_stencils.h"],
            cwd=self.tree.root,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )

    def header(self) -> bytes:
        """Return a header with the digest that build.py computes here."""
        makefile = (self.tree.root / "Makefile").read_text()
        triple = re.search(r"Tools/jit/build\.py (\S+)", makefile)[1]
        completed = subprocess.run(
            [sys.executable, "-c", DIGEST, triple],
            cwd=self.tree.root,
            env=self.env,
            capture_output=True,
            text=True,
            check=True,
        )
        digest = completed.stdout.strip()
        return f"// {digest}\n// $ build.py\n\n#error these are not stencils\n".encode()

    def keep(self, store: StencilStore, key: str, header: bytes) -> None:
        """Write `header` as build.py would, and keep it."""
        self.stencils.write_bytes(header)
        store.put(self.tree.root, key, FORECAST, {"llvm": "18.1.8"})

    @property
    def stencils(self) -> Path:
        return self.tree.root / "jit_stencils.h"


@pytest.fixture
def store(tmp_path: Path) -> StencilStore:
    return StencilStore.below(tmp_path / "store")


@pytest.fixture
def without_llvm(configured, cpython_source, tmp_path) -> TreeWithoutLLVM:
    """Configure a second tree of a variant, with the answers of the first."""
    first, answers = configured["yes-off"], AnswerStore.below(tmp_path / "answers")
    first.keep_answers(answers)
    tree = ConfiguredTree(tmp_path / "second", first.plan, "/opt/second").link(cpython_source)
    assert answers.restore(tree.key(), tree.config_cache)
    return TreeWithoutLLVM(tree.configure())


def key_of(tree: ConfiguredTree) -> str:
    return stencil_key(tree.root, llvm_major=tree.plan.llvm.major, libc=host().libc)


def test_build_py_accepts_restored_stencils_without_an_llvm(configured, store, without_llvm):
    tree = without_llvm.tree
    key = key_of(tree)
    assert key == key_of(configured["yes-off"]), "the folder and the prefix do not matter"
    failed = without_llvm.make()
    assert failed.returncode != 0
    assert "Can't find clang" in failed.stderr
    header = without_llvm.header()
    without_llvm.keep(store, key, header)
    without_llvm.stencils.unlink()
    assert store.predict(FORECAST) is not None

    entry = store.restore(tree.root, key)
    assert entry.facts["llvm"] == "18.1.8"
    assert without_llvm.make("-q").returncode == 1, "make must run build.py"
    accepted = without_llvm.make()
    assert (accepted.returncode, "build.py" in accepted.stdout) == (0, True), accepted.stderr
    assert without_llvm.stencils.read_bytes() == header
    assert is_unchanged(tree.root, entry)
    mark_up_to_date(tree.root)
    assert without_llvm.make("-q").returncode == 0, "nothing is left to do"


def test_a_changed_header_that_build_py_ignores_is_a_miss(store, without_llvm):
    tree = without_llvm.tree
    key, header = key_of(tree), without_llvm.header()
    without_llvm.keep(store, key, header)
    frame = tree.root / "Include/internal/pycore_frame.h"
    text, struct = frame.read_text(), "struct _PyInterpreterFrame {"
    assert text.count(struct) == 1
    frame.unlink()  # a link to the file of the source
    frame.write_text(text.replace(struct, f"{struct}\n    int another_field;"))
    assert without_llvm.header() == header, "build.py's digest omits headers"
    assert without_llvm.make().returncode == 0
    assert key_of(tree) != key
    assert store.restore(tree.root, key_of(tree)) is None
    assert not without_llvm.stencils.exists()
    assert "Can't find clang" in without_llvm.make().stderr, "they must be made again"


@pytest.mark.parametrize(
    "path",
    ["Python/executor_cases.c.h", "Tools/jit/template.c", "pyconfig.h", "Python/ceval_macros.h"],
)
def test_a_changed_source_of_stencils_changes_the_key(configured, cpython_source, tmp_path, path):
    first = configured["yes-off"]
    tree = ConfiguredTree(tmp_path / "changed", first.plan, "/opt/third").link(cpython_source)
    for name in ("Makefile", "pyconfig.h"):
        shutil.copy(first.root / name, tree.root / name)
    assert key_of(tree) == key_of(first)
    text = (tree.root / path).read_text()
    (tree.root / path).unlink()
    (tree.root / path).write_text(f"{text}\n/* changed */\n")
    assert key_of(tree) != key_of(first)


@pytest.mark.parametrize("jit", ["no", "interpreter"])
def test_a_variant_without_stencils_has_no_key(configured, jit):
    assert stencil_key(configured[jit].root, llvm_major=18, libc="") == ""


def test_a_damaged_entry_is_a_miss_and_build_py_rejects_a_wrong_one(store, without_llvm):
    tree = without_llvm.tree
    key = key_of(tree)
    without_llvm.keep(store, key, without_llvm.header())
    (entry,) = store.entries.root.glob("*.entry")
    entry.write_bytes(entry.read_bytes()[:-10])
    assert store.predict(FORECAST) is None
    assert store.restore(tree.root, key) is None
    assert not without_llvm.stencils.exists()
    # An intact entry that was kept under this key by mistake has another digest.
    without_llvm.keep(store, key, b"// " + b"0" * 64 + b"\n")
    assert store.restore(tree.root, key) is not None
    assert "Can't find clang" in without_llvm.make().stderr

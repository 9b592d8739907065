"""Facts read from the files of a CPython tree."""

from __future__ import annotations

import pytest

from jitbuild.sources.tree_facts import llvm_major


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

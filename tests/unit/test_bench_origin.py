"""Tests of the distinction between the code of a program and the code of libraries."""

from __future__ import annotations

import json
import os

import pytest

from jitbuild.in_target.bench_origin import STANDARD_LIBRARY, library_of


@pytest.mark.skipif(os.name != "posix", reason="these are paths of POSIX")
@pytest.mark.parametrize(
    ("file", "module", "library"),
    [
        ("script.py", "__main__", ""),
        ("/home/me/project/src/mine/core.py", "mine.core", ""),
        ("<string>", "__main__", ""),
        ("<string>", "namedtuple_Point", ""),
        ("<timeit-src>", "timeit", STANDARD_LIBRARY),
        ("<frozen importlib._bootstrap>", "importlib._bootstrap", STANDARD_LIBRARY),
        ("/lib/python3.15/json/decoder.py", "json.decoder", STANDARD_LIBRARY),
        ("/lib/python3.15/site-packages/numpy/core/x.py", "numpy.core.x", "numpy"),
        ("/usr/lib/python3/dist-packages/six.py", "six", "six"),
        ("/v/site-packages/pyperformance/data-files/bm_x/run_benchmark.py", "__main__", ""),
        ("/v/site-packages/jitbuild/in_target/bench_programs.py", "", ""),
        ("/lib/python3.15-mine/x.py", "x", ""),
    ],
)
def test_code_belongs_to_a_library_or_to_the_program(file, module, library):
    assert library_of(file, module, stdlib="/lib/python3.15") == library


def test_the_standard_library_of_this_python_is_recognised():
    assert library_of(json.__file__) == STANDARD_LIBRARY
    assert library_of(__file__) == ""

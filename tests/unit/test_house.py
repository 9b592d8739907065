"""The bounds that keep the code readable hold, and each is shown to be detected."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

_PATH = Path(__file__).parents[1] / "house.py"
_spec = importlib.util.spec_from_file_location("house", _PATH)
house = importlib.util.module_from_spec(_spec)
sys.modules["house"] = house
_spec.loader.exec_module(house)


@pytest.mark.skipif(not house.SOURCE.is_dir(), reason="the tests run without a checkout")
def test_the_code_keeps_its_bounds():
    assert {bound: places for bound, places in house.problems().items() if places} == {}


SEEDS = {
    "a long module": ("x = 1\n" * 301, "long_modules"),
    "a long function": ("def f():\n" + "    x = 1\n" * 40, "long_functions"),
    "many parameters": ("def f(a, b, c, d, e, f, g): ...\n", "wide_functions"),
    "many keywords of a private function": (
        "def _f(*, a, b, c, d, e, f, g): ...\n",
        "wide_functions",
    ),
    "a class defined twice": ("class A: ...\nclass A: ...\n", "repeated_classes"),
    "a clause": ('"""What this is."""\n', "clauses"),
}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_seeded_excess_is_counted(tmp_path, seed):
    code, attribute = SEEDS[seed]
    (tmp_path / "module.py").write_text(code)
    assert len(getattr(house.count_modules(tmp_path), attribute)) == 1


def test_code_within_the_bounds_is_accepted(tmp_path):
    keywords = "def f(*, a, b, c, d, e, f, g): ...\n"
    method = "class A:\n    def f(self, a, b, c, d, e, f): ...\n"
    long_docstring = (
        f'def g():\n    """{"Return a value." * 9}\n{"x" * 9}\n' + "\n" * 40 + '    """\n'
    )
    (tmp_path / "module.py").write_text(f"{keywords}{method}{long_docstring}")
    count = house.count_modules(tmp_path)
    assert (count.long_functions, count.wide_functions, count.clauses) == ([], [], [])
